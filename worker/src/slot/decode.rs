//! From records to batches, with one decoder per shard. A bad record never poisons a batch.

use arrow::record_batch::RecordBatch;
use dataflow::{Input, JobPlan};
use formats::exchange::{ExchangeDecoder, ExchangeRecord};
use formats::{BadRecord, EventTimeRule, Record};
use protocol::acquire::Stop;
use protocol::reason::Reason;

use super::bug;
use crate::job::{BadRecordPolicy, Job};

/// Rows that are decoded before they are handed to the operators.
pub(crate) const BATCH_ROWS_MAX: usize = 8_192;
/// Bytes likewise.
pub(crate) const BATCH_BYTES_MAX: usize = 8 << 20;

/// A record that did not decode and is kept for the dead letter topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeadLetter {
    pub(crate) topic: String,
    pub(crate) offset: i64,
    pub(crate) timestamp_ms: Option<i64>,
    pub(crate) fault: BadRecord,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) payload: Option<Vec<u8>>,
}

/// What a log holds.
pub(crate) enum Decoder {
    /// Rows of a source.
    Source(Box<SourceDecoder>),
    /// Records of an exchange.
    Exchange(Box<ExchangeDecoder>),
}

/// Rows of a source and what to do about those that are none.
pub(crate) struct SourceDecoder {
    rows: formats::Decoder,
    policy: BadRecordPolicy,
    bad: u64,
    letters: Vec<DeadLetter>,
    letter_bytes: usize,
}

impl Decoder {
    pub(crate) fn new(job: &Job, plan: &JobPlan, input: Input) -> Result<Self, Stop> {
        match input {
            Input::Exchange(exchange) => {
                let exchange = &plan.exchanges[exchange];
                let decoder = ExchangeDecoder::new(&exchange.fingerprint, exchange.schema.clone())
                    .map_err(|e| bug(format!("exchange {}: {e}", exchange.id)))?;
                Ok(Self::Exchange(Box::new(decoder)))
            }
            Input::Source(source) => {
                let source = &plan.sources[source];
                let settings = job
                    .sources
                    .iter()
                    .find(|s| s.name == source.name)
                    .ok_or_else(|| bug(format!("source {} is not in the spec", source.name)))?;
                let rule = source
                    .event_time
                    .map(|column| EventTimeRule { column, max_future_ms: settings.max_future_ms });
                let rows = settings
                    .decoder(source, rule)
                    .map_err(|e| Stop::new(Reason::NotSupported, e.to_string()))?;
                Ok(Self::Source(Box::new(SourceDecoder {
                    rows,
                    policy: settings.on_bad_record.clone(),
                    bad: 0,
                    letters: Vec::new(),
                    letter_bytes: 0,
                })))
            }
        }
    }
}

impl SourceDecoder {
    /// Takes a record; `what` names its log for the message when the policy is to fail.
    #[inline]
    pub(crate) fn take(
        &mut self,
        record: Record<'_>,
        what: &dyn std::fmt::Display,
    ) -> Result<(), Stop> {
        match self.rows.decode(record) {
            Ok(()) => Ok(()),
            Err(bad) => self.take_bad(bad, record, what),
        }
    }

    /// What the policy says about a record that is none.
    #[cold]
    fn take_bad(
        &mut self,
        bad: BadRecord,
        record: Record<'_>,
        what: &dyn std::fmt::Display,
    ) -> Result<(), Stop> {
        self.bad += 1;
        match &self.policy {
            BadRecordPolicy::Skip => {}
            BadRecordPolicy::Fail => {
                return Err(Stop::new(
                    Reason::BadRecord,
                    format!("{what} offset {}: {bad}", record.offset),
                ));
            }
            BadRecordPolicy::DeadLetter(topic) => {
                let letter = DeadLetter {
                    topic: topic.clone(),
                    offset: record.offset,
                    timestamp_ms: record.timestamp_ms,
                    fault: bad,
                    key: record.key.map(<[u8]>::to_vec),
                    payload: record.payload.map(<[u8]>::to_vec),
                };
                self.letter_bytes += record.payload.map_or(0, <[u8]>::len) + 256;
                self.letters.push(letter);
            }
        }
        Ok(())
    }

    /// Enough to hand over?
    pub(crate) fn is_full(&self) -> bool {
        self.rows.len() >= BATCH_ROWS_MAX || self.rows.bytes() >= BATCH_BYTES_MAX
    }

    /// The rows so far and how many records were bad; none if nothing came.
    pub(crate) fn rows(&mut self) -> (Option<RecordBatch>, u64) {
        let batch = (!self.rows.is_empty()).then(|| self.rows.finish());
        (batch, std::mem::take(&mut self.bad))
    }

    /// The dead letters so far.
    pub(crate) fn letters(&mut self) -> Vec<DeadLetter> {
        self.letter_bytes = 0;
        std::mem::take(&mut self.letters)
    }

    /// Bytes that wait in it.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.rows.bytes() + self.letter_bytes
    }
}

/// Reads an exchange record; a damaged one is never skipped, its rows would be lost.
pub(crate) fn exchange_record(
    decoder: &mut ExchangeDecoder,
    record: Record<'_>,
    what: &dyn std::fmt::Display,
) -> Result<ExchangeRecord, Stop> {
    let payload = record.payload.unwrap_or_default();
    decoder.decode(payload).map_err(|e| {
        Stop::new(
            Reason::OffsetsMovedByOther,
            format!("{what} offset {}: not a record of this exchange: {e}", record.offset),
        )
    })
}
