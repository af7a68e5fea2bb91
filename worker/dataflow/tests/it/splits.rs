//! Neither batch splits nor commit boundaries show in results, late counts or state (R1–R3).

use dataflow::{DataflowError, Shard, WindowKind};

use crate::naive::Naive;
use crate::random::Random;
use crate::support::*;

/// Feeds the rows in random batches with random boundaries between them.
pub(crate) fn run(shard: &mut Shard, rows: &[Row], random: &mut Random, out: &mut Vec<String>) {
    let mut rest = rows;
    while !rest.is_empty() {
        let count = (1 + random.below(40) as usize).min(rest.len());
        shard.process_rows(&batch(&rest[..count])).unwrap();
        rest = &rest[count..];
        if random.chance(30) {
            emit(shard, out);
        }
    }
    emit(shard, out);
}

#[test]
fn results_equal_the_definition() {
    for seed in 0..5 {
        for kind in ALL_WINDOWS {
            for keys in ALL_KEYS {
                let mut random = Random::new(seed);
                let rows = rows(&mut random, 300, true);
                let mut shard = shard(&keyed_job(&[("w", kind, keys)]), 0, 0);
                let mut out = Vec::new();
                run(&mut shard, &rows, &mut random, &mut out);
                let mut naive = Naive::default();
                naive.add(kind, keys, &rows);
                let case = format!("seed {seed} {kind} {keys:?}");
                assert_eq!(sorted(out), naive.rows(shard.watermark().unwrap()), "{case}");
                let late = shard.registers().late_rows.get("w").copied().unwrap_or(0);
                assert_eq!(late, naive.late, "{case}");
                assert!(late > 0, "the rows have late ones: {case}");
            }
        }
    }
}

#[test]
fn state_does_not_depend_on_splits_even_with_rounding() {
    for seed in 0..10 {
        let session = ALL_WINDOWS[9 + seed as usize % 3];
        let windows = [
            ("a", WINDOWS[0], Keys::Id),
            ("b", WINDOWS[2], Keys::NameAndId),
            ("c", session, Keys::Id),
        ];
        let plan = keyed_job(&windows);
        let mut random = Random::new(seed);
        let mut rows = rows(&mut random, 400, false);
        rows.pop();
        let digests: Vec<_> = (0..4)
            .map(|_| {
                let mut shard = shard(&plan, 0, 0);
                let mut out = Vec::new();
                run(&mut shard, &rows, &mut random, &mut out);
                (digest(&mut shard), sorted(out))
            })
            .collect();
        assert!(!digests[0].0.0.is_empty(), "windows are open");
        assert!(digests.iter().all(|d| *d == digests[0]), "seed {seed}");
    }
}

#[test]
fn sessions_that_are_gone_free_their_memory_and_leave_the_others_as_they_are() {
    for seed in 0..3 {
        let mut random = Random::new(seed);
        let rows: Vec<Row> = (0..8_000)
            .map(|now| {
                let id = if random.chance(20) { 0 } else { random.below(40) as i64 };
                let (time, quantity) = (1_000 + now - random.below(6) as i64, now % 7);
                Row { time, id: Some(id), name: None, quantity: Some(quantity), price: None }
            })
            .collect();
        let kind = WindowKind::Session { gap_ms: 25 };
        let plan = keyed_job(&[("w", kind, Keys::Id)]);
        let (mut shard, mut whole) = (shard(&plan, 0, 0), shard(&plan, 0, 0));
        whole.process_rows(&batch(&rows)).unwrap();
        let kept = whole.memory_bytes();
        let (mut out, mut expected) = (Vec::new(), Vec::new());
        run(&mut shard, &rows, &mut random, &mut out);
        emit(&mut whole, &mut expected);
        assert!(expected.len() > 3_000, "many sessions have closed: {}", expected.len());
        assert!(shard.memory_bytes() < kept * 3 / 4, "{} of {kept}", shard.memory_bytes());
        assert_eq!(sorted(out), sorted(expected), "seed {seed}");
        assert_eq!(digest(&mut shard), digest(&mut whole), "seed {seed}");
    }
}

#[test]
fn changes_hold_what_changed_and_nothing_else() {
    let mut shard = shard(&keyed_job(&[("w", WINDOWS[0], Keys::Id)]), 0, 0);
    let row = |time, id| Row { time, id: Some(id), name: None, quantity: Some(1), price: None };
    shard.process_rows(&batch(&[row(1, 1), row(2, 2), row(3, 1)])).unwrap();
    assert!(matches!(shard.changes(), Err(DataflowError::Bug(_))), "not between boundaries");
    emit(&mut shard, &mut Vec::new());
    let count = |shard: &mut Shard| shard.changes().unwrap()[0].entries.len();
    assert_eq!(count(&mut shard), 2);
    assert_eq!(count(&mut shard), 0);
    shard.process_rows(&batch(&[row(4, 2)])).unwrap();
    emit(&mut shard, &mut Vec::new());
    assert_eq!(count(&mut shard), 1);
    shard.mark_all_changed();
    assert_eq!(count(&mut shard), 2);
}

#[test]
fn several_windows_over_one_log_do_not_disturb_each_other() {
    let windows = [("b", WINDOWS[2], Keys::Id), ("a", WINDOWS[1], Keys::None)];
    let mut random = Random::new(7);
    let rows = rows(&mut random, 500, true);
    let mut shard = shard(&keyed_job(&windows), 0, 0);
    let mut out = Vec::new();
    run(&mut shard, &rows, &mut random, &mut out);
    for (sink, (_, kind, keys)) in windows.into_iter().enumerate() {
        let mut naive = Naive::default();
        naive.add(kind, keys, &rows);
        let prefix = format!("{sink}: ");
        let own = out.iter().filter_map(|row| row.strip_prefix(&prefix));
        let own: Vec<String> = own.map(|row| format!("0: {row}")).collect();
        assert_eq!(sorted(own), naive.rows(shard.watermark().unwrap()), "{kind}");
    }
}
