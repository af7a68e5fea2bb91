//! Offsets as requests bring them and as answers give them. The messages of both kinds of commit and of both kinds of
//! fetch have the same fields and no type in common.

use kafka_protocol::ResponseError;
use kafka_protocol::protocol::StrBytes;

use super::code;
use crate::limits::OFFSET_METADATA_BYTES_MAX;
use crate::model::{Broker, Offset, OffsetCommit};

/// The offsets of a request, each with whether it may be committed.
#[derive(Default)]
pub(super) struct Asked {
    commits: Vec<OffsetCommit>,
    checks: Vec<Result<(), ResponseError>>,
}

impl Asked {
    /// Adds an offset: it may be committed when its log exists and its metadata is short.
    pub(super) fn add(
        &mut self,
        broker: &Broker,
        (topic, partition): (&str, i32),
        (offset, leader_epoch): (i64, i32),
        metadata: Option<&StrBytes>,
    ) {
        let metadata = metadata.map(StrBytes::as_str).unwrap_or_default();
        let log = broker.topics().get(topic).and_then(|topic| topic.log(partition));
        let check = if log.is_none() {
            Err(ResponseError::UnknownTopicOrPartition)
        } else if metadata.len() > OFFSET_METADATA_BYTES_MAX {
            Err(ResponseError::OffsetMetadataTooLarge)
        } else {
            let offset = Offset { offset, leader_epoch, metadata: metadata.to_owned() };
            self.commits.push(OffsetCommit { topic: topic.to_owned(), partition, offset });
            Ok(())
        };
        self.checks.push(check);
    }

    /// What to commit; the answers are given when it is known what became of it.
    pub(super) fn take_commits(&mut self) -> Vec<OffsetCommit> {
        std::mem::take(&mut self.commits)
    }

    /// The error codes in the order of the request.
    pub(super) fn codes(self, whole: Result<(), ResponseError>) -> impl Iterator<Item = i16> {
        self.checks.into_iter().map(move |check| code(&check.and(whole)))
    }
}

/// Collects the offsets of a commit request.
macro_rules! asked {
    ($broker:expr, $request:expr) => {{
        let mut asked = super::offsets::Asked::default();
        for topic in &$request.topics {
            for partition in &topic.partitions {
                asked.add(
                    $broker,
                    (&topic.name, partition.partition_index),
                    (partition.committed_offset, partition.committed_leader_epoch),
                    partition.committed_metadata.as_ref(),
                );
            }
        }
        asked
    }};
}
pub(super) use asked;

/// The topics of the answer to a commit request: `$topic` and `$partition` are its types.
macro_rules! commit_answers {
    ($request:expr, $codes:expr, $topic:ty, $partition:ty) => {{
        let mut codes = $codes;
        let topics = $request.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().zip(&mut codes).map(|(asked, code)| {
                <$partition>::default()
                    .with_partition_index(asked.partition_index)
                    .with_error_code(code)
            });
            <$topic>::default().with_name(topic.name.clone()).with_partitions(partitions.collect())
        });
        topics.collect()
    }};
}
pub(super) use commit_answers;

/// The topics of the answer to a fetch of offsets: `$topic` and `$partition` are its types, `$find` gives the offset
/// and the error code of a log.
macro_rules! fetch_answers {
    ($logs:expr, $find:expr, $topic:ty, $partition:ty) => {{
        let topics = $logs.into_iter().map(|(name, partitions): (String, Vec<i32>)| {
            let partitions = partitions.into_iter().map(|partition| {
                let (offset, error): (Offset, i16) = $find((name.as_str(), partition));
                <$partition>::default()
                    .with_partition_index(partition)
                    .with_committed_offset(offset.offset)
                    .with_committed_leader_epoch(offset.leader_epoch)
                    .with_metadata(Some(text(offset.metadata)))
                    .with_error_code(error)
            });
            let partitions = partitions.collect();
            <$topic>::default().with_name(TopicName(text(name))).with_partitions(partitions)
        });
        topics.collect()
    }};
}
pub(super) use fetch_answers;
