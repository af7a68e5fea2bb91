//! `Produce`.

use bytes::Bytes;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::ResponseKind;
use kafka_protocol::messages::produce_request::{PartitionProduceData, ProduceRequest};
use kafka_protocol::messages::produce_response::{
    PartitionProduceResponse, ProduceResponse, TopicProduceResponse,
};

use super::{Answer, Call, text};
use crate::model::{Appended, Broker};

const ACKS_NONE: i16 = 0;
const ACKS_ALL: i16 = -1;
/// From this version on, clients know the error `TransactionAbortable`.
const ABORTABLE_SINCE: i16 = 11;

pub(super) fn produce(broker: &mut Broker, call: &Call<'_>, request: &ProduceRequest) -> Answer {
    let mut failed = false;
    let mut topics = Vec::with_capacity(request.topic_data.len());
    for topic in &request.topic_data {
        let mut partitions = Vec::with_capacity(topic.partition_data.len());
        for data in &topic.partition_data {
            let result = append(broker, call, request, &topic.name, data);
            failed |= result.is_err();
            let start = broker.topics().get(&topic.name).and_then(|found| found.log(data.index));
            let start = start.map_or(-1, crate::model::PartitionLog::start);
            partitions.push(partition_response(data.index, start, result));
        }
        topics.push(
            TopicProduceResponse::default()
                .with_name(topic.name.clone())
                .with_partition_responses(partitions),
        );
    }
    match request.acks {
        ACKS_NONE if failed => Answer::Close,
        ACKS_NONE => Answer::Silent,
        _ => Answer::Ready(Box::new(ResponseKind::Produce(
            ProduceResponse::default().with_responses(topics),
        ))),
    }
}

fn append(
    broker: &mut Broker,
    call: &Call<'_>,
    request: &ProduceRequest,
    topic: &str,
    data: &PartitionProduceData,
) -> Result<Appended, ResponseError> {
    const PRODUCER_ID: std::ops::Range<usize> = 43..51;
    if !(ACKS_ALL..=1).contains(&request.acks) {
        return Err(ResponseError::InvalidRequiredAcks);
    }
    let empty = Bytes::new();
    let records = data.records.as_ref().unwrap_or(&empty);
    let idempotent = records.get(PRODUCER_ID).is_some_and(|id| id != [0xff; 8]);
    if idempotent && request.acks != ACKS_ALL {
        return Err(ResponseError::InvalidRequiredAcks);
    }
    let appended = broker.produce(call.now, topic, data.index, records);
    appended.map_err(|error| match error {
        ResponseError::TransactionAbortable if call.version < ABORTABLE_SINCE => {
            ResponseError::InvalidTxnState
        }
        other => other,
    })
}

fn partition_response(
    index: i32,
    start: i64,
    result: Result<Appended, ResponseError>,
) -> PartitionProduceResponse {
    let response =
        PartitionProduceResponse::default().with_index(index).with_log_start_offset(start);
    match result {
        Ok(appended) => response
            .with_base_offset(appended.base_offset)
            .with_log_append_time_ms(appended.append_time.unwrap_or(-1)),
        Err(error) => {
            let message = match error {
                ResponseError::PolicyViolation => {
                    "the memory bound of the development broker is reached: delete records or \
                     topics, or start it with more (--log-bytes-max)"
                        .to_owned()
                }
                other => other.to_string(),
            };
            response
                .with_error_code(error.code())
                .with_base_offset(-1)
                .with_log_append_time_ms(-1)
                .with_error_message(Some(text(message)))
        }
    }
}
