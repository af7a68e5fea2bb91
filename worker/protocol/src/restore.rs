//! The decisions of restoring a shard from a checkpoint (O3 step 6, S4, S5): pure functions over what was read.

use std::collections::BTreeSet;

use crate::acquire::Stop;
use crate::generation::GenerationObject;
use crate::ids::{Fingerprint, Generation, ShardId};
use crate::manifest::{Manifest, ManifestName, ShardSnapshot};
use crate::metadata::OffsetMetadata;
use crate::reason::Reason;

/// What a checkpoint holds of a shard. One of another job (S4) has exchanges of other names: there the part behind the
/// job counts.
pub fn covering<'a>(
    manifest: &'a Manifest,
    shard: &ShardId,
    own: bool,
) -> Result<&'a ShardSnapshot, Stop> {
    let suffix = |topic: &str| topic.split_once(".x.").map(|(_, rest)| rest.to_owned());
    let found = if own || shard.stage.0 == 0 {
        manifest.shard(shard.stage, &shard.log)
    } else {
        manifest.shards.iter().find(|s| {
            s.stage == shard.stage
                && s.log.partition == shard.log.partition
                && suffix(&s.log.topic) == suffix(&shard.log.topic)
        })
    };
    found.ok_or_else(|| {
        let message = format!("manifest {} does not cover shard {shard}", manifest.name);
        Stop::new(Reason::ManifestCorrupt, message)
    })
}

/// The topic is still the one that the checkpoint is of.
pub fn same_topic(
    snapshot: &ShardSnapshot,
    name: &ManifestName,
    topic_id: &str,
) -> Result<(), Stop> {
    if snapshot.topic_id == topic_id {
        return Ok(());
    }
    let topic = &snapshot.log.topic;
    let message = format!("topic {topic} has another id than when {name} was written");
    Err(Stop::new(Reason::TopicReplaced, message))
}

/// Whether another checkpoint may take the place of one that stopped a restore for this reason.
pub fn is_damage(stop: &Stop) -> bool {
    matches!(stop.reason, Reason::ManifestMissing | Reason::ManifestCorrupt)
}

/// S5: a log that is replayed from `position` must reach back to it and forward to the committed offset.
pub fn check_range(
    shard: &ShardId,
    position: i64,
    committed: i64,
    (log_start, log_end): (i64, i64),
) -> Result<(), Stop> {
    if log_start > position && committed > position {
        return Err(Stop::new(
            Reason::ReplayGapLost,
            format!("{} starts at {log_start}; the checkpoint needs it from {position}", shard.log),
        ));
    }
    if log_end < committed {
        return Err(Stop::new(
            Reason::LogTruncated,
            format!("{} ends at {log_end}, before the committed {committed}", shard.log),
        ));
    }
    if position > committed {
        return Err(Stop::new(
            Reason::Bug,
            format!(
                "shard {shard}: checkpoint at {position} lies beyond the committed {committed}"
            ),
        ));
    }
    Ok(())
}

/// Checkpoints from which a shard may be restored when the one that its commit names is gone or damaged, newest
/// first. Each is a function of the log up to its offset, so any that covers the shard and does not lie beyond the
/// committed offset leads to the same state; whether it is whole, and its gap still in the log, is for the caller.
pub fn older_checkpoints(named: &ManifestName, listed: &[ManifestName]) -> Vec<ManifestName> {
    let mut older: Vec<ManifestName> = listed.iter().filter(|n| *n != named).cloned().collect();
    older.sort_by_key(|n| std::cmp::Reverse((n.generation, n.number)));
    older
}

/// C10: a commit in the middle of an emission says how many groups of a window have been sent, in the numbering and the
/// order of the plan that sends it. Another plan may have other groups there, and would leave some out or send some
/// again; it has to wait until the emission is whole.
pub fn same_emission(
    shard: &ShardId,
    committed: &OffsetMetadata,
    generations: &[GenerationObject],
    own: &Fingerprint,
) -> Result<(), Stop> {
    let sender = generations.iter().find(|g| g.generation == committed.generation);
    let sender = sender.map(|g| &g.plan_fingerprint);
    if committed.cursor.is_none() || sender == Some(own) {
        return Ok(());
    }
    let plan = sender.map_or("an unknown plan", Fingerprint::as_str);
    let message = format!(
        "shard {shard}: {plan} has sent a part of a window that is too large for one commit; it must send the rest before another plan goes on"
    );
    Err(Stop::new(Reason::IncompatibleState, message))
}

