//! One transactional id: its owner, its state, what its open transaction has written to.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::ResponseError;

/// Epochs from here on are given to nobody; the next producer gets a new id. One is left over to
/// fence with.
const EPOCH_EXHAUSTED: i16 = i16::MAX - 1;

/// Partitions by topic name.
pub type Logs = BTreeMap<String, BTreeSet<i32>>;

/// A producer id with its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Producer {
    /// The id.
    pub id: i64,
    /// The epoch; a newer one fences older ones.
    pub epoch: i16,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its records and offsets count.
    Commit,
    /// They do not.
    Abort,
}

/// Where a transactional id is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionState {
    /// It had no transaction yet.
    Empty,
    /// A transaction is open.
    Ongoing {
        /// When it was opened.
        since: i64,
    },
    /// It is decided; markers are to be written.
    Prepared {
        /// The decision.
        outcome: Outcome,
        /// When the markers are written.
        markers_at: i64,
    },
    /// The last one is over.
    Complete(Outcome),
}

/// A transactional id.
#[derive(Debug)]
pub struct Transaction {
    pub(super) producer: Producer,
    /// The epoch before, while a lost answer may make its owner ask again.
    pub(super) last_epoch: Option<i16>,
    pub(super) timeout_ms: i32,
    pub(super) state: TransactionState,
    /// Partitions by topic name: as in Kafka, a topic that is created again takes the place of the
    /// old one in an open transaction.
    pub(super) logs: Logs,
    pub(super) groups: BTreeSet<String>,
}

impl Transaction {
    /// A new transactional id with its first owner.
    pub(super) fn new(producer: Producer, timeout_ms: i32) -> Self {
        Self {
            producer,
            last_epoch: None,
            timeout_ms,
            state: TransactionState::Empty,
            logs: Logs::new(),
            groups: BTreeSet::new(),
        }
    }

    /// The producer that owns it.
    pub fn producer(&self) -> Producer {
        self.producer
    }

    /// Longest time that a transaction of it may be open, in milliseconds.
    pub fn timeout_ms(&self) -> i32 {
        self.timeout_ms
    }

    /// Logs that the open transaction has: partitions by topic name.
    pub fn logs(&self) -> &Logs {
        &self.logs
    }

    /// Its state.
    pub fn state(&self) -> TransactionState {
        self.state
    }

    pub(crate) fn add_logs(&mut self, logs: &[(&str, i32)]) {
        for (topic, partition) in logs {
            self.logs.entry((*topic).to_owned()).or_default().insert(*partition);
        }
    }

    pub(super) fn has_log(&self, topic: &str, partition: i32) -> bool {
        self.logs.get(topic).is_some_and(|partitions| partitions.contains(&partition))
    }

    pub(crate) fn add_group(&mut self, group: &str) {
        self.groups.insert(group.to_owned());
    }

    pub(super) fn deadline(&self) -> Option<i64> {
        match self.state {
            TransactionState::Ongoing { since } => Some(since + i64::from(self.timeout_ms)),
            TransactionState::Prepared { markers_at, .. } => Some(markers_at),
            TransactionState::Empty | TransactionState::Complete(_) => None,
        }
    }

    pub(super) fn is_ongoing(&self) -> bool {
        matches!(self.state, TransactionState::Ongoing { .. })
    }

    /// Shuts out the present owner and decides for an abort.
    pub(super) fn fence(&mut self, markers_at: i64) {
        assert!(self.is_ongoing(), "only an open transaction is fenced");
        self.producer.epoch = self.producer.epoch.saturating_add(1);
        self.last_epoch = None;
        self.state = TransactionState::Prepared { outcome: Outcome::Abort, markers_at };
    }

    /// Gives the id to its next owner, whom the rules have admitted.
    pub(super) fn next_owner(
        &mut self,
        expected: Option<Producer>,
        ids: &mut i64,
    ) -> Result<(), ResponseError> {
        if self.producer.epoch >= EPOCH_EXHAUSTED && expected.is_none() {
            *ids += 1;
            self.producer = Producer { id: *ids, epoch: 0 };
            self.last_epoch = None;
            return Ok(());
        }
        match expected {
            Some(old) if old.epoch == self.producer.epoch => {
                if old.epoch >= EPOCH_EXHAUSTED {
                    *ids += 1;
                    self.producer = Producer { id: *ids, epoch: 0 };
                } else {
                    self.producer.epoch += 1;
                }
                self.last_epoch = Some(old.epoch);
            }
            // The answer to the first try was lost.
            Some(old) if Some(old.epoch) == self.last_epoch => {}
            Some(_) => return Err(ResponseError::ProducerFenced),
            None => {
                self.producer.epoch += 1;
                self.last_epoch = None;
            }
        }
        Ok(())
    }
}
