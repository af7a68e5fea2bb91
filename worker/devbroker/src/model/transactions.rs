//! The transaction coordinator: who may write, what is open, what is decided
//! (Kafka: `TransactionCoordinator`, `TransactionMetadata`).

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::ResponseError;

use super::transaction::{Logs, Outcome, Producer, Transaction, TransactionState};
use crate::options::Options;

/// A decided transaction whose markers are due.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) producer: Producer,
    pub(crate) outcome: Outcome,
    pub(crate) logs: Logs,
    pub(crate) groups: BTreeSet<String>,
}

/// All transactional ids.
#[derive(Debug)]
pub struct Transactions {
    by_id: BTreeMap<String, Transaction>,
    owners: BTreeMap<i64, String>,
    last_producer_id: i64,
    timeout_ms_max: i32,
    marker_delay_ms: i64,
    /// Not later than the next deadline.
    next_deadline: Option<i64>,
}

impl Transactions {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            by_id: BTreeMap::new(),
            owners: BTreeMap::new(),
            last_producer_id: 0,
            timeout_ms_max: options.transaction_max_timeout_ms,
            marker_delay_ms: options.marker_delay_ms,
            next_deadline: None,
        }
    }

    /// What is known of a transactional id.
    pub fn get(&self, id: &str) -> Option<&Transaction> {
        self.by_id.get(id)
    }

    /// All, by transactional id.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Transaction)> {
        self.by_id.iter().map(|(id, transaction)| (id.as_str(), transaction))
    }

    pub(crate) fn new_producer(&mut self) -> Producer {
        self.last_producer_id += 1;
        Producer { id: self.last_producer_id, epoch: 0 }
    }

    /// Makes the caller the owner of a transactional id.
    ///
    /// # Errors
    /// `InvalidRequest`, `InvalidTransactionTimeout`; `ProducerFenced` when `expected` is not the
    /// owner; `ConcurrentTransactions` while an older transaction is being ended, which this call
    /// may have caused.
    pub(crate) fn init(
        &mut self,
        now: i64,
        id: &str,
        timeout_ms: i32,
        expected: Option<Producer>,
    ) -> Result<Producer, ResponseError> {
        if id.is_empty() {
            return Err(ResponseError::InvalidRequest);
        }
        if !(1..=self.timeout_ms_max).contains(&timeout_ms) {
            return Err(ResponseError::InvalidTransactionTimeout);
        }
        if !self.by_id.contains_key(id) {
            let producer = self.new_producer();
            self.owners.insert(producer.id, id.to_owned());
            self.by_id.insert(id.to_owned(), Transaction::new(producer, timeout_ms));
            return Ok(producer);
        }
        let markers_at = now + self.marker_delay_ms;
        let transaction = self.by_id.get_mut(id).ok_or(ResponseError::UnknownServerError)?;
        let known = |old: Producer| {
            let epochs = [Some(transaction.producer.epoch), transaction.last_epoch];
            old.id == transaction.producer.id && epochs.contains(&Some(old.epoch))
        };
        if expected.is_some_and(|old| !known(old)) {
            return Err(ResponseError::ProducerFenced);
        }
        match transaction.state {
            TransactionState::Prepared { .. } => Err(ResponseError::ConcurrentTransactions),
            TransactionState::Ongoing { .. } => {
                transaction.fence(markers_at);
                self.note_deadline(markers_at);
                Err(ResponseError::ConcurrentTransactions)
            }
            TransactionState::Empty | TransactionState::Complete(_) => {
                let before = transaction.producer.id;
                transaction.next_owner(expected, &mut self.last_producer_id)?;
                transaction.timeout_ms = timeout_ms;
                transaction.state = TransactionState::Empty;
                let producer = transaction.producer;
                self.owners.remove(&before);
                self.owners.insert(producer.id, id.to_owned());
                Ok(producer)
            }
        }
    }

    fn owned(&mut self, id: &str, producer: Producer) -> Result<&mut Transaction, ResponseError> {
        let transaction = self.by_id.get_mut(id).ok_or(ResponseError::InvalidProducerIdMapping)?;
        if transaction.producer.id != producer.id {
            Err(ResponseError::InvalidProducerIdMapping)
        } else if transaction.producer.epoch != producer.epoch {
            Err(ResponseError::ProducerFenced)
        } else {
            Ok(transaction)
        }
    }

    /// The open transaction of a producer; opens one if there is none.
    ///
    /// # Errors
    /// `InvalidRequest`, `InvalidProducerIdMapping`, `ProducerFenced`, `ConcurrentTransactions`.
    pub(crate) fn open(
        &mut self,
        now: i64,
        id: &str,
        producer: Producer,
    ) -> Result<&mut Transaction, ResponseError> {
        if id.is_empty() {
            return Err(ResponseError::InvalidRequest);
        }
        let transaction = self.owned(id, producer)?;
        match transaction.state {
            TransactionState::Prepared { .. } => return Err(ResponseError::ConcurrentTransactions),
            TransactionState::Ongoing { .. } => {}
            TransactionState::Empty | TransactionState::Complete(_) => {
                transaction.state = TransactionState::Ongoing { since: now };
                let deadline = now + i64::from(transaction.timeout_ms);
                self.note_deadline(deadline);
            }
        }
        self.owned(id, producer)
    }

    /// Whether a transactional batch of this producer may go into this log.
    ///
    /// # Errors
    /// `InvalidProducerIdMapping`, `InvalidProducerEpoch`, or `TransactionAbortable` when no open
    /// transaction has the log.
    pub(crate) fn verify_append(
        &self,
        producer: Producer,
        topic: &str,
        partition: i32,
    ) -> Result<(), ResponseError> {
        let id = self.owners.get(&producer.id).ok_or(ResponseError::InvalidProducerIdMapping)?;
        let transaction = self.by_id.get(id).ok_or(ResponseError::InvalidProducerIdMapping)?;
        if transaction.producer.epoch != producer.epoch {
            Err(ResponseError::InvalidProducerEpoch)
        } else if transaction.is_ongoing() && transaction.has_log(topic, partition) {
            Ok(())
        } else {
            Err(ResponseError::TransactionAbortable)
        }
    }

    /// Whether this producer may add offsets of this group to its transaction.
    ///
    /// # Errors
    /// `InvalidRequest`, `InvalidProducerIdMapping`, `InvalidProducerEpoch`, `InvalidTxnState`.
    pub(crate) fn verify_group(
        &mut self,
        id: &str,
        producer: Producer,
        group: &str,
    ) -> Result<(), ResponseError> {
        if id.is_empty() {
            return Err(ResponseError::InvalidRequest);
        }
        let transaction = self.owned(id, producer).map_err(|error| match error {
            ResponseError::ProducerFenced => ResponseError::InvalidProducerEpoch,
            other => other,
        })?;
        if transaction.is_ongoing() && transaction.groups.contains(group) {
            Ok(())
        } else {
            Err(ResponseError::InvalidTxnState)
        }
    }

    /// Decides an open transaction; saying it again is no harm.
    ///
    /// # Errors
    /// `InvalidRequest`, `InvalidProducerIdMapping`, `ProducerFenced`; `ConcurrentTransactions`
    /// when it was so decided and its markers are to be written; `InvalidTxnState` when there is
    /// none or it was decided otherwise.
    pub(crate) fn end(
        &mut self,
        now: i64,
        id: &str,
        producer: Producer,
        outcome: Outcome,
    ) -> Result<(), ResponseError> {
        if id.is_empty() {
            return Err(ResponseError::InvalidRequest);
        }
        let markers_at = now + self.marker_delay_ms;
        let transaction = self.owned(id, producer)?;
        match transaction.state {
            TransactionState::Ongoing { .. } => {
                transaction.state = TransactionState::Prepared { outcome, markers_at };
                self.note_deadline(markers_at);
                Ok(())
            }
            TransactionState::Prepared { outcome: decided, .. } if decided == outcome => {
                Err(ResponseError::ConcurrentTransactions)
            }
            TransactionState::Complete(decided) if decided == outcome => Ok(()),
            _ => Err(ResponseError::InvalidTxnState),
        }
    }

    fn note_deadline(&mut self, at: i64) {
        self.next_deadline = Some(self.next_deadline.map_or(at, |before| before.min(at)));
    }

    pub(crate) fn next_deadline(&self) -> Option<i64> {
        self.next_deadline
    }

    /// Aborts what timed out, and hands over every decided transaction whose markers are due.
    pub(crate) fn due(&mut self, now: i64) -> Vec<Ending> {
        if self.next_deadline.is_none_or(|at| at > now) {
            return Vec::new();
        }
        let mut endings = Vec::new();
        for transaction in self.by_id.values_mut() {
            if transaction.is_ongoing() && transaction.deadline().is_some_and(|at| at <= now) {
                transaction.fence(now + self.marker_delay_ms);
            }
            if let TransactionState::Prepared { outcome, markers_at } = transaction.state
                && markers_at <= now
            {
                transaction.state = TransactionState::Complete(outcome);
                endings.push(Ending {
                    producer: transaction.producer,
                    outcome,
                    logs: std::mem::take(&mut transaction.logs),
                    groups: std::mem::take(&mut transaction.groups),
                });
            }
        }
        self.next_deadline = self.by_id.values().filter_map(Transaction::deadline).min();
        endings
    }
}

#[cfg(test)]
mod tests {
    use super::{Options, Transactions};

    #[test]
    fn exhausted_epochs_give_a_new_id() {
        let mut transactions = Transactions::new(&Options::default());
        let first = transactions.init(0, "tx", 1000, None).unwrap();
        let mut last = first;
        while last.id == first.id {
            let next = transactions.init(0, "tx", 1000, None).unwrap();
            assert!(next.epoch == last.epoch + 1 || next.id != last.id && next.epoch == 0);
            assert!(transactions.open(0, "tx", last).is_err());
            last = next;
        }
        assert_eq!((last.id, last.epoch), (first.id + 1, 0));
    }
}
