//! Snapshot, restore, muted replay, go on: the same rows, once each.

use dataflow::{EmissionLimit, Shard};
use protocol::metadata::EmissionCursor;
use protocol::registers::ShardRegisters;

use crate::random::Random;
use crate::support::*;

struct Snapshot {
    offset: usize,
    registers: ShardRegisters,
    store: Store,
}

/// What the last commit says.
struct Commit {
    offset: usize,
    cursor: Option<EmissionCursor>,
    out: usize,
}

/// Runs to a random commit and forgets everything since.
fn run_and_crash(
    shard: &mut Shard,
    rows: &[Row],
    from: Commit,
    random: &mut Random,
    snapshot: &mut Snapshot,
    out: &mut Vec<String>,
) -> Commit {
    let mut offset = from.offset;
    let mut commit = from;
    let commits = 1 + random.below(12);
    for _ in 0..commits {
        // A cut emission goes on before anything is read.
        let most = if commit.cursor.is_some() { 1 } else { 60 };
        let count = (random.below(most) as usize).min(rows.len() - offset);
        if count > 0 {
            shard.process_rows(&batch(&rows[offset..offset + count])).unwrap();
            offset += count;
        }
        loop {
            let rows = if random.chance(50) { 1 + random.below(4) } else { u64::MAX };
            let emission = shard.boundary(EmissionLimit { rows, bytes: u64::MAX }).unwrap();
            sink_rows(&emission, out);
            commit = Commit { offset, cursor: emission.cut, out: out.len() };
            if emission.cut.is_none() {
                break;
            }
            if random.chance(10) {
                return commit;
            }
        }
        if random.chance(40) {
            save(shard, &mut snapshot.store);
            snapshot.offset = offset;
            snapshot.registers = shard.registers();
        }
    }
    commit
}

fn resume(
    plan: &std::sync::Arc<dataflow::JobPlan>,
    rows: &[Row],
    random: &mut Random,
    snapshot: &Snapshot,
    commit: &Commit,
) -> Shard {
    let mut shard = shard(plan, 0, 0);
    let mapping = shard.check_tables(&shard.tables()).unwrap();
    assert!(mapping.is_identity());
    shard.restore(snapshot.registers.clone(), mapping).unwrap();
    for ((table, key), value) in &snapshot.store {
        shard.restore_entry(*table, key, value).unwrap();
    }
    shard.set_muted(random.chance(70));
    let mut offset = snapshot.offset;
    while offset < commit.offset {
        let count = (1 + random.below(90) as usize).min(commit.offset - offset);
        shard.process_rows(&batch(&rows[offset..offset + count])).unwrap();
        offset += count;
    }
    shard.settle(commit.cursor).unwrap();
    shard
}

/// Runs over all rows with crashes between: rows handed out, the last shard, and how many crashes cut an emission.
fn crashing(
    plan: &std::sync::Arc<dataflow::JobPlan>,
    rows: &[Row],
    random: &mut Random,
) -> (Vec<String>, Shard, u32) {
    let mut cuts = 0;
    let mut out = Vec::new();
    let mut current = shard(plan, 0, 0);
    let mut snapshot =
        Snapshot { offset: 0, registers: ShardRegisters::default(), store: Store::new() };
    let mut commit = Commit { offset: 0, cursor: None, out: 0 };
    for _ in 0..6 {
        commit = run_and_crash(&mut current, rows, commit, random, &mut snapshot, &mut out);
        cuts += u32::from(commit.cursor.is_some());
        assert_eq!(commit.out, out.len());
        current = resume(plan, rows, random, &snapshot, &commit);
    }
    let offset = commit.offset;
    loop {
        let emission = current.boundary(WHOLE).unwrap();
        sink_rows(&emission, &mut out);
        if emission.cut.is_none() {
            break;
        }
    }
    if offset < rows.len() {
        current.process_rows(&batch(&rows[offset..])).unwrap();
        emit(&mut current, &mut out);
    }
    (out, current, cuts)
}

pub(crate) fn with_crashes(
    plan: &std::sync::Arc<dataflow::JobPlan>,
    rows: &[Row],
    random: &mut Random,
) -> (Vec<String>, Shard) {
    let (out, shard, _) = crashing(plan, rows, random);
    (out, shard)
}

#[test]
fn crashes_lose_and_double_nothing() {
    let mut cuts = 0;
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let rows = rows(&mut random, 400, false);
        let kind = |at: u64| ALL_WINDOWS[at as usize % ALL_WINDOWS.len()];
        let plan = keyed_job(&[
            ("b", kind(seed), Keys::Id),
            ("a", kind(seed + 1), Keys::NameAndId),
            ("c", ALL_WINDOWS[9 + seed as usize % 3], Keys::Id),
        ]);
        let mut expected = Vec::new();
        let mut whole = shard(&plan, 0, 0);
        whole.process_rows(&batch(&rows)).unwrap();
        emit(&mut whole, &mut expected);

        let (out, mut current, cut) = crashing(&plan, &rows, &mut random);
        cuts += cut;
        assert_eq!(sorted(out), sorted(expected), "seed {seed}");
        assert_eq!(digest(&mut current), digest(&mut whole), "seed {seed}");
    }
    assert!(cuts > 10, "crashes in the middle of an emission happened: {cuts}");
}

#[test]
fn dead_entries_are_not_restored() {
    let plan = keyed_job(&[("w", WINDOWS[0], Keys::Id)]);
    let mut random = Random::new(3);
    let rows = rows(&mut random, 100, true);
    let mut first = shard(&plan, 0, 0);
    first.process_rows(&batch(&rows[..50])).unwrap();
    emit(&mut first, &mut Vec::new());
    let mut store = Store::new();
    save(&mut first, &mut store);
    assert!(!store.is_empty());
    first.process_rows(&batch(&rows[50..])).unwrap();
    emit(&mut first, &mut Vec::new());
    // The old entries under the newer registers: all of them are dead.
    let mut second = shard(&plan, 0, 0);
    let mapping = second.check_tables(&second.tables()).unwrap();
    second.restore(first.registers(), mapping).unwrap();
    for ((table, key), value) in &store {
        second.restore_entry(*table, key, value).unwrap();
    }
    assert!(digest(&mut second).0.is_empty());
}