/// Plans other than `own` of the generations of a range, its end not included: they may have committed behind a
/// checkpoint of the first one.
pub fn other_plans_since(
    generations: &[GenerationObject],
    own: &Fingerprint,
    (from, to): (Generation, Generation),
) -> BTreeSet<Fingerprint> {
    let within = generations.iter().filter(|g| g.generation >= from && g.generation < to);
    within.map(|g| g.plan_fingerprint.clone()).filter(|plan| plan != own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignment::ASSIGNMENT_VERSION;
    use crate::generation::Layout;
    use crate::ids::{CommitNumber, Log, Nonce, SlotIndex, StageId};
    use crate::metadata::EmissionCursor;

    fn shard(partition: i32) -> ShardId {
        ShardId { stage: StageId(0), log: Log::new("t", partition) }
    }

    #[test]
    fn a_log_reaches_back_to_the_checkpoint_and_forward_to_the_commit() {
        let found = |position, committed, bounds| {
            check_range(&shard(0), position, committed, bounds).err().map(|stop| stop.reason)
        };
        for (position, committed, bounds, expected) in [
            (5, 9, (0, 20), None),
            (5, 9, (5, 9), None),
            (5, 9, (6, 20), Some(Reason::ReplayGapLost)),
            (9, 9, (12, 20), None),
            (5, 9, (0, 8), Some(Reason::LogTruncated)),
            (10, 9, (0, 20), Some(Reason::Bug)),
        ] {
            assert_eq!(found(position, committed, bounds), expected, "{position} {bounds:?}");
        }
    }

    #[test]
    fn a_window_that_is_sent_in_parts_is_finished_by_its_own_plan() {
        let generations = [(1, 7), (2, 8), (3, 7)].map(|(generation, plan)| GenerationObject {
            format: 1,
            generation: Generation(generation),
            slots: 1,
            assignment_version: ASSIGNMENT_VERSION,
            plan_fingerprint: Fingerprint::from_bits(plan),
            layout: Layout::default(),
        });
        let cursor = Some(EmissionCursor { operator: 0, window_end: 10, rows: 5 });
        let found = |cursor, generation| {
            let committed = OffsetMetadata {
                generation: Generation(generation),
                slot: SlotIndex(0),
                commit: CommitNumber(4),
                nonce: Nonce::from_bits(1),
                manifest: None,
                released: false,
                cursor,
                clock: None,
            };
            let own = Fingerprint::from_bits(7);
            same_emission(&shard(0), &committed, &generations, &own).err()
        };
        for (cursor, generation) in [(None, 2), (None, 9), (cursor, 1), (cursor, 3)] {
            assert_eq!(found(cursor, generation), None, "{cursor:?} {generation}");
        }
        let other = found(cursor, 2).expect("the other plan has begun it");
        assert_eq!(other.reason, Reason::IncompatibleState);
        assert!(other.message.contains("0000000000000008 has sent a part"), "{other}");
        assert!(found(cursor, 9).is_some_and(|stop| stop.message.contains("unknown plan")));
    }

    #[test]
    fn older_checkpoints_come_newest_first_and_without_the_named_one() {
        let name = |text: &str| -> ManifestName { text.parse().expect("a name") };
        let names = ["g1-s0-c9-00", "g2-s0-c4-00", "g2-s1-c5-00", "g2-s0-c6-00"]
            .map(|text| name(&format!("{text}00000000000001")));
        let order: Vec<String> = older_checkpoints(&names[3], &names)
            .iter()
            .map(|n| n.to_string()[..8].into())
            .collect();
        assert_eq!(order, ["g2-s1-c5", "g2-s0-c4", "g1-s0-c9"]);
    }

    #[test]
    fn plans_that_may_have_committed_behind_a_checkpoint() {
        let object = |(generation, plan): &(u64, u64)| GenerationObject {
            format: 1,
            generation: Generation(*generation),
            slots: 1,
            assignment_version: ASSIGNMENT_VERSION,
            plan_fingerprint: Fingerprint::from_bits(*plan),
            layout: Layout::default(),
        };
        let all: Vec<_> = [(1, 5), (2, 6), (3, 7), (4, 5)].iter().map(object).collect();
        let own = Fingerprint::from_bits(5);
        for (from, to, expected) in
            [(1, 4, vec![6, 7]), (3, 4, vec![7]), (1, 2, vec![]), (4, 4, vec![]), (1, 3, vec![6])]
        {
            let found = other_plans_since(&all, &own, (Generation(from), Generation(to)));
            let expected = expected.into_iter().map(Fingerprint::from_bits).collect();
            assert_eq!(found, expected, "{from}..{to}");
        }
    }
}
