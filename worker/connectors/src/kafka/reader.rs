//! Reads logs through the C client, an object of its own per message.

use std::collections::HashMap;
use std::ffi::CString;
use std::sync::Arc;
use std::time::Duration;

use protocol::Log;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::topic_partition_list::Offset;

use super::config::KafkaConfig;
use super::context::Watch;
use super::error::{KafkaError, KafkaErrorKind, kind_of, kind_of_text};
use super::log_cache::LogCache;
use super::native::{BatchQueue, Message};
use crate::limits::READ_BATCH_MAX;
use crate::reader::{Event, ReadLimits};

const SMALLEST_QUEUE: usize = 1 << 20;
/// More in flight than the processor's caches hold only costs memory.
const LARGEST_FETCH: usize = 8 << 20;
const LARGEST_QUEUE: usize = 32 << 20;

/// A log that was assigned once.
struct Assigned {
    log: Log,
    topic: CString,
    next: i64,
    active: bool,
    paused: bool,
    /// Taken again after it was given up, and nothing came of it yet: see [`ClientReader::attach_again`].
    restarting: bool,
}

/// Reads logs through the C client's batch queue.
pub(crate) struct ClientReader {
    queue: BatchQueue,
    consumer: Arc<BaseConsumer<Watch>>,
    config: KafkaConfig,
    logs: Vec<Assigned>,
    index: HashMap<Log, u32>,
    cache: LogCache,
    /// Those of the record that is shown.
    headers: Vec<u8>,
    restarting: bool,
    bytes: u64,
}

impl ClientReader {
    /// A reader without logs. `group` only names it to the brokers: nobody subscribes with it and nothing is
    /// committed by it.
    pub(crate) fn open(
        config: &KafkaConfig,
        group: &str,
        limits: ReadLimits,
    ) -> Result<Self, KafkaError> {
        let queued = limits.queued_bytes.clamp(SMALLEST_QUEUE, LARGEST_QUEUE);
        let fetch = queued.min(LARGEST_FETCH);
        let mut client = config.client()?;
        client
            .set("group.id", group)
            .set("isolation.level", "read_committed")
            .set("auto.offset.reset", "error")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("check.crcs", "true")
            .set("fetch.queue.backoff.ms", "5")
            .set("fetch.error.backoff.ms", "50")
            // A fetch that waits at the broker delays what is assigned meanwhile by this long.
            .set("fetch.wait.max.ms", "200")
            .set("queued.max.messages.kbytes", (queued >> 10).to_string())
            .set("fetch.max.bytes", fetch.max(SMALLEST_QUEUE).to_string())
            .set("fetch.message.max.bytes", (fetch / 4).clamp(1 << 16, 1 << 20).to_string());
        let consumer: BaseConsumer<Watch> = client
            .create_with_context(Watch::default())
            .map_err(|error| config.error("open a reader", &error))?;
        let consumer = Arc::new(consumer);
        let queue = BatchQueue::new(consumer.clone()).ok_or_else(|| {
            let (kind, detail) = (KafkaErrorKind::Fatal, "the client has no queue");
            KafkaError::new(kind, &config.bootstrap, "open a reader", detail)
        })?;
        Ok(Self {
            queue,
            consumer,
            config: config.clone(),
            logs: Vec::new(),
            index: HashMap::new(),
            cache: LogCache::default(),
            headers: Vec::new(),
            restarting: false,
            bytes: 0,
        })
    }

    /// Adds logs, each to be read from its offset, and returns their indexes: counted up by the order of addition; a
    /// log that was assigned before gets its old index again.
    pub(crate) fn assign(&mut self, logs: &[(Log, i64)]) -> Result<Vec<u32>, KafkaError> {
        if let Some((log, offset)) = logs.iter().find(|(_, offset)| *offset < 0) {
            return Err(self.invalid(format!("{log} cannot be read from offset {offset}")));
        }
        let twice = |log: &Log| self.index.get(log).is_some_and(|i| self.logs[*i as usize].active);
        if let Some((log, _)) = logs.iter().find(|(log, _)| twice(log)) {
            return Err(self.invalid(format!("{log} is assigned already")));
        }
        let mut indexes = Vec::with_capacity(logs.len());
        for (log, offset) in logs {
            let topic = CString::new(log.topic.as_str())
                .map_err(|_| self.invalid(format!("'{}' is no topic name", log.topic)))?;
            let index = *self.index.entry(log.clone()).or_insert(self.logs.len() as u32);
            let (log, next) = (log.clone(), *offset);
            let restarting = (index as usize) < self.logs.len();
            let entry = Assigned { log, topic, next, active: true, paused: false, restarting };
            if restarting {
                self.logs[index as usize] = entry;
            } else {
                self.logs.push(entry);
            }
            self.restarting |= restarting;
            indexes.push(index);
        }
        self.start(&indexes)?;
        Ok(indexes)
    }

