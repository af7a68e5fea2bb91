//! What the owner of the logs holds: it walks the fetched batches in its own thread, record by record, in place.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use formats::Headers;
use protocol::Log;
use tokio::sync::mpsc::UnboundedSender;

use super::batch::Damage;
use super::connection::Dialer;
use super::feed::Part;
use super::feeds::Assign;
use super::fetcher::Fetcher;
use super::hub::{Command, Complaints, Delivery, Sizes};
use super::unpack::Unpacker;
use super::walk::{Walk, Walked};
use crate::kafka::{KafkaConfig, KafkaError, KafkaErrorKind};
use crate::limits::{
    FETCH_BYTES_MAX, FETCH_BYTES_MIN, READ_BATCH_MAX, READ_QUEUE_BYTES_MAX, UNPACKED_BYTES_KEPT,
    UNPACKED_BYTES_MAX,
};
use crate::reader::{Event, ReadLimits};

/// A log that was assigned once.
struct Assigned {
    log: Log,
    /// Of the newest assignment; what was fetched for another is dropped.
    version: u64,
    next: i64,
    active: bool,
    paused: bool,
    /// A failure was reported: nothing more comes until it is assigned again.
    failed: bool,
    end: Arc<AtomicI64>,
}

impl Assigned {
    fn takes(&self, version: u64) -> bool {
        self.version == version && self.active && !self.paused && !self.failed
    }
}

/// An answer that is being walked through.
struct Current {
    frame: Vec<u8>,
    parts: std::vec::IntoIter<Part>,
    part: Option<(Part, Walk)>,
}

/// Reads the logs of a slot.
pub(crate) struct FetchReader {
    bootstrap: String,
    commands: UnboundedSender<Command>,
    deliveries: Receiver<Delivery>,
    complaints: Arc<Complaints>,
    logs: Vec<Assigned>,
    index: HashMap<Log, u32>,
    versions: u64,
    current: Option<Current>,
    unpacker: Unpacker,
    bytes: u64,
}

fn sizes(limits: ReadLimits) -> Sizes {
    let queued = limits.queued_bytes.clamp(FETCH_BYTES_MIN, READ_QUEUE_BYTES_MAX);
    let fetch = (queued / 2).clamp(FETCH_BYTES_MIN, FETCH_BYTES_MAX);
    Sizes { queued, fetch, partition: (fetch / 2).clamp(1 << 16, 1 << 20) }
}

