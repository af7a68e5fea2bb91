//! The thread that keeps reading: one task per broker that leads something, and one that looks for leaders. A broker
//! is asked for more as soon as its answer is there, while the owner of the reader works on that answer.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::{sleep, timeout};

use super::connection::Dialer;
use super::feeds::Feeds;
use super::hub::{Command, Complaints, Delivery, Hub, Sizes};
use super::messages::Metadata;
use crate::kafka::{KafkaError, KafkaErrorKind};
use crate::limits::{
    BACKOFF_FORGOTTEN_AFTER, CONNECTION_IDLE_MAX, LEADERS_AGE_MAX, READ_BACKOFF_MAX,
    READ_BACKOFF_MIN,
};

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
        let work = async {
            spawn(&hub, find_leaders(hub.clone()));
            while let Some(command) = commands.recv().await {
                obey(&hub, command);
            }
        };
        LocalSet::new().run_until(work).await;
    }
}

/// Host and port of each bootstrap server; 9092 where none is given.
pub(super) fn addresses(bootstrap: &str) -> Vec<(String, u16)> {
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

fn obey(hub: &Rc<Hub>, command: Command) {
    match command {
        Command::Assign(logs) => {
            for log in logs {
                hub.feeds.borrow_mut().assign(log);
            }
            hub.hurry.set(true);
            employ(hub);
        }
        Command::Stop(indexes) => {
            for index in indexes {
                hub.feeds.borrow_mut().stop(index);
            }
        }
        Command::Consumed(frame) => {
            hub.queued.set(hub.queued.get().saturating_sub(frame.len()));
            hub.keep(frame);
        }
    }
    hub.wake();
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

/// Looks for leaders whenever one is lacking, and now and then for all of them: a broker that the others have given up
/// may think for a while that it still leads.
async fn find_leaders(hub: Rc<Hub>) {
    let mut changed = hub.changed.subscribe();
    let mut backoff = Backoff::new();
    let mut found = Instant::now();
    loop {
        changed.borrow_and_update();
        let lacking = hub.feeds.borrow().lacking();
        let fresh = LEADERS_AGE_MAX.saturating_sub(found.elapsed());
        if lacking.is_empty() && !fresh.is_zero() {
            if let Ok(Err(_)) = timeout(fresh, changed.changed()).await {
                return;
            }
            continue;
        }
        let of_all = fresh.is_zero();
        if of_all {
            found = Instant::now();
        }
        let topics = if of_all { hub.feeds.borrow().topics() } else { lacking };
        if topics.is_empty() {
            continue;
        }
        if !hub.hurry.take() {
            backoff.wait().await;
        }
        match hub.metadata(&topics).await {
            Ok(metadata) => learn(&hub, metadata),
            Err(broken) => hub.broken("find the leaders", broken),
        }
    }
}

fn learn(hub: &Rc<Hub>, metadata: Metadata) {
    let troubles = hub.feeds.borrow_mut().learn(metadata, Instant::now());
    let lacking = hub.feeds.borrow().lacking();
    if troubles.is_empty() && !lacking.is_empty() {
        hub.complaints.note(&format!("no leader is known of {}", lacking.join(", ")));
    }
    for trouble in troubles {
        hub.tell(trouble);
    }
    employ(hub);
}

/// Gives every broker that leads something its task.
fn employ(hub: &Rc<Hub>) {
    let leaders = hub.feeds.borrow().leaders();
    for node in leaders {
        if hub.busy.borrow_mut().insert(node) {
            spawn(hub, read_from(hub.clone(), node));
        }
    }
    hub.wake();
}

/// Starts a task; if it ends by a defect, so does the reader, rather than to wait for nobody.
fn spawn(hub: &Rc<Hub>, work: impl Future<Output = ()> + 'static) {
    let (task, hub) = (spawn_local(work), hub.clone());
    drop(spawn_local(async move {
        if let Err(error) = task.await {
            hub.tell(KafkaError::new(
                KafkaErrorKind::Fatal,
                &hub.brokers,
                "read",
                format!("a task of the fetching thread failed: {error}"),
            ));
        }
    }));
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
