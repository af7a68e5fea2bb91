//! One log that is read: who leads it, how far it is, and what an answer about it means.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use protocol::Log;

use super::batch::scan;
use super::feeds::{Asked, Assign, Brought};
use super::messages::{Aborted, FetchedPartition, Metadata, TopicId, Wanted};
use super::refusal::{self, Next};
use crate::kafka::{KafkaError, KafkaErrorKind};

/// Of what is not read: no assignment has it.
const NO_VERSION: u64 = 0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leader {
    pub(super) node: i32,
    epoch: i32,
}

#[derive(Debug)]
pub(super) struct Feed {
    version: u64,
    pub(super) log: Log,
    /// Kept over assignments, so that a topic which is another by now is never taken for the same.
    topic: Option<TopicId>,
    pub(super) leader: Option<Leader>,
    /// The newest epoch of a leader that was heard of: a broker that names an older one lags behind.
    epoch: i32,
    next: i64,
    last_epoch: i32,
    /// The end that was reported last.
    told_end: Option<i64>,
    pub(super) missing_since: Option<Instant>,
    /// It was given up or failed, and is not read until it is assigned again.
    stopped: bool,
    end: Arc<AtomicI64>,
}

/// A part of an answer: one log's.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) index: u32,
    pub(crate) version: u64,
    /// Its batches in the answer's frame.
    pub(crate) range: Range<usize>,
    pub(crate) aborted: Vec<Aborted>,
    /// The log is read up to its last stable offset, which is this.
    pub(crate) eof: Option<i64>,
    /// It cannot be read on.
    pub(crate) failure: Option<KafkaError>,
}

/// Why no leader was found.
pub(super) enum Search {
    Later,
    Missing(String),
    Failed(KafkaErrorKind, String),
}

impl Feed {
    /// What is known of an earlier assignment of the same log spares a search for its leader.
    pub(super) fn new(assign: Assign, before: Option<Self>) -> Self {
        let known = before.filter(|before| before.log == assign.log);
        let known = known.map_or((None, None, -1), |feed| (feed.topic, feed.leader, feed.epoch));
        let (topic, leader, epoch) = known;
        Self {
            version: assign.version,
            log: assign.log,
            topic,
            leader,
            epoch,
            next: assign.offset,
            last_epoch: -1,
            told_end: None,
            missing_since: None,
            stopped: false,
            end: assign.end,
        }
    }

    pub(super) fn stop(&mut self) {
        (self.version, self.stopped) = (NO_VERSION, true);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// What to ask `node` for, if it leads the log.
    pub(super) fn asked_of(&self, node: i32, index: u32) -> Option<Asked> {
        let leader = self.leader.filter(|leader| leader.node == node && !self.stopped)?;
        let wanted = Wanted {
            topic: self.topic?,
            partition: self.log.partition,
            leader_epoch: leader.epoch,
            offset: self.next,
            last_epoch: self.last_epoch,
        };
        Some(Asked { index, version: self.version, wanted })
    }

    /// Whether an answer to that is one to what is wanted now: of this assignment, from here on, by today's leader.
    pub(super) fn awaits(&self, asked: &Asked) -> bool {
        let by_leader = |leader: Leader| leader.epoch == asked.wanted.leader_epoch;
        self.version == asked.version
            && self.next == asked.wanted.offset
            && self.leader.is_none_or(by_leader)
    }

    pub(super) fn error(&self, brokers: &str, kind: KafkaErrorKind, detail: String) -> KafkaError {
        let operation = format!("read {} from offset {}", self.log, self.next);
        KafkaError::new(kind, brokers, operation, detail)
    }

    /// Looks up its leader.
    pub(super) fn find(&mut self, metadata: &Metadata) -> Result<(), Search> {
        let found = metadata.topics.iter().find(|topic| topic.name == self.log.topic);
        let missing = || Search::Missing(format!("there is no topic {}", self.log.topic));
        let topic = found.ok_or_else(missing)?;
        match refusal::next(topic.error) {
            Next::Go => {}
            Next::LookAgain if refusal::is_missing(topic.error) => return Err(missing()),
            Next::LookAgain => return Err(Search::Later),
            Next::Fail(kind) => return Err(Search::Failed(kind, refusal::text(topic.error))),
        }
        if topic.id == [0; 16] {
            let text = "the brokers have no topic ids: Kafka 3.1 or newer is needed".to_owned();
            return Err(Search::Failed(KafkaErrorKind::Invalid, text));
        }
        if self.topic.is_some_and(|known| known != topic.id) {
            let text = format!("topic {} was deleted and created again", self.log.topic);
            return Err(Search::Failed(KafkaErrorKind::TopicMissing, text));
        }
        let partition = topic.partitions.iter().find(|p| p.partition == self.log.partition);
        let Some(partition) = partition else {
            let text = format!("topic {} has no partition {}", self.log.topic, self.log.partition);
            return Err(Search::Missing(text));
        };
        if partition.leader < 0 || partition.leader_epoch < self.epoch {
            return Err(Search::Later);
        }
        (self.topic, self.epoch) = (Some(topic.id), partition.leader_epoch);
        self.leader = Some(Leader { node: partition.leader, epoch: partition.leader_epoch });
        Ok(())
    }

    pub(super) fn take(
        &mut self,
        brokers: &str,
        asked: &Asked,
        partition: FetchedPartition<'_>,
        brought: &mut Brought,
    ) {
        let mut part = Part {
            index: asked.index,
            version: asked.version,
            range: partition.records_at..partition.records_at,
            aborted: Vec::new(),
            eof: None,
            failure: None,
        };
        match refusal::next(partition.error) {
            Next::Go => self.records(brokers, partition, &mut part, brought),
            Next::LookAgain => {
                self.leader = None;
                let complaint = format!("{}: {}", self.log, refusal::text(partition.error));
                brought.complaint = Some(complaint);
            }
            Next::Fail(kind) => {
                part.failure = Some(self.error(brokers, kind, refusal::text(partition.error)));
            }
        }
        self.stopped |= part.failure.is_some();
        if !part.range.is_empty() || part.eof.is_some() || part.failure.is_some() {
            brought.parts.push(part);
        }
    }

    fn records(
        &mut self,
        brokers: &str,
        partition: FetchedPartition<'_>,
        part: &mut Part,
        brought: &mut Brought,
    ) {
        self.end.store(partition.high_watermark, Ordering::Release);
        if let Some(end) = partition.diverges_at {
            let text = format!("the log was truncated to offset {end} and goes on otherwise");
            part.failure = Some(self.error(brokers, KafkaErrorKind::OffsetOutOfRange, text));
            return;
        }
        let (found, damage) = scan(partition.records);
        // Whoever walks the batches meets the damage after the last whole one and says what it is.
        self.stopped |= damage.is_some();
        let bytes = if damage.is_some() { partition.records.len() } else { found.whole };
        part.range = partition.records_at..partition.records_at + bytes;
        part.aborted = partition.aborted;
        if let Some((next, epoch)) = found.last {
            self.next = next.max(self.next);
            self.last_epoch = epoch;
        }
        if damage.is_none() && found.whole == 0 && !partition.records.is_empty() {
            let text = format!("{}: no whole batch came from offset {}", self.log, self.next);
            (brought.stalled, brought.complaint) = (true, Some(text));
        }
        let at_end = damage.is_none() && self.next == partition.last_stable;
        if at_end && self.told_end != Some(self.next) {
            self.told_end = Some(self.next);
            part.eof = Some(self.next);
        }
    }
}
