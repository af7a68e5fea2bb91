//! Offsets of groups.

use kafka_protocol::ResponseError;
use kafka_protocol::error::ParseResponseErrorCode;
use kafka_protocol::messages::GroupId;
use kafka_protocol::messages::add_offsets_to_txn_request::AddOffsetsToTxnRequest;
use kafka_protocol::messages::delete_groups_request::DeleteGroupsRequest;
use kafka_protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kafka_protocol::messages::offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestTopic};
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};

use super::super::language::{self, Answer, after, number, ok};
use super::{Wire, code, text, wait};

/// Whether an answer only says that the broker is not ready yet.
pub(super) fn is_starting(code: i16) -> bool {
    matches!(
        code.err(),
        Some(
            ResponseError::CoordinatorNotAvailable
                | ResponseError::CoordinatorLoadInProgress
                | ResponseError::NotCoordinator
        )
    )
}

impl Wire {
    fn group(&self, short: &str) -> GroupId {
        GroupId(text(self.name(short)))
    }

    /// A fresh broker makes its coordinators at the first question.
    pub(super) fn wait_coordinators(&mut self) {
        for key_type in [0, 1] {
            let request = FindCoordinatorRequest::default()
                .with_key_type(key_type)
                .with_coordinator_keys(vec![text(self.name("any"))]);
            wait("a coordinator", || {
                let response = self.socket.ask(4, &request).unwrap();
                !is_starting(response.coordinators[0].error_code)
            });
        }
        wait("the offsets", || {
            let request = OffsetFetchRequest::default().with_group_id(self.group("any"));
            let request = request.with_topics(None);
            !is_starting(self.socket.ask(7, &request).unwrap().error_code)
        });
    }

    pub(super) fn add_group(&mut self, owner: &str, group: &str) -> Answer {
        let (id, producer) = self.owner(owner);
        let request = AddOffsetsToTxnRequest::default()
            .with_transactional_id(id)
            .with_producer_id(producer.id.into())
            .with_producer_epoch(producer.epoch)
            .with_group_id(self.group(group));
        let response = self.socket.ask(3, &request).unwrap();
        ok(code(response.error_code))
    }

    pub(super) fn offsets(
        &mut self,
        owner: &str,
        group: &str,
        offset: &str,
        words: &[&str],
    ) -> Answer {
        let (id, producer) = self.owner(owner);
        let ((topic, partition), offset, metadata) = language::commit(offset);
        let partition = TxnOffsetCommitRequestPartition::default()
            .with_partition_index(partition)
            .with_committed_offset(offset)
            .with_committed_metadata(Some(text(metadata)));
        let topic = TxnOffsetCommitRequestTopic::default()
            .with_name(self.topic(topic))
            .with_partitions(vec![partition]);
        let request = TxnOffsetCommitRequest::default()
            .with_transactional_id(id)
            .with_group_id(self.group(group))
            .with_producer_id(producer.id.into())
            .with_producer_epoch(producer.epoch)
            .with_generation_id(after(words, "generation").map_or(-1, number))
            .with_member_id(text(after(words, "member").unwrap_or_default()))
            .with_topics(vec![topic]);
        let response = self.socket.ask(3, &request).unwrap();
        ok(code(response.topics[0].partitions[0].error_code))
    }

    pub(super) fn commit(&mut self, group: &str, offset: &str, words: &[&str]) -> Answer {
        let ((topic, partition), offset, metadata) = language::commit(offset);
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(partition)
            .with_committed_offset(offset)
            .with_committed_metadata(Some(text(metadata)));
        let topic = OffsetCommitRequestTopic::default()
            .with_name(self.topic(topic))
            .with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default()
            .with_group_id(self.group(group))
            .with_generation_id_or_member_epoch(after(words, "generation").map_or(-1, number))
            .with_member_id(text(after(words, "member").unwrap_or_default()))
            .with_topics(vec![topic]);
        let response = self.socket.ask(8, &request).unwrap();
        ok(code(response.topics[0].partitions[0].error_code))
    }

    pub(super) fn committed(&mut self, group: &str, log: (&str, i32)) -> Answer {
        let topic = OffsetFetchRequestTopic::default()
            .with_name(self.topic(log.0))
            .with_partition_indexes(vec![log.1]);
        let request = OffsetFetchRequest::default()
            .with_group_id(self.group(group))
            .with_topics(Some(vec![topic]));
        let stable = self.socket.ask(7, &request.clone().with_require_stable(true)).unwrap();
        let stable = stable.topics[0].partitions[0].error_code;
        let pending = match stable.err() {
            Some(ResponseError::UnstableOffsetCommit) => " pending",
            Some(error) => return Err(error),
            None => "",
        };
        let response = self.socket.ask(7, &request).unwrap();
        let found = &response.topics[0].partitions[0];
        code(found.error_code)?;
        if found.committed_offset < 0 {
            return Ok(format!("none{pending}"));
        }
        let metadata = found.metadata.as_deref().unwrap_or_default();
        Ok(if metadata.is_empty() {
            format!("{}{pending}", found.committed_offset)
        } else {
            format!("{} {metadata}{pending}", found.committed_offset)
        })
    }

    pub(super) fn forget(&mut self, group: &str) -> Answer {
        let request = DeleteGroupsRequest::default().with_groups_names(vec![self.group(group)]);
        let response = self.socket.ask(2, &request).unwrap();
        ok(code(response.results[0].error_code))
    }
}
