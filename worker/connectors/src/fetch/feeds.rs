//! What is read from which broker, and what an answer means: a value without sockets and clocks.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use protocol::Log;

use super::batch::scan;
use super::messages::{Aborted, Fetched, FetchedPartition, Metadata, Node, TopicId, Wanted};
use super::refusal::{self, Next};
use crate::kafka::{KafkaError, KafkaErrorKind};
use crate::limits::TOPIC_MISSING_AFTER;

/// A log to be read.
#[derive(Debug)]
pub(crate) struct Assign {
    /// The reader's number of it.
    pub(crate) index: u32,
    /// Told apart by this from what was fetched for an earlier assignment.
    pub(crate) version: u64,
    pub(crate) log: Log,
    pub(crate) offset: i64,
    /// Where its end (high watermark) is noted, -1 until it is known.
    pub(crate) end: Arc<AtomicI64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Leader {
    node: i32,
    epoch: i32,
}

#[derive(Debug)]
struct Feed {
    version: u64,
    log: Log,
    topic: Option<TopicId>,
    leader: Option<Leader>,
    next: i64,
    last_epoch: i32,
    /// The end that was reported last.
    told_end: Option<i64>,
    missing_since: Option<Instant>,
    /// It failed and is not read until it is assigned again.
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

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    index: u32,
    version: u64,
    pub(crate) wanted: Wanted,
}

/// What an answer brought.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    pub(crate) parts: Vec<Part>,
    /// Why leaders have to be looked for again.
    pub(crate) complaint: Option<String>,
    /// Bytes came, but no whole batch.
    pub(crate) stalled: bool,
}

/// All logs of a reader.
#[derive(Debug)]
pub(crate) struct Feeds {
    brokers: String,
    all: Vec<Option<Feed>>,
    nodes: HashMap<i32, Node>,
    requests: usize,
}

impl Feeds {
    pub(crate) fn new(brokers: &str) -> Self {
        Self { brokers: brokers.to_owned(), all: Vec::new(), nodes: HashMap::new(), requests: 0 }
    }

    pub(crate) fn assign(&mut self, assign: Assign) {
        let at = assign.index as usize;
        if self.all.len() <= at {
            self.all.resize_with(at + 1, || None);
        }
        self.all[at] = Some(Feed {
            version: assign.version,
            log: assign.log,
            topic: None,
            leader: None,
            next: assign.offset,
            last_epoch: -1,
            told_end: None,
            missing_since: None,
            stopped: false,
            end: assign.end,
        });
    }

    pub(crate) fn stop(&mut self, index: u32) {
        if let Some(feed) = self.all.get_mut(index as usize) {
            *feed = None;
        }
    }

    /// Topics of which a leader is not known.
    pub(crate) fn lacking(&self) -> Vec<String> {
        let lacking =
            self.all.iter().flatten().filter(|feed| feed.leader.is_none() && !feed.stopped);
        let names: BTreeSet<&str> = lacking.map(|feed| feed.log.topic.as_str()).collect();
        names.into_iter().map(str::to_owned).collect()
    }

    /// The brokers that lead something.
    pub(crate) fn leaders(&self) -> BTreeSet<i32> {
        self.all.iter().flatten().filter_map(|feed| Some(feed.leader?.node)).collect()
    }

