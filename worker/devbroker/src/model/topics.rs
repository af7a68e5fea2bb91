//! Topics by name and by id.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;
use uuid::Uuid;

use super::configs;
use super::log::PartitionLog;
use crate::limits::{PARTITIONS_MAX, TOPIC_NAME_BYTES_MAX};

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// Number of partitions, at least 1.
    pub partitions: i32,
    /// Configuration entries that differ from the default.
    pub configs: BTreeMap<String, String>,
}

impl NewTopic {
    /// A topic with default configuration.
    pub fn new(name: &str, partitions: i32) -> Self {
        Self { name: name.to_owned(), partitions, configs: BTreeMap::new() }
    }
}

/// A topic.
#[derive(Debug)]
pub struct Topic {
    id: Uuid,
    logs: Vec<PartitionLog>,
    configs: BTreeMap<String, String>,
}

impl Topic {
    /// Its id; a topic that is deleted and created again has another one.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Its partitions, in order.
    pub fn logs(&self) -> &[PartitionLog] {
        &self.logs
    }

    /// One partition.
    pub fn log(&self, partition: i32) -> Option<&PartitionLog> {
        self.logs.get(usize::try_from(partition).ok()?)
    }

    pub(crate) fn log_mut(&mut self, partition: i32) -> Option<&mut PartitionLog> {
        self.logs.get_mut(usize::try_from(partition).ok()?)
    }

    /// Configuration entries that were set.
    pub fn configs(&self) -> &BTreeMap<String, String> {
        &self.configs
    }

    /// Bytes of its records in memory.
    pub fn bytes(&self) -> u64 {
        self.logs.iter().map(PartitionLog::bytes).sum()
    }

    pub(crate) fn sets_append_time(&self) -> bool {
        self.configs.get("message.timestamp.type").is_some_and(|value| value == "LogAppendTime")
    }

    pub(crate) fn message_bytes_max(&self) -> Option<usize> {
        self.configs.get("max.message.bytes").and_then(|value| value.parse().ok())
    }

    pub(crate) fn deletes(&self) -> bool {
        self.cleans_by("delete")
    }

    pub(crate) fn compacts(&self) -> bool {
        self.cleans_by("compact")
    }

    fn cleans_by(&self, policy: &str) -> bool {
        let policies = self.configs.get("cleanup.policy").map_or("delete", String::as_str);
        policies.split(',').any(|part| part.trim() == policy)
    }
}

/// All topics.
#[derive(Debug)]
pub struct Topics {
    by_name: BTreeMap<String, Topic>,
    names: BTreeMap<Uuid, String>,
    seed: u64,
    created: u64,
}

impl Topics {
    pub(crate) fn new(seed: u64) -> Self {
        Self { by_name: BTreeMap::new(), names: BTreeMap::new(), seed, created: 0 }
    }

    /// A topic.
    pub fn get(&self, name: &str) -> Option<&Topic> {
        self.by_name.get(name)
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Topic> {
        self.by_name.get_mut(name)
    }

    /// The name of the topic with an id.
    pub fn name(&self, id: Uuid) -> Option<&str> {
        self.names.get(&id).map(String::as_str)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Topic)> {
        self.by_name.iter().map(|(name, topic)| (name.as_str(), topic))
    }

    /// Whether [`Topics::create`] would work.
    ///
    /// # Errors
    /// `InvalidTopicException`, `TopicAlreadyExists`, `InvalidPartitions` or `InvalidConfig`.
    pub fn check(&self, topic: &NewTopic) -> Result<(), ResponseError> {
        if !is_topic_name(&topic.name) {
            return Err(ResponseError::InvalidTopicException);
        }
        if self.by_name.contains_key(&topic.name) {
            return Err(ResponseError::TopicAlreadyExists);
        }
        if !(1..=PARTITIONS_MAX).contains(&topic.partitions) {
            return Err(ResponseError::InvalidPartitions);
        }
        if topic.configs.iter().all(|(name, value)| configs::is_valid(name, value)) {
            Ok(())
        } else {
            Err(ResponseError::InvalidConfig)
        }
    }

    pub(crate) fn create(&mut self, topic: &NewTopic) -> Result<Uuid, ResponseError> {
        self.check(topic)?;
        self.created += 1;
        // The seed and a counter, with the version and variant bits of a valid id.
        let bits = u128::from(self.seed) << 64 | u128::from(self.created);
        let id = uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid();
        let logs = (0..topic.partitions).map(|_| PartitionLog::default()).collect();
        let created = Topic { id, logs, configs: topic.configs.clone() };
        self.by_name.insert(topic.name.clone(), created);
        self.names.insert(id, topic.name.clone());
        Ok(id)
    }

    /// Raises the number of partitions.
    ///
    /// # Errors
    /// `UnknownTopicOrPartition`, or `InvalidPartitions` when it is not a rise.
    pub(crate) fn grow(&mut self, name: &str, partitions: i32) -> Result<(), ResponseError> {
        self.check_growth(name, partitions)?;
        let topic = self.by_name.get_mut(name).ok_or(ResponseError::UnknownTopicOrPartition)?;
        topic.logs.resize_with(partitions as usize, PartitionLog::default);
        Ok(())
    }

    /// Whether the number of partitions may become this.
    ///
    /// # Errors
    /// `UnknownTopicOrPartition`, or `InvalidPartitions` when it is not a rise.
    pub fn check_growth(&self, name: &str, partitions: i32) -> Result<(), ResponseError> {
        let topic = self.by_name.get(name).ok_or(ResponseError::UnknownTopicOrPartition)?;
        if partitions <= PARTITIONS_MAX && partitions > topic.logs.len() as i32 {
            Ok(())
        } else {
            Err(ResponseError::InvalidPartitions)
        }
    }

    pub(crate) fn delete(&mut self, name: &str) -> Result<Topic, ResponseError> {
        let topic = self.by_name.remove(name).ok_or(ResponseError::UnknownTopicOrPartition)?;
        self.names.remove(&topic.id);
        Ok(topic)
    }
}

fn is_topic_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty()
        && name.len() <= TOPIC_NAME_BYTES_MAX
        && name != "."
        && name != ".."
        && name.bytes().all(legal)
}
