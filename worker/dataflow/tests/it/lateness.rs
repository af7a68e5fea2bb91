//! Allowed lateness: the last row of each window and key is that of the definition, however boundaries fall.

use std::collections::BTreeMap;
use std::sync::Arc;

use dataflow::WindowKind;

use crate::exchange;
use crate::naive::Naive;
use crate::random::Random;
use crate::restart;
use crate::splits::run;
use crate::support::*;

const LATENESS: [i64; 3] = [1, 30, 150];

fn naive(kind: WindowKind, keys: Keys, lateness: i64, logs: &[Vec<Row>]) -> Naive {
    let mut naive = Naive::with_lateness(lateness);
    for rows in logs {
        naive.add(kind, keys, rows);
    }
    naive
}

#[test]
fn the_last_results_equal_the_definition() {
    for (seed, lateness) in (0..3).flat_map(|seed| LATENESS.map(|lateness| (seed, lateness))) {
        for (kind, keys) in WINDOWS.into_iter().flat_map(|kind| ALL_KEYS.map(|keys| (kind, keys))) {
            let mut random = Random::new(seed);
            let rows = rows(&mut random, 250, true);
            let plan = with_lateness(&keyed_job(&[("w", kind, keys)]), lateness);
            let mut shard = shard(&plan, 0, 0);
            let mut out = Vec::new();
            run(&mut shard, &rows, &mut random, &mut out);
            let naive = naive(kind, keys, lateness, &[rows]);
            let case = format!("seed {seed} {kind} {keys:?} lateness {lateness}");
            let expected = naive.rows(shard.watermark().unwrap());
            assert_eq!(last_rows(out, keys), expected, "{case}");
            let late = shard.registers().late_rows.get("w").copied().unwrap_or(0);
            assert_eq!(late, naive.late, "{case}");
        }
    }
}

#[test]
fn state_and_last_results_do_not_depend_on_splits_even_with_rounding() {
    for seed in 0..8 {
        let windows = [("a", WINDOWS[4], Keys::Id), ("b", WINDOWS[7], Keys::NameAndId)];
        let plan = with_lateness(&keyed_job(&windows), 60);
        let mut random = Random::new(seed);
        let mut rows = rows(&mut random, 300, false);
        rows.pop();
        let runs: Vec<_> = (0..4)
            .map(|_| {
                let mut shard = shard(&plan, 0, 0);
                let mut out = Vec::new();
                run(&mut shard, &rows, &mut random, &mut out);
                let (a, b) = out.into_iter().partition(|row| row.starts_with("0:"));
                (digest(&mut shard), last_rows(a, Keys::Id), last_rows(b, Keys::NameAndId))
            })
            .collect();
        assert!(runs.iter().all(|run| *run == runs[0]), "seed {seed}");
    }
}

#[test]
fn two_phases_give_the_same_last_results_in_any_interleaving() {
    for (seed, kind) in (0..3).flat_map(|seed| WINDOWS.map(|kind| (seed, kind))) {
        let (keys, lateness) = (ALL_KEYS[seed as usize % 3], 30);
        let mut random = Random::new(seed);
        let plan = with_lateness(&exchange_job(kind, keys), lateness);
        let logs = exchange::logs_of(&mut random, 3);
        let expected = naive(kind, keys, lateness, &logs);
        let watermark = logs[0].last().unwrap().time - DELAY;
        for _ in 0..2 {
            let (out, late) = exchange::through(&plan, &logs, &mut random);
            assert_eq!(last_rows(out, keys), expected.rows(watermark), "seed {seed} {kind}");
            assert_eq!(late, 0, "late is decided before the exchange");
        }
    }
}

#[test]
fn crashes_lose_no_last_result() {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let rows = rows(&mut random, 300, false);
        let kind = WINDOWS[seed as usize % WINDOWS.len()];
        let plan = with_lateness(&keyed_job(&[("w", kind, Keys::Id)]), 40);
        let (found, mut shard) = restart::with_crashes(&plan, &rows, &mut random);
        let mut whole = self::shard(&plan, 0, 0);
        let mut expected = Vec::new();
        whole.process_rows(&batch(&rows)).unwrap();
        emit(&mut whole, &mut expected);
        assert_eq!(last_rows(found, Keys::Id), sorted(expected), "seed {seed} {kind}");
        assert_eq!(digest(&mut shard), digest(&mut whole), "seed {seed} {kind}");
    }
}

#[test]
fn only_what_changed_fires_again_and_says_that_it_is_pending() {
    let plan = with_lateness(&keyed_job(&[("w", WINDOWS[0], Keys::Id)]), 50);
    let row = |time, id| Row { time, id: Some(id), name: None, quantity: Some(1), price: None };
    let mut shard = shard(&plan, 0, 0);
    shard.process_rows(&batch(&[row(1, 1), row(2, 2), row(40, 3)])).unwrap();
    let mut out = Vec::new();
    emit(&mut shard, &mut out);
    assert_eq!(out.len(), 2, "the first window, two keys");
    assert_eq!(shard.pending_output_bytes(), 0);
    shard.process_rows(&batch(&[row(5, 2), row(6, 4)])).unwrap();
    assert!(shard.pending_output_bytes() > 0);
    out.clear();
    emit(&mut shard, &mut out);
    let counts: BTreeMap<&str, &str> = out
        .iter()
        .map(|row| row.split(" | ").collect::<Vec<_>>())
        .map(|values| (values[0], values[4]))
        .collect();
    assert_eq!(counts, BTreeMap::from([("0: 2", "2"), ("0: 4", "1")]));
    assert_eq!(shard.pending_output_bytes(), 0);
    out.clear();
    emit(&mut shard, &mut out);
    assert!(out.is_empty(), "nothing changed");
}

#[test]
fn lateness_that_would_fire_too_much_again_is_refused() {
    let kind = WindowKind::Hop { size_ms: 1_000, slide_ms: 1, offset_ms: 0 };
    let plan = with_lateness(&keyed_job(&[("w", kind, Keys::Id)]), 5);
    let log = protocol::Log::new("s", 0);
    let refused = dataflow::Shard::new(Arc::clone(&plan), protocol::StageId(0), 0, log);
    let text = refused.err().unwrap().to_string();
    assert!(text.contains("would fire 1000 windows again"), "{text}");
}

#[test]
fn another_lateness_is_another_state() {
    let plan = keyed_job(&[("w", WINDOWS[0], Keys::Id)]);
    let stored = shard(&with_lateness(&plan, 30), 0, 0).tables();
    let refused = shard(&plan, 0, 0).check_tables(&stored).unwrap_err().to_string();
    assert!(refused.contains("window_end TUMBLE(10 ms) lateness 30 ms"), "{refused}");
}