    /// Stops reading logs and drops what was fetched of them.
    pub(crate) fn unassign(&mut self, logs: &[Log]) -> Result<(), KafkaError> {
        let known: Option<Vec<u32>> = logs.iter().map(|log| self.index.get(log).copied()).collect();
        let Some(indexes) = known else {
            return Err(self.invalid("a log to give up is not assigned".to_owned()));
        };
        self.stop(&indexes)?;
        for index in indexes {
            self.logs[index as usize].active = false;
        }
        Ok(())
    }

    /// Holds logs: nothing more is reported of them until [`Reader::resume`].
    pub(crate) fn pause(&mut self, logs: &[u32]) -> Result<(), KafkaError> {
        let running: Vec<u32> = self.filtered(logs, |log| log.active && !log.paused);
        self.stop(&running)?;
        for index in running {
            self.logs[index as usize].paused = true;
        }
        Ok(())
    }

    /// Goes on with held logs where they stopped. The client's own pause is not used: after a batch whose last event
    /// was the end of a log it goes on one record too far. Holding is done by giving up and taking again, which
    /// costs a fetch.
    pub(crate) fn resume(&mut self, logs: &[u32]) -> Result<(), KafkaError> {
        let held: Vec<u32> = self.filtered(logs, |log| log.active && log.paused);
        for index in &held {
            let log = &mut self.logs[*index as usize];
            (log.paused, log.restarting) = (false, true);
        }
        self.restarting |= !held.is_empty();
        self.start(&held)
    }

    /// Visits up to `max` events: those that are there, else what comes within `timeout`. Returns how many.
    ///
    /// An error is of kind `Fatal`, `Auth` or `TopicMissing`; its text names the topic where it is about one. After
    /// the last two the reader goes on with its other logs.
    pub(crate) fn poll(
        &mut self,
        timeout: Duration,
        max: usize,
        visit: &mut impl FnMut(Event<'_>),
    ) -> Result<usize, KafkaError> {
        self.serve_client()?;
        self.attach_again();
        let Self { queue, config, logs, index, cache, headers, bytes, .. } = self;
        let mut reported = 0;
        let visited = queue.visit(timeout, max.clamp(1, READ_BATCH_MAX), |message| {
            let Some(found) = cache.resolve(index, message) else { return };
            let log = &mut logs[found as usize];
            if !log.active || log.paused {
                return;
            }
            if let Some(event) = event(found, log, message, headers, config) {
                *bytes += message.payload().map_or(0, |bytes| bytes.len() as u64);
                log.restarting = false;
                reported += 1;
                visit(event);
            }
        });
        match visited {
            Some(_) => Ok(reported),
            None => Err(self.fatal("the client's queue failed".to_owned())),
        }
    }

    /// The end of a log (open transactions included) as the last fetch reported it; no request is made.
    pub(crate) fn high_watermark(&self, log: u32) -> Option<i64> {
        let log = self.logs.get(log as usize)?;
        self.queue.cached_end(&log.topic, log.log.partition)
    }

    /// The next offset to be read of a log.
    pub(crate) fn position(&self, log: u32) -> Option<i64> {
        self.logs.get(log as usize).map(|log| log.next)
    }

    /// The log of an index.
    pub(crate) fn log(&self, index: u32) -> Option<&Log> {
        self.logs.get(index as usize).map(|log| &log.log)
    }

    /// Bytes of values read since the start.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What the client last complained about, empty for nothing: says why nothing comes.
    pub(crate) fn last_complaint(&self) -> String {
        self.consumer.client().context().last()
    }

    fn filtered(&self, logs: &[u32], wanted: impl Fn(&Assigned) -> bool) -> Vec<u32> {
        let known = |index: &u32| self.logs.get(*index as usize).is_some_and(&wanted);
        logs.iter().copied().filter(known).collect()
    }

    fn start(&mut self, indexes: &[u32]) -> Result<(), KafkaError> {
        if indexes.is_empty() {
            return Ok(());
        }
        self.cache.clear();
        let mut list = TopicPartitionList::with_capacity(indexes.len());
        for index in indexes {
            let Assigned { log, topic, next, .. } = &self.logs[*index as usize];
            self.queue.attach(topic, log.partition);
            list.add_partition_offset(&log.topic, log.partition, Offset::Offset(*next))
                .map_err(|error| self.config.error(format!("read {log}"), &error))?;
        }
        self.consumer
            .incremental_assign(&list)
            .map_err(|error| self.config.error("assign logs to a reader", &error))
    }

    /// The client stops a partition in the background and then undoes where its messages go, perhaps only after it
    /// was taken again; they would wait in a queue that nobody reads. So a log that was taken again is attached anew
    /// until something comes of it, which it can only after the stop.
    fn attach_again(&mut self) {
        if !self.restarting {
            return;
        }
        self.restarting = false;
        for log in self.logs.iter().filter(|log| log.restarting && log.active && !log.paused) {
            self.queue.attach(&log.topic, log.log.partition);
            self.restarting = true;
        }
    }

    fn stop(&mut self, indexes: &[u32]) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::with_capacity(indexes.len());
        for index in self.filtered(indexes, |log| log.active && !log.paused) {
            let log = &self.logs[index as usize].log;
            list.add_partition(&log.topic, log.partition);
        }
        self.cache.clear();
        if list.count() == 0 {
            return Ok(());
        }
        self.consumer
            .incremental_unassign(&list)
            .map_err(|error| self.config.error("take logs from a reader", &error))
    }

