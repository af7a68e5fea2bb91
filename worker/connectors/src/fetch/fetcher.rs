//! The thread that keeps reading: one task per broker that leads something, and one that looks for leaders. A broker
//! is asked for more as soon as its answer is there, while the owner of the reader works on that answer.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use super::connection::{Broken, Connection, Dialer};
use super::feeds::{Asked, Assign, Feeds, Part};
use super::messages::{
    FETCH, FetchBounds, METADATA, Metadata, read_fetch, read_metadata, write_fetch, write_metadata,
};
use crate::kafka::{KafkaError, KafkaErrorKind};
use crate::limits::{
    BACKOFF_FORGOTTEN_AFTER, CONNECTION_IDLE_MAX, FETCH_BYTES_MIN, FETCH_WAIT, READ_BACKOFF_MAX,
    READ_BACKOFF_MIN, SPARE_FRAMES_MAX, THROTTLE_MAX,
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

    fn note(&self, text: &str) {
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
struct Hub {
    feeds: RefCell<Feeds>,
    queued: Cell<usize>,
    spare: RefCell<Vec<Vec<u8>>>,
    busy: RefCell<BTreeSet<i32>>,
    changed: watch::Sender<u64>,
    /// Logs were added: their leaders are looked for at once.
    hurry: Cell<bool>,
    out: Sender<Delivery>,
    complaints: Arc<Complaints>,
    dialer: Dialer,
    bootstrap: Vec<(String, u16)>,
    brokers: String,
    sizes: Sizes,
}

/// The whole of a thread's work; ends with the reader.
pub(crate) struct Fetcher {
    pub(crate) dialer: Dialer,
    pub(crate) brokers: String,
    pub(crate) sizes: Sizes,
    pub(crate) commands: UnboundedReceiver<Command>,
    pub(crate) out: Sender<Delivery>,
    pub(crate) complaints: Arc<Complaints>,
}

impl Fetcher {
    /// Runs until the reader is dropped.
    pub(crate) async fn run(self) {
        let Self { dialer, brokers, sizes, mut commands, out, complaints } = self;
        let hub = Rc::new(Hub {
            feeds: RefCell::new(Feeds::new(&brokers)),
            queued: Cell::new(0),
            spare: RefCell::default(),
            busy: RefCell::default(),
            changed: watch::Sender::new(0),
            hurry: Cell::new(false),
            out,
            complaints,
            dialer,
            bootstrap: addresses(&brokers),
            brokers,
            sizes,
        });
        let tasks = LocalSet::new();
        tasks.spawn_local(find_leaders(hub.clone()));
        let obey = async {
            while let Some(command) = commands.recv().await {
                hub.obey(command);
            }
        };
        tasks.run_until(obey).await;
    }
}

/// Host and port of each bootstrap server; 9092 where none is given.
fn addresses(bootstrap: &str) -> Vec<(String, u16)> {
    let servers = bootstrap.split(',').map(str::trim).filter(|server| !server.is_empty());
    servers
        .map(|server| {
            let server = server.split_once("://").map_or(server, |(_, address)| address);
            let parts = server.rsplit_once(':').filter(|(host, _)| {
                !host.contains(':') || host.starts_with('[') && host.ends_with(']')
            });
            let (host, port) = parts.map_or((server, None), |(h, p)| (h, p.parse().ok()));
            (host.trim_matches(['[', ']']).to_owned(), port.unwrap_or(9092))
        })
        .collect()
}

impl Hub {
    fn wake(&self) {
        self.changed.send_modify(|revision| *revision = revision.wrapping_add(1));
    }

    fn obey(&self, command: Command) {
        match command {
            Command::Assign(logs) => {
                for log in logs {
                    self.feeds.borrow_mut().assign(log);
                }
                self.hurry.set(true);
            }
            Command::Stop(indexes) => {
                for index in indexes {
                    self.feeds.borrow_mut().stop(index);
                }
            }
            Command::Consumed(frame) => {
                self.queued.set(self.queued.get().saturating_sub(frame.len()));
                self.keep(frame);
            }
        }
        self.wake();
    }

    /// Keeps a frame's memory for the next answer.
    fn keep(&self, frame: Vec<u8>) {
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE_FRAMES_MAX && frame.capacity() <= 2 * self.sizes.fetch {
            spare.push(frame);
        }
    }

    /// Tells the owner, who may be waiting.
    fn tell(&self, error: KafkaError) {
        self.complaints.note(&error.to_string());
        let slot = &self.complaints.trouble;
        let before = slot.lock().unwrap_or_else(PoisonError::into_inner).replace(error);
        if before.is_none() && self.out.send(Delivery::Trouble).is_err() {
            tracing::trace!(target: "kafka", "nobody reads any more");
        }
    }

    /// A lost connection: known to the owner if it has to do something about it.
    fn broken(&self, operation: &str, broken: Broken) {
        match broken.kind {
            KafkaErrorKind::Retry => {
                tracing::warn!(target: "kafka", "{operation}: {broken}");
                self.complaints.note(&format!("{operation}: {broken}"));
            }
            kind => self.tell(KafkaError::new(kind, &self.brokers, operation, broken.detail)),
        }
    }

    async fn metadata(&self, topics: &[String]) -> Result<Metadata, Broken> {
        let known = self.feeds.borrow().nodes().map(|n| (n.host.clone(), n.port)).collect();
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
    async fn fetch(
        &self,
        node: i32,
        connection: &mut Option<Connection>,
        asked: &[Asked],
    ) -> Result<Duration, Broken> {
        if connection.is_none() {
            let address = self.feeds.borrow().node(node).map(|n| (n.host.clone(), n.port));
            let (host, port) = address.ok_or_else(|| Broken {
                kind: KafkaErrorKind::Retry,
                detail: format!("broker {node} is not known any more"),
            })?;
            *connection = Some(self.dialer.open(&host, port).await?);
        }
        let Some(open) = connection else { return Ok(Duration::ZERO) };
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

    /// Gives every broker that leads something its task.
    fn employ(self: &Rc<Self>) {
        let leaders = self.feeds.borrow().leaders();
        for node in leaders {
            if self.busy.borrow_mut().insert(node) {
                spawn_local(read_from(self.clone(), node));
            }
        }
        self.wake();
    }
}

/// Pauses between attempts that grow, and are forgotten after a while without any.
struct Backoff {
    pause: Duration,
    last: Option<Instant>,
}

impl Backoff {
    fn new() -> Self {
        Self { pause: READ_BACKOFF_MIN, last: None }
    }

    async fn wait(&mut self) {
        let now = Instant::now();
        let recent = self.last.is_some_and(|last| now - last < BACKOFF_FORGOTTEN_AFTER);
        if recent {
            sleep(self.pause).await;
            self.pause = (self.pause * 2).min(READ_BACKOFF_MAX);
        } else {
            self.pause = READ_BACKOFF_MIN;
        }
        self.last = Some(Instant::now());
    }
}

/// Looks for leaders whenever one is lacking.
async fn find_leaders(hub: Rc<Hub>) {
    let mut changed = hub.changed.subscribe();
    let mut backoff = Backoff::new();
    loop {
        changed.borrow_and_update();
        let lacking = hub.feeds.borrow().lacking();
        if lacking.is_empty() {
            if changed.changed().await.is_err() {
                return;
            }
            continue;
        }
        if !hub.hurry.take() {
            backoff.wait().await;
        }
        match hub.metadata(&lacking).await {
            Ok(metadata) => {
                let troubles = hub.feeds.borrow_mut().learn(metadata, Instant::now());
                for trouble in troubles {
                    hub.tell(trouble);
                }
                hub.employ();
            }
            Err(broken) => hub.broken("find the leaders", broken),
        }
    }
}

/// Reads from one broker as long as it leads something.
async fn read_from(hub: Rc<Hub>, node: i32) {
    let mut changed = hub.changed.subscribe();
    let mut backoff = Backoff::new();
    let mut connection = None;
    loop {
        changed.borrow_and_update();
        let asked = hub.feeds.borrow_mut().request(node);
        if asked.is_empty() {
            match timeout(CONNECTION_IDLE_MAX, changed.changed()).await {
                Ok(Ok(())) => continue,
                _ => break, // it gets a new task with the next log that it leads
            }
        }
        if hub.queued.get() >= hub.sizes.queued {
            if changed.changed().await.is_err() {
                break;
            }
            continue;
        }
        match hub.fetch(node, &mut connection, &asked).await {
            Ok(pause) if pause.is_zero() => {}
            Ok(pause) => sleep(pause).await,
            Err(broken) => {
                connection = None;
                hub.feeds.borrow_mut().lost(node);
                hub.broken(&format!("read from broker {node}"), broken);
                hub.wake();
                backoff.wait().await;
            }
        }
    }
    hub.busy.borrow_mut().remove(&node);
}

#[cfg(test)]
mod tests {
    use super::addresses;

    #[test]
    fn bootstrap_servers_are_hosts_with_ports() {
        let found = addresses("a:1, b , [::1]:9093,PLAINTEXT://c:7,::1,");
        let expected = [("a", 1), ("b", 9092), ("::1", 9093), ("c", 7), ("::1", 9092)];
        let expected: Vec<_> = expected.iter().map(|(h, p)| ((*h).to_owned(), *p)).collect();
        assert_eq!(found, expected);
    }
}
