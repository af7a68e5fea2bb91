//! One broker as a value: no clock, no randomness, no threads, no sockets. Time is passed in.
//!
//! [`Broker`] owns the topics, the transactions and the groups, and is the only place where they
//! meet: the end of a transaction writes markers into logs and settles offsets of groups.

mod batch;
mod configs;
mod groups;
mod log;
mod producers;
mod records;
mod topics;
mod transaction;
mod transactions;

use bytes::Bytes;
use kafka_protocol::ResponseError;
use uuid::Uuid;

pub use batch::{BatchHeader, check as check_batch};
pub use configs::{CONFIGS, Config};
pub use groups::{Group, Groups, Member, Offset, OffsetCommit};
pub use log::{Aborted, Appended, Fetched, Isolation, PartitionLog};
pub use topics::{NewTopic, Topic, Topics};
pub use transaction::{Logs, Outcome, Producer, Transaction, TransactionState};
pub use transactions::Transactions;

use crate::options::Options;
use transactions::Ending;

/// A broker.
#[derive(Debug)]
pub struct Broker {
    options: Options,
    topics: Topics,
    transactions: Transactions,
    groups: Groups,
    log_bytes: u64,
    revision: u64,
}

impl Broker {
    /// An empty broker, with the topics that the options name.
    ///
    /// # Errors
    /// As [`Topics::create`], when a topic of the options is not possible.
    pub fn new(options: Options) -> Result<Self, ResponseError> {
        let mut topics = Topics::new(options.seed);
        for (name, partitions) in &options.topics {
            topics.create(&NewTopic::new(name, *partitions))?;
        }
        Ok(Self {
            topics,
            transactions: Transactions::new(&options),
            groups: Groups::default(),
            log_bytes: 0,
            revision: 0,
            options,
        })
    }

    /// The settings.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The topics.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// The transactions by transactional id.
    pub fn transactions(&self) -> &Transactions {
        &self.transactions
    }

    /// The groups and their offsets.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Groups that may be changed: offsets outside transactions.
    pub fn groups_mut(&mut self) -> &mut Groups {
        &mut self.groups
    }

    /// Bytes of records in memory.
    pub fn log_bytes(&self) -> u64 {
        self.log_bytes
    }

    /// Grows with everything that a waiting fetch could want to see.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Creates a topic; see [`Topics::create`].
    pub fn create_topic(&mut self, topic: &NewTopic) -> Result<Uuid, ResponseError> {
        self.revision += 1;
        self.topics.create(topic)
    }

    /// Adds partitions; see [`Topics::grow`].
    pub fn grow_topic(&mut self, name: &str, partitions: i32) -> Result<(), ResponseError> {
        self.revision += 1;
        self.topics.grow(name, partitions)
    }

    /// Deletes a topic with its records and its committed offsets in all groups.
    ///
    /// # Errors
    /// `UnknownTopicOrPartition`.
    pub fn delete_topic(&mut self, name: &str) -> Result<Uuid, ResponseError> {
        let topic = self.topics.delete(name)?;
        self.log_bytes -= topic.bytes();
        self.groups.forget_topic(name);
        self.revision += 1;
        Ok(topic.id())
    }

    /// Appends one batch, as a producer with `acks=all` sends it.
    ///
    /// # Errors
    /// Of the batch ([`check_batch`]), of the producer ([`PartitionLog::append`]),
    /// `UnknownTopicOrPartition`, of its transaction (as
    /// [`Broker::commit_offsets_in_transaction`]), `MessageTooLarge`, and `PolicyViolation` when
    /// the memory bound is reached.
    pub fn produce(
        &mut self,
        now: i64,
        topic: &str,
        partition: i32,
        batch: &Bytes,
    ) -> Result<Appended, ResponseError> {
        let found = self.topics.get_mut(topic).ok_or(ResponseError::UnknownTopicOrPartition)?;
        let append_time = found.sets_append_time().then_some(now);
        let bytes_max = found.message_bytes_max().unwrap_or(self.options.message_bytes_max);
        let needs_keys = found.compacts();
        let log = found.log_mut(partition).ok_or(ResponseError::UnknownTopicOrPartition)?;
        let header = check_batch(batch)?;
        if batch.len() > bytes_max {
            return Err(ResponseError::MessageTooLarge);
        }
        if needs_keys && records::lacks_a_key(batch) {
            return Err(ResponseError::InvalidRecord);
        }
        if !log.is_duplicate(&header) {
            if header.is_transactional() {
                let producer = Producer { id: header.producer_id, epoch: header.producer_epoch };
                self.transactions.verify_append(producer, topic, partition)?;
            }
            if self.log_bytes + batch.len() as u64 > self.options.log_bytes_max {
                return Err(ResponseError::PolicyViolation);
            }
        }
        let appended = log.append(batch, &header, append_time)?;
        self.log_bytes += appended.grown;
        self.revision += 1;
        Ok(appended)
    }

