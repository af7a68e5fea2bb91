//! The decisions of acquire (O3) and of a replaced producer (C6): pure functions over what was read.

use std::collections::BTreeSet;

use crate::assignment::possible_owners;
use crate::generation::{GenerationObject, Sealed, SealedShard};
use crate::ids::{CommitNumber, Generation, Nonce, ShardId, SlotIndex};
use crate::manifest::ManifestName;
use crate::metadata::{EmissionCursor, OffsetMetadata};
use crate::reason::Reason;

/// Stopped, with what to tell the user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {message}")]
pub struct Stop {
    /// For the condition.
    pub reason: Reason,
    /// What was found where.
    pub message: String,
}

impl Stop {
    /// A stop for this reason.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// O3, 3: a greater generation means that this one is over.
pub fn after_list(own: Generation, listed: &[Generation]) -> Result<(), Stop> {
    match listed.iter().max() {
        Some(newest) if *newest > own => Err(Stop::new(
            Reason::Superseded,
            format!("generation {newest} exists, this is generation {own}"),
        )),
        Some(_) => Ok(()),
        None => Err(Stop::new(
            Reason::StoreUnreachable,
            format!(
                "generation {own} was created but is not listed: the store does not list consistently"
            ),
        )),
    }
}

/// O3, 4: the ids that may have owned these shards, from the generation that each shard's metadata names up to the
/// one before `own`, released or not. Without metadata every earlier generation counts.
pub fn ids_to_fence(
    own: Generation,
    shards: &[(ShardId, Option<Generation>)],
    objects: &[GenerationObject],
) -> Result<BTreeSet<(Generation, SlotIndex)>, Stop> {
    let mut ids = BTreeSet::new();
    for (shard, named) in shards {
        let from = named.unwrap_or(Generation(0));
        if let Some(named) = named
            && *named < own
            && !objects.iter().any(|o| o.generation == *named)
        {
            return Err(Stop::new(
                Reason::CommitPointLost,
                format!(
                    "shard {shard} names generation {named}, whose object is gone from the store"
                ),
            ));
        }
        for object in objects.iter().filter(|o| o.generation >= from && o.generation < own) {
            let owners = possible_owners(object, shard.stage, &shard.log);
            ids.extend(owners.into_iter().map(|slot| (object.generation, slot)));
        }
    }
    Ok(ids)
}

/// Suspended state that no later generation has taken up yet (S1, S2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingSeal {
    /// The generation at rest; 0 for a first start.
    pub generation: Generation,
    /// All its parts.
    pub parts: Vec<Sealed>,
}

impl PendingSeal {
    /// The newest complete seal below `own` that is not history. An incomplete one is no seal: its job was never
    /// at rest, so metadata is there.
    pub fn choose(own: Generation, parts: Vec<Sealed>, unsealed: &[Generation]) -> Option<Self> {
        let newest = parts.iter().map(|p| p.generation).filter(|g| *g < own).max()?;
        let parts: Vec<Sealed> = parts.into_iter().filter(|p| p.generation == newest).collect();
        let slots: BTreeSet<SlotIndex> = parts.iter().map(|p| p.slot).collect();
        let whole = parts.first().is_some_and(|p| slots.len() as u32 == p.slots);
        (whole && !unsealed.contains(&newest)).then_some(Self { generation: newest, parts })
    }

    /// Where a shard rests, and whose manifests are meant.
    pub fn shard(&self, shard: &ShardId) -> Option<(&SealedShard, &str)> {
        self.parts.iter().find_map(|part| {
            part.shards.iter().find(|s| s.shard == *shard).map(|s| (s, part.job_uid.as_str()))
        })
    }
}

