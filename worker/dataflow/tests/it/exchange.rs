//! Two phases across an exchange: several logs, any interleaving, one result.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use dataflow::{JobPlan, Shard, WindowKind};
use protocol::registers::UpstreamWatermark;

use crate::naive::Naive;
use crate::random::Random;
use crate::support::*;

/// A record of an exchange partition.
#[derive(Clone)]
pub(crate) enum Record {
    Rows(RecordBatch),
    Watermark(UpstreamWatermark),
}

/// One upstream shard's commits, each the records per partition.
fn upstream(
    plan: &Arc<JobPlan>,
    log: i32,
    rows: &[Row],
    random: &mut Random,
) -> Vec<Vec<(u32, Record)>> {
    let mut shard = shard(plan, 0, log);
    let mut commits = Vec::new();
    let mut rest = rows;
    loop {
        let count = (random.below(50) as usize).min(rest.len());
        let (now, later) = rest.split_at(count);
        rest = later;
        if !now.is_empty() {
            shard.process_rows(&batch(now)).unwrap();
        }
        if rest.is_empty() {
            shard.set_idle(true);
        }
        commits.push(commit(&mut shard));
        if rest.is_empty() {
            return commits;
        }
    }
}

pub(crate) fn commit(shard: &mut Shard) -> Vec<(u32, Record)> {
    let emission = shard.boundary(WHOLE).unwrap();
    let mut records: Vec<(u32, Record)> =
        emission.exchanges.into_iter().map(|(_, p, rows)| (p, Record::Rows(rows))).collect();
    let entry = emission.watermark.expect("feeds an exchange");
    records.extend((0..PARTITIONS).map(|p| (p, Record::Watermark(entry.clone()))));
    records
}

/// Commits of all shards in a random order that keeps each shard's own.
fn interleave(mut shards: Vec<Vec<Vec<(u32, Record)>>>, random: &mut Random) -> Vec<Vec<Record>> {
    let mut partitions = vec![Vec::new(); PARTITIONS as usize];
    for commits in &mut shards {
        commits.reverse();
    }
    while shards.iter().any(|commits| !commits.is_empty()) {
        let at = random.below(shards.len() as u64) as usize;
        for (partition, record) in shards[at].pop().into_iter().flatten() {
            partitions[partition as usize].push(record);
        }
    }
    partitions
}

pub(crate) fn take(shard: &mut Shard, shards: u32, record: &Record) {
    match record {
        Record::Rows(rows) => shard.process_partials(rows).unwrap(),
        Record::Watermark(entry) => {
            shard.process_watermarks(shards, std::slice::from_ref(entry)).unwrap();
        }
    }
}

/// All partitions read to their end with random boundaries: rows, and late rows.
fn downstream(
    plan: &Arc<JobPlan>,
    logs: &[Vec<Record>],
    shards: u32,
    random: &mut Random,
) -> (Vec<String>, u64) {
    let mut out = Vec::new();
    let mut late = 0;
    for (partition, records) in logs.iter().enumerate() {
        let mut shard = shard(plan, 1, partition as i32);
        for record in records {
            take(&mut shard, shards, record);
            if random.chance(20) {
                emit(&mut shard, &mut out);
            }
        }
        emit(&mut shard, &mut out);
        late += shard.registers().late_rows.get("w").copied().unwrap_or(0);
    }
    (out, late)
}

pub(crate) fn logs_of(random: &mut Random, logs: usize) -> Vec<Vec<Row>> {
    let mut all: Vec<Vec<Row>> = (0..logs).map(|_| rows(random, 150, true)).collect();
    // The same end everywhere, so that every window becomes due.
    let last = all.iter().map(|rows| rows.last().unwrap().time).max().unwrap();
    for rows in &mut all {
        rows.last_mut().unwrap().time = last;
    }
    all
}

/// Both phases over all logs: rows in order, and late rows of the second.
pub(crate) fn through(
    plan: &Arc<JobPlan>,
    logs: &[Vec<Row>],
    random: &mut Random,
) -> (Vec<String>, u64) {
    let commits = logs
        .iter()
        .enumerate()
        .map(|(log, rows)| upstream(plan, log as i32, rows, random))
        .collect();
    let partitions = interleave(commits, random);
    downstream(plan, &partitions, logs.len() as u32, random)
}

