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
use super::closing::close_aside;
use super::config::KafkaConfig;
use super::error::{KafkaError, KafkaErrorKind, is_fencing};
use super::outcome::{Outcome, TransactionTimeouts};
use super::produce::{CheckedProducer, Deliveries, deliver, drain, producer_config};
use crate::faults::{self, Point, Sabotage};
use crate::fetch::end_former;
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
    config: KafkaConfig,
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
            config: config.clone(),
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
        end_former(&self.config, &self.id, self.timeouts.transaction);
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
                    let error = KafkaError::of(&self.config.bootstrap, operation, &error);
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
        faults::before(Point::CommitBegin);
        if let Err(error) = self.producer.begin_transaction() {
            return self.not_ended("begin a transaction of", &error);
        }
        faults::after(Point::CommitBegin);
        let mut slow = match self.fill(burst, began) {
            Ok(slow) => slow,
            Err(outcome) => return outcome,
        };
        if burst.rows() > 0 && faults::due(Sabotage::TimeoutIsSuccess) {
            drop(self.producer.abort_transaction(self.left(began)));
            return Outcome::Committed { clean: true };
        }
        // From here on the coordinator may have been asked to commit: only its own word decides.
        faults::before(Point::CommitEnd);
        let asked = Instant::now();
        let result = self.producer.commit_transaction(self.left(began));
        slow |= asked.elapsed() > CLEAN_CALL_MAX;
        faults::after(Point::CommitEnd);
        drain(&self.producer);
        match result {
            Ok(()) => {
                let disturbed = self.producer.context().watch.disturbances() != disturbances
                    || faults::disturbed();
                Outcome::Committed { clean: !slow && !disturbed }
            }
            Err(error) => self.ended(&error),
        }
    }

    /// Rows and offsets of an open transaction; whether the coordinator was slow about them.
    fn fill(&mut self, burst: &Burst, began: Instant) -> Result<bool, Outcome> {
        let rows = burst.rows() > 0;
        if !(rows && faults::due(Sabotage::OffsetsWithoutOutput)) {
            let deadline = began + self.timeouts.message + self.timeouts.socket.min(CLEAN_CALL_MAX);
            deliver(&self.producer, burst, self.number, deadline, &self.config.bootstrap)
                .map_err(|reason| self.not_ended_because(reason))?;
        }
        if rows && faults::due(Sabotage::NextAfterAbort) {
            let (kind, operation) = (KafkaErrorKind::Retry, "commit");
            let reason = KafkaError::new(kind, &self.config.bootstrap, operation, "deliberately");
            return Err(Outcome::Aborted { reason });
        }
        if rows && faults::due(Sabotage::OutputWithoutOffsets) {
            drop(self.producer.commit_transaction(self.left(began)));
            faults::end();
        }
        faults::before(Point::CommitOffsets);
        let mut slow = false;
        for offsets in burst.offsets() {
            let asked = Instant::now();
            self.send_offsets(offsets, began)?;
            slow |= asked.elapsed() > CLEAN_CALL_MAX;
        }
        faults::after(Point::CommitOffsets);
        Ok(slow)
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
        let reason = KafkaError::of(&self.config.bootstrap, operation, error);
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
        let reason = KafkaError::of(&self.config.bootstrap, operation, error)
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
    let metadata = consumer.group_metadata();
    close_aside(consumer);
    let none = || ClientError::ClientCreation("the client gave no group metadata".to_owned());
    metadata.ok_or_else(none)
}
