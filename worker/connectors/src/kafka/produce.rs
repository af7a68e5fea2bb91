//! Sends the rows of a burst and checks every delivery report; shared by both producers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel as Level;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::message::{DeliveryResult, Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::burst::{Burst, BurstRecord};
use super::config::KafkaConfig;
use super::context::Watch;
use super::error::{KafkaError, kind_of};
use super::native::{self, Batch};
use crate::faults::{self, Point};
use crate::limits::EVENTS_PER_DRAIN_MAX;

/// Between two looks at a client that has reported nothing. The client's own wait counts whole milliseconds, and
/// spins for what is left of the last one.
const TICK: Duration = Duration::from_micros(250);
/// Rows that are handed to the client between two looks at its reports.
const ROWS_PER_LOOK: usize = 4096;

/// Delivery reports of the current burst. A report of an earlier burst (its number is the opaque of its rows) is
/// not counted.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    pub(crate) watch: Watch,
    burst: AtomicUsize,
    delivered: AtomicUsize,
    failed: Mutex<Option<(ClientError, String)>>,
}

pub(crate) type CheckedProducer = BaseProducer<Deliveries>;

impl Deliveries {
    fn begin(&self, burst: usize) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.delivered.store(0, Ordering::Release);
        self.burst.store(burst, Ordering::Release);
    }

    fn failure(&self) -> Option<(ClientError, String)> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: Level, fac: &str, log_message: &str) {
        self.watch.log(level, fac, log_message);
    }

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn error(&self, error: ClientError, reason: &str) {
        self.watch.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, burst: usize) {
        if burst != self.burst.load(Ordering::Acquire) {
            return;
        }
        match result {
            Ok(_) => {
                self.delivered.fetch_add(1, Ordering::AcqRel);
            }
            Err((error, message)) => {
                let to = format!("{}[{}]", message.topic(), message.partition());
                let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.get_or_insert_with(|| (error.clone(), to));
            }
        }
    }
}

/// Settings of both producers.
pub(crate) fn producer_config(config: &KafkaConfig) -> Result<ClientConfig, KafkaError> {
    let mut client = config.client()?;
    let defaults = [
        ("compression.type", "lz4"),
        ("linger.ms", "0.5"),
        ("batch.num.messages", "100000"),
        // How large a record may be is for the topic to say.
        ("message.max.bytes", "104857600"),
        ("queue.buffering.max.messages", "1000000"),
        ("queue.buffering.max.kbytes", "131072"),
        ("retry.backoff.ms", "1"),
        ("retry.backoff.max.ms", "50"),
    ];
    for (key, value) in defaults {
        if !config.properties.contains_key(key) {
            client.set(key, value);
        }
    }
    client
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("partitioner", "murmur2_random");
    Ok(client)
}

/// Lets the client report everything that it has queued.
pub(crate) fn drain(producer: &CheckedProducer) {
    for _ in 0..EVENTS_PER_DRAIN_MAX {
        if native::waiting_events(producer.client()) == 0 {
            return;
        }
        producer.poll(Duration::ZERO);
    }
}

/// Sends all rows and waits until each is delivered. `number` differs from the burst's before.
pub(crate) fn deliver(
    producer: &CheckedProducer,
    burst: &Burst,
    number: usize,
    deadline: Instant,
    brokers: &str,
) -> Result<(), KafkaError> {
    let reports = producer.context();
    reports.begin(number);
    faults::before(Point::CommitProduce);
    Sending { producer, number, deadline, brokers }.all(burst)?;
    faults::after(Point::CommitProduce);
    faults::before(Point::CommitFlush);
    loop {
        check(reports, brokers)?;
        let delivered = reports.delivered.load(Ordering::Acquire);
        debug_assert!(delivered <= burst.rows(), "a row is reported once");
        if delivered >= burst.rows() {
            faults::after(Point::CommitFlush);
            return Ok(());
        }
        if Instant::now() >= deadline {
            let operation =
                format!("deliver {} of {} rows", burst.rows() - delivered, burst.rows());
            let error = KafkaError::of_code(brokers, operation, Code::MessageTimedOut);
            return Err(error.told_by(&reports.watch));
        }
        await_reports(producer);
    }
}

