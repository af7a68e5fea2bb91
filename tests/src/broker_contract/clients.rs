//! Clients as the contract uses them, and how answers become lines.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rdkafka::ClientContext;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{DeliveryResult, Headers, Message};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;

/// Time that any one answer may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// Time after which an answer that must not come counts as not coming.
pub(super) const SHORT: Duration = Duration::from_millis(1500);

/// Delivery reports, in order.
#[derive(Default)]
pub(super) struct Deliveries(Mutex<VecDeque<Result<(i32, i64), RDKafkaErrorCode>>>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let report = match result {
            Ok(message) => Ok((message.partition(), message.offset())),
            Err((error, _)) => Err(code(error)),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(report);
    }
}

/// A producer with its reports.
pub(super) type ContractProducer = BaseProducer<Deliveries>;

/// One scenario against one broker.
pub struct Contract {
    bootstrap: String,
    prefix: String,
    lines: Vec<String>,
}

fn code(error: &KafkaError) -> RDKafkaErrorCode {
    error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Unknown)
}

/// An error as a line has it: its code, and what it means for a transaction.
pub(super) fn error_text(error: &KafkaError) -> String {
    match error {
        KafkaError::Transaction(inner) => {
            let fatal = if inner.is_fatal() { ", fatal" } else { "" };
            let abort = if inner.txn_requires_abort() { ", to abort" } else { "" };
            format!("error {:?}{fatal}{abort}", inner.code())
        }
        KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) => format!("error {error}"),
        other => format!("error {:?}", code(other)),
    }
}

/// A result as a line has it.
pub(super) fn outcome<T: Debug>(result: &KafkaResult<T>) -> String {
    match result {
        Ok(value) => format!("{value:?}").replace("()", "ok"),
        Err(error) => error_text(error),
    }
}

impl Contract {
    pub(super) fn new(bootstrap: &str, run: &str, scenario: &str) -> Self {
        let words: Vec<_> = scenario.split_whitespace().collect();
        let prefix = format!("{run}-{}", words.join("-"));
        Self { bootstrap: bootstrap.to_owned(), prefix, lines: Vec::new() }
    }

    pub(super) fn lines(&self) -> &[String] {
        &self.lines
    }

    pub(super) fn into_lines(self) -> Vec<String> {
        self.lines
    }

    /// Writes a line; names of this run become their short form.
    pub(super) fn line(&mut self, what: &str, answer: impl AsRef<str>) {
        let text = format!("{what}: {}", answer.as_ref());
        self.lines.push(text.replace(&format!("{}-", self.prefix), ""));
    }

    /// A topic, group or transactional id of this scenario.
    pub(super) fn name(&self, short: &str) -> String {
        format!("{}-{short}", self.prefix)
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("enable.sparse.connections", "false")
            .set("retry.backoff.ms", "1")
            .set("log_level", "2");
        config
    }

