//! Topics: what they are, making and growing them, where their logs begin and end, and purging them.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use protocol::Log;
use rdkafka::TopicPartitionList;
use rdkafka::admin::{
    AdminClient, AdminOptions, NewPartitions, NewTopic as ClientTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::Client;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::Offset;

use super::closing::close_aside;
use super::config::KafkaConfig;
use super::context::{Watch, listen};
use super::error::{KafkaError, KafkaErrorKind};
use super::native;

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Name.
    pub name: String,
    /// Partitions.
    pub partitions: u32,
    /// Replicas of each, `None` for the cluster's default.
    pub replication: Option<u32>,
    /// Settings by Kafka's names.
    pub settings: BTreeMap<String, String>,
}

/// What came of creating a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicCreation {
    /// It is new.
    Created,
    /// It was there; nothing was changed, look at its partitions and settings.
    Existed,
}

/// A topic as the cluster has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicInfo {
    /// Name.
    pub name: String,
    /// Changes when the topic is deleted and made again (S5).
    pub id: String,
    /// Partitions.
    pub partitions: u32,
}

/// Settings of a topic, by Kafka's names, defaults included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopicSettings(pub BTreeMap<String, String>);

impl TopicSettings {
    /// A setting as a number.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.0.get(name)?.parse().ok()
    }

    /// How long records are kept at least, `None` for ever.
    pub fn retention(&self) -> Option<Duration> {
        u64::try_from(self.number("retention.ms")?).ok().map(Duration::from_millis)
    }

    /// Whether old records of a key are removed.
    pub fn is_compacted(&self) -> bool {
        self.0.get("cleanup.policy").is_some_and(|policy| policy.contains("compact"))
    }
}

/// A place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The first record that is still there.
    Earliest,
    /// Behind the last record that everybody may read (open transactions excluded).
    Latest,
    /// The first record at or after this time; behind the last one where there is none.
    Timestamp(i64),
}

/// A client for all of that. Calls block, each for at most the timeout given here.
pub struct Admin {
    /// Made when it is needed: a slot only looks.
    requests: OnceLock<AdminClient<Watch>>,
    reader: BaseConsumer<Watch>,
    config: KafkaConfig,
    timeout: Duration,
}

impl Admin {
    /// Makes the client that looks; nothing is asked yet.
    pub fn open(config: &KafkaConfig, timeout: Duration) -> Result<Self, KafkaError> {
        let failed = |error| config.error("open an admin client", &error);
        let mut reader = config.client()?;
        reader.set("isolation.level", "read_committed");
        let reader = reader.create_with_context(Watch::default()).map_err(failed)?;
        Ok(Self { requests: OnceLock::new(), reader, config: config.clone(), timeout })
    }

    /// Makes the client that changes things and reads settings. It connects meanwhile, so whoever will need it says
    /// so early.
    pub fn prepare(&self) -> Result<(), KafkaError> {
        self.requests().map(drop)
    }

    fn requests(&self) -> Result<&AdminClient<Watch>, KafkaError> {
        if let Some(made) = self.requests.get() {
            return Ok(made);
        }
        let failed = |error| self.config.error("open an admin client", &error);
        let made = self.config.client()?.create_with_context(Watch::default()).map_err(failed)?;
        Ok(self.requests.get_or_init(|| made))
    }

    fn options(&self) -> AdminOptions {
        AdminOptions::new()
            .request_timeout(Some(self.timeout))
            .operation_timeout(Some(self.timeout))
    }

    fn client(&self) -> &Client<Watch> {
        self.reader.client()
    }

    fn failed(&self, operation: String, error: &ClientError) -> KafkaError {
        self.config.error(operation, error).told_by(self.listened())
    }

    fn failed_by(&self, operation: String, code: Code) -> KafkaError {
        let error = KafkaError::of_code(&self.config.bootstrap, operation, code);
        if error.kind == KafkaErrorKind::Retry { error.told_by(self.listened()) } else { error }
    }

    /// What the client has reported. The reader's events are looked at here, nobody else polls it.
    fn listened(&self) -> &Watch {
        listen(&self.reader)
    }

    /// Describes topics, in the order of the names; `None` for one that does not exist.
    pub fn topics(&self, names: &[&str]) -> Result<Vec<Option<TopicInfo>>, KafkaError> {
        let operation = || format!("describe {}", names.join(", "));
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let described = native::describe_topics(self.client(), names, self.timeout)
            .map_err(|code| self.failed_by(operation(), code))?;
        let mut found = BTreeMap::new();
        for topic in described {
            match topic.code {
                Code::NoError => {
                    let (id, partitions) = (topic.id, topic.partitions as u32);
                    found
                        .insert(topic.name.clone(), TopicInfo { name: topic.name, id, partitions });
                }
                Code::UnknownTopicOrPartition | Code::UnknownTopic => {}
                code => return Err(self.failed_by(format!("describe {}", topic.name), code)),
            }
        }
        Ok(names.iter().map(|name| found.get(*name).cloned()).collect())
    }