    pub(crate) fn node(&self, id: i32) -> Option<&Node> {
        self.nodes.get(&id)
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// The connection to a broker was lost: its logs may be elsewhere.
    pub(crate) fn lost(&mut self, node: i32) {
        for feed in self.all.iter_mut().flatten() {
            feed.leader = feed.leader.filter(|leader| leader.node != node);
        }
    }

    /// Takes what a broker says of topics and leaders. Returns what its owner has to know.
    pub(crate) fn learn(&mut self, metadata: Metadata, now: Instant) -> Vec<KafkaError> {
        let mut troubles = Vec::new();
        for at in 0..self.all.len() {
            let Some(feed) = &mut self.all[at] else { continue };
            if feed.leader.is_some() || feed.stopped {
                continue;
            }
            match feed.find(&metadata) {
                Ok(()) => feed.missing_since = None,
                Err(Search::Later) => {}
                Err(Search::Missing(what)) => {
                    let since = *feed.missing_since.get_or_insert(now);
                    if now.saturating_duration_since(since) >= TOPIC_MISSING_AFTER {
                        feed.missing_since = Some(now);
                        troubles.push(feed.error(
                            &self.brokers,
                            KafkaErrorKind::TopicMissing,
                            what,
                        ));
                    }
                }
                Err(Search::Failed(kind, what)) => {
                    troubles.push(feed.error(&self.brokers, kind, what));
                }
            }
        }
        self.nodes = metadata.nodes.into_iter().map(|node| (node.id, node)).collect();
        troubles
    }

    /// What to ask a broker for. Every request begins with another log, so that none starves behind full ones.
    pub(crate) fn request(&mut self, node: i32) -> Vec<Asked> {
        let mut asked: Vec<Asked> = (0_u32..)
            .zip(&self.all)
            .filter_map(|(index, feed)| {
                let feed = feed.as_ref().filter(|feed| !feed.stopped)?;
                let leader = feed.leader.filter(|leader| leader.node == node)?;
                let wanted = Wanted {
                    topic: feed.topic?,
                    partition: feed.log.partition,
                    leader_epoch: leader.epoch,
                    offset: feed.next,
                    last_epoch: feed.last_epoch,
                };
                Some(Asked { index, version: feed.version, wanted })
            })
            .collect();
        if !asked.is_empty() {
            self.requests = self.requests.wrapping_add(1);
            let by = self.requests % asked.len();
            asked.rotate_left(by);
            let first = asked[0].wanted.topic;
            asked.sort_by_key(|asked| (asked.wanted.topic < first, asked.wanted.topic));
        }
        asked
    }

    /// Takes an answer. The next requests go on behind it.
    pub(crate) fn take(&mut self, asked: &[Asked], answer: Fetched<'_>) -> Brought {
        let mut brought = Brought::default();
        for (at, partition) in answer.partitions.into_iter().enumerate() {
            let is = |asked: &Asked| {
                asked.wanted.topic == partition.topic
                    && asked.wanted.partition == partition.partition
            };
            // Answers come in the order of the request.
            let found = asked.get(at).filter(|asked| is(asked));
            let Some(found) = found.or_else(|| asked.iter().find(|asked| is(asked))) else {
                continue;
            };
            let feed = self.all.get_mut(found.index as usize).and_then(Option::as_mut);
            let Some(feed) = feed.filter(|feed| feed.version == found.version) else { continue };
            feed.take(&self.brokers, found, partition, &mut brought);
        }
        brought
    }
}

/// Why no leader was found.
enum Search {
    Later,
    Missing(String),
    Failed(KafkaErrorKind, String),
}

impl Feed {
    fn error(&self, brokers: &str, kind: KafkaErrorKind, detail: String) -> KafkaError {
        let operation = format!("read {} from offset {}", self.log, self.next);
        KafkaError::new(kind, brokers, operation, detail)
    }

    fn find(&mut self, metadata: &Metadata) -> Result<(), Search> {
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
        if partition.leader < 0 {
            return Err(Search::Later);
        }
        self.topic = Some(topic.id);
        self.leader = Some(Leader { node: partition.leader, epoch: partition.leader_epoch });
        Ok(())
    }

    fn take(
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
        brought.stalled |= damage.is_none() && found.whole == 0 && !partition.records.is_empty();
        let at_end = damage.is_none() && self.next == partition.last_stable;
        if at_end && self.told_end != Some(self.next) {
            self.told_end = Some(self.next);
            part.eof = Some(self.next);
        }
    }
}