impl FetchReader {
    pub(crate) fn open(config: &KafkaConfig, limits: ReadLimits) -> Result<Self, KafkaError> {
        config.check()?;
        let dialer = Dialer { client_id: config.client_id.clone() };
        let (commands, received) = tokio::sync::mpsc::unbounded_channel();
        let (out, deliveries) = std::sync::mpsc::channel();
        let complaints = Arc::new(Complaints::default());
        let fetcher = Fetcher {
            dialer,
            brokers: config.bootstrap.clone(),
            sizes: sizes(limits),
            commands: received,
            out,
            complaints: complaints.clone(),
        };
        let fatal = |error: std::io::Error| {
            let (kind, detail) = (KafkaErrorKind::Fatal, error.to_string());
            KafkaError::new(kind, &config.bootstrap, "open a reader", detail)
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(fatal)?;
        let thread = std::thread::Builder::new().name("kafka-fetch".to_owned());
        // It ends with the commands, that is with this reader.
        let spawned = thread.spawn(move || {
            runtime.block_on(fetcher.run());
            runtime.shutdown_background();
        });
        drop(spawned.map_err(fatal)?);
        Ok(Self {
            bootstrap: config.bootstrap.clone(),
            commands,
            deliveries,
            complaints,
            logs: Vec::new(),
            index: HashMap::new(),
            versions: 0,
            current: None,
            unpacker: Unpacker::new(UNPACKED_BYTES_MAX),
            bytes: 0,
        })
    }

    fn error(&self, kind: KafkaErrorKind, detail: String) -> KafkaError {
        KafkaError::new(kind, &self.bootstrap, "read", detail)
    }

    fn command(&self, command: Command) -> Result<(), KafkaError> {
        let ended = |_| self.error(KafkaErrorKind::Fatal, "the fetching thread ended".to_owned());
        self.commands.send(command).map_err(ended)
    }

    pub(crate) fn assign(&mut self, logs: &[(Log, i64)]) -> Result<Vec<u32>, KafkaError> {
        let invalid = |text: String| Err(self.error(KafkaErrorKind::Invalid, text));
        if let Some((log, offset)) = logs.iter().find(|(_, offset)| *offset < 0) {
            return invalid(format!("{log} cannot be read from offset {offset}"));
        }
        let twice = |log: &Log| self.index.get(log).is_some_and(|i| self.logs[*i as usize].active);
        if let Some((log, _)) = logs.iter().find(|(log, _)| twice(log)) {
            return invalid(format!("{log} is assigned already"));
        }
        let mut indexes = Vec::with_capacity(logs.len());
        for (log, offset) in logs {
            let index = *self.index.entry(log.clone()).or_insert(self.logs.len() as u32);
            if index as usize == self.logs.len() {
                self.logs.push(Assigned {
                    log: log.clone(),
                    version: 0,
                    next: 0,
                    active: false,
                    paused: false,
                    failed: false,
                    end: Arc::new(AtomicI64::new(-1)),
                });
            }
            let entry = &mut self.logs[index as usize];
            (entry.next, entry.active, entry.paused) = (*offset, true, false);
            entry.end = Arc::new(AtomicI64::new(-1));
            indexes.push(index);
        }
        self.start(&indexes)?;
        Ok(indexes)
    }

    fn start(&mut self, indexes: &[u32]) -> Result<(), KafkaError> {
        let mut logs = Vec::with_capacity(indexes.len());
        for index in indexes {
            self.versions += 1;
            let entry = &mut self.logs[*index as usize];
            (entry.version, entry.failed) = (self.versions, false);
            logs.push(Assign {
                index: *index,
                version: entry.version,
                log: entry.log.clone(),
                offset: entry.next,
                end: entry.end.clone(),
            });
        }
        if logs.is_empty() { Ok(()) } else { self.command(Command::Assign(logs)) }
    }

    pub(crate) fn unassign(&mut self, logs: &[Log]) -> Result<(), KafkaError> {
        let known: Option<Vec<u32>> = logs.iter().map(|log| self.index.get(log).copied()).collect();
        let Some(indexes) = known else {
            let text = "a log to give up is not assigned".to_owned();
            return Err(self.error(KafkaErrorKind::Invalid, text));
        };
        for index in &indexes {
            self.logs[*index as usize].active = false;
        }
        self.command(Command::Stop(indexes))
    }

    pub(crate) fn pause(&mut self, logs: &[u32]) -> Result<(), KafkaError> {
        let running = self.filtered(logs, |log| log.active && !log.paused);
        for index in &running {
            self.logs[*index as usize].paused = true;
        }
        self.command(Command::Stop(running))
    }

    pub(crate) fn resume(&mut self, logs: &[u32]) -> Result<(), KafkaError> {
        let held = self.filtered(logs, |log| log.active && log.paused);
        for index in &held {
            self.logs[*index as usize].paused = false;
        }
        self.start(&held)
    }

    fn filtered(&self, logs: &[u32], wanted: impl Fn(&Assigned) -> bool) -> Vec<u32> {
        let known = |index: &u32| self.logs.get(*index as usize).is_some_and(&wanted);
        logs.iter().copied().filter(known).collect()
    }

    pub(crate) fn poll(
        &mut self,
        timeout: Duration,
        max: usize,
        visit: &mut impl FnMut(Event<'_>),
    ) -> Result<usize, KafkaError> {
        let max = max.clamp(1, READ_BATCH_MAX);
        let began = Instant::now();
        let (mut reported, mut hidden) = (0, false);
        while reported < max {
            if reported == 0
                && let Some(trouble) = self.complaints.take()
            {
                return Err(trouble);
            }
            if self.current.is_none() {
                let left = timeout.saturating_sub(began.elapsed());
                // There may be any amount of what is not shown; the caller has other things to do.
                if hidden && left.is_zero() {
                    break;
                }
                let wait = if reported == 0 { left } else { Duration::ZERO };
                let Some(delivery) = self.receive(wait)? else { break };
                match delivery {
                    Delivery::Fetched { frame, parts } => {
                        self.current =
                            Some(Current { frame, parts: parts.into_iter(), part: None });
                    }
                    // What was visited is told first; the trouble stays where it is.
                    Delivery::Trouble if reported > 0 => break,
                    Delivery::Trouble => continue,
                }
            }
            let shown = self.walk(max - reported, visit)?;
            hidden = shown == 0;
            reported += shown;
        }
        Ok(reported)
    }

    fn receive(&self, wait: Duration) -> Result<Option<Delivery>, KafkaError> {
        let received = match self.deliveries.try_recv() {
            Err(TryRecvError::Empty) if !wait.is_zero() => self
                .deliveries
                .recv_timeout(wait)
                .map_err(|error| error == RecvTimeoutError::Timeout),
            other => other.map_err(|error| error == TryRecvError::Empty),
        };
        match received {
            Ok(delivery) => Ok(Some(delivery)),
            Err(true) => Ok(None),
            Err(false) => {
                Err(self.error(KafkaErrorKind::Fatal, "the fetching thread ended".to_owned()))
            }
        }
    }

    /// Walks on through the current answer; gives its memory back at its end.
    fn walk(&mut self, max: usize, visit: &mut impl FnMut(Event<'_>)) -> Result<usize, KafkaError> {
        let Some(mut current) = self.current.take() else { return Ok(0) };
        let mut reported = 0;
        loop {
            if reported >= max {
                self.current = Some(current);
                return Ok(reported);
            }
            if current.part.is_none() {
                let Some(mut part) = current.parts.next() else { break };
                let walk = Walk::new(part.range.clone(), std::mem::take(&mut part.aborted));
                current.part = Some((part, walk));
            }
            let Some((part, walk)) = &mut current.part else { break };
            if !self.logs[part.index as usize].takes(part.version) {
                current.part = None;
                continue;
            }
            match self.walk_part(&current.frame, part, walk, max, &mut reported, visit)? {
                Walked::All => current.part = None,
                Walked::Enough => {}
            }
        }
        self.unpacker.shrink(UNPACKED_BYTES_KEPT);
        self.command(Command::Consumed(current.frame))?;
        Ok(reported)
    }

    fn walk_part(
        &mut self,
        frame: &[u8],
        part: &mut Part,
        walk: &mut Walk,
        max: usize,
        reported: &mut usize,
        visit: &mut impl FnMut(Event<'_>),
    ) -> Result<Walked, KafkaError> {
        let Self { logs, unpacker, bytes, .. } = self;
        let log = &mut logs[part.index as usize];
        let left = max.saturating_sub(*reported);
        let walked = walk.run(frame, unpacker, &mut log.next, left, |record| {
            *reported += 1;
            *bytes += record.value.map_or(0, <[u8]>::len) as u64;
            visit(Event::Record {
                log: part.index,
                offset: record.offset,
                timestamp_ms: record.timestamp_ms,
                key: record.key,
                payload: record.value,
                headers: Headers::new(record.headers),
            });
        });
        let failure = match walked {
            Ok(Walked::Enough) => return Ok(Walked::Enough),
            Ok(Walked::All) => part.failure.take(),
            Err(damage) => Some(self.damaged(part.index, &damage)),
        };
        // This may be one more than wanted.
        if let Some(error) = failure {
            self.logs[part.index as usize].failed = true;
            *reported += 1;
            visit(Event::Failed { log: part.index, error });
            self.command(Command::Stop(vec![part.index]))?;
        } else if let Some(offset) = part.eof {
            let log = &mut self.logs[part.index as usize];
            if offset >= log.next {
                log.next = offset;
                *reported += 1;
                visit(Event::Eof { log: part.index, offset });
            }
        }
        Ok(Walked::All)
    }

    fn damaged(&self, index: u32, damage: &Damage) -> KafkaError {
        let log = &self.logs[index as usize];
        let kind =
            if damage.is_permanent() { KafkaErrorKind::Invalid } else { KafkaErrorKind::Retry };
        let operation = format!("read {} from offset {}", log.log, log.next);
        KafkaError::new(kind, &self.bootstrap, operation, damage.to_string())
    }

    pub(crate) fn high_watermark(&self, log: u32) -> Option<i64> {
        let end = self.logs.get(log as usize)?.end.load(Ordering::Acquire);
        (end >= 0).then_some(end)
    }

    pub(crate) fn position(&self, log: u32) -> Option<i64> {
        self.logs.get(log as usize).map(|log| log.next)
    }

    pub(crate) fn log(&self, index: u32) -> Option<&Log> {
        self.logs.get(index as usize).map(|log| &log.log)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn last_complaint(&self) -> String {
        self.complaints.last()
    }
}