    /// Creates a topic and waits until it can be seen.
    pub fn create_topic(&self, topic: &NewTopic) -> Result<TopicCreation, KafkaError> {
        let operation = || format!("create topic {}", topic.name);
        let replication = topic.replication.map_or(-1, |count| count as i32);
        let fixed = TopicReplication::Fixed(replication);
        let mut wanted = ClientTopic::new(&topic.name, topic.partitions as i32, fixed);
        for (key, value) in &topic.settings {
            wanted = wanted.set(key, value);
        }
        let results = block_on(self.requests()?.create_topics([&wanted], &self.options()))
            .map_err(|error| self.failed(operation(), &error))?;
        let creation = match results.first() {
            Some(Ok(_)) => TopicCreation::Created,
            Some(Err((_, Code::TopicAlreadyExists))) => TopicCreation::Existed,
            Some(Err((_, code))) => return Err(self.failed_by(operation(), *code)),
            None => return Err(self.failed_by(operation(), Code::Fail)),
        };
        self.wait_for_partitions(
            &topic.name,
            if creation == TopicCreation::Created { topic.partitions } else { 1 },
        )?;
        Ok(creation)
    }

    /// Grows a topic to a number of partitions and waits until they can be seen. Nothing happens where it has them.
    pub fn grow_topic(&self, name: &str, partitions: u32) -> Result<(), KafkaError> {
        let operation = || format!("grow topic {name} to {partitions} partitions");
        match self.topics(&[name])?.pop().flatten() {
            None => return Err(self.failed_by(operation(), Code::UnknownTopicOrPartition)),
            Some(info) if info.partitions >= partitions => return Ok(()),
            Some(_) => {}
        }
        let wanted = NewPartitions::new(name, partitions as usize);
        let results = block_on(self.requests()?.create_partitions([&wanted], &self.options()))
            .map_err(|error| self.failed(operation(), &error))?;
        match results.first() {
            // Refused, somebody else may have grown it meanwhile: what is seen decides.
            Some(Ok(_) | Err((_, Code::InvalidPartitions | Code::ReassignmentInProgress))) => {}
            Some(Err((_, code))) => return Err(self.failed_by(operation(), *code)),
            None => return Err(self.failed_by(operation(), Code::Fail)),
        }
        self.wait_for_partitions(name, partitions)
    }

