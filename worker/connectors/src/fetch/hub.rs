//! What the tasks of the fetching thread share, and the two questions that they ask brokers.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::connection::{Broken, Connection, Dialer};
use super::feed::Part;
use super::feeds::{Asked, Assign, Feeds};
use super::messages::{
    FETCH, FetchBounds, METADATA, Metadata, read_fetch, read_metadata, write_fetch, write_metadata,
};
use crate::kafka::{KafkaError, KafkaErrorKind};
use crate::limits::{
    FETCH_BYTES_MIN, FETCH_WAIT, READ_BACKOFF_MIN, SPARE_FRAMES_MAX, THROTTLE_MAX,
};

/// What the reader tells the thread.
#[derive(Debug)]
pub(crate) enum Command {
    Assign(Vec<Assign>),
    Stop(Vec<u32>),
    /// An answer was walked through; its memory is used again.
    Consumed(Vec<u8>),
}

/// What the thread hands over.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// Batches, in the order in which they were fetched.
    Fetched { frame: Vec<u8>, parts: Vec<Part> },
    /// Something is in [`Complaints`].
    Trouble,
}

/// What does not belong to one log's order.
#[derive(Debug, Default)]
pub(crate) struct Complaints {
    last: Mutex<String>,
    trouble: Mutex<Option<KafkaError>>,
}

