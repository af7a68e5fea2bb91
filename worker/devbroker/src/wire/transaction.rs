//! `InitProducerId` and the requests of a transaction.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::add_offsets_to_txn_request::AddOffsetsToTxnRequest;
use kafka_protocol::messages::add_offsets_to_txn_response::AddOffsetsToTxnResponse;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnRequest;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResponse, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::describe_transactions_request::DescribeTransactionsRequest;
use kafka_protocol::messages::describe_transactions_response::{
    DescribeTransactionsResponse, TopicData, TransactionState as Described,
};
use kafka_protocol::messages::end_txn_request::EndTxnRequest;
use kafka_protocol::messages::end_txn_response::EndTxnResponse;
use kafka_protocol::messages::init_producer_id_request::InitProducerIdRequest;
use kafka_protocol::messages::init_producer_id_response::InitProducerIdResponse;
use kafka_protocol::messages::txn_offset_commit_request::TxnOffsetCommitRequest;
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};

use super::offsets::{asked, commit_answers};
use super::{Call, code, text};
use crate::model::{Broker, Member, Outcome, Producer, Transaction, TransactionState};

/// Versions from which on the clients know the error `ProducerFenced`; older ones get
/// `InvalidProducerEpoch`.
const INIT_KNOWS_FENCED: i16 = 4;
const TRANSACTION_KNOWS_FENCED: i16 = 2;

fn for_version<T>(
    result: Result<T, ResponseError>,
    version: i16,
    knows_fenced: i16,
) -> Result<T, ResponseError> {
    result.map_err(|error| match error {
        ResponseError::ProducerFenced if version < knows_fenced => {
            ResponseError::InvalidProducerEpoch
        }
        other => other,
    })
}

pub(super) fn init_producer_id(
    broker: &mut Broker,
    call: &Call<'_>,
    request: &InitProducerIdRequest,
) -> InitProducerIdResponse {
    let given = Producer { id: request.producer_id.0, epoch: request.producer_epoch };
    let result = match (given.id >= 0, given.epoch >= 0) {
        (false, false) => Ok(None),
        (true, true) => Ok(Some(given)),
        _ => Err(ResponseError::InvalidRequest),
    };
    let id = request.transactional_id.as_ref().map(|id| id.as_str());
    let timeout_ms = request.transaction_timeout_ms;
    let result =
        result.and_then(|expected| broker.init_producer(call.now, id, timeout_ms, expected));
    match for_version(result, call.version, INIT_KNOWS_FENCED) {
        Ok(producer) => InitProducerIdResponse::default()
            .with_producer_id(producer.id.into())
            .with_producer_epoch(producer.epoch),
        Err(error) => InitProducerIdResponse::default()
            .with_error_code(error.code())
            .with_producer_id((-1).into())
            .with_producer_epoch(-1),
    }
}

pub(super) fn add_partitions(
    broker: &mut Broker,
    call: &Call<'_>,
    request: &AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    let topics = &request.v3_and_below_topics;
    let find = |broker: &Broker, name: &str, partition: i32| {
        broker.topics().get(name)?.log(partition).map(|_| ())
    };
    let asked =
        topics.iter().flat_map(|topic| topic.partitions.iter().map(|at| (&topic.name, *at)));
    let logs: Option<Vec<_>> =
        asked.map(|(name, at)| find(broker, name, at).map(|()| (name.as_str(), at))).collect();
    let producer = Producer {
        id: request.v3_and_below_producer_id.0,
        epoch: request.v3_and_below_producer_epoch,
    };
    let id = &request.v3_and_below_transactional_id;
    // All or nothing: with an unknown log among them, none is added.
    let result = match &logs {
        Some(logs) => broker.add_partitions(call.now, id, producer, logs),
        None => Err(ResponseError::OperationNotAttempted),
    };
    let result = for_version(result, call.version, TRANSACTION_KNOWS_FENCED);
    let results = topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let known = find(broker, &topic.name, *partition);
            let result = known.ok_or(ResponseError::UnknownTopicOrPartition).and(result);
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(*partition)
                .with_partition_error_code(code(&result))
        });
        AddPartitionsToTxnTopicResult::default()
            .with_name(topic.name.clone())
            .with_results_by_partition(partitions.collect())
    });
    AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(results.collect())
}