/// Where a shard goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartPoint {
    /// The committed offset: output is muted below it.
    pub offset: i64,
    /// The state to restore, and the job whose manifest it is (another one after a restore from a savepoint).
    pub manifest: Option<(String, ManifestName)>,
    /// Where to start to replay when there is no manifest: the first offset that the job ever read.
    pub origin: i64,
    /// An emission was cut here.
    pub cursor: Option<EmissionCursor>,
    /// Of the newest commit; the claim is the next.
    pub commit: CommitNumber,
    /// Read from metadata, not from a seal or as a new log.
    pub committed: bool,
    /// Of a shard whose watermark is a clock: no row may be stamped below (R5).
    pub clock: Option<i64>,
}

/// What is known about a shard besides its committed offset.
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    /// Identity of the job.
    pub job_uid: &'a str,
    /// A rest point that is not history yet.
    pub seal: Option<&'a PendingSeal>,
    /// `sealed/0`: the first offsets of the job.
    pub first: Option<&'a PendingSeal>,
    /// An earlier generation has counted this log.
    pub counted_before: bool,
}

/// O3, 5 and S2: where a shard goes on, from a fresh, stable read after the fences.
pub fn start_point(
    own: (Generation, SlotIndex),
    shard: &ShardId,
    read: Option<&(i64, String)>,
    history: History<'_>,
) -> Result<StartPoint, Stop> {
    let first = history.first.and_then(|first| first.shard(shard));
    let origin = first.map_or(0, |(sealed, _)| sealed.offset);
    // A job restored from a savepoint stands on the other job's manifest until its own first checkpoint.
    let inherited =
        first.and_then(|(sealed, uid)| Some((uid.to_owned(), sealed.manifest.clone()?)));
    if let Some((offset, text)) = read {
        let metadata = check_owner(own, shard, text)?;
        return Ok(StartPoint {
            offset: *offset,
            manifest: metadata
                .manifest
                .map(|name| (history.job_uid.to_owned(), name))
                .or(inherited),
            origin,
            cursor: metadata.cursor,
            commit: metadata.commit,
            committed: true,
            clock: metadata.clock,
        });
    }
    if let Some((sealed, job_uid)) = history.seal.and_then(|seal| seal.shard(shard)) {
        let manifest = sealed.manifest.clone().map(|name| (job_uid.to_owned(), name));
        return Ok(StartPoint {
            offset: sealed.offset,
            origin,
            manifest: manifest.or(inherited),
            cursor: None,
            commit: CommitNumber(0),
            committed: false,
            clock: sealed.clock,
        });
    }
    if history.counted_before {
        return Err(Stop::new(
            Reason::CommitPointLost,
            format!("shard {shard} has no committed offset though an earlier generation owned it"),
        ));
    }
    Ok(StartPoint {
        offset: 0,
        manifest: None,
        origin: 0,
        cursor: None,
        commit: CommitNumber(0),
        committed: false,
        clock: None,
    })
}

fn check_owner(
    (generation, slot): (Generation, SlotIndex),
    shard: &ShardId,
    text: &str,
) -> Result<OffsetMetadata, Stop> {
    let metadata = OffsetMetadata::decode(text)
        .map_err(|e| Stop::new(Reason::OffsetsMovedByOther, format!("shard {shard}: {e}")))?;
    if metadata.generation > generation {
        return Err(Stop::new(
            Reason::Superseded,
            format!(
                "shard {shard} is owned by generation {}, this is {generation}",
                metadata.generation
            ),
        ));
    }
    if metadata.generation == generation && metadata.slot != slot {
        return Err(Stop::new(
            Reason::OffsetsMovedByOther,
            format!("shard {shard} of slot {slot} was committed by slot {}", metadata.slot),
        ));
    }
    Ok(metadata)
}

/// The newest commit of a shard as its owner remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCommit {
    /// Which shard.
    pub shard: ShardId,
    /// Offset that it committed.
    pub offset: i64,
    /// Its number.
    pub commit: CommitNumber,
    /// The incarnation that made it.
    pub nonce: Nonce,
}