impl Complaints {
    /// The newest complaint of any sort.
    pub(crate) fn last(&self) -> String {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the owner has to act on, once.
    pub(crate) fn take(&self) -> Option<KafkaError> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// True if nothing else waits for the owner. What ends the reader is not replaced by something less.
    fn put(&self, error: KafkaError) -> bool {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let first = trouble.is_none();
        if trouble.as_ref().is_none_or(|trouble| trouble.kind != KafkaErrorKind::Fatal) {
            *trouble = Some(error);
        }
        first
    }

    pub(super) fn note(&self, text: &str) {
        tracing::debug!(target: "kafka", "{text}");
        text.clone_into(&mut self.last.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Sizes of a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Nothing more is fetched while this much waits for the owner.
    pub(crate) queued: usize,
    /// All fetches on their way together.
    pub(crate) fetch: usize,
    /// One partition's part of a fetch.
    pub(crate) partition: usize,
}

/// What the tasks share; they run on one thread, and none holds a borrow while it waits.
pub(super) struct Hub {
    pub(super) feeds: RefCell<Feeds>,
    pub(super) queued: Cell<usize>,
    pub(super) spare: RefCell<Vec<Vec<u8>>>,
    pub(super) busy: RefCell<BTreeSet<i32>>,
    pub(super) changed: watch::Sender<u64>,
    /// Logs were added: their leaders are looked for at once.
    pub(super) hurry: Cell<bool>,
    pub(super) out: Sender<Delivery>,
    pub(super) complaints: Arc<Complaints>,
    pub(super) dialer: Dialer,
    pub(super) bootstrap: Vec<(String, u16)>,
    pub(super) brokers: String,
    pub(super) sizes: Sizes,
}

impl Hub {
    pub(super) fn wake(&self) {
        self.changed.send_modify(|revision| *revision = revision.wrapping_add(1));
    }

    /// Keeps a frame's memory for the next answer.
    pub(super) fn keep(&self, frame: Vec<u8>) {
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE_FRAMES_MAX && frame.capacity() <= 2 * self.sizes.fetch {
            spare.push(frame);
        }
    }

    /// Tells the owner, who may be waiting.
    pub(super) fn tell(&self, error: KafkaError) {
        self.complaints.note(&error.to_string());
        if self.complaints.put(error) && self.out.send(Delivery::Trouble).is_err() {
            tracing::trace!(target: "kafka", "nobody reads any more");
        }
    }

    /// A lost connection: known to the owner if it has to do something about it.
    pub(super) fn broken(&self, operation: &str, broken: Broken) {
        match broken.kind {
            KafkaErrorKind::Retry => {
                tracing::warn!(target: "kafka", "{operation}: {broken}");
                self.complaints.note(&format!("{operation}: {broken}"));
            }
            kind => self.tell(KafkaError::new(kind, &self.brokers, operation, broken.detail)),
        }
    }

    /// Asks one broker after the other until one answers.
    pub(super) async fn metadata(&self, topics: &[String]) -> Result<Metadata, Broken> {
        let known = self.feeds.borrow_mut().next_to_ask();
        let known = known.into_iter().map(|node| (node.host, node.port)).collect();
        let mut last = None;
        for (host, port) in [known, self.bootstrap.clone()].concat() {
            match self.ask(&host, port, topics).await {
                Ok(metadata) => return Ok(metadata),
                Err(broken) => {
                    self.complaints.note(&format!("find leaders: {broken}"));
                    let told =
                        last.as_ref().is_some_and(|b: &Broken| b.kind != KafkaErrorKind::Retry);
                    if !told {
                        last = Some(broken);
                    }
                }
            }
        }
        Err(last.unwrap_or_else(|| Broken {
            kind: KafkaErrorKind::Invalid,
            detail: "no bootstrap servers are given".to_owned(),
        }))
    }

    async fn ask(&self, host: &str, port: u16, topics: &[String]) -> Result<Metadata, Broken> {
        let mut connection = self.dialer.open(host, port).await?;
        let mut request = connection.begin(METADATA);
        write_metadata(&mut request, &topics.iter().map(String::as_str).collect::<Vec<_>>());
        let mut frame = Vec::new();
        connection.exchange(request, &mut frame, Duration::ZERO).await?;
        Ok(read_metadata(&mut connection.body(METADATA, &frame)?)?)
    }

    /// Asks a broker once and hands over what came. Returns how long to wait before the next time.
    pub(super) async fn fetch(
        &self,
        node: i32,
        connection: &mut Option<Connection>,
        asked: &[Asked],
    ) -> Result<Duration, Broken> {
        let address = self.feeds.borrow().node(node).map(|n| (n.host.clone(), n.port));
        let (host, port) = address.ok_or_else(|| Broken {
            kind: KafkaErrorKind::Retry,
            detail: format!("broker {node} is not known any more"),
        })?;
        let open = match connection.take() {
            Some(open) if open.leads_to(&host, port) => open,
            _ => self.dialer.open(&host, port).await?,
        };
        let open = connection.insert(open);
        let mut request = open.begin(FETCH);
        let wanted: Vec<_> = asked.iter().map(|asked| asked.wanted).collect();
        write_fetch(&mut request, self.bounds(), &wanted);
        let mut frame = self.spare.borrow_mut().pop().unwrap_or_default();
        open.exchange(request, &mut frame, FETCH_WAIT).await?;
        let answer = read_fetch(&mut open.body(FETCH, &frame)?)?;
        if answer.error != 0 {
            let detail = super::refusal::text(answer.error);
            return Err(Broken { kind: KafkaErrorKind::Retry, detail });
        }
        self.feeds.borrow_mut().heard(node);
        let throttled = Duration::from_millis(u64::try_from(answer.throttle_ms).unwrap_or(0));
        let brought = self.feeds.borrow_mut().take(asked, answer);
        if brought.parts.is_empty() {
            self.keep(frame);
        } else {
            self.queued.set(self.queued.get() + frame.len());
            let delivery = Delivery::Fetched { frame, parts: brought.parts };
            if self.out.send(delivery).is_err() {
                tracing::trace!(target: "kafka", "nobody reads any more");
            }
        }
        if let Some(complaint) = brought.complaint {
            self.complaints.note(&complaint);
            self.wake();
        }
        let stalled = if brought.stalled { READ_BACKOFF_MIN } else { Duration::ZERO };
        Ok(throttled.min(THROTTLE_MAX).max(stalled))
    }

    fn bounds(&self) -> FetchBounds {
        let brokers = self.busy.borrow().len().max(1);
        let bytes = (self.sizes.fetch / brokers).max(FETCH_BYTES_MIN);
        FetchBounds {
            wait_ms: FETCH_WAIT.as_millis() as i32,
            bytes_max: bytes as i32,
            partition_bytes_max: self.sizes.partition.min(bytes) as i32,
        }
    }
}
