//! What checkpoints and restores cost here: one shard with many entries, one per cent of them
//! changed.
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use std::time::{Duration, Instant};

use dataflow::{Entries, TableChanges};
use protocol::{Log, ShardId, StageId};
use state::{LocalStore, RunFile, StateError};

const ENTRIES: u64 = 1_000_000;
const BUDGET_BYTES: usize = 32 << 20;

fn changes(step: usize, round: u64) -> Vec<TableChanges> {
    let mut entries = Entries::default();
    for i in (0..ENTRIES).step_by(step) {
        let mut key = [0x80; 24];
        key[8..16].copy_from_slice(&i.to_be_bytes());
        // Half of the value compresses, as counts and sums do.
        let noise = (i + round).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        let mut value = [0; 32];
        value[..8].copy_from_slice(&noise);
        value[16..24].copy_from_slice(&noise);
        entries.push(&key, Some(&value));
    }
    vec![TableChanges { table: 0, live_from: Some(0), entries }]
}

fn timed<T>(what: &str, body: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = body();
    report(what, start.elapsed());
    result
}

fn report(what: &str, took: Duration) {
    println!("{what}: {:.1} ms", took.as_secs_f64() * 1e3);
}

fn main() -> Result<(), StateError> {
    let dir = tempfile::tempdir().expect("a folder for temporary files");
    let open = |name: &str| LocalStore::open(&dir.path().join(name), BUDGET_BYTES);
    let shard = ShardId { stage: StageId(1), log: Log::new("exchange", 0) };
    let store = timed("open a new store", || open("a"))?;
    let write = |list: &[TableChanges]| -> Result<RunFile, StateError> {
        Ok(store.write_run(&shard, list)?.expect("something changed"))
    };
    let all = changes(1, 0);
    let first = timed("write a run of everything", || write(&all))?;
    println!(
        "  {} entries, {} bytes, {} of them in keys and values",
        first.entries,
        first.bytes.len(),
        all[0].entries.bytes()
    );
    timed("ingest it", || store.ingest(&shard, &first.bytes))?;
    let base = timed("base run", || store.base_run(&shard))?;
    let one_per_cent = changes(100, 1);
    let delta = timed("write a run of one per cent", || write(&one_per_cent))?;
    println!(
        "  {} bytes, {} of them in keys and values",
        delta.bytes.len(),
        one_per_cent[0].entries.bytes()
    );
    timed("ingest it", || store.ingest(&shard, &delta.bytes))?;
    timed("set an identity", || store.set_identity(&shard, "g1-s0-c1"))?;
    let target = open("b")?;
    timed("restore base and delta", || {
        let mut restore = target.restore(&shard);
        restore.add(&base.bytes)?;
        restore.add(&delta.bytes)?;
        restore.finish("g1-s0-c1")
    })?;
    timed("scan", || scan(&target, &shard))?;
    drop(target);
    timed("open it again", || open("b")).map(drop)
}

fn scan(store: &LocalStore, shard: &ShardId) -> Result<(), StateError> {
    let mut found = 0;
    store.scan(shard, &mut |_, _, _| {
        found += 1;
        Ok::<(), StateError>(())
    })?;
    assert_eq!(found, ENTRIES);
    Ok(())
}
