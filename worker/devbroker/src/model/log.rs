//! One partition: its batches, producers, open transactions and aborted transactions.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;
use kafka_protocol::ResponseError;

use super::batch::{self, BatchHeader};
use super::producers::{ProducerState, Verdict, judge};
use super::records;

/// What a reader wants to see of transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// Everything up to the end.
    ReadUncommitted,
    /// Everything up to the last stable offset.
    ReadCommitted,
}

/// A transaction whose records a committed reader must skip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aborted {
    /// Whose records.
    pub producer_id: i64,
    /// The first of them.
    pub first_offset: i64,
    last_offset: i64,
}

/// Where a batch is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Offset of its first record.
    pub base_offset: i64,
    /// Time that the log gave it, if the topic says so.
    pub append_time: Option<i64>,
    /// Bytes that the log grew by; 0 when the batch was there already.
    pub grown: u64,
}

/// What a fetch found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fetched {
    /// Whole batches, in order; the first may begin before the asked offset.
    pub batches: Vec<Bytes>,
    /// Their length.
    pub bytes: usize,
    /// Transactions among them to skip; empty for an uncommitted reader.
    pub aborted: Vec<Aborted>,
}

#[derive(Debug)]
struct Stored {
    base_offset: i64,
    last_offset: i64,
    /// Largest time of this batch and all before it.
    running_max_timestamp: i64,
    bytes: Bytes,
}

/// A log.
#[derive(Debug, Default)]
pub struct PartitionLog {
    batches: VecDeque<Stored>,
    start: i64,
    end: i64,
    bytes: u64,
    producers: HashMap<i64, ProducerState>,
    /// First offset of each open transaction.
    open: BTreeMap<i64, i64>,
    /// By last offset.
    aborted: VecDeque<Aborted>,
}

impl PartitionLog {
    /// Offset of the first record that may be read.
    pub fn start(&self) -> i64 {
        self.start
    }

    /// Offset that the next record gets; all before it is replicated, for there is one broker.
    pub fn high_watermark(&self) -> i64 {
        self.end
    }

    /// End for committed readers: the first offset of the oldest open transaction, or the end.
    pub fn last_stable_offset(&self) -> i64 {
        let open = self.open.first_key_value().map(|(first, _)| *first);
        open.map_or(self.end, |first| first.max(self.start))
    }

