//! Creating, growing, deleting and describing topics; deleting records.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsRequest, CreatePartitionsTopic,
};
use kafka_protocol::messages::create_partitions_response::{
    CreatePartitionsResponse, CreatePartitionsTopicResult,
};
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use kafka_protocol::messages::create_topics_response::{
    CreatableTopicResult, CreateTopicsResponse,
};
use kafka_protocol::messages::delete_records_request::DeleteRecordsRequest;
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use kafka_protocol::messages::delete_topics_response::{
    DeletableTopicResult, DeleteTopicsResponse,
};
use kafka_protocol::messages::describe_configs_request::{
    DescribeConfigsRequest, DescribeConfigsResource,
};
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult,
};
use uuid::Uuid;

use super::{Call, NODE_ID, code, text};
use crate::model::{Broker, CONFIGS, NewTopic};

/// From this version on, `DeleteTopics` names topics by name or id.
const DELETE_BY_ID_SINCE: i16 = 6;
const TOPIC_RESOURCE: i8 = 2;
const BROKER_RESOURCE: i8 = 4;
const SOURCE_TOPIC: i8 = 1;
const SOURCE_STATIC: i8 = 4;
const SOURCE_DEFAULT: i8 = 5;
const TYPE_TEXT: i8 = 2;
/// The client leaves a number to the broker.
const BY_DEFAULT: i32 = -1;

pub(super) fn create_topics(
    broker: &mut Broker,
    request: &CreateTopicsRequest,
) -> CreateTopicsResponse {
    let topics = request.topics.iter().map(|asked| {
        let result = new_topic(broker, asked).and_then(|topic| {
            let id = if request.validate_only {
                broker.topics().check(&topic).map(|()| Uuid::nil())
            } else {
                broker.create_topic(&topic)
            }?;
            Ok((id, topic.partitions))
        });
        let response = CreatableTopicResult::default().with_name(asked.name.clone());
        match result {
            Ok((id, partitions)) => response
                .with_topic_id(id)
                .with_num_partitions(partitions)
                .with_replication_factor(1)
                .with_configs(Some(Vec::new())),
            Err(error) => response
                .with_error_code(error.code())
                .with_error_message(Some(text(error.to_string()))),
        }
    });
    CreateTopicsResponse::default().with_topics(topics.collect())
}

fn new_topic(broker: &Broker, asked: &CreatableTopic) -> Result<NewTopic, ResponseError> {
    let mut partitions = asked.num_partitions;
    if !asked.assignments.is_empty() {
        let here = asked.assignments.iter().all(|assignment| {
            let known = (0..asked.assignments.len() as i32).contains(&assignment.partition_index);
            known && assignment.broker_ids.len() == 1 && assignment.broker_ids[0].0 == NODE_ID
        });
        if !here {
            return Err(ResponseError::InvalidReplicaAssignment);
        }
        partitions = asked.assignments.len() as i32;
    } else if !matches!(asked.replication_factor, -1 | 1) {
        return Err(ResponseError::InvalidReplicationFactor);
    } else if partitions == BY_DEFAULT {
        partitions = broker.options().default_partitions;
    }
    let mut topic = NewTopic::new(&asked.name, partitions);
    for config in &asked.configs {
        if let Some(value) = &config.value {
            topic.configs.insert(config.name.to_string(), value.to_string());
        }
    }
    Ok(topic)
}

pub(super) fn create_partitions(
    broker: &mut Broker,
    request: &CreatePartitionsRequest,
) -> CreatePartitionsResponse {
    let results = request.topics.iter().map(|asked| {
        let result = grow(broker, asked, request.validate_only);
        CreatePartitionsTopicResult::default()
            .with_name(asked.name.clone())
            .with_error_code(code(&result))
            .with_error_message(result.err().map(|error| text(error.to_string())))
    });
    CreatePartitionsResponse::default().with_results(results.collect())
}

fn grow(
    broker: &mut Broker,
    asked: &CreatePartitionsTopic,
    validate_only: bool,
) -> Result<(), ResponseError> {
    let assignments = asked.assignments.iter().flatten();
    if assignments.into_iter().any(|new| new.broker_ids.iter().any(|id| id.0 != NODE_ID)) {
        return Err(ResponseError::InvalidReplicaAssignment);
    }
    if validate_only {
        broker.topics().check_growth(&asked.name, asked.count)
    } else {
        broker.grow_topic(&asked.name, asked.count)
    }
}

