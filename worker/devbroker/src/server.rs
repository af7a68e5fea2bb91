//! The broker behind a socket, on a thread of its own.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use kafka_protocol::ResponseError;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::connection::{Shared, serve};
use crate::limits::SHUTDOWN_MS_MAX;
use crate::model::Broker;
use crate::options::Options;
use crate::wire::Node;

/// Why a server does not start.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The address is open to other machines and the options do not allow it.
    #[error(
        "{0} is open to other machines and there is no authentication: use 127.0.0.1 or allow it"
    )]
    NotLoopback(SocketAddr),
    /// A topic of the options is not possible.
    #[error("a topic of the options is refused: {0}")]
    Topic(ResponseError),
    /// The socket does not open.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// No thread, no runtime or no randomness to be had.
    #[error("cannot start the broker: {0}")]
    Start(String),
}

/// A running broker. It stops when it is shut down or dropped.
#[derive(Debug)]
pub struct Server {
    local_addr: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    stopped: mpsc::Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a broker; port 0 takes a free one. It may be called from anywhere: it needs no
    /// runtime.
    ///
    /// # Errors
    /// [`ServerError`].
    pub fn start(addr: SocketAddr, mut options: Options) -> Result<Self, ServerError> {
        if !addr.ip().is_loopback() && !options.allow_remote {
            return Err(ServerError::NotLoopback(addr));
        }
        if options.seed == 0 {
            options.seed = getrandom::u64().map_err(start_error)?;
        }
        let listen = |error| ServerError::Listen(addr, error);
        let listener = std::net::TcpListener::bind(addr).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let local_addr = listener.local_addr().map_err(listen)?;
        let node = node(&options, local_addr);
        let broker = Broker::new(options).map_err(ServerError::Topic)?;
        let shared = Shared::new(broker, node);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(start_error)?;
        let (stop, stopping) = oneshot::channel();
        let (done, stopped) = mpsc::channel();
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("devbroker".to_owned()).spawn(move || {
            runtime.block_on(run(serving, listener, stopping));
            drop(done);
        });
        let thread = thread.map_err(start_error)?;
        Ok(Self { local_addr, shared, stop: Some(stop), stopped, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The listen address as clients want it in `bootstrap.servers`.
    pub fn bootstrap(&self) -> String {
        self.local_addr.to_string()
    }

    /// Runs something on the model between two requests: to look, or to do what no client can.
    pub fn with_broker<T>(&self, run: impl FnOnce(&mut Broker) -> T) -> T {
        self.shared.with(run)
    }

    /// Closes all connections and forgets everything.
    pub fn shutdown(mut self) {
        self.stop();
    }

    /// Waits until the server ends by itself, which it does only on an error.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the broker thread panicked");
        }
    }

    fn stop(&mut self) {
        let Some(stop) = self.stop.take() else { return };
        if stop.send(()).is_err() {
            tracing::debug!("the broker had stopped before");
        }
        // The thread drops its sender at its end: that ends the wait.
        let limit = Duration::from_millis(SHUTDOWN_MS_MAX);
        if self.stopped.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
            tracing::warn!("the broker thread does not stop; it is left behind");
            return;
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the broker thread panicked");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn start_error(error: impl std::fmt::Display) -> ServerError {
    ServerError::Start(error.to_string())
}

fn node(options: &Options, local_addr: SocketAddr) -> Node {
    let here = (local_addr.ip().to_string(), local_addr.port());
    let (host, port) = options.advertised.clone().unwrap_or(here);
    Node { host, port, cluster_id: format!("devbroker-{:016x}", options.seed) }
}

async fn run(
    shared: Arc<Shared>,
    listener: std::net::TcpListener,
    mut stop: oneshot::Receiver<()>,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the listening socket is unusable");
            return;
        }
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&shared).run_timer());
    loop {
        tokio::select! {
            _ = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    tasks.spawn(serve(Arc::clone(&shared), stream, peer));
                }
                // Out of descriptors, or the client has gone: the next one may succeed.
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            },
            Some(_) = tasks.join_next() => {}
        }
    }
    tasks.shutdown().await;
}