    /// Lets the client report what does not come as an event of a log.
    fn serve_client(&self) -> Result<(), KafkaError> {
        let result = self.consumer.poll(Duration::ZERO);
        let watch = self.consumer.client().context();
        if let Some(text) = watch.take_error()
            && let Some(kind) = kind_of_text(&text)
        {
            return Err(KafkaError::new(kind, &self.config.bootstrap, "read", text));
        }
        match result {
            None => Ok(()),
            Some(Ok(_)) => Err(self.fatal("a record came past the reader's queue".to_owned())),
            Some(Err(error)) => match kind_of(&error) {
                KafkaErrorKind::Fatal | KafkaErrorKind::Auth | KafkaErrorKind::TopicMissing => {
                    Err(self.config.error("read", &error).with_hint(&watch.last()))
                }
                _ => Ok(()),
            },
        }
    }

    fn invalid(&self, detail: String) -> KafkaError {
        KafkaError::new(KafkaErrorKind::Invalid, &self.config.bootstrap, "read", detail)
    }

    fn fatal(&self, detail: String) -> KafkaError {
        KafkaError::new(KafkaErrorKind::Fatal, &self.config.bootstrap, "read", detail)
    }
}

/// Translates a message and moves the log's position. What lies below the position was reported before and is
/// dropped, so that a log never goes back.
fn event<'a>(
    index: u32,
    log: &mut Assigned,
    message: Message<'a>,
    headers: &'a mut Vec<u8>,
    config: &KafkaConfig,
) -> Option<Event<'a>> {
    let offset = message.offset();
    match message.code() {
        Code::NoError | Code::PartitionEOF if offset < log.next => None,
        Code::NoError => {
            log.next = offset + 1;
            let (timestamp_ms, key) = (message.timestamp_ms(), message.key());
            Some(Event::Record {
                log: index,
                offset,
                timestamp_ms,
                key,
                payload: message.payload(),
                headers: message.headers(headers),
            })
        }
        Code::PartitionEOF => {
            log.next = offset;
            Some(Event::Eof { log: index, offset })
        }
        code => {
            let text = message.payload().map(String::from_utf8_lossy).unwrap_or_default();
            let operation = format!("read {} from offset {}", log.log, log.next);
            let mut error = KafkaError::of_code(&config.bootstrap, operation, code);
            if !text.is_empty() {
                error.detail = format!("{} ({text})", error.detail);
            }
            Some(Event::Failed { log: index, error })
        }
    }
}
