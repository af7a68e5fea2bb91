//! One client: requests are answered in their order, as Kafka does.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use kafka_protocol::messages::{RequestKind, ResponseKind};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::frame::{self, Body, FrameError};
use crate::model::Broker;
use crate::wire::{self, Answer, Call, Node};

/// The broker as the connections and the timer share it.
#[derive(Debug)]
pub(crate) struct Shared {
    broker: Mutex<Broker>,
    node: Node,
    /// The broker's revision: waiting fetches look again when it changes.
    revision: watch::Sender<u64>,
    /// The broker's next deadline.
    deadline: watch::Sender<Option<i64>>,
}

impl Shared {
    pub(crate) fn new(broker: Broker, node: Node) -> Arc<Self> {
        let (revision, _) = watch::channel(0);
        let (deadline, _) = watch::channel(None);
        Arc::new(Self { broker: Mutex::new(broker), node, revision, deadline })
    }

    fn lock(&self) -> MutexGuard<'_, Broker> {
        // A panic in the model leaves no half-written value that another request could misread more
        // than the panic itself already does; the test or demonstration that caused it sees the
        // closed connection.
        self.broker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs something on the broker and wakes who waits for its changes.
    pub(crate) fn with<T>(&self, run: impl FnOnce(&mut Broker) -> T) -> T {
        let (out, revision, deadline) = {
            let mut broker = self.lock();
            let out = run(&mut broker);
            (out, broker.revision(), broker.next_deadline())
        };
        self.revision.send_if_modified(|seen| raise(seen, revision));
        self.deadline.send_if_modified(|seen| std::mem::replace(seen, deadline) != deadline);
        out
    }

    fn answer(&self, arrived: i64, version: i16, request: &RequestKind) -> Option<Answer> {
        let call = Call { node: &self.node, now: now_ms(), arrived, version };
        self.with(|broker| wire::answer(broker, &call, request))
    }

    /// Lets time pass for the broker: transaction timeouts and delayed markers.
    pub(crate) async fn run_timer(self: Arc<Self>) {
        let mut deadline = self.deadline.subscribe();
        loop {
            let at = *deadline.borrow_and_update();
            let due = async {
                match at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => self.with(|broker| broker.advance(now_ms())),
                changed = deadline.changed() => if changed.is_err() { return },
            }
        }
    }
}

/// Revisions only grow; the locks are released before, so they may come out of order.
fn raise(seen: &mut u64, revision: u64) -> bool {
    let newer = revision > *seen;
    *seen = (*seen).max(revision);
    newer
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

async fn sleep_until(at: i64) {
    let left = at.saturating_sub(now_ms()).max(0);
    tokio::time::sleep(Duration::from_millis(left as u64)).await;
}

/// Serves a client until it goes away or sends what cannot be answered.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) {
    match serve_requests(&shared, stream).await {
        Ok(()) => tracing::debug!(%peer, "connection closed"),
        Err(FrameError::Io(error)) => tracing::debug!(%peer, %error, "connection lost"),
        Err(error) => tracing::warn!(%peer, %error, "connection closed by the broker"),
    }
}

async fn serve_requests(shared: &Shared, stream: TcpStream) -> Result<(), FrameError> {
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    while let Some(bytes) = frame::read(&mut read).await? {
        let request = frame::decode(bytes)?;
        let Some(response) = respond(shared, &request.body, request.version).await? else {
            continue;
        };
        let bytes = encode(request.correlation_id, request.version, &response)?;
        drop(response);
        write.write_all(&bytes).await?;
    }
    Ok(())
}

fn encode(correlation_id: i32, version: i16, response: &ResponseKind) -> Result<Bytes, FrameError> {
    frame::encode(correlation_id, version, response)
}

/// The response to a request, or `None` when the client wants none.
async fn respond(
    shared: &Shared,
    body: &Body,
    version: i16,
) -> Result<Option<Box<ResponseKind>>, FrameError> {
    let Body::Known(request) = body else {
        return Ok(Some(Box::new(wire::unsupported_api_versions())));
    };
    let arrived = now_ms();
    let mut revision = shared.revision.subscribe();
    loop {
        revision.mark_unchanged();
        match shared.answer(arrived, version, request) {
            Some(Answer::Ready(response)) => return Ok(Some(response)),
            Some(Answer::Silent) => return Ok(None),
            Some(Answer::Close) => {
                return Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into());
            }
            Some(Answer::Wait { until }) => {
                tokio::select! {
                    () = sleep_until(until) => {}
                    _ = revision.changed() => {}
                }
            }
            None => return Err(FrameError::Unsupported { key: -1, version }),
        }
    }
}