pub(super) fn delete_topics(
    broker: &mut Broker,
    call: &Call<'_>,
    request: &DeleteTopicsRequest,
) -> DeleteTopicsResponse {
    let by_name = |name: &TopicName| DeleteTopicState::default().with_name(Some(name.clone()));
    let asked: Vec<DeleteTopicState> = if call.version >= DELETE_BY_ID_SINCE {
        request.topics.clone()
    } else {
        request.topic_names.iter().map(by_name).collect()
    };
    let responses = asked.into_iter().map(|asked| {
        let known = broker.topics().name(asked.topic_id);
        let name = asked.name.or_else(|| known.map(|name| TopicName(text(name))));
        let result = match &name {
            Some(name) => broker.delete_topic(name),
            None => Err(ResponseError::UnknownTopicId),
        };
        DeletableTopicResult::default()
            .with_name(name)
            .with_topic_id(result.unwrap_or(asked.topic_id))
            .with_error_code(code(&result))
            .with_error_message(result.err().map(|error| text(error.to_string())))
    });
    DeleteTopicsResponse::default().with_responses(responses.collect())
}

pub(super) fn delete_records(
    broker: &mut Broker,
    request: &DeleteRecordsRequest,
) -> DeleteRecordsResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let result = broker.delete_records(&topic.name, asked.partition_index, asked.offset);
            DeleteRecordsPartitionResult::default()
                .with_partition_index(asked.partition_index)
                .with_low_watermark(*result.as_ref().unwrap_or(&-1))
                .with_error_code(code(&result))
        });
        DeleteRecordsTopicResult::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}

pub(super) fn describe_configs(
    broker: &Broker,
    request: &DescribeConfigsRequest,
) -> DescribeConfigsResponse {
    let results = request.resources.iter().map(|asked| {
        let result = match asked.resource_type {
            TOPIC_RESOURCE => topic_configs(broker, &asked.resource_name),
            BROKER_RESOURCE => Ok(broker_configs(broker)),
            _ => Err(ResponseError::InvalidRequest),
        };
        let response = DescribeConfigsResult::default()
            .with_resource_type(asked.resource_type)
            .with_resource_name(asked.resource_name.clone())
            .with_error_code(code(&result));
        match result {
            Ok(configs) => response.with_configs(only_asked(configs, asked)),
            Err(error) => response.with_error_message(Some(text(error.to_string()))),
        }
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn only_asked(
    mut configs: Vec<DescribeConfigsResourceResult>,
    asked: &DescribeConfigsResource,
) -> Vec<DescribeConfigsResourceResult> {
    if let Some(keys) = &asked.configuration_keys {
        configs.retain(|config| keys.contains(&config.name));
    }
    configs
}

fn topic_configs(
    broker: &Broker,
    name: &str,
) -> Result<Vec<DescribeConfigsResourceResult>, ResponseError> {
    let topic = broker.topics().get(name).ok_or(ResponseError::UnknownTopicOrPartition)?;
    let configs = CONFIGS.iter().map(|config| {
        let set = topic.configs().get(config.name);
        let value = match (config.name, set) {
            (_, Some(set)) => set.clone(),
            ("max.message.bytes", None) => broker.options().message_bytes_max.to_string(),
            (_, None) => config.default.to_owned(),
        };
        DescribeConfigsResourceResult::default()
            .with_name(text(config.name))
            .with_value(Some(text(value)))
            .with_config_source(if set.is_some() { SOURCE_TOPIC } else { SOURCE_DEFAULT })
            .with_config_type(config.type_code())
    });
    Ok(configs.collect())
}

fn broker_configs(broker: &Broker) -> Vec<DescribeConfigsResourceResult> {
    let options = broker.options();
    let entries = [
        ("auto.create.topics.enable", options.auto_create_topics.to_string()),
        ("num.partitions", options.default_partitions.to_string()),
        ("transaction.max.timeout.ms", options.transaction_max_timeout_ms.to_string()),
    ];
    let configs = entries.into_iter().map(|(name, value)| {
        DescribeConfigsResourceResult::default()
            .with_name(text(name))
            .with_value(Some(text(value)))
            .with_read_only(true)
            .with_config_source(SOURCE_STATIC)
            .with_config_type(TYPE_TEXT)
    });
    configs.collect()
}
