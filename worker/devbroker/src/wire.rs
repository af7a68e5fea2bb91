//! From protocol messages to the model and back, one file per group of messages.

mod admin;
mod fetch;
mod group;
mod list_offsets;
mod metadata;
mod offsets;
mod produce;
mod transaction;

use kafka_protocol::ResponseError;
use kafka_protocol::messages::{ApiKey, RequestKind, ResponseKind};
use kafka_protocol::protocol::StrBytes;

use crate::model::Broker;

/// What clients are told about the one broker there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Host name or address to connect to.
    pub host: String,
    /// Port to connect to.
    pub port: u16,
    /// Id of the cluster.
    pub cluster_id: String,
}

/// The id of the one broker.
const NODE_ID: i32 = 1;

/// The circumstances of a request.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Where the broker is.
    pub node: &'a Node,
    /// Now, in milliseconds since 1970.
    pub now: i64,
    /// When the request came, on the same clock.
    pub arrived: i64,
    /// Protocol version of request and response.
    pub version: i16,
}

/// What to do about a request.
#[derive(Debug)]
pub enum Answer {
    /// Send this.
    Ready(Box<ResponseKind>),
    /// Ask again when the broker's revision changes, or at this time.
    Wait {
        /// In milliseconds since 1970; asked then, the answer is ready.
        until: i64,
    },
    /// Send nothing: the client does not want an answer.
    Silent,
    /// Close the connection: the client does not want an answer but must learn of an error.
    Close,
}

/// The requests that are answered, with the versions: the whole of what is implemented.
pub const SUPPORTED: &[(ApiKey, i16, i16)] = &[
    (ApiKey::Produce, 3, 11),
    (ApiKey::Fetch, 4, 16),
    (ApiKey::ListOffsets, 1, 7),
    (ApiKey::Metadata, 0, 12),
    (ApiKey::OffsetCommit, 2, 9),
    (ApiKey::OffsetFetch, 1, 9),
    (ApiKey::FindCoordinator, 0, 4),
    (ApiKey::DescribeGroups, 0, 5),
    (ApiKey::ListGroups, 0, 4),
    (ApiKey::ApiVersions, 0, 4),
    (ApiKey::CreateTopics, 2, 7),
    (ApiKey::DeleteTopics, 1, 6),
    (ApiKey::DeleteRecords, 0, 2),
    (ApiKey::InitProducerId, 0, 4),
    (ApiKey::OffsetForLeaderEpoch, 2, 4),
    (ApiKey::AddPartitionsToTxn, 0, 3),
    (ApiKey::AddOffsetsToTxn, 0, 3),
    (ApiKey::EndTxn, 0, 3),
    (ApiKey::TxnOffsetCommit, 0, 3),
    (ApiKey::DescribeConfigs, 1, 4),
    (ApiKey::CreatePartitions, 0, 3),
    (ApiKey::DeleteGroups, 0, 2),
    (ApiKey::DescribeCluster, 0, 1),
    (ApiKey::DescribeTransactions, 0, 0),
];

/// Whether a request of this kind and version is answered.
pub(crate) fn is_supported(key: ApiKey, version: i16) -> bool {
    SUPPORTED.iter().any(|(known, min, max)| *known == key && (*min..=*max).contains(&version))
}

/// Answers one request. `None` for a kind that is not [`SUPPORTED`].
pub fn answer(broker: &mut Broker, call: &Call<'_>, request: &RequestKind) -> Option<Answer> {
    broker.advance(call.now);
    let response = match request {
        RequestKind::Produce(body) => return Some(produce::produce(broker, call, body)),
        RequestKind::Fetch(body) => return Some(fetch::fetch(broker, call, body)),
        RequestKind::ListOffsets(body) => {
            ResponseKind::ListOffsets(list_offsets::list_offsets(broker, body))
        }
        RequestKind::OffsetForLeaderEpoch(body) => {
            ResponseKind::OffsetForLeaderEpoch(list_offsets::leader_epoch(broker, body))
        }
        RequestKind::ApiVersions(_) => ResponseKind::ApiVersions(metadata::api_versions(None)),
        RequestKind::Metadata(body) => {
            ResponseKind::Metadata(metadata::metadata(broker, call, body))
        }
        RequestKind::DescribeCluster(_) => {
            ResponseKind::DescribeCluster(metadata::describe_cluster(call))
        }
        RequestKind::FindCoordinator(body) => {
            ResponseKind::FindCoordinator(metadata::find_coordinator(call, body))
        }
        RequestKind::OffsetCommit(body) => {
            ResponseKind::OffsetCommit(group::offset_commit(broker, body))
        }
        RequestKind::OffsetFetch(body) => {
            ResponseKind::OffsetFetch(group::offset_fetch(broker, call, body))
        }
        RequestKind::ListGroups(body) => ResponseKind::ListGroups(group::list_groups(broker, body)),
        RequestKind::DescribeGroups(body) => {
            ResponseKind::DescribeGroups(group::describe_groups(broker, body))
        }
        RequestKind::DeleteGroups(body) => {
            ResponseKind::DeleteGroups(group::delete_groups(broker, body))
        }
        RequestKind::CreateTopics(body) => {
            ResponseKind::CreateTopics(admin::create_topics(broker, body))
        }
        RequestKind::DeleteTopics(body) => {
            ResponseKind::DeleteTopics(admin::delete_topics(broker, call, body))
        }
        RequestKind::CreatePartitions(body) => {
            ResponseKind::CreatePartitions(admin::create_partitions(broker, body))
        }
        RequestKind::DeleteRecords(body) => {
            ResponseKind::DeleteRecords(admin::delete_records(broker, body))
        }
        RequestKind::DescribeConfigs(body) => {
            ResponseKind::DescribeConfigs(admin::describe_configs(broker, body))
        }
        other => transactional(broker, call, other)?,
    };
    Some(Answer::Ready(Box::new(response)))
}

/// Answers the requests of transactional producers and those who watch them.
fn transactional(
    broker: &mut Broker,
    call: &Call<'_>,
    request: &RequestKind,
) -> Option<ResponseKind> {
    Some(match request {
        RequestKind::InitProducerId(body) => {
            ResponseKind::InitProducerId(transaction::init_producer_id(broker, call, body))
        }
        RequestKind::AddPartitionsToTxn(body) => {
            ResponseKind::AddPartitionsToTxn(transaction::add_partitions(broker, call, body))
        }
        RequestKind::AddOffsetsToTxn(body) => {
            ResponseKind::AddOffsetsToTxn(transaction::add_offsets(broker, call, body))
        }
        RequestKind::EndTxn(body) => ResponseKind::EndTxn(transaction::end(broker, call, body)),
        RequestKind::TxnOffsetCommit(body) => {
            ResponseKind::TxnOffsetCommit(transaction::offset_commit(broker, body))
        }
        RequestKind::DescribeTransactions(body) => {
            ResponseKind::DescribeTransactions(transaction::describe(broker, body))
        }
        _ => return None,
    })
}

/// The answer to an `ApiVersions` request of a version that is not known, to be sent as version 0.
pub(crate) fn unsupported_api_versions() -> ResponseKind {
    ResponseKind::ApiVersions(metadata::api_versions(Some(ResponseError::UnsupportedVersion)))
}

fn code<T>(result: &Result<T, ResponseError>) -> i16 {
    result.as_ref().map_or_else(ResponseError::code, |_| 0)
}

fn text(value: impl Into<String>) -> StrBytes {
    StrBytes::from_string(value.into())
}
