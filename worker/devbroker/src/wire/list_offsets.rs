//! `ListOffsets` and `OffsetForLeaderEpoch`.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest};
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition,
};
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult,
};

use super::fetch::isolation;
use crate::model::{Broker, Isolation, PartitionLog};

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const LARGEST_TIME: i64 = -3;

pub(super) fn list_offsets(broker: &Broker, request: &ListOffsetsRequest) -> ListOffsetsResponse {
    let isolation = isolation(request.isolation_level);
    let topics = request.topics.iter().map(|topic| {
        let found = broker.topics().get(&topic.name);
        let partitions = topic.partitions.iter().map(|asked| {
            let log = found.and_then(|topic| topic.log(asked.partition_index));
            partition_response(log, asked, isolation)
        });
        ListOffsetsTopicResponse::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

fn partition_response(
    log: Option<&PartitionLog>,
    asked: &ListOffsetsPartition,
    isolation: Isolation,
) -> ListOffsetsPartitionResponse {
    let response = ListOffsetsPartitionResponse::default()
        .with_partition_index(asked.partition_index)
        .with_offset(-1)
        .with_timestamp(-1)
        .with_leader_epoch(-1);
    let Some(log) = log else {
        return response.with_error_code(ResponseError::UnknownTopicOrPartition.code());
    };
    if asked.current_leader_epoch > 0 {
        return response.with_error_code(ResponseError::UnknownLeaderEpoch.code());
    }
    let found = match asked.timestamp {
        LATEST => Some((log.readable_end(isolation), -1)),
        EARLIEST => Some((log.start(), -1)),
        LARGEST_TIME => log.latest_time(),
        time if time >= 0 => log.first_at_or_after(time, isolation),
        _ => return response.with_error_code(ResponseError::UnsupportedVersion.code()),
    };
    match found {
        Some((offset, time)) => {
            response.with_offset(offset).with_timestamp(time).with_leader_epoch(0)
        }
        None => response,
    }
}

pub(super) fn leader_epoch(
    broker: &Broker,
    request: &OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.iter().map(|topic| {
        let found = broker.topics().get(&topic.topic);
        let partitions = topic
            .partitions
            .iter()
            .map(|asked| epoch_end(found.and_then(|topic| topic.log(asked.partition)), asked));
        OffsetForLeaderTopicResult::default()
            .with_topic(topic.topic.clone())
            .with_partitions(partitions.collect())
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

/// The one leader epoch there is, 0, ends at the end of the log.
fn epoch_end(log: Option<&PartitionLog>, asked: &OffsetForLeaderPartition) -> EpochEndOffset {
    let response = EpochEndOffset::default().with_partition(asked.partition);
    match log {
        None => response.with_error_code(ResponseError::UnknownTopicOrPartition.code()),
        Some(_) if asked.current_leader_epoch > 0 => {
            response.with_error_code(ResponseError::UnknownLeaderEpoch.code())
        }
        Some(log) if asked.leader_epoch == 0 => {
            response.with_leader_epoch(0).with_end_offset(log.high_watermark())
        }
        Some(_) => response,
    }
}
