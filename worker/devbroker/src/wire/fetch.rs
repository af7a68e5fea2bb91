//! `Fetch`. There are no fetch sessions: every answer says session 0, so that clients send whole
//! requests.

use bytes::{Bytes, BytesMut};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::ResponseKind;
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchRequest, FetchTopic};
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, FetchResponse, FetchableTopicResponse, PartitionData,
};

use super::{Answer, Call, text};
use crate::limits::{FETCH_BYTES_MAX, FETCH_WAIT_MS_MAX};
use crate::model::{Broker, Fetched, Isolation, PartitionLog, Topic};

/// From this version on, topics are named by id.
const TOPIC_IDS_SINCE: i16 = 13;
const READ_COMMITTED: i8 = 1;

struct Reader {
    isolation: Isolation,
    bytes_left: usize,
    found: usize,
    failed: bool,
}

pub(super) fn fetch(broker: &Broker, call: &Call<'_>, request: &FetchRequest) -> Answer {
    if request.session_epoch > 0 || request.session_id != 0 {
        let response =
            FetchResponse::default().with_error_code(ResponseError::FetchSessionIdNotFound.code());
        return Answer::Ready(Box::new(ResponseKind::Fetch(response)));
    }
    let mut reader = Reader {
        isolation: isolation(request.isolation_level),
        bytes_left: usize::try_from(request.max_bytes).unwrap_or(0).min(FETCH_BYTES_MAX),
        found: 0,
        failed: false,
    };
    let topics: Vec<_> = request
        .topics
        .iter()
        .map(|asked| topic_response(broker, call.version, asked, &mut reader))
        .collect();
    let enough = reader.found >= usize::try_from(request.min_bytes).unwrap_or(0);
    let until = call.arrived + i64::from(request.max_wait_ms.clamp(0, FETCH_WAIT_MS_MAX));
    if enough || reader.failed || call.now >= until || request.topics.is_empty() {
        let response = FetchResponse::default().with_responses(topics);
        return Answer::Ready(Box::new(ResponseKind::Fetch(response)));
    }
    Answer::Wait { until }
}

pub(super) fn isolation(level: i8) -> Isolation {
    match level {
        READ_COMMITTED => Isolation::ReadCommitted,
        _ => Isolation::ReadUncommitted,
    }
}

fn topic_response(
    broker: &Broker,
    version: i16,
    asked: &FetchTopic,
    reader: &mut Reader,
) -> FetchableTopicResponse {
    let by_id = version >= TOPIC_IDS_SINCE;
    let name =
        if by_id { broker.topics().name(asked.topic_id) } else { Some(asked.topic.as_str()) };
    let topic = name.and_then(|name| broker.topics().get(name));
    let missing =
        if by_id { ResponseError::UnknownTopicId } else { ResponseError::UnknownTopicOrPartition };
    let partitions = asked.partitions.iter();
    let partitions =
        partitions.map(|partition| partition_response(topic.ok_or(missing), partition, reader));
    FetchableTopicResponse::default()
        .with_partitions(partitions.collect())
        .with_topic_id(asked.topic_id)
        .with_topic(TopicName(text(name.unwrap_or_default())))
}

fn partition_response(
    topic: Result<&Topic, ResponseError>,
    asked: &FetchPartition,
    reader: &mut Reader,
) -> PartitionData {
    let data = PartitionData::default().with_partition_index(asked.partition);
    let log = topic
        .and_then(|topic| topic.log(asked.partition).ok_or(ResponseError::UnknownTopicOrPartition));
    let read = log.and_then(|log| Ok((log, read(log, asked, reader)?)));
    match read {
        Ok((log, fetched)) => data
            .with_high_watermark(log.high_watermark())
            .with_last_stable_offset(log.last_stable_offset())
            .with_log_start_offset(log.start())
            .with_aborted_transactions(aborted(&fetched, reader.isolation))
            .with_records(Some(joined(fetched))),
        Err(error) => {
            reader.failed = true;
            data.with_error_code(error.code()).with_high_watermark(-1)
        }
    }
}

fn read(
    log: &PartitionLog,
    asked: &FetchPartition,
    reader: &mut Reader,
) -> Result<Fetched, ResponseError> {
    if asked.current_leader_epoch > 0 {
        return Err(ResponseError::UnknownLeaderEpoch);
    }
    let bytes_max = usize::try_from(asked.partition_max_bytes).unwrap_or(0).min(reader.bytes_left);
    let fetched = log.fetch(asked.fetch_offset, bytes_max, reader.found == 0, reader.isolation)?;
    reader.found += fetched.bytes;
    reader.bytes_left = reader.bytes_left.saturating_sub(fetched.bytes);
    Ok(fetched)
}

fn aborted(fetched: &Fetched, isolation: Isolation) -> Option<Vec<AbortedTransaction>> {
    if isolation == Isolation::ReadUncommitted {
        return None;
    }
    let aborted = fetched.aborted.iter().map(|aborted| {
        AbortedTransaction::default()
            .with_producer_id(aborted.producer_id.into())
            .with_first_offset(aborted.first_offset)
    });
    Some(aborted.collect())
}

fn joined(mut fetched: Fetched) -> Bytes {
    if fetched.batches.len() == 1 {
        return fetched.batches.swap_remove(0);
    }
    let mut out = BytesMut::with_capacity(fetched.bytes);
    fetched.batches.iter().for_each(|batch| out.extend_from_slice(batch));
    out.freeze()
}
