//! Writes an input to Kafka: idempotent, acknowledged by all, in order, and known to be complete at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};

use super::encode;
use super::recipe::{Recipe, Row};

/// How fast to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// As fast as the broker takes it.
    FlatOut,
    /// Rows per second over all partitions.
    PerSecond(u64),
}

/// How and how much to write.
#[derive(Clone, Debug)]
pub struct WriteOptions {
    /// Kafka's address.
    pub bootstrap: String,
    /// Target topic; it exists with the recipe's partitions.
    pub topic: String,
    /// Rows per partition, without the closing one.
    pub rows: u64,
    /// First row of each partition to write.
    pub first: u64,
    /// Speed.
    pub pace: Pace,
    /// Compress with lz4.
    pub lz4: bool,
    /// Ends every log with a row this far beyond all others, ms; `None` = no such row.
    pub closing: Option<i64>,
}

/// Told about once a second.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Rows given to the client so far.
    pub written: u64,
    /// Rows to write in all.
    pub total: u64,
    /// Since the start.
    pub elapsed: Duration,
}

/// What was written and acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Rows, closing ones included.
    pub rows: u64,
    /// Bytes of values.
    pub bytes: u64,
}

/// A broker that is away for longer than this makes the writer give up.
const DELIVERY_MAX: Duration = Duration::from_mins(2);
/// Rows of one partition before the next one has its turn.
const TURN_ROWS: u64 = 64;
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Clone, Default)]
struct Deliveries {
    failed: Arc<AtomicU64>,
    done: Arc<AtomicU64>,
}

impl Deliveries {
    fn require_none_failed(&self) -> anyhow::Result<()> {
        let failed = self.failed.load(Ordering::Relaxed);
        ensure!(failed == 0, "{failed} rows were refused by the broker, or not taken in time");
        Ok(())
    }
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let count = if result.is_ok() { &self.done } else { &self.failed };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Writes all rows and returns when every one is acknowledged. `progress` may end the writing early by returning
/// `false`; the closing rows follow what was written then.
pub fn write(
    recipe: &Recipe,
    options: &WriteOptions,
    progress: &mut dyn FnMut(Progress) -> bool,
) -> anyhow::Result<Written> {
    let deliveries = Deliveries::default();
    let producer = open(options, &deliveries)?;
    let (value, key) = (Vec::new(), Vec::new());
    let mut sender = Sender { producer, deliveries: &deliveries, recipe, options, value, key };
    let mut written = Written { rows: 0, bytes: 0 };
    let mut next = vec![options.first; recipe.partitions as usize];
    sender.rows(&mut next, &mut written, progress)?;
    if let Some(beyond) = options.closing {
        for (partition, n) in (0u32..).zip(&next) {
            let row = recipe.closing_row(partition, *n, beyond);
            written.bytes += sender.send(partition, *n, &row)?;
            written.rows += 1;
        }
    }
    sender.producer.flush(DELIVERY_MAX).context("the last rows were not acknowledged")?;
    deliveries.require_none_failed()?;
    let done = deliveries.done.load(Ordering::Relaxed);
    ensure!(done == written.rows, "{done} of {} rows were acknowledged", written.rows);
    Ok(written)
}

fn open(
    options: &WriteOptions,
    deliveries: &Deliveries,
) -> anyhow::Result<BaseProducer<Deliveries>> {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &options.bootstrap)
        .set("client.id", "streamjob-generator")
        .set("enable.idempotence", "true")
        .set("acks", "all")
        // a partition that has lost its leader finds the next one soon
        .set("topic.metadata.refresh.interval.ms", "2000")
        .set("reconnect.backoff.max.ms", "1000")
        .set("linger.ms", "5")
        .set("batch.size", "1000000")
        .set("queue.buffering.max.messages", "200000")
        .set("message.timeout.ms", DELIVERY_MAX.as_millis().to_string())
        .set("compression.codec", if options.lz4 { "lz4" } else { "none" });
    config.create_with_context(deliveries.clone()).context("cannot open a producer")
}

struct Sender<'a> {
    producer: BaseProducer<Deliveries>,
    deliveries: &'a Deliveries,
    recipe: &'a Recipe,
    options: &'a WriteOptions,
    value: Vec<u8>,
    key: Vec<u8>,
}

impl Sender<'_> {
    fn rows(
        &mut self,
        next: &mut [u64],
        written: &mut Written,
        progress: &mut dyn FnMut(Progress) -> bool,
    ) -> anyhow::Result<()> {
        let total = (self.options.rows - self.options.first) * u64::from(self.recipe.partitions);
        let start = Instant::now();
        let mut told = start;
        while next.iter().any(|n| *n < self.options.rows) {
            self.turn(next, written)?;
            self.pace(start, written.rows);
            if told.elapsed() >= PROGRESS_INTERVAL {
                told = Instant::now();
                let now = Progress { written: written.rows, total, elapsed: start.elapsed() };
                if !progress(now) {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The next rows of every partition.
    fn turn(&mut self, next: &mut [u64], written: &mut Written) -> anyhow::Result<()> {
        self.deliveries.require_none_failed()?;
        let rows = self.turn_rows();
        for (partition, n) in (0u32..).zip(next.iter_mut()) {
            let end = (*n + rows).min(self.options.rows);
            while *n < end {
                let row = self.recipe.row(partition, *n);
                written.bytes += self.send(partition, *n, &row)?;
                written.rows += 1;
                *n += 1;
            }
        }
        Ok(())
    }

    /// At a low rate a turn is short, so that no partition waits long.
    fn turn_rows(&self) -> u64 {
        match self.options.pace {
            Pace::FlatOut => TURN_ROWS,
            Pace::PerSecond(rate) => {
                (rate / u64::from(self.recipe.partitions) / 50).clamp(1, TURN_ROWS)
            }
        }
    }

    fn send(&mut self, partition: u32, n: u64, row: &Row) -> anyhow::Result<u64> {
        self.value.clear();
        self.key.clear();
        encode::value(self.recipe.shape, partition, n, row, &mut self.value);
        encode::key(row, &mut self.key);
        let mut record = BaseRecord::to(&self.options.topic)
            .partition(partition as i32)
            .payload(&self.value)
            .key(&self.key);
        loop {
            match self.producer.send(record) {
                Ok(()) => return Ok(self.value.len() as u64),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    self.producer.poll(Duration::from_millis(20));
                    self.deliveries.require_none_failed()?;
                }
                Err((error, _)) => return Err(error).context("cannot hand over a row"),
            }
        }
    }

    /// Waits until the rows written so far are due.
    fn pace(&self, start: Instant, written: u64) {
        self.producer.poll(Duration::ZERO);
        let Pace::PerSecond(rate) = self.options.pace else { return };
        let due = Duration::from_secs_f64(written as f64 / rate.max(1) as f64);
        while let Some(ahead) = due.checked_sub(start.elapsed()) {
            if ahead < Duration::from_millis(1) {
                break;
            }
            self.producer.poll(ahead.min(Duration::from_millis(20)));
        }
    }
}