fn check(seed: u64, kind: WindowKind, keys: Keys) {
    let mut random = Random::new(seed);
    let plan = exchange_job(kind, keys);
    let logs = logs_of(&mut random, 3);
    let mut naive = Naive::default();
    for rows in &logs {
        naive.add(kind, keys, rows);
    }
    let watermark = logs[0].last().unwrap().time - DELAY;
    for _ in 0..3 {
        let (out, late) = through(&plan, &logs, &mut random);
        assert_eq!(sorted(out), naive.rows(watermark), "seed {seed} {kind} {keys:?}");
        assert_eq!(late, 0, "late is decided before the exchange");
    }
}

#[test]
fn two_phases_equal_the_definition_in_any_interleaving() {
    for (seed, kind) in (0..3).flat_map(|seed| ALL_WINDOWS.map(|kind| (seed, kind))) {
        check(seed, kind, ALL_KEYS[seed as usize]);
    }
}

#[test]
fn late_rows_are_counted_where_they_are_rows() {
    let mut random = Random::new(5);
    let (kind, keys) = (WINDOWS[2], Keys::Id);
    let plan = exchange_job(kind, keys);
    let rows = rows(&mut random, 300, true);
    let mut naive = Naive::default();
    naive.add(kind, keys, &rows);
    let mut shard = shard(&plan, 0, 0);
    shard.process_rows(&batch(&rows)).unwrap();
    assert_eq!(shard.registers().late_rows["w"], naive.late);
    assert!(naive.late > 0);
}

#[test]
fn partials_behind_the_combined_watermark_are_counted_by_rows() {
    let plan = exchange_job(WINDOWS[0], Keys::Id);
    let row = |time, id| Row { time, id: Some(id), name: None, quantity: None, price: None };
    let mut slow = shard(&plan, 0, 0);
    let mut fast = shard(&plan, 0, 1);
    slow.process_rows(&batch(&[row(1, 1)])).unwrap();
    slow.set_idle(true);
    let announced = commit(&mut slow);
    fast.process_rows(&batch(&[row(2, 1), row(500, 1)])).unwrap();
    let passed = commit(&mut fast);
    // Awake again, on time by its own log, but the others have passed.
    slow.process_rows(&batch(&[row(3, 1), row(4, 1), row(400, 1)])).unwrap();
    let behind = commit(&mut slow);
    let mut out = Vec::new();
    let mut late = 0;
    for partition in 0..PARTITIONS {
        let mut merge = shard(&plan, 1, partition as i32);
        for (p, record) in announced.iter().chain(&passed).chain(&behind) {
            if *p == partition {
                take(&mut merge, 2, record);
                emit(&mut merge, &mut out);
            }
        }
        late += merge.registers().late_rows.get("w").copied().unwrap_or(0);
        assert!(!merge.registers().idle);
    }
    assert_eq!(late, 3, "two rows of the first window, one of a later one");
    assert_eq!(out.len(), 1);
    assert!(out[0].contains(" | 2 | 0 | null"), "{out:?}");
}

#[test]
fn no_watermark_before_every_upstream_shard_has_spoken() {
    let plan = exchange_job(WINDOWS[0], Keys::Id);
    let mut merge = shard(&plan, 1, 0);
    let entry = |partition, watermark, idle| UpstreamWatermark {
        stage: protocol::StageId(0),
        topic: "s".to_owned(),
        partition,
        watermark,
        idle,
        drained: None,
    };
    merge.process_watermarks(2, &[entry(0, Some(50), false)]).unwrap();
    assert_eq!(merge.watermark(), None);
    merge.process_watermarks(2, &[entry(1, None, true)]).unwrap();
    assert_eq!(merge.watermark(), Some(50));
    merge.process_watermarks(2, &[entry(1, Some(10), false)]).unwrap();
    assert_eq!(merge.watermark(), Some(50), "it never goes back");
}

#[test]
fn an_exchange_holds_nothing_across_a_boundary_and_says_what_is_pending() {
    let plan = exchange_job(WINDOWS[0], Keys::Id);
    let mut random = Random::new(9);
    let mut shard = shard(&plan, 0, 0);
    shard.process_rows(&batch(&rows(&mut random, 50, true))).unwrap();
    assert!(shard.pending_output_bytes() > 0);
    shard.set_drained(Some(4));
    let first = shard.boundary(WHOLE).unwrap();
    assert_eq!(first.watermark.as_ref().and_then(|w| w.drained), Some(4));
    assert!(first.rows() > 0);
    assert!(first.exchanges.windows(2).all(|w| w[0].1 < w[1].1), "one batch per partition");
    assert_eq!(shard.pending_output_bytes(), 0);
    assert!(shard.boundary(WHOLE).unwrap().exchanges.is_empty());
    assert!(shard.changes().unwrap().is_empty(), "no state in this stage");
}