/// Takes the client's reports, or waits a little for some.
fn await_reports(producer: &CheckedProducer) {
    if native::waiting_events(producer.client()) == 0 {
        std::thread::park_timeout(TICK);
    }
    drain(producer);
}

fn check(reports: &Deliveries, brokers: &str) -> Result<(), KafkaError> {
    let Some((error, to)) = reports.failure() else { return Ok(()) };
    let error =
        KafkaError::new(kind_of(&error), brokers, format!("write to {to}"), error.to_string());
    Err(error.told_by(&reports.watch))
}

/// The rows of a burst on their way to the client.
struct Sending<'a> {
    producer: &'a CheckedProducer,
    /// Comes back with every report.
    number: usize,
    deadline: Instant,
    brokers: &'a str,
}

impl Sending<'_> {
    /// Hands all rows over in their order: those of a topic many at a time, those with headers one by one.
    fn all(&self, burst: &Burst) -> Result<(), KafkaError> {
        let mut waiting: Option<Batch<'_>> = None;
        for record in burst.records() {
            let (topic, partition) = (record.topic(), record.partition());
            let alone = record.headers().len() > 0;
            let fits = |batch: &Batch<'_>| {
                let same = batch.topic() == topic && batch.partition() == partition;
                same && batch.len() < ROWS_PER_LOOK
            };
            if alone || !waiting.as_ref().is_some_and(fits) {
                waiting.take().map_or(Ok(()), |batch| self.batch(batch))?;
            }
            if alone {
                self.single(record)?;
                continue;
            }
            let batch = if let Some(batch) = &mut waiting {
                batch
            } else {
                let batch = Batch::new(self.producer.client(), topic, partition);
                waiting.insert(batch.ok_or_else(|| self.refused(topic, Code::UnknownTopic))?)
            };
            batch.push(record.key(), record.value(), self.number);
        }
        waiting.map_or(Ok(()), |batch| self.batch(batch))
    }

    fn batch(&self, mut batch: Batch<'_>) -> Result<(), KafkaError> {
        loop {
            match batch.hand_over() {
                Ok(()) => {
                    drain(self.producer);
                    return check(self.producer.context(), self.brokers);
                }
                Err(code) => self.wait_for_room(batch.topic(), code)?,
            }
        }
    }

    /// A row with headers.
    fn single(&self, row: BurstRecord<'_>) -> Result<(), KafkaError> {
        let mut record = BaseRecord::<[u8], [u8], usize>::with_opaque_to(row.topic(), self.number);
        record.partition = row.partition();
        record.key = row.key();
        record.payload = row.value();
        let headers = row.headers();
        let owned = OwnedHeaders::new_with_capacity(headers.len());
        let add = |owned: OwnedHeaders, (key, value): (&str, &[u8])| {
            owned.insert(Header { key, value: Some(value) })
        };
        record.headers = Some(headers.fold(owned, add));
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((ClientError::MessageProduction(code), same)) => {
                    self.wait_for_room(row.topic(), code)?;
                    record = same;
                }
                Err((error, _)) => {
                    let operation = format!("write to {}", row.topic());
                    return Err(KafkaError::of(self.brokers, operation, &error));
                }
            }
        }
    }

    /// Waits a moment where the client's queue is full; any other refusal is the end.
    fn wait_for_room(&self, topic: &str, code: Code) -> Result<(), KafkaError> {
        if code != Code::QueueFull || Instant::now() >= self.deadline {
            return Err(self.refused(topic, code));
        }
        await_reports(self.producer);
        Ok(())
    }

    fn refused(&self, topic: &str, code: Code) -> KafkaError {
        KafkaError::of_code(self.brokers, format!("write to {topic}"), code)
    }
}
