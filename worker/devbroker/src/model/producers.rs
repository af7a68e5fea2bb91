//! What one log remembers of each idempotent producer (Kafka: `ProducerStateEntry`,
//! `ProducerAppendInfo`).

use std::collections::VecDeque;

use kafka_protocol::ResponseError;

use super::batch::BatchHeader;
use crate::limits::REMEMBERED_BATCHES;

#[derive(Debug, Clone, Copy)]
struct Remembered {
    first_sequence: i32,
    last_sequence: i32,
    base_offset: i64,
}

/// One producer in one log.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProducerState {
    epoch: i16,
    recent: VecDeque<Remembered>,
    /// First offset of the open transaction.
    pub(crate) open_from: Option<i64>,
}

/// What to do with a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Append,
    /// It was appended before, at this offset.
    Duplicate(i64),
}

/// Judges a batch of an idempotent producer. `known` is what the log remembers of the producer.
pub(crate) fn judge(
    known: Option<&ProducerState>,
    batch: &BatchHeader,
) -> Result<Verdict, ResponseError> {
    let Some(state) = known else {
        // Nothing is known, perhaps because its records were deleted: any sequence starts a
        // history.
        return Ok(Verdict::Append);
    };
    if batch.producer_epoch < state.epoch {
        return Err(ResponseError::InvalidProducerEpoch);
    }
    if batch.producer_epoch > state.epoch {
        return match batch.base_sequence {
            0 => Ok(Verdict::Append),
            _ => Err(ResponseError::OutOfOrderSequenceNumber),
        };
    }
    let same = |old: &&Remembered| {
        old.first_sequence == batch.base_sequence && old.last_sequence == batch.last_sequence()
    };
    if let Some(old) = state.recent.iter().find(same) {
        return Ok(Verdict::Duplicate(old.base_offset));
    }
    let last = state.recent.back().map_or(-1, |old| old.last_sequence);
    let expected = if last == i32::MAX { 0 } else { last + 1 };
    if batch.base_sequence != expected {
        return Err(ResponseError::OutOfOrderSequenceNumber);
    }
    if state.open_from.is_some() && !batch.is_transactional() {
        return Err(ResponseError::InvalidTxnState);
    }
    Ok(Verdict::Append)
}

impl ProducerState {
    /// Notes an appended batch. Says whether it opened a transaction in this log.
    pub(crate) fn appended(&mut self, batch: &BatchHeader, base_offset: i64) -> bool {
        self.enter_epoch(batch.producer_epoch);
        if self.recent.len() == REMEMBERED_BATCHES {
            self.recent.pop_front();
        }
        self.recent.push_back(Remembered {
            first_sequence: batch.base_sequence,
            last_sequence: batch.last_sequence(),
            base_offset,
        });
        let opens = batch.is_transactional() && self.open_from.is_none();
        if opens {
            self.open_from = Some(base_offset);
        }
        opens
    }

    /// Notes a marker: the transaction is over, and a newer epoch forgets the old sequences.
    pub(crate) fn ended(&mut self, epoch: i16) -> Option<i64> {
        self.enter_epoch(epoch);
        self.open_from.take()
    }

    fn enter_epoch(&mut self, epoch: i16) {
        if epoch > self.epoch {
            self.epoch = epoch;
            self.recent.clear();
        }
    }
}
