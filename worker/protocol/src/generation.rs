//! What `generations/<g>` holds (O1), and the objects of suspend (S1).

use serde::{Deserialize, Serialize};

use crate::ids::{Fingerprint, Generation, Log, ShardId, SlotIndex, StageId};
use crate::manifest::ManifestName;

/// A topic of a stage and how many of its partitions this generation reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicPartitions {
    /// Topic name.
    pub topic: String,
    /// Partitions 0 … n−1.
    pub partitions: u32,
}

/// The logs of a stage, in the order that numbers its shards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageLogs {
    /// Which stage.
    pub stage: StageId,
    /// Its topics: sources in the order of their names, or the one exchange.
    pub topics: Vec<TopicPartitions>,
}

impl StageLogs {
    /// Shards of the stage.
    pub fn shards(&self) -> u32 {
        self.topics.iter().map(|t| t.partitions).sum()
    }

    /// The logs, numbered from 0.
    pub fn logs(&self) -> impl Iterator<Item = Log> + '_ {
        self.topics
            .iter()
            .flat_map(|t| (0..t.partitions).map(|p| Log::new(t.topic.clone(), p as i32)))
    }

    /// The number of a log within the stage.
    pub fn position(&self, log: &Log) -> Option<u32> {
        let mut before = 0;
        for topic in &self.topics {
            if topic.topic == log.topic {
                let partition = u32::try_from(log.partition).ok()?;
                return (partition < topic.partitions).then_some(before + partition);
            }
            before += topic.partitions;
        }
        None
    }
}

/// All logs of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// In order of their numbers.
    pub stages: Vec<StageLogs>,
}

impl Layout {
    /// Shards of the widest stage: more slots than that would have nothing to do.
    pub fn widest(&self) -> u32 {
        self.stages.iter().map(StageLogs::shards).max().unwrap_or(0)
    }

    /// The logs of a stage.
    pub fn stage(&self, stage: StageId) -> Option<&StageLogs> {
        self.stages.iter().find(|s| s.stage == stage)
    }

    /// Every shard of the job.
    pub fn shards(&self) -> impl Iterator<Item = ShardId> + '_ {
        self.stages.iter().flat_map(|s| s.logs().map(|log| ShardId { stage: s.stage, log }))
    }
}

/// Existence of a generation. Created if absent; other content under the same key stops the slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationObject {
    /// Format of this object, 1.
    pub format: u32,
    /// Which generation.
    pub generation: Generation,
    /// Slots over all its workers.
    pub slots: u32,
    /// Of the function that maps shards to slots.
    pub assignment_version: u32,
    /// The plan that it runs.
    pub plan_fingerprint: Fingerprint,
    /// Which logs it reads.
    pub layout: Layout,
}

/// A shard at rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedShard {
    /// Which shard.
    #[serde(flatten)]
    pub shard: ShardId,
    /// Offset of the next record; for an exchange the end of its log.
    pub offset: i64,
    /// The checkpoint that holds its state; none on a first start.
    pub manifest: Option<ManifestName>,
    /// As the metadata of its newest commit says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<i64>,
}

/// One slot's part of a suspended job, or the planner's of a first start (S1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Format of this object, 1.
    pub format: u32,
    /// The generation that came to rest; 0 for a first start.
    pub generation: Generation,
    /// The slot that wrote it.
    pub slot: SlotIndex,
    /// Slots of that generation: the job is at rest when all their objects are there.
    pub slots: u32,
    /// Identity of the job whose manifests are named: another one after a restore from a savepoint.
    pub job_uid: String,
    /// Every shard of the slot.
    pub shards: Vec<SealedShard>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage() -> StageLogs {
        let topic = |topic: &str, partitions| TopicPartitions { topic: topic.into(), partitions };
        StageLogs { stage: StageId(0), topics: vec![topic("a", 2), topic("b", 3)] }
    }

    #[test]
    fn logs_are_numbered_topic_by_topic() {
        let stage = stage();
        for (number, log) in stage.logs().enumerate() {
            assert_eq!(stage.position(&log), Some(number as u32), "{log}");
        }
        assert_eq!(stage.shards(), 5);
        assert_eq!(stage.position(&Log::new("a", 2)), None);
        assert_eq!(stage.position(&Log::new("c", 0)), None);
        assert_eq!(stage.position(&Log::new("a", -1)), None);
    }
}