pub(super) fn add_offsets(
    broker: &mut Broker,
    call: &Call<'_>,
    request: &AddOffsetsToTxnRequest,
) -> AddOffsetsToTxnResponse {
    let producer = Producer { id: request.producer_id.0, epoch: request.producer_epoch };
    let result = if request.group_id.is_empty() {
        Err(ResponseError::InvalidGroupId)
    } else {
        broker.add_group(call.now, &request.transactional_id, producer, &request.group_id)
    };
    let result = for_version(result, call.version, TRANSACTION_KNOWS_FENCED);
    AddOffsetsToTxnResponse::default().with_error_code(code(&result))
}

pub(super) fn end(broker: &mut Broker, call: &Call<'_>, request: &EndTxnRequest) -> EndTxnResponse {
    let producer = Producer { id: request.producer_id.0, epoch: request.producer_epoch };
    let outcome = if request.committed { Outcome::Commit } else { Outcome::Abort };
    let result = broker.end_transaction(call.now, &request.transactional_id, producer, outcome);
    let result = for_version(result, call.version, TRANSACTION_KNOWS_FENCED);
    EndTxnResponse::default().with_error_code(code(&result))
}

pub(super) fn offset_commit(
    broker: &mut Broker,
    request: &TxnOffsetCommitRequest,
) -> TxnOffsetCommitResponse {
    let producer = Producer { id: request.producer_id.0, epoch: request.producer_epoch };
    let member = Member { generation: request.generation_id };
    let mut asked = asked!(broker, request);
    let whole = broker.commit_offsets_in_transaction(
        &request.transactional_id,
        producer,
        &request.group_id,
        member,
        asked.take_commits(),
    );
    let topics = commit_answers!(
        request,
        asked.codes(whole),
        TxnOffsetCommitResponseTopic,
        TxnOffsetCommitResponsePartition
    );
    TxnOffsetCommitResponse::default().with_topics(topics)
}

pub(super) fn describe(
    broker: &Broker,
    request: &DescribeTransactionsRequest,
) -> DescribeTransactionsResponse {
    let states = request.transactional_ids.iter().map(|id| {
        let described = Described::default().with_transactional_id(id.clone());
        match broker.transactions().get(id) {
            Some(found) => described_as(described, found),
            None => described.with_error_code(ResponseError::TransactionalIdNotFound.code()),
        }
    });
    DescribeTransactionsResponse::default().with_transaction_states(states.collect())
}

fn described_as(described: Described, found: &Transaction) -> Described {
    let (state, since) = match found.state() {
        TransactionState::Empty => ("Empty", -1),
        TransactionState::Ongoing { since } => ("Ongoing", since),
        TransactionState::Prepared { outcome: Outcome::Commit, .. } => ("PrepareCommit", -1),
        TransactionState::Prepared { outcome: Outcome::Abort, .. } => ("PrepareAbort", -1),
        TransactionState::Complete(Outcome::Commit) => ("CompleteCommit", -1),
        TransactionState::Complete(Outcome::Abort) => ("CompleteAbort", -1),
    };
    let logs = found.logs().iter().map(|(topic, partitions)| {
        TopicData::default()
            .with_topic(TopicName(text(topic.as_str())))
            .with_partitions(partitions.iter().copied().collect())
    });
    described
        .with_transaction_state(text(state))
        .with_transaction_start_time_ms(since)
        .with_transaction_timeout_ms(found.timeout_ms())
        .with_producer_id(found.producer().id.into())
        .with_producer_epoch(found.producer().epoch)
        .with_topics(logs.collect())
}