    /// Deletes records before an offset (-1: all). Returns the new start of the log.
    ///
    /// # Errors
    /// `UnknownTopicOrPartition`, `OffsetOutOfRange`, `PolicyViolation` for a topic that is only
    /// compacted.
    pub fn delete_records(
        &mut self,
        topic: &str,
        partition: i32,
        offset: i64,
    ) -> Result<i64, ResponseError> {
        let topic = self.topics.get_mut(topic).ok_or(ResponseError::UnknownTopicOrPartition)?;
        let deletes = topic.deletes();
        let log = topic.log_mut(partition).ok_or(ResponseError::UnknownTopicOrPartition)?;
        if !deletes {
            return Err(ResponseError::PolicyViolation);
        }
        let (start, freed) = log.delete_before(offset)?;
        self.log_bytes -= freed;
        self.revision += 1;
        Ok(start)
    }

    /// Gives out a producer id and epoch; with a transactional id it fences older producers of that
    /// id.
    ///
    /// # Errors
    /// See [`Transactions::init`]. `ConcurrentTransactions` means: ask again.
    pub fn init_producer(
        &mut self,
        now: i64,
        transactional_id: Option<&str>,
        timeout_ms: i32,
        expected: Option<Producer>,
    ) -> Result<Producer, ResponseError> {
        let Some(id) = transactional_id else { return Ok(self.transactions.new_producer()) };
        let answer = self.transactions.init(now, id, timeout_ms, expected);
        self.advance(now);
        answer
    }

    /// Adds logs to the transaction of a producer, opening it if there is none.
    ///
    /// # Errors
    /// See [`Transactions::open`].
    pub fn add_partitions(
        &mut self,
        now: i64,
        id: &str,
        producer: Producer,
        logs: &[(&str, i32)],
    ) -> Result<(), ResponseError> {
        self.transactions.open(now, id, producer)?.add_logs(logs);
        Ok(())
    }

    /// Adds a group to the transaction of a producer, opening it if there is none.
    ///
    /// # Errors
    /// See [`Transactions::open`].
    pub fn add_group(
        &mut self,
        now: i64,
        id: &str,
        producer: Producer,
        group: &str,
    ) -> Result<(), ResponseError> {
        self.transactions.open(now, id, producer)?.add_group(group);
        Ok(())
    }

    /// Notes offsets that count once the transaction is committed.
    ///
    /// # Errors
    /// See [`Transactions::verify_group`] and [`Groups::check`].
    pub fn commit_offsets_in_transaction(
        &mut self,
        id: &str,
        producer: Producer,
        group: &str,
        member: Member,
        commits: Vec<OffsetCommit>,
    ) -> Result<(), ResponseError> {
        self.transactions.verify_group(id, producer, group)?;
        self.groups.check(group, member)?;
        self.groups.commit_pending(group, producer.id, commits);
        Ok(())
    }

    /// Decides the transaction of a producer. The markers follow after the marker delay.
    ///
    /// # Errors
    /// See [`Transactions::end`].
    pub fn end_transaction(
        &mut self,
        now: i64,
        id: &str,
        producer: Producer,
        outcome: Outcome,
    ) -> Result<(), ResponseError> {
        let answer = self.transactions.end(now, id, producer, outcome);
        self.advance(now);
        answer
    }

    /// When [`Broker::advance`] has something to do next.
    pub fn next_deadline(&self) -> Option<i64> {
        self.transactions.next_deadline()
    }

    /// Does what is due at `now`: aborts transactions that timed out, writes the markers of decided
    /// ones.
    pub fn advance(&mut self, now: i64) {
        for ending in self.transactions.due(now) {
            self.finish(now, &ending);
        }
    }

    fn finish(&mut self, now: i64, ending: &Ending) {
        let producer = (ending.producer.id, ending.producer.epoch);
        let commit = ending.outcome == Outcome::Commit;
        for (topic, partitions) in &ending.logs {
            for partition in partitions {
                // A log that was deleted meanwhile has nothing left to end.
                let topic = self.topics.get_mut(topic);
                if let Some(log) = topic.and_then(|topic| topic.log_mut(*partition)) {
                    self.log_bytes += log.end_transaction(now, producer, commit);
                }
            }
        }
        for group in &ending.groups {
            self.groups.settle(group, ending.producer.id, commit);
        }
        self.revision += 1;
    }
}
