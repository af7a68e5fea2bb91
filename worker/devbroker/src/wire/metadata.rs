//! `ApiVersions`, `Metadata`, `DescribeCluster`, `FindCoordinator`: what there is and where.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::api_versions_response::{ApiVersion, ApiVersionsResponse};
use kafka_protocol::messages::describe_cluster_response::{
    DescribeClusterBroker, DescribeClusterResponse,
};
use kafka_protocol::messages::find_coordinator_request::FindCoordinatorRequest;
use kafka_protocol::messages::find_coordinator_response::{Coordinator, FindCoordinatorResponse};
use kafka_protocol::messages::metadata_request::{MetadataRequest, MetadataRequestTopic};
use kafka_protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};

use super::{Call, NODE_ID, SUPPORTED, text};
use crate::model::{Broker, NewTopic, Topic};

/// From this version on, `FindCoordinator` asks for many keys.
const COORDINATOR_KEYS_SINCE: i16 = 4;
const GROUP_KEY: i8 = 0;
const TRANSACTION_KEY: i8 = 1;

pub(super) fn api_versions(error: Option<ResponseError>) -> ApiVersionsResponse {
    let keys = SUPPORTED.iter().map(|(key, min, max)| {
        ApiVersion::default()
            .with_api_key(*key as i16)
            .with_min_version(*min)
            .with_max_version(*max)
    });
    ApiVersionsResponse::default()
        .with_error_code(error.map_or(0, |error| error.code()))
        .with_api_keys(keys.collect())
}

pub(super) fn metadata(
    broker: &mut Broker,
    call: &Call<'_>,
    request: &MetadataRequest,
) -> MetadataResponse {
    let node = MetadataResponseBroker::default()
        .with_node_id(NODE_ID.into())
        .with_host(text(call.node.host.clone()))
        .with_port(call.node.port.into());
    // Version 0 has no null: there an empty list means all topics.
    let asked = request.topics.as_ref().filter(|topics| call.version > 0 || !topics.is_empty());
    let topics = match asked {
        None => broker.topics().iter().map(|(name, topic)| found(name, topic)).collect(),
        Some(topics) => topics
            .iter()
            .map(|asked| asked_topic(broker, asked, request.allow_auto_topic_creation))
            .collect(),
    };
    MetadataResponse::default()
        .with_brokers(vec![node])
        .with_cluster_id(Some(text(call.node.cluster_id.clone())))
        .with_controller_id(NODE_ID.into())
        .with_topics(topics)
}

fn asked_topic(
    broker: &mut Broker,
    asked: &MetadataRequestTopic,
    may_create: bool,
) -> MetadataResponseTopic {
    let Some(name) = &asked.name else {
        let name = broker.topics().name(asked.topic_id);
        return match name.and_then(|name| Some((name, broker.topics().get(name)?))) {
            Some((name, topic)) => found(name, topic),
            None => MetadataResponseTopic::default()
                .with_topic_id(asked.topic_id)
                .with_error_code(ResponseError::UnknownTopicId.code()),
        };
    };
    let missing = broker.topics().get(name).is_none();
    let mut error = ResponseError::UnknownTopicOrPartition;
    if missing && may_create && broker.options().auto_create_topics {
        let topic = NewTopic::new(name, broker.options().default_partitions);
        if let Err(refused) = broker.create_topic(&topic) {
            error = refused;
        }
    }
    match broker.topics().get(name) {
        Some(topic) => found(name, topic),
        None => MetadataResponseTopic::default()
            .with_name(Some(name.clone()))
            .with_error_code(error.code()),
    }
}

fn found(name: &str, topic: &Topic) -> MetadataResponseTopic {
    let partitions = (0..topic.logs().len() as i32).map(|partition| {
        MetadataResponsePartition::default()
            .with_partition_index(partition)
            .with_leader_id(NODE_ID.into())
            .with_leader_epoch(0)
            .with_replica_nodes(vec![NODE_ID.into()])
            .with_isr_nodes(vec![NODE_ID.into()])
    });
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(text(name))))
        .with_topic_id(topic.id())
        .with_partitions(partitions.collect())
}

pub(super) fn describe_cluster(call: &Call<'_>) -> DescribeClusterResponse {
    let node = DescribeClusterBroker::default()
        .with_broker_id(NODE_ID.into())
        .with_host(text(call.node.host.clone()))
        .with_port(call.node.port.into());
    DescribeClusterResponse::default()
        .with_cluster_id(text(call.node.cluster_id.clone()))
        .with_controller_id(NODE_ID.into())
        .with_brokers(vec![node])
}

pub(super) fn find_coordinator(
    call: &Call<'_>,
    request: &FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let known = matches!(request.key_type, GROUP_KEY | TRANSACTION_KEY);
    let error = if known { 0 } else { ResponseError::InvalidRequest.code() };
    let host = text(call.node.host.clone());
    let port = i32::from(call.node.port);
    if call.version < COORDINATOR_KEYS_SINCE {
        return FindCoordinatorResponse::default()
            .with_error_code(error)
            .with_node_id(NODE_ID.into())
            .with_host(host)
            .with_port(port);
    }
    let coordinators = request.coordinator_keys.iter().map(|key| {
        Coordinator::default()
            .with_key(key.clone())
            .with_error_code(error)
            .with_node_id(NODE_ID.into())
            .with_host(host.clone())
            .with_port(port)
    });
    FindCoordinatorResponse::default().with_coordinators(coordinators.collect())
}