    fn wait_for_partitions(&self, name: &str, partitions: u32) -> Result<(), KafkaError> {
        let deadline = Instant::now() + self.timeout;
        let mut pause = Duration::from_millis(2);
        loop {
            let seen = self.topics(&[name])?.pop().flatten().map_or(0, |info| info.partitions);
            if seen >= partitions && self.has_leaders(name) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let operation = format!("wait for {partitions} partitions of {name}");
                return Err(self.failed_by(operation, Code::OperationTimedOut));
            }
            // Looks at the client's events and waits a moment.
            drop(self.reader.poll(pause));
            pause = (2 * pause).min(Duration::from_millis(50));
        }
    }

    fn has_leaders(&self, name: &str) -> bool {
        let Ok(metadata) = self.client().fetch_metadata(Some(name), self.timeout) else {
            return false;
        };
        metadata.topics().iter().all(|topic| {
            topic.error().is_none() && topic.partitions().iter().all(|p| p.leader() >= 0)
        })
    }

    /// Where each log is at a position.
    pub fn offsets(&self, logs: &[Log], position: Position) -> Result<Vec<i64>, KafkaError> {
        let operation = || format!("find {position:?} of {} logs", logs.len());
        if logs.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = match position {
            Position::Earliest => Offset::Beginning,
            Position::Latest => Offset::End,
            Position::Timestamp(time) => Offset::Offset(time.max(0)),
        };
        let mut list = TopicPartitionList::with_capacity(logs.len());
        for log in logs {
            list.add_partition_offset(&log.topic, log.partition, wanted)
                .map_err(|error| self.config.error(operation(), &error))?;
        }
        let list = self
            .reader
            .offsets_for_times(list, self.timeout)
            .map_err(|error| self.failed(operation(), &error))?;
        let mut found = Vec::with_capacity(logs.len());
        let mut ends = Vec::new();
        for (index, (log, entry)) in logs.iter().zip(list.elements()).enumerate() {
            if let Err(error) = entry.error() {
                return Err(self.failed(format!("find {position:?} of {log}"), &error));
            }
            match entry.offset() {
                Offset::Offset(offset) if offset >= 0 => found.push(offset),
                // No record at or after that time: behind the last one.
                Offset::End if matches!(position, Position::Timestamp(_)) => {
                    ends.push(index);
                    found.push(-1);
                }
                other => {
                    let detail = format!("the broker answered {other:?} for {log}");
                    let kind = KafkaErrorKind::Retry;
                    return Err(KafkaError::new(kind, &self.config.bootstrap, operation(), detail));
                }
            }
        }
        if !ends.is_empty() {
            let behind: Vec<Log> = ends.iter().map(|index| logs[*index].clone()).collect();
            for (index, end) in ends.into_iter().zip(self.offsets(&behind, Position::Latest)?) {
                found[index] = end;
            }
        }
        Ok(found)
    }

    /// First offset and end (open transactions excluded) of each log.
    pub fn bounds(&self, logs: &[Log]) -> Result<Vec<(i64, i64)>, KafkaError> {
        let first = self.offsets(logs, Position::Earliest)?;
        let end = self.offsets(logs, Position::Latest)?;
        Ok(first.into_iter().zip(end).collect())
    }

    /// Deletes the records below an offset of each log.
    pub fn delete_records(&self, logs: &[(Log, i64)]) -> Result<(), KafkaError> {
        let operation = || format!("purge {} logs", logs.len());
        if logs.is_empty() {
            return Ok(());
        }
        let mut list = TopicPartitionList::with_capacity(logs.len());
        for (log, below) in logs {
            list.add_partition_offset(&log.topic, log.partition, Offset::Offset(*below))
                .map_err(|error| self.config.error(operation(), &error))?;
        }
        let list = block_on(self.requests()?.delete_records(&list, &self.options()))
            .map_err(|error| self.failed(operation(), &error))?;
        for entry in list.elements() {
            if let Err(error) = entry.error() {
                let operation = format!("purge {}[{}]", entry.topic(), entry.partition());
                return Err(self.failed(operation, &error));
            }
        }
        Ok(())
    }

    /// Settings of a topic.
    pub fn settings(&self, topic: &str) -> Result<TopicSettings, KafkaError> {
        let operation = || format!("read the settings of topic {topic}");
        let wanted = ResourceSpecifier::Topic(topic);
        let results = block_on(self.requests()?.describe_configs([&wanted], &self.options()))
            .map_err(|error| self.failed(operation(), &error))?;
        match results.into_iter().next() {
            Some(Ok(resource)) => {
                let entries = resource.entries.into_iter();
                let known = entries.filter_map(|entry| Some((entry.name, entry.value?)));
                Ok(TopicSettings(known.collect()))
            }
            Some(Err(code)) => Err(self.failed_by(operation(), code)),
            None => Err(self.failed_by(operation(), Code::Fail)),
        }
    }

    /// Brokers that are up now.
    pub fn brokers(&self) -> Result<usize, KafkaError> {
        self.client()
            .fetch_metadata(None, self.timeout)
            .map(|metadata| metadata.brokers().len())
            .map_err(|error| self.failed("list the brokers".to_owned(), &error))
    }

    /// Deletes topics; one that does not exist is fine.
    pub fn delete_topics(&self, names: &[&str]) -> Result<(), KafkaError> {
        if names.is_empty() {
            return Ok(());
        }
        let results = block_on(self.requests()?.delete_topics(names, &self.options()))
            .map_err(|error| self.failed(format!("delete {}", names.join(", ")), &error))?;
        self.all_gone(results)
    }

    /// Deletes groups with their offsets; one that does not exist is fine.
    pub fn delete_groups(&self, names: &[&str]) -> Result<(), KafkaError> {
        if names.is_empty() {
            return Ok(());
        }
        let results = block_on(self.requests()?.delete_groups(names, &self.options()))
            .map_err(|error| self.failed(format!("delete {}", names.join(", ")), &error))?;
        self.all_gone(results)
    }

    fn all_gone(&self, results: Vec<Result<String, (String, Code)>>) -> Result<(), KafkaError> {
        for result in results {
            match result {
                Ok(_) | Err((_, Code::UnknownTopicOrPartition | Code::GroupIdNotFound)) => {}
                Err((name, code)) => return Err(self.failed_by(format!("delete {name}"), code)),
            }
        }
        Ok(())
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        if let Some(requests) = self.requests.take() {
            close_aside(requests);
        }
    }
}
