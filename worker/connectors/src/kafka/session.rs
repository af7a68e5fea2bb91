//! One transactional producer and its thread. Calls of the C client may block past their timeouts, so they happen
//! here, and the owner waits for the answer only as long as it likes.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerGroupMetadata, DefaultConsumerContext};
use rdkafka::error::KafkaError as ClientError;
use rdkafka::producer::Producer;
use rdkafka::topic_partition_list::Offset;

use super::burst::{Burst, BurstOffsets};
use super::config::KafkaConfig;
use super::error::{KafkaError, KafkaErrorKind, is_fencing};
use super::outcome::{Outcome, TransactionTimeouts};
use super::produce::{CheckedProducer, Deliveries, deliver, drain, producer_config};
use crate::limits::{CLEAN_CALL_MAX, IDLE_POLL};

pub(crate) enum Command {
    Init(Duration),
    Commit(Arc<Burst>),
}

pub(crate) enum Answer {
    Init(Result<(), KafkaError>),
    Commit(Outcome, Duration),
}

/// A producer with what its transactions need.
pub(crate) struct Session {
    producer: CheckedProducer,
    groups: HashMap<String, ConsumerGroupMetadata>,
    timeouts: TransactionTimeouts,
    id: String,
    brokers: String,
    number: usize,
}

fn set_millis(config: &mut ClientConfig, key: &str, value: Duration) {
    config.set(key, value.as_millis().to_string());
}

impl Session {
    pub(crate) fn open(
        config: &KafkaConfig,
        id: &str,
        timeouts: TransactionTimeouts,
    ) -> Result<Self, KafkaError> {
        let mut client = producer_config(config)?;
        client.set("transactional.id", id);
        set_millis(&mut client, "transaction.timeout.ms", timeouts.transaction);
        set_millis(&mut client, "message.timeout.ms", timeouts.message);
        set_millis(&mut client, "socket.timeout.ms", timeouts.socket);
        // Debug lines of connections are how every disconnect becomes known (C5).
        client.set("debug", "broker").set_log_level(rdkafka::config::RDKafkaLogLevel::Debug);
        let producer = client
            .create_with_context(Deliveries::default())
            .map_err(|error| config.error(format!("open the producer {id}"), &error))?;
        Ok(Self {
            producer,
            groups: HashMap::new(),
            timeouts,
            id: id.to_owned(),
            brokers: config.bootstrap.clone(),
            number: 0,
        })
    }

    /// Serves commands until the owner goes away; then the producer is closed.
    pub(crate) fn run(mut self, commands: &Receiver<Command>, answers: &Sender<Answer>) {
        loop {
            let answer = match commands.recv_timeout(IDLE_POLL) {
                Ok(Command::Init(timeout)) => Answer::Init(self.init(timeout)),
                Ok(Command::Commit(burst)) => {
                    let began = Instant::now();
                    let outcome = self.commit(&burst);
                    // The owner gets its burst back with the outcome.
                    drop(burst);
                    Answer::Commit(outcome, began.elapsed())
                }
                Err(RecvTimeoutError::Timeout) => {
                    drain(&self.producer);
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if answers.send(answer).is_err() {
                return;
            }
        }
    }

    fn init(&mut self, timeout: Duration) -> Result<(), KafkaError> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let result = self.producer.init_transactions(left);
            drain(&self.producer);
            match result {
                Ok(()) => return Ok(()),
                Err(ClientError::Transaction(error)) if error.is_retriable() && !left.is_zero() => {
                }
                Err(error) => {
                    let operation = format!("fence and open {}", self.id);
                    let error = KafkaError::of(&self.brokers, operation, &error);
                    return Err(error.told_by(&self.producer.context().watch));
                }
            }
        }
    }

