//! Which slot owns a shard, version 1: the number of the log within its stage, modulo the slots.

use crate::generation::{GenerationObject, Layout};
use crate::ids::{Log, ShardId, SlotIndex, StageId};

/// Written into generation objects and manifests.
pub const ASSIGNMENT_VERSION: u32 = 1;

/// More slots than any stage has shards.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{slots} slots are more than the {widest} shards of the widest stage: the rest would have nothing to do; lower spec.parallelism to at most {widest} slots, or give the topics more partitions"
)]
pub struct TooManySlots {
    /// Asked for.
    pub slots: u32,
    /// Could be used.
    pub widest: u32,
}

/// Refuses slots without work.
pub fn check_slots(layout: &Layout, slots: u32) -> Result<(), TooManySlots> {
    let widest = layout.widest();
    if slots > widest { Err(TooManySlots { slots, widest }) } else { Ok(()) }
}

/// The slot of the n-th log of a stage.
///
/// # Panics
/// If `slots` is 0: a generation has at least one.
pub fn slot_v1(position: u32, slots: u32) -> SlotIndex {
    assert!(slots > 0, "a generation has at least one slot");
    SlotIndex(position % slots)
}

/// The shards of a slot.
pub fn shards_of(layout: &Layout, slots: u32, slot: SlotIndex) -> Vec<ShardId> {
    layout
        .stages
        .iter()
        .flat_map(|stage| {
            stage
                .logs()
                .enumerate()
                .filter(move |(n, _)| slot_v1(*n as u32, slots) == slot)
                .map(|(_, log)| ShardId { stage: stage.stage, log })
        })
        .collect()
}

/// The slots of a generation that may have owned a shard: one if its object tells, in doubt all of them (O3, 4).
pub fn possible_owners(object: &GenerationObject, stage: StageId, log: &Log) -> Vec<SlotIndex> {
    let known = object.assignment_version == ASSIGNMENT_VERSION;
    match object.layout.stage(stage).and_then(|s| s.position(log)) {
        Some(position) if known => vec![slot_v1(position, object.slots)],
        _ => (0..object.slots).map(SlotIndex).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::generation::{StageLogs, TopicPartitions};
    use crate::ids::{Fingerprint, Generation};

    fn layout() -> Layout {
        let stage = |stage, topic: &str, partitions| StageLogs {
            stage: StageId(stage),
            topics: vec![TopicPartitions { topic: topic.into(), partitions }],
        };
        Layout { stages: vec![stage(0, "clicks", 4), stage(1, "x", 16)] }
    }

    #[test]
    fn the_assignment_is_frozen() {
        let mut found = String::new();
        for slots in [1, 2, 3, 16] {
            for slot in 0..slots {
                let shards: Vec<String> = shards_of(&layout(), slots, SlotIndex(slot))
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                let shards = shards.join(" ");
                writeln!(found, "{slots} slots, slot {slot}: {shards}").unwrap();
            }
        }
        assert_eq!(found, include_str!("../golden/assignment_v1.txt"));
    }

    #[test]
    fn every_shard_has_one_owner() {
        for slots in 1..=16 {
            let mut owned: Vec<ShardId> =
                (0..slots).flat_map(|s| shards_of(&layout(), slots, SlotIndex(s))).collect();
            owned.sort();
            let mut all: Vec<ShardId> = layout().shards().collect();
            all.sort();
            assert_eq!(owned, all, "{slots} slots");
        }
    }

    #[test]
    fn slots_without_work_are_refused() {
        assert!(check_slots(&layout(), 16).is_ok());
        assert!(check_slots(&layout(), 17).is_err());
    }

    #[test]
    fn in_doubt_every_slot_may_have_owned_a_shard() {
        let mut object = GenerationObject {
            format: 1,
            generation: Generation(1),
            slots: 3,
            assignment_version: ASSIGNMENT_VERSION,
            plan_fingerprint: Fingerprint::from_bits(1),
            layout: layout(),
        };
        let log = Log::new("clicks", 2);
        assert_eq!(possible_owners(&object, StageId(0), &log), vec![SlotIndex(2)]);
        assert_eq!(possible_owners(&object, StageId(0), &Log::new("new", 0)).len(), 3);
        object.assignment_version = 2;
        assert_eq!(possible_owners(&object, StageId(0), &log).len(), 3);
    }
}
