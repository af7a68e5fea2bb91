//! Late rows in a sink of their own: each once, with what had passed it.

use std::sync::Arc;

use dataflow::{
    ColumnKind, EmissionLimit, End, JobPlan, KeyColumn, LateRows, RowColumns, SinkPlan, WindowInput,
};

use crate::exchange::{self, logs_of};
use crate::naive::Naive;
use crate::random::Random;
use crate::restart;
use crate::splits::run;
use crate::support::*;

/// The same plan with the time, id and name of late rows in a sink of their own.
fn with_late_rows(plan: &Arc<JobPlan>) -> Arc<JobPlan> {
    let mut plan = (**plan).clone();
    let column = |name: &str, kind| KeyColumn { name: name.to_owned(), kind };
    let columns = vec![
        column("ts", ColumnKind::Timestamp),
        column("id", ColumnKind::Int64),
        column("name", ColumnKind::Utf8),
    ];
    let late = LateRows { sink: plan.sinks.len(), columns };
    plan.sinks.push(SinkPlan {
        name: "late".to_owned(),
        topic: "late".to_owned(),
        schema: late.schema(),
        key: vec![],
        upsert: false,
    });
    let carry = |columns: &mut RowColumns| columns.carried = vec![0, 1, 2];
    let inputs = plan.stages.iter_mut().flat_map(|stage| &mut stage.inputs);
    for pipeline in inputs.flat_map(|input| &mut input.pipelines) {
        match &mut pipeline.end {
            End::Window(window) => {
                window.grouping.late = Some(late.clone());
                if let WindowInput::Rows(columns) = &mut window.input {
                    carry(columns);
                }
            }
            End::Partial(partial) => {
                partial.grouping.late = Some(late.clone());
                carry(&mut partial.input);
                plan.exchanges[partial.exchange].schema = partial.grouping.partial_schema();
            }
            End::Sink(_) => {}
        }
    }
    Arc::new(plan)
}

/// Rows of the window, and rows of the late sink.
fn parted(rows: Vec<String>) -> (Vec<String>, Vec<String>) {
    rows.into_iter().partition(|row| row.starts_with("0: "))
}

#[test]
fn every_late_row_comes_out_once_with_its_window_and_delay() {
    for (seed, kind) in (0..4).flat_map(|seed| ALL_WINDOWS.map(|kind| (seed, kind))) {
        let lateness = if kind.session_gap().is_some() { 0 } else { [0, 25][seed as usize % 2] };
        let keys = ALL_KEYS[seed as usize % 3];
        let mut random = Random::new(seed);
        let rows = rows(&mut random, 250, true);
        let plan = with_late_rows(&with_lateness(&keyed_job(&[("w", kind, keys)]), lateness));
        let mut naive = Naive::with_lateness(lateness);
        naive.add(kind, keys, &rows);
        assert!(!naive.late_rows.is_empty());
        let mut shard = shard(&plan, 0, 0);
        let mut out = Vec::new();
        run(&mut shard, &rows, &mut random, &mut out);
        let (results, late) = parted(out);
        let case = format!("seed {seed} {kind} {keys:?}");
        assert_eq!(late, naive.late_rows, "{case}");
        assert_eq!(last_rows(results, keys), naive.rows(shard.watermark().unwrap()), "{case}");
    }
}

#[test]
fn an_exchange_carries_rows_and_changes_nothing_else() {
    for (seed, kind) in (0..3).flat_map(|seed| ALL_WINDOWS.map(|kind| (seed, kind))) {
        let keys = ALL_KEYS[seed as usize % 3];
        let mut random = Random::new(seed);
        let plan = with_late_rows(&exchange_job(kind, keys));
        let logs = logs_of(&mut random, 3);
        let mut naive = Naive::default();
        for rows in &logs {
            naive.add(kind, keys, rows);
        }
        let watermark = logs[0].last().unwrap().time - DELAY;
        let (out, late) = exchange::through(&plan, &logs, &mut random);
        assert_eq!(sorted(out), naive.rows(watermark), "seed {seed} {kind} {keys:?}");
        assert_eq!(late, 0);
        let mut first = shard(&plan, 0, 0);
        let mut late = Vec::new();
        run(&mut first, &logs[0], &mut random, &mut late);
        let mut naive = Naive::default();
        naive.add(kind, keys, &logs[0]);
        assert_eq!(late, naive.late_rows, "the first stage hands out late rows itself");
    }
}

#[test]
fn what_is_late_behind_the_exchange_only_still_has_its_row() {
    let plan = with_late_rows(&exchange_job(WINDOWS[0], Keys::Id));
    let row = |time| Row { time, id: Some(1), name: None, quantity: None, price: None };
    let mut slow = shard(&plan, 0, 0);
    slow.set_idle(true);
    let mut fast = shard(&plan, 0, 1);
    fast.process_rows(&batch(&[row(500)])).unwrap();
    let (idle, passed) = (exchange::commit(&mut slow), exchange::commit(&mut fast));
    slow.process_rows(&batch(&[row(3), row(480)])).unwrap();
    let behind = exchange::commit(&mut slow);
    let mut out = Vec::new();
    for partition in 0..PARTITIONS {
        let mut merge = shard(&plan, 1, partition as i32);
        for (_, record) in idle.iter().chain(&passed).chain(&behind).filter(|r| r.0 == partition) {
            exchange::take(&mut merge, 2, record);
        }
        emit(&mut merge, &mut out);
    }
    let late: Vec<&String> = out.iter().filter(|row| row.starts_with("1: ")).collect();
    assert_eq!(
        late,
        ["1: 1970-01-01T00:00:00.003 | 1 | null | combined watermark | 1970-01-01T00:00:00 | \
          1970-01-01T00:00:00.010 | 475"]
    );
}

#[test]
fn crashes_lose_and_double_no_late_row() {
    for seed in 0..30 {
        let mut random = Random::new(seed);
        let rows = rows(&mut random, 300, true);
        let (kind, keys) = (ALL_WINDOWS[seed as usize % ALL_WINDOWS.len()], Keys::Id);
        let plan = with_late_rows(&keyed_job(&[("w", kind, keys)]));
        let mut naive = Naive::default();
        naive.add(kind, keys, &rows);
        let (out, shard) = restart::with_crashes(&plan, &rows, &mut random);
        let (results, late) = parted(out);
        assert_eq!(late, naive.late_rows, "seed {seed} {kind}");
        assert_eq!(sorted(results), naive.rows(shard.watermark().unwrap()), "seed {seed} {kind}");
    }
}

#[test]
fn late_rows_count_as_pending_and_go_out_even_when_an_emission_is_cut() {
    let plan = with_late_rows(&keyed_job(&[("w", WINDOWS[0], Keys::Id)]));
    let row = |time, id| Row { time, id: Some(id), name: None, quantity: None, price: None };
    let mut shard = shard(&plan, 0, 0);
    shard.process_rows(&batch(&[row(1, 1), row(2, 2), row(500, 3), row(3, 4)])).unwrap();
    assert!(shard.pending_output_bytes() > 0);
    let emission = shard.boundary(EmissionLimit { rows: 2, bytes: u64::MAX }).unwrap();
    assert!(emission.cut.is_some());
    let mut out = Vec::new();
    sink_rows(&emission, &mut out);
    assert_eq!(out.iter().filter(|row| row.starts_with("1: ")).count(), 1, "{out:?}");
    out.clear();
    emit(&mut shard, &mut out);
    assert_eq!(out.len(), 1, "the other key, and no late row again: {out:?}");
}
