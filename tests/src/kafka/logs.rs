//! Reading logs back: every partition from its start to its end, in offset order.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;

/// One record of a log.
#[derive(Clone, Copy, Debug)]
pub struct LogRecord<'a> {
    /// Partition.
    pub partition: u32,
    /// Offset in it.
    pub offset: i64,
    /// Kafka's timestamp, ms.
    pub timestamp: Option<i64>,
    /// Key bytes.
    pub key: Option<&'a [u8]>,
    /// Value bytes.
    pub value: Option<&'a [u8]>,
}

/// Which records count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Only what is committed.
    Committed,
    /// Whatever lies in the log.
    Uncommitted,
}

impl Isolation {
    /// The client's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Committed => "read_committed",
            Self::Uncommitted => "read_uncommitted",
        }
    }
}

/// A log that gives nothing for this long, and does not end, is an error.
const SILENCE_MAX: Duration = Duration::from_mins(1);

/// A client that reads with an isolation level and never commits.
pub fn consumer(bootstrap: &str, isolation: Isolation) -> anyhow::Result<BaseConsumer> {
    ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("client.id", "streamjob-checker")
        .set("group.id", "streamjob-checker")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("allow.auto.create.topics", "false")
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true")
        .set("fetch.queue.backoff.ms", "5")
        // The end of a log is told by an answer without records: a log that is written to has such ends too.
        .set("fetch.wait.max.ms", "20")
        .set("isolation.level", isolation.name())
        .create()
        .context("cannot open a consumer")
}

/// Visits every record of a topic, partition by partition mixed, each in offset order, up to where the logs ended when
/// the reading began: somebody may write on meanwhile. Returns the next offset of every partition.
pub fn read(
    bootstrap: &str,
    topic: &str,
    isolation: Isolation,
    visit: &mut dyn FnMut(LogRecord<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<i64>> {
    let ends = super::ends::ends(bootstrap, topic, isolation)?;
    let consumer = consumer(bootstrap, isolation)?;
    let mut assignment = TopicPartitionList::new();
    for partition in 0..ends.len() {
        assignment.add_partition_offset(topic, partition as i32, Offset::Beginning)?;
    }
    consumer.assign(&assignment)?;
    let mut positions = vec![0; ends.len()];
    let mut reached = vec![false; ends.len()];
    let mut heard = Instant::now();
    while let Some(waited_for) = reached.iter().position(|reached| !reached) {
        let silent = heard.elapsed();
        if silent > SILENCE_MAX {
            bail!("{topic}[{waited_for}] gave nothing for {silent:?} and did not end");
        }
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                reached[partition as usize] = true;
                heard = Instant::now();
            }
            Some(Err(error)) if is_passing(&error) => {}
            Some(Err(error)) => return Err(error).with_context(|| format!("reading {topic}")),
            Some(Ok(message)) => {
                let partition = message.partition() as u32;
                let index = partition as usize;
                let (offset, end) = (message.offset(), ends[index]);
                // What lies behind the end belongs to the next reading.
                if offset < end {
                    positions[index] = offset + 1;
                    visit(LogRecord {
                        partition,
                        offset,
                        timestamp: message.timestamp().to_millis(),
                        key: message.key(),
                        value: message.payload(),
                    })?;
                }
                if !reached[index] {
                    heard = Instant::now();
                    reached[index] = offset + 1 >= end;
                }
            }
        }
    }
    Ok(positions)
}

/// Errors that the client reports while it repairs its connections by itself.
pub fn is_passing(error: &KafkaError) -> bool {
    use rdkafka::error::RDKafkaErrorCode as Code;
    matches!(
        error.rdkafka_error_code(),
        Some(Code::BrokerTransportFailure | Code::AllBrokersDown | Code::OperationTimedOut)
    )
}