    pub(super) fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        Ok(self.config().create()?)
    }

    /// Creates a topic whose records never expire, and waits until the broker shows it.
    pub(super) fn topic(&self, short: &str, partitions: i32) -> Result<String> {
        let name = self.name(short);
        let topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
        let topic = topic.set("retention.ms", "-1");
        let created = block_on(self.admin()?.create_topics([&topic], &admin_options()))?;
        ensure!(created.iter().all(Result::is_ok), "{name} is not created: {created:?}");
        self.wait_partitions(&name, Some(partitions))?;
        Ok(name)
    }

    /// Waits until metadata shows so many partitions, or that there is no such topic.
    pub(super) fn wait_partitions(&self, name: &str, expected: Option<i32>) -> Result<()> {
        let consumer = self.consumer("metadata", "read_committed")?;
        wait(&format!("{expected:?} partitions of {name}"), || {
            let metadata = consumer.fetch_metadata(Some(name), PATIENCE)?;
            let topic = metadata.topics().first().context("no topic in the metadata")?;
            let shown = topic.error().is_none().then(|| topic.partitions().len() as i32);
            Ok((shown == expected).then_some(()))
        })
    }

    pub(super) fn producer(&self, settings: &[(&str, &str)]) -> Result<ContractProducer> {
        let mut config = self.config();
        config.set("linger.ms", "0").set("message.timeout.ms", "20000");
        for (name, value) in settings {
            config.set(*name, *value);
        }
        Ok(config.create_with_context(Deliveries::default())?)
    }

    /// A producer of a transactional id of this scenario, not yet its owner.
    pub(super) fn transactional(&self, short: &str, timeout_ms: u32) -> Result<ContractProducer> {
        let id = self.name(short);
        let timeout = timeout_ms.to_string();
        let message_timeout = timeout_ms.min(20_000).to_string();
        self.producer(&[
            ("transactional.id", &id),
            ("transaction.timeout.ms", &timeout),
            ("message.timeout.ms", &message_timeout),
        ])
    }

    /// A producer that owns a transactional id.
    pub(super) fn owner(&self, short: &str) -> Result<ContractProducer> {
        let producer = self.transactional(short, 60_000)?;
        producer.init_transactions(PATIENCE)?;
        Ok(producer)
    }

    pub(super) fn consumer(&self, group: &str, isolation: &str) -> Result<BaseConsumer> {
        let mut config = self.config();
        config
            .set("group.id", self.name(group))
            .set("isolation.level", isolation)
            .set("enable.partition.eof", "true")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error")
            .set("fetch.wait.max.ms", "50");
        Ok(config.create()?)
    }

    /// Everything that a reader sees from an offset to the end of a log.
    pub(super) fn read(&self, isolation: &str, log: (&str, i32), from: i64) -> Result<Vec<String>> {
        let consumer = self.consumer("reader", isolation)?;
        let mut start = TopicPartitionList::new();
        start.add_partition_offset(log.0, log.1, Offset::Offset(from))?;
        consumer.assign(&start)?;
        let mut seen = Vec::new();
        let limit = Instant::now() + PATIENCE;
        while Instant::now() < limit {
            match consumer.poll(Duration::from_millis(100)) {
                None => {}
                Some(Ok(message)) => seen.push(message_text(&message)),
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(seen),
                Some(Err(error)) => {
                    seen.push(error_text(&error));
                    return Ok(seen);
                }
            }
        }
        bail!("no end of {log:?} within {PATIENCE:?}, after {seen:?}")
    }

    /// Writes down what a reader sees.
    pub(super) fn show(&mut self, isolation: &str, log: (&str, i32), from: i64) -> Result<()> {
        let seen = self.read(isolation, log, from)?;
        self.line(&format!("{isolation} from {from}"), seen.join(", "));
        Ok(())
    }

    /// Start and end of a log for a reader.
    pub(super) fn ends(&self, isolation: &str, log: (&str, i32)) -> Result<(i64, i64)> {
        Ok(self.consumer("ends", isolation)?.fetch_watermarks(log.0, log.1, PATIENCE)?)
    }

    /// Waits until the end for committed readers is here: a real broker writes markers a moment
    /// after the commit.
    pub(super) fn wait_stable(&self, log: (&str, i32), end: i64) -> Result<()> {
        let consumer = self.consumer("ends", "read_committed")?;
        wait(&format!("committed end {end} of {log:?}"), || {
            let (_, high) = consumer.fetch_watermarks(log.0, log.1, PATIENCE)?;
            Ok((high == end).then_some(()))
        })
    }
}

fn message_text(message: &impl Message) -> String {
    let text = |bytes: Option<&[u8]>| match bytes {
        None => "null".to_owned(),
        Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    };
    let mut line =
        format!("{}={}:{}", message.offset(), text(message.key()), text(message.payload()));
    if let Some(headers) = message.headers() {
        for header in headers.iter() {
            let value = text(header.value);
            write!(line, " [{}={value}]", header.key).expect("a String takes all that is written");
        }
    }
    line
}

pub(super) fn admin_options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
}

/// Runs a future of the admin client, which has a thread of its own and needs no runtime.
pub(super) fn block_on<T>(future: impl Future<Output = KafkaResult<T>>) -> Result<T> {
    Ok(futures::executor::block_on(future)?)
}

/// Asks until there is an answer, at most [`PATIENCE`] times two.
pub(super) fn wait<T>(what: &str, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let limit = Instant::now() + PATIENCE * 2;
    while Instant::now() < limit {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        std::thread::park_timeout(Duration::from_millis(10));
    }
    bail!("waited in vain for {what}")
}

/// Queues a record.
pub(super) fn send(
    producer: &ContractProducer,
    log: (&str, i32),
    key: &str,
    value: &str,
) -> Result<()> {
    let record = BaseRecord::to(log.0).partition(log.1).key(key).payload(value);
    producer.send(record).map_err(|(error, _)| error)?;
    Ok(())
}

/// Waits for all reports and takes them, as partition and offset or error.
pub(super) fn reports(producer: &ContractProducer) -> Result<String> {
    let limit = Instant::now() + PATIENCE;
    while producer.in_flight_count() > 0 {
        producer.poll(Duration::from_millis(1));
        ensure!(Instant::now() < limit, "records without a report after {PATIENCE:?}");
    }
    producer.poll(Duration::ZERO);
    let reports =
        std::mem::take(&mut *producer.context().0.lock().unwrap_or_else(PoisonError::into_inner));
    // Partitions report in any order.
    let mut reports = Vec::from(reports);
    reports.sort_by_key(|report| report.ok());
    let texts = reports.iter().map(|report| match report {
        Ok((partition, offset)) => format!("{partition}@{offset}"),
        Err(code) => format!("error {code:?}"),
    });
    Ok(texts.collect::<Vec<_>>().join(", "))
}
