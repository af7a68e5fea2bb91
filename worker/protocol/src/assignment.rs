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

/// Processes of two generations that share shards with each other, and with no process outside of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Ordinals of the processes that give shards up.
    pub from: Vec<u32>,
    /// Ordinals of those that take them.
    pub to: Vec<u32>,
}

/// A rollout cut into the moves that do not touch each other, version 1. Both generations number the same logs in the
/// same way; each is so many processes with so many slots each. Old slot i and new slot j share a shard only where i
/// and j leave the same rest when divided by what divides both numbers of slots.
///
/// # Panics
/// If a generation has no slot.
pub fn moves_v1(before: (u32, u32), after: (u32, u32)) -> Vec<Move> {
    let (old, new) = (before.0 * before.1, after.0 * after.1);
    assert!(old > 0 && new > 0, "a generation has at least one slot");
    let rests = common_divisor(old, new);
    let rests_of = |ordinal: u32, slots: u32| {
        let first = ordinal * slots;
        (first..first + slots.min(rests)).map(move |slot| (slot % rests) as usize)
    };
    // The least rest that each one moves with.
    let mut with: Vec<usize> = (0..rests as usize).collect();
    for (processes, slots) in [before, after] {
        for ordinal in 0..processes {
            let joined: Vec<usize> = rests_of(ordinal, slots).map(|rest| with[rest]).collect();
            let least = joined.iter().copied().min().unwrap_or_default();
            with.iter_mut().filter(|it| joined.contains(it)).for_each(|it| *it = least);
        }
    }
    let of = |(processes, slots): (u32, u32), rest: usize| {
        let moves_with = |ordinal: &u32| rests_of(*ordinal, slots).any(|it| with[it] == rest);
        (0..processes).filter(moves_with).collect()
    };
    let firsts = (0..with.len()).filter(|rest| with[*rest] == *rest);
    firsts.map(|rest| Move { from: of(before, rest), to: of(after, rest) }).collect()
}

fn common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_divisor(b, a % b) }
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
    fn moves_touch_all_processes_and_never_each_other() {
        let sizes =
            [(1, 1), (2, 1), (3, 1), (4, 1), (6, 1), (2, 2), (3, 2), (1, 4), (2, 3), (8, 2)];
        let owners = |position: u32, (processes, slots): (u32, u32)| {
            slot_v1(position, processes * slots).0 / slots
        };
        for before in sizes {
            for after in sizes {
                let moves = moves_v1(before, after);
                let mut from: Vec<u32> = moves.iter().flat_map(|m| m.from.clone()).collect();
                let mut to: Vec<u32> = moves.iter().flat_map(|m| m.to.clone()).collect();
                from.sort_unstable();
                to.sort_unstable();
                assert_eq!(from, (0..before.0).collect::<Vec<_>>(), "{before:?} {after:?}");
                assert_eq!(to, (0..after.0).collect::<Vec<_>>(), "{before:?} {after:?}");
                for position in 0..500 {
                    let (old, new) = (owners(position, before), owners(position, after));
                    let of = moves.iter().find(|m| m.from.contains(&old)).unwrap();
                    assert!(of.to.contains(&new), "{before:?} {after:?} log {position}: {moves:?}");
                }
            }
        }
    }

    #[test]
    fn as_many_moves_as_there_can_be() {
        for (before, after, want) in [
            ((4, 1), (4, 1), 4),
            ((2, 1), (4, 1), 2),
            ((4, 1), (2, 1), 2),
            ((6, 1), (4, 1), 2),
            ((3, 1), (4, 1), 1),
            ((4, 2), (4, 2), 4),
            ((2, 2), (4, 1), 2),
            ((1, 4), (2, 2), 1),
        ] {
            assert_eq!(moves_v1(before, after).len(), want, "{before:?} to {after:?}");
        }
        let both = moves_v1((2, 1), (4, 1));
        assert_eq!(both[1], Move { from: vec![1], to: vec![1, 3] });
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