    fn commit(&mut self, burst: &Burst) -> Outcome {
        drain(&self.producer);
        let disturbances = self.producer.context().watch.disturbances();
        self.number += 1;
        let began = Instant::now();
        if let Err(error) = self.producer.begin_transaction() {
            return self.not_ended("begin a transaction of", &error);
        }
        let deadline = began + self.timeouts.message + self.timeouts.socket.min(CLEAN_CALL_MAX);
        let delivered = deliver(&self.producer, burst, self.number, deadline, &self.brokers);
        if let Err(reason) = delivered {
            return self.not_ended_because(reason);
        }
        let mut slow = false;
        for offsets in burst.offsets() {
            let asked = Instant::now();
            if let Err(outcome) = self.send_offsets(offsets, began) {
                return outcome;
            }
            slow |= asked.elapsed() > CLEAN_CALL_MAX;
        }
        // From here on the coordinator may have been asked to commit: only its own word decides.
        let asked = Instant::now();
        let result = self.producer.commit_transaction(self.left(began));
        slow |= asked.elapsed() > CLEAN_CALL_MAX;
        drain(&self.producer);
        match result {
            Ok(()) => {
                let disturbed = self.producer.context().watch.disturbances() != disturbances;
                Outcome::Committed { clean: !slow && !disturbed }
            }
            Err(error) => self.ended(&error),
        }
    }

    fn left(&self, began: Instant) -> Duration {
        let left = (began + self.timeouts.transaction).saturating_duration_since(Instant::now());
        left.max(Duration::from_millis(1))
    }

    fn send_offsets(&mut self, offsets: &BurstOffsets, began: Instant) -> Result<(), Outcome> {
        let operation = format!("commit offsets of group {} by", offsets.group);
        let list = match offset_list(offsets) {
            Ok(list) => list,
            Err(error) => return Err(self.not_ended(&operation, &error)),
        };
        if !self.groups.contains_key(&offsets.group) {
            match group_metadata(&offsets.group) {
                Ok(metadata) => drop(self.groups.insert(offsets.group.clone(), metadata)),
                Err(error) => return Err(self.not_ended(&operation, &error)),
            }
        }
        let metadata = &self.groups[&offsets.group];
        loop {
            let left = self.left(began);
            match self.producer.send_offsets_to_transaction(&list, metadata, left) {
                Ok(()) => return Ok(()),
                Err(ClientError::Transaction(error))
                    if error.is_retriable()
                        && !error.txn_requires_abort()
                        && began.elapsed() < self.timeouts.transaction => {}
                Err(error) => return Err(self.not_ended(&operation, &error)),
            }
        }
    }

    /// A failure before the coordinator was asked to commit: known not to be committed.
    fn not_ended(&self, operation: &str, error: &ClientError) -> Outcome {
        let operation = format!("{operation} {}", self.id);
        let reason = KafkaError::of(&self.brokers, operation, error);
        self.not_ended_because(reason.told_by(&self.producer.context().watch))
    }

    fn not_ended_because(&self, reason: KafkaError) -> Outcome {
        drain(&self.producer);
        match self.fencing() {
            Some(text) => Outcome::Fenced(format!("{reason} ({text})")),
            None if reason.kind == KafkaErrorKind::Fenced => Outcome::Fenced(reason.to_string()),
            None => Outcome::Aborted { reason },
        }
    }

    /// A failure after it: whatever the code says, the transaction may be committed.
    fn ended(&self, error: &ClientError) -> Outcome {
        let operation = format!("commit the transaction of {}", self.id);
        let reason = KafkaError::of(&self.brokers, operation, error)
            .with_hint(&self.producer.context().watch.last());
        if reason.kind == KafkaErrorKind::Fenced || self.fencing().is_some() {
            return Outcome::Fenced(reason.to_string());
        }
        Outcome::Unknown(reason.to_string())
    }

    fn fencing(&self) -> Option<String> {
        if self.producer.context().watch.was_fenced() {
            return Some("its epoch is over".to_owned());
        }
        let (code, text) = self.producer.client().fatal_error()?;
        is_fencing(code).then_some(text)
    }
}

fn offset_list(offsets: &BurstOffsets) -> Result<TopicPartitionList, ClientError> {
    let mut list = TopicPartitionList::with_capacity(offsets.entries.len());
    for (log, next, metadata) in &offsets.entries {
        let mut entry = list.add_partition(&log.topic, log.partition);
        entry.set_offset(Offset::Offset(*next))?;
        entry.set_metadata(metadata);
    }
    Ok(list)
}

/// What names a group in a transaction. Only a consumer makes it; this one knows no broker and reaches none.
fn group_metadata(group: &str) -> Result<ConsumerGroupMetadata, ClientError> {
    let mut config = ClientConfig::new();
    config.set("group.id", group).set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg);
    let consumer: BaseConsumer<DefaultConsumerContext> = config.create()?;
    consumer
        .group_metadata()
        .ok_or_else(|| ClientError::ClientCreation("the client gave no group metadata".to_owned()))
}
