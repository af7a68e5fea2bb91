//! What is read from which broker, and what an answer means: a value without sockets and clocks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Instant;

use protocol::Log;

use super::feed::{Feed, Part, Search};
use super::messages::{Fetched, Metadata, Node, Wanted};
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

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(super) index: u32,
    pub(super) version: u64,
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
    nodes: BTreeMap<i32, Node>,
    /// Brokers that did not answer the last time.
    silent: BTreeSet<i32>,
    /// How often each broker was asked for records.
    requests: BTreeMap<i32, usize>,
    searches: usize,
}

impl Feeds {
    pub(crate) fn new(brokers: &str) -> Self {
        Self {
            brokers: brokers.to_owned(),
            all: Vec::new(),
            nodes: BTreeMap::new(),
            silent: BTreeSet::new(),
            requests: BTreeMap::new(),
            searches: 0,
        }
    }

    pub(crate) fn assign(&mut self, assign: Assign) {
        let at = assign.index as usize;
        if self.all.len() <= at {
            self.all.resize_with(at + 1, || None);
        }
        let before = self.all[at].take();
        self.all[at] = Some(Feed::new(assign, before));
    }

    pub(crate) fn stop(&mut self, index: u32) {
        if let Some(Some(feed)) = self.all.get_mut(index as usize) {
            feed.stop();
        }
    }

    fn read(&self) -> impl Iterator<Item = &Feed> {
        self.all.iter().flatten().filter(|feed| !feed.is_stopped())
    }

    /// All topics that are read.
    pub(crate) fn topics(&self) -> Vec<String> {
        names(self.read())
    }

    /// Those of which a leader is not known.
    pub(crate) fn lacking(&self) -> Vec<String> {
        names(self.read().filter(|feed| feed.leader.is_none()))
    }

    /// The brokers that lead something.
    pub(crate) fn leaders(&self) -> BTreeSet<i32> {
        self.read().filter_map(|feed| Some(feed.leader?.node)).collect()
    }

    pub(crate) fn node(&self, id: i32) -> Option<&Node> {
        self.nodes.get(&id)
    }

    /// The known brokers in the order in which to ask them for leaders: another one first every time, as one of them
    /// may lag behind, and last those that did not answer.
    pub(crate) fn next_to_ask(&mut self) -> Vec<Node> {
        let mut nodes: Vec<Node> = self.nodes.values().cloned().collect();
        if !nodes.is_empty() {
            self.searches = self.searches.wrapping_add(1);
            let by = self.searches % nodes.len();
            nodes.rotate_left(by);
        }
        nodes.sort_by_key(|node| self.silent.contains(&node.id));
        nodes
    }

    /// The connection to a broker was lost: its logs may be elsewhere.
    pub(crate) fn lost(&mut self, node: i32) {
        self.silent.insert(node);
        for feed in self.all.iter_mut().flatten() {
            feed.leader = feed.leader.filter(|leader| leader.node != node);
        }
    }

    /// A broker answered.
    pub(crate) fn heard(&mut self, node: i32) {
        self.silent.remove(&node);
    }

    /// Takes what a broker says of topics and leaders. Returns what its owner has to know. Where a leader is known,
    /// only a newer one counts: what else is wrong, the leader says itself.
    pub(crate) fn learn(&mut self, metadata: Metadata, now: Instant) -> Vec<KafkaError> {
        let mut troubles = Vec::new();
        for feed in self.all.iter_mut().flatten().filter(|feed| !feed.is_stopped()) {
            let known = feed.leader.is_some();
            match feed.find(&metadata) {
                Ok(()) => feed.missing_since = None,
                Err(_) if known => {}
                Err(Search::Later) => {}
                Err(Search::Missing(what)) => {
                    let since = *feed.missing_since.get_or_insert(now);
                    if now.saturating_duration_since(since) >= TOPIC_MISSING_AFTER {
                        feed.missing_since = Some(now);
                        let kind = KafkaErrorKind::TopicMissing;
                        troubles.push(feed.error(&self.brokers, kind, what));
                    }
                }
                Err(Search::Failed(kind, what)) => {
                    troubles.push(feed.error(&self.brokers, kind, what));
                }
            }
        }
        self.nodes = metadata.nodes.into_iter().map(|node| (node.id, node)).collect();
        self.silent.retain(|node| self.nodes.contains_key(node));
        troubles
    }

    /// What to ask a broker for. Every request to it begins with another log, so that none starves behind full ones.
    pub(crate) fn request(&mut self, node: i32) -> Vec<Asked> {
        let asked_of = |(index, feed): (u32, &Option<Feed>)| feed.as_ref()?.asked_of(node, index);
        let mut asked: Vec<Asked> = (0_u32..).zip(&self.all).filter_map(asked_of).collect();
        if !asked.is_empty() {
            let requests = self.requests.entry(node).or_default();
            *requests = requests.wrapping_add(1);
            let by = *requests % asked.len();
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
            let Some(feed) = feed.filter(|feed| feed.awaits(found)) else { continue };
            feed.take(&self.brokers, found, partition, &mut brought);
        }
        brought
    }
}

fn names<'a>(feeds: impl Iterator<Item = &'a Feed>) -> Vec<String> {
    let names: BTreeSet<&str> = feeds.map(|feed| feed.log.topic.as_str()).collect();
    names.into_iter().map(str::to_owned).collect()
}
