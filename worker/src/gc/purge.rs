//! G4: exchange logs are purged up to the smallest offset that a replay may need.
//!
//! A savepoint holds nothing back: it is taken with the exchanges read to their end, and only another job, with
//! exchanges of its own, is restored from it.

use std::collections::BTreeMap;

use protocol::acquire::Stop;
use protocol::generation::Layout;
use protocol::manifest::Manifest;
use protocol::{Log, ShardId};

use super::{Points, exchange_shards};
use crate::cluster::{View, retrying};

/// Purges; the number of logs that lost records.
pub(super) fn purge(
    view: &View,
    layout: &Layout,
    points: &Points,
    manifests: &[&Manifest],
) -> Result<usize, Stop> {
    let floors = floors(exchange_shards(layout), points, manifests);
    let logs: Vec<Log> = floors.keys().cloned().collect();
    if logs.is_empty() {
        return Ok(0);
    }
    let bounds = retrying(|| view.topics.bounds(&logs))?;
    let due: Vec<(Log, i64)> = floors
        .into_iter()
        .zip(bounds)
        .filter(|((_, floor), (start, _))| floor > start)
        .map(|(entry, _)| entry)
        .collect();
    if !due.is_empty() {
        retrying(|| view.topics.delete_records(&due))?;
    }
    Ok(due.len())
}

/// The offset below which nobody reads any more, for each log that has one. A shard whose commit names no manifest
/// would be replayed from the beginning; one whose manifest does not cover it is not understood: both keep all.
fn floors(
    shards: impl Iterator<Item = ShardId>,
    points: &Points,
    manifests: &[&Manifest],
) -> BTreeMap<Log, i64> {
    let mut floors = BTreeMap::new();
    for id in shards {
        let Some((committed, metadata)) = points.get(&id) else { continue };
        let Some(named) = &metadata.manifest else { continue };
        let offset = |m: &Manifest| m.shard(id.stage, &id.log).map(|s| s.offset);
        let Some(own) = manifests.iter().find(|m| m.name == *named).and_then(|m| offset(m)) else {
            continue;
        };
        let smallest = manifests.iter().filter_map(|m| offset(m)).min().unwrap_or(own);
        let floor = smallest.min(*committed);
        if floor > 0 {
            floors.insert(id.log, floor);
        }
    }
    floors
}

/// From where each log is replayed after the newest checkpoint; those of which nothing is replayed are left out (S5).
pub(super) fn needed(
    shards: impl Iterator<Item = ShardId>,
    points: &Points,
    manifests: &[Manifest],
) -> BTreeMap<Log, i64> {
    let from = |id: &ShardId| {
        let (committed, metadata) = points.get(id)?;
        let named = metadata.manifest.as_ref()?;
        let manifest = manifests.iter().find(|manifest| manifest.name == *named)?;
        let offset = manifest.shard(id.stage, &id.log)?.offset;
        (*committed > offset).then_some(offset)
    };
    shards.filter_map(|id| from(&id).map(|offset| (id.log, offset))).collect()
}

#[cfg(test)]
mod tests {
    use protocol::assignment::ASSIGNMENT_VERSION;
    use protocol::hash::HASH_VERSION;
    use protocol::manifest::{MANIFEST_FORMAT, ManifestName, ShardSnapshot};
    use protocol::metadata::OffsetMetadata;
    use protocol::registers::ShardRegisters;
    use protocol::{CommitNumber, Fingerprint, Generation, Nonce, SlotIndex, StageId};

    use super::*;

    fn id() -> ShardId {
        ShardId { stage: StageId(1), log: Log::new("x", 0) }
    }

    fn name(number: u64) -> ManifestName {
        format!("g1-s0-c{number}-0000000000000001").parse().expect("a name")
    }

    fn manifest(number: u64, offset: Option<i64>) -> Manifest {
        let snapshot = |offset| ShardSnapshot {
            stage: id().stage,
            log: id().log,
            topic_id: String::new(),
            offset,
            registers: ShardRegisters::default(),
            tables: Vec::new(),
            runs: Vec::new(),
        };
        Manifest {
            format: MANIFEST_FORMAT,
            job_uid: "u".into(),
            name: name(number),
            plan_fingerprint: Fingerprint::from_bits(1),
            hash_version: HASH_VERSION,
            assignment_version: ASSIGNMENT_VERSION,
            exchange_partitions: 1,
            shards: offset.map(snapshot).into_iter().collect(),
        }
    }

    fn points(committed: i64, manifest: Option<u64>) -> Points {
        let metadata = OffsetMetadata {
            generation: Generation(1),
            slot: SlotIndex(0),
            commit: CommitNumber(1),
            nonce: Nonce::from_bits(1),
            manifest: manifest.map(name),
            released: false,
            cursor: None,
            clock: None,
        };
        Points::from([(id(), (committed, metadata))])
    }

    fn floor(points: &Points, manifests: &[Manifest]) -> Option<i64> {
        let manifests: Vec<&Manifest> = manifests.iter().collect();
        floors([id()].into_iter(), points, &manifests).remove(&id().log)
    }

    #[test]
    fn a_log_is_needed_from_the_newest_checkpoint_up_to_the_commit() {
        let needed = |committed, manifests: &[Manifest]| {
            needed([id()].into_iter(), &points(committed, Some(3)), manifests).remove(&id().log)
        };
        let manifests = [manifest(3, Some(90)), manifest(2, Some(50))];
        assert_eq!(needed(100, &manifests), Some(90));
        assert_eq!(needed(90, &manifests), None, "nothing to replay");
        assert_eq!(needed(100, &manifests[1..]), None, "not read");
    }

    #[test]
    fn the_smallest_offset_of_any_root_is_the_floor() {
        let roots = [manifest(3, Some(90)), manifest(2, Some(50)), manifest(1, None)];
        assert_eq!(floor(&points(100, Some(3)), &roots), Some(50));
        assert_eq!(floor(&points(100, Some(3)), &roots[..1]), Some(90));
    }

    #[test]
    fn in_doubt_everything_is_kept() {
        let roots = [manifest(3, Some(90)), manifest(1, None)];
        assert_eq!(floor(&points(100, None), &roots), None, "replayed from the beginning");
        assert_eq!(floor(&points(100, Some(1)), &roots), None, "its manifest does not cover it");
        assert_eq!(floor(&points(100, Some(7)), &roots), None, "its manifest is no root");
        assert_eq!(floor(&Points::new(), &roots), None, "no commit point");
        assert_eq!(floor(&points(100, Some(3)), &[manifest(3, Some(0))]), None);
    }
}
