//! Tests of the state through its public interface, on real files.
#![allow(clippy::unwrap_used, clippy::panic)]

mod damage;
mod model;
mod random;
mod runs;

use dataflow::{Entries, TableChanges};
use protocol::{Log, ShardId, StageId};
use state::{LocalStore, StateError};

pub(crate) const BUDGET_BYTES: usize = 4 << 20;

pub(crate) fn shard(stage: u32, topic: &str, partition: i32) -> ShardId {
    ShardId { stage: StageId(stage), log: Log::new(topic, partition) }
}

/// A state key: its time, order-preserving and big-endian, then the rest.
pub(crate) fn key(time: i64, rest: &[u8]) -> Vec<u8> {
    [&(time as u64 ^ 1 << 63).to_be_bytes()[..], rest].concat()
}

pub(crate) fn changes(
    table: u16,
    live_from: Option<i64>,
    entries: &[(Vec<u8>, Option<Vec<u8>>)],
) -> TableChanges {
    let mut list = Entries::default();
    for (key, value) in entries {
        list.push(key, value.as_deref());
    }
    TableChanges { table, live_from, entries: list }
}

pub(crate) type Entry = (u16, Vec<u8>, Vec<u8>);

pub(crate) fn entries(store: &LocalStore, shard: &ShardId) -> Result<Vec<Entry>, StateError> {
    let mut found = Vec::new();
    store.scan(shard, &mut |table, key, value| {
        found.push((table, key.to_vec(), value.to_vec()));
        Ok::<(), StateError>(())
    })?;
    Ok(found)
}