    /// End for a reader.
    pub fn readable_end(&self, isolation: Isolation) -> i64 {
        match isolation {
            Isolation::ReadUncommitted => self.end,
            Isolation::ReadCommitted => self.last_stable_offset(),
        }
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether this batch would be answered from memory, without an append.
    pub(crate) fn is_duplicate(&self, header: &BatchHeader) -> bool {
        let known = self.producers.get(&header.producer_id);
        matches!(judge(known, header), Ok(Verdict::Duplicate(_)))
    }

    /// Appends a checked batch.
    ///
    /// # Errors
    /// `InvalidProducerEpoch`, `OutOfOrderSequenceNumber` or `InvalidTxnState`; nothing is
    /// appended.
    pub fn append(
        &mut self,
        bytes: &[u8],
        header: &BatchHeader,
        append_time: Option<i64>,
    ) -> Result<Appended, ResponseError> {
        let base_offset = self.end;
        if header.producer_id >= 0 {
            let known = self.producers.get(&header.producer_id);
            if let Verdict::Duplicate(base_offset) = judge(known, header)? {
                return Ok(Appended { base_offset, append_time, grown: 0 });
            }
            let state = self.producers.entry(header.producer_id).or_default();
            if state.appended(header, base_offset) {
                self.open.insert(base_offset, header.producer_id);
            }
        }
        let stored = batch::placed(bytes, base_offset, append_time);
        let grown = stored.len() as u64;
        let max_timestamp = append_time.unwrap_or(header.max_timestamp);
        self.push(stored, header.last_offset_delta, max_timestamp);
        Ok(Appended { base_offset, append_time, grown })
    }

    /// Ends the transaction of a producer with a marker. Returns the bytes that the log grew by.
    pub fn end_transaction(&mut self, now: i64, producer: (i64, i16), commit: bool) -> u64 {
        let (producer_id, epoch) = producer;
        let offset = self.end;
        let state = self.producers.entry(producer_id).or_default();
        if let Some(first_offset) = state.ended(epoch) {
            self.open.remove(&first_offset);
            if !commit {
                self.aborted.push_back(Aborted { producer_id, first_offset, last_offset: offset });
            }
        }
        let marker = batch::marker(offset, now, producer_id, epoch, commit);
        let grown = marker.len() as u64;
        self.push(marker, 0, now);
        grown
    }

    fn push(&mut self, bytes: Bytes, last_offset_delta: i32, max_timestamp: i64) {
        let before = self.batches.back().map_or(i64::MIN, |last| last.running_max_timestamp);
        let last_offset = self.end + i64::from(last_offset_delta);
        self.bytes += bytes.len() as u64;
        self.batches.push_back(Stored {
            base_offset: self.end,
            last_offset,
            running_max_timestamp: before.max(max_timestamp),
            bytes,
        });
        self.end = last_offset + 1;
    }

    /// Reads whole batches from the one with `offset` on, at most `bytes_max`, but one if
    /// `at_least_one`.
    ///
    /// # Errors
    /// `OffsetOutOfRange` before the start or after the end.
    pub fn fetch(
        &self,
        offset: i64,
        bytes_max: usize,
        at_least_one: bool,
        isolation: Isolation,
    ) -> Result<Fetched, ResponseError> {
        if offset < self.start || offset > self.end {
            return Err(ResponseError::OffsetOutOfRange);
        }
        let readable = self.readable_end(isolation);
        let first = self.batches.partition_point(|batch| batch.last_offset < offset);
        let mut found = Fetched::default();
        let mut end = offset;
        for batch in self.batches.range(first..) {
            let fits = found.bytes + batch.bytes.len() <= bytes_max;
            let forced = at_least_one && found.batches.is_empty();
            if batch.last_offset >= readable || !(fits || forced) {
                break;
            }
            found.bytes += batch.bytes.len();
            found.batches.push(batch.bytes.clone());
            end = batch.last_offset + 1;
        }
        if isolation == Isolation::ReadCommitted {
            found.aborted = self.aborted_between(offset, end);
        }
        Ok(found)
    }

    fn aborted_between(&self, from: i64, to: i64) -> Vec<Aborted> {
        let first = self.aborted.partition_point(|aborted| aborted.last_offset < from);
        let later = self.aborted.range(first..);
        later.filter(|aborted| aborted.first_offset < to).copied().collect()
    }

    /// Raises the start of the log. Returns the new start and the bytes that were freed.
    ///
    /// # Errors
    /// `OffsetOutOfRange` after the end.
    pub fn delete_before(&mut self, offset: i64) -> Result<(i64, u64), ResponseError> {
        let offset = if offset == -1 { self.end } else { offset };
        if offset < 0 || offset > self.end {
            return Err(ResponseError::OffsetOutOfRange);
        }
        self.start = self.start.max(offset);
        let before = self.bytes;
        while self.batches.front().is_some_and(|batch| batch.last_offset < self.start) {
            if let Some(batch) = self.batches.pop_front() {
                self.bytes -= batch.bytes.len() as u64;
            }
        }
        while self.aborted.front().is_some_and(|aborted| aborted.last_offset < self.start) {
            self.aborted.pop_front();
        }
        Ok((self.start, before - self.bytes))
    }

    /// The first record at or after a time that the reader may see: its offset and time.
    pub fn first_at_or_after(&self, time: i64, isolation: Isolation) -> Option<(i64, i64)> {
        let first = self.batches.partition_point(|batch| batch.running_max_timestamp < time);
        let found = self.batches.range(first..).find_map(|batch| {
            records::first_at_or_after(&batch.bytes, batch.base_offset, self.start, time)
        });
        found.filter(|(offset, _)| *offset < self.readable_end(isolation))
    }

    /// The record with the largest time: its offset and time.
    pub fn latest_time(&self) -> Option<(i64, i64)> {
        let time = self.batches.back()?.running_max_timestamp;
        self.first_at_or_after(time, Isolation::ReadUncommitted)
    }
}