/// C6: after `init_transactions` under a new producer the state in memory is kept only if what is read back is
/// exactly the own last commit.
pub fn after_replacement(own: &OwnCommit, read: Option<&(i64, String)>) -> Result<(), Stop> {
    let stop = |found: String| {
        Err(Stop::new(
            Reason::OffsetsMovedByOther,
            format!(
                "shard {}: expected offset {} of commit {}, found {found}",
                own.shard, own.offset, own.commit
            ),
        ))
    };
    let Some((offset, text)) = read else { return stop("nothing".to_owned()) };
    match OffsetMetadata::decode(text) {
        Ok(m) if *offset == own.offset && m.commit == own.commit && m.nonce == own.nonce => Ok(()),
        _ => stop(format!("offset {offset} with '{text}'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignment::ASSIGNMENT_VERSION;
    use crate::generation::{Layout, StageLogs, TopicPartitions};
    use crate::ids::{Fingerprint, Log, StageId};

    fn shard(partition: i32) -> ShardId {
        ShardId { stage: StageId(0), log: Log::new("t", partition) }
    }

    fn object(generation: u64, slots: u32) -> GenerationObject {
        GenerationObject {
            format: 1,
            generation: Generation(generation),
            slots,
            assignment_version: ASSIGNMENT_VERSION,
            plan_fingerprint: Fingerprint::from_bits(1),
            layout: Layout {
                stages: vec![StageLogs {
                    stage: StageId(0),
                    topics: vec![TopicPartitions { topic: "t".into(), partitions: 4 }],
                }],
            },
        }
    }

    fn metadata(generation: u64, slot: u32, released: bool) -> String {
        OffsetMetadata {
            generation: Generation(generation),
            slot: SlotIndex(slot),
            commit: CommitNumber(5),
            nonce: Nonce::from_bits(1),
            manifest: None,
            released,
            cursor: None,
            clock: None,
        }
        .encode()
    }

    fn seal(generation: u64, slot: u32, slots: u32, partitions: &[i32]) -> Sealed {
        let shards = partitions
            .iter()
            .map(|p| SealedShard {
                shard: shard(*p),
                offset: 100 + i64::from(*p),
                manifest: None,
                clock: None,
            })
            .collect();
        Sealed {
            format: 1,
            generation: Generation(generation),
            slot: SlotIndex(slot),
            slots,
            job_uid: "u".into(),
            shards,
        }
    }

    fn history(seal: Option<&PendingSeal>, counted_before: bool) -> History<'_> {
        History { job_uid: "u", seal, first: None, counted_before }
    }

    fn reason(result: Result<StartPoint, Stop>) -> Reason {
        result.expect_err("refused").reason
    }

    const OWN: (Generation, SlotIndex) = (Generation(3), SlotIndex(0));

    #[test]
    fn only_a_greater_generation_supersedes() {
        let list = |numbers: &[u64]| numbers.iter().map(|n| Generation(*n)).collect::<Vec<_>>();
        assert!(after_list(Generation(9), &list(&[1, 9])).is_ok());
        let stop = after_list(Generation(9), &list(&[9, 10])).expect_err("superseded");
        assert_eq!(stop.reason, Reason::Superseded);
        let stop = after_list(Generation(9), &[]).expect_err("own object not listed");
        assert_eq!(stop.reason, Reason::StoreUnreachable);
    }

    #[test]
    fn every_generation_since_the_named_one_is_fenced_released_or_not() {
        let objects = [object(1, 2), object(2, 4), object(3, 1)];
        let fence = |named: Option<u64>| {
            ids_to_fence(Generation(3), &[(shard(3), named.map(Generation))], &objects)
                .expect("objects are there")
                .into_iter()
                .map(|(g, s)| (g.0, s.0))
                .collect::<Vec<_>>()
        };
        assert_eq!(fence(Some(1)), [(1, 1), (2, 3)]);
        assert_eq!(fence(Some(2)), [(2, 3)]);
        assert_eq!(fence(Some(3)), []);
        assert_eq!(fence(None), [(1, 1), (2, 3)], "unknown owner: every earlier generation");
    }

    #[test]
    fn a_named_generation_without_object_stops() {
        let shards = [(shard(0), Some(Generation(1)))];
        let stop = ids_to_fence(Generation(3), &shards, &[object(2, 1)]).expect_err("gone");
        assert_eq!(stop.reason, Reason::CommitPointLost);
    }

    #[test]
    fn metadata_decides_before_any_seal() {
        let seal = PendingSeal { generation: Generation(2), parts: vec![seal(2, 0, 1, &[0])] };
        let read = (7, metadata(2, 1, true));
        let start = start_point(OWN, &shard(0), Some(&read), history(Some(&seal), true));
        let start = start.expect("allowed");
        assert_eq!((start.offset, start.committed, start.commit), (7, true, CommitNumber(5)));
    }

    #[test]
    fn a_foreign_newer_or_other_owner_stops() {
        let start = |text: &str| {
            reason(start_point(OWN, &shard(0), Some(&(7, text.to_owned())), history(None, true)))
        };
        assert_eq!(start("lag-tool"), Reason::OffsetsMovedByOther);
        assert_eq!(start(""), Reason::OffsetsMovedByOther);
        assert_eq!(start(&metadata(4, 0, false)), Reason::Superseded);
        assert_eq!(start(&metadata(3, 1, false)), Reason::OffsetsMovedByOther);
        assert!(
            start_point(OWN, &shard(0), Some(&(7, metadata(3, 0, false))), history(None, true))
                .is_ok()
        );
    }

    #[test]
    fn without_metadata_a_seal_or_a_new_log_or_nothing() {
        let pending = PendingSeal { generation: Generation(2), parts: vec![seal(2, 0, 1, &[0])] };
        let sealed = start_point(OWN, &shard(0), None, history(Some(&pending), true));
        assert_eq!(sealed.expect("sealed").offset, 100);
        let new_log = start_point(OWN, &shard(1), None, history(Some(&pending), false));
        assert_eq!(new_log.expect("new").offset, 0);
        let lost = start_point(OWN, &shard(1), None, history(Some(&pending), true));
        assert_eq!(reason(lost), Reason::CommitPointLost);
    }

    #[test]
    fn a_seal_counts_only_whole_and_until_it_is_history() {
        let parts = || vec![seal(2, 0, 2, &[0]), seal(2, 1, 2, &[1]), seal(0, 0, 1, &[0, 1])];
        let own = Generation(3);
        let chosen = PendingSeal::choose(own, parts(), &[Generation(0)]).expect("whole");
        assert_eq!(chosen.generation, Generation(2));
        assert_eq!(PendingSeal::choose(own, parts(), &[Generation(2)]), None);
        assert_eq!(PendingSeal::choose(own, parts()[1..].to_vec(), &[]), None, "a part is missing");
        assert_eq!(
            PendingSeal::choose(Generation(2), parts(), &[]).map(|s| s.generation),
            Some(Generation(0))
        );
    }

    #[test]
    fn a_replaced_producer_keeps_its_state_only_behind_its_own_commit() {
        let own = OwnCommit {
            shard: shard(0),
            offset: 7,
            commit: CommitNumber(5),
            nonce: Nonce::from_bits(1),
        };
        assert!(after_replacement(&own, Some(&(7, metadata(3, 0, false)))).is_ok());
        for read in [None, Some((8, metadata(3, 0, false))), Some((7, "x".to_owned()))] {
            assert!(after_replacement(&own, read.as_ref()).is_err(), "{read:?}");
        }
        let mut other = own.clone();
        other.nonce = Nonce::from_bits(2);
        assert!(after_replacement(&other, Some(&(7, metadata(3, 0, false)))).is_err());
    }
}
