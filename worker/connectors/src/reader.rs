//! Reading logs from explicit offsets, committed records only: one contract, two ways to it.

use std::time::Duration;

use formats::Headers;
use protocol::Log;

use crate::fetch::{self, FetchReader};
use crate::kafka::{ClientReader, KafkaConfig, KafkaError};

/// Memory of a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// Bytes that are fetched ahead, over all logs; one fetch more may lie on top. At least 1 MiB.
    pub queued_bytes: usize,
}

/// What a reader reports. `log` is the index that [`Reader::assign`] gave.
#[derive(Debug)]
pub enum Event<'a> {
    /// A committed record. Offsets of a log rise, with gaps where records were compacted, aborted or control records.
    Record {
        /// The log.
        log: u32,
        /// The record's offset.
        offset: i64,
        /// Kafka's timestamp of the record.
        timestamp_ms: Option<i64>,
        /// Key.
        key: Option<&'a [u8]>,
        /// Value.
        payload: Option<&'a [u8]>,
        /// Headers.
        headers: Headers<'a>,
    },
    /// The log is read up to its last stable offset.
    Eof {
        /// The log.
        log: u32,
        /// The next offset to read: everything below is read, trailing control records included.
        offset: i64,
    },
    /// The log cannot be read.
    Failed {
        /// The log.
        log: u32,
        /// Why.
        error: KafkaError,
    },
}

/// Reads the logs of a slot.
pub struct Reader(Either);

enum Either {
    Own(Box<FetchReader>),
    Client(Box<ClientReader>),
}

/// Calls the same method of whichever there is.
macro_rules! either {
    ($self:expr, $reader:ident => $call:expr) => {
        match $self {
            Either::Own($reader) => $call,
            Either::Client($reader) => $call,
        }
    };
}

impl Reader {
    /// A reader without logs. It fetches by itself, unless a setting asks for something that only the C client can
    /// do. `group` only names it to the brokers: nobody subscribes with it and nothing is committed by it.
    pub fn open(config: &KafkaConfig, group: &str, limits: ReadLimits) -> Result<Self, KafkaError> {
        match fetch::decide(&config.bootstrap, &config.properties) {
            fetch::Way::Own => Ok(Self(Either::Own(Box::new(FetchReader::open(config, limits)?)))),
            fetch::Way::Client { because_of } => {
                tracing::info!("the C client reads, because of the Kafka property '{because_of}'");
                Self::open_client(config, group, limits)
            }
        }
    }

    /// A reader over the C client's batch queue, whatever the settings: the reference that the other is held to.
    pub fn open_client(
        config: &KafkaConfig,
        group: &str,
        limits: ReadLimits,
    ) -> Result<Self, KafkaError> {
        Ok(Self(Either::Client(Box::new(ClientReader::open(config, group, limits)?))))
    }

    /// Adds logs, each to be read from its offset, and returns their indexes: counted up by the order of addition; a
    /// log that was assigned before gets its old index again.
    pub fn assign(&mut self, logs: &[(Log, i64)]) -> Result<Vec<u32>, KafkaError> {
        either!(&mut self.0, reader => reader.assign(logs))
    }

    /// Stops reading logs and drops what was fetched of them.
    pub fn unassign(&mut self, logs: &[Log]) -> Result<(), KafkaError> {
        either!(&mut self.0, reader => reader.unassign(logs))
    }

    /// Holds logs: nothing more is reported of them until [`Reader::resume`].
    pub fn pause(&mut self, logs: &[u32]) -> Result<(), KafkaError> {
        either!(&mut self.0, reader => reader.pause(logs))
    }

    /// Goes on with held logs where they stopped. What was fetched of them is fetched again.
    pub fn resume(&mut self, logs: &[u32]) -> Result<(), KafkaError> {
        either!(&mut self.0, reader => reader.resume(logs))
    }

    /// Visits up to `max` events: those that are there, else what comes within `timeout`. Returns how many.
    ///
    /// An error is of kind `Fatal`, `Auth`, `Invalid` or `TopicMissing`; its text names the topic where it is about
    /// one. After `Auth` and `TopicMissing` the reader goes on with its other logs.
    pub fn poll(
        &mut self,
        timeout: Duration,
        max: usize,
        visit: &mut impl FnMut(Event<'_>),
    ) -> Result<usize, KafkaError> {
        either!(&mut self.0, reader => reader.poll(timeout, max, visit))
    }

    /// The end of a log (open transactions included) as the last fetch reported it; no request is made.
    pub fn high_watermark(&self, log: u32) -> Option<i64> {
        either!(&self.0, reader => reader.high_watermark(log))
    }

    /// The next offset to be read of a log.
    pub fn position(&self, log: u32) -> Option<i64> {
        either!(&self.0, reader => reader.position(log))
    }

    /// The log of an index.
    pub fn log(&self, index: u32) -> Option<&Log> {
        either!(&self.0, reader => reader.log(index))
    }

    /// Bytes of values read since the start.
    pub fn bytes(&self) -> u64 {
        either!(&self.0, reader => reader.bytes())
    }

    /// What was complained about last, empty for nothing: says why nothing comes.
    pub fn last_complaint(&self) -> String {
        either!(&self.0, reader => reader.last_complaint())
    }
}
