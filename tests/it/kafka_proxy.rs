//! A proxy in front of a real Kafka that knows its requests. Clients stay behind it, for it puts itself in the place
//! of every broker that an answer names. It can hold back single requests of a transactional client and let them
//! arrive one or two transactions later, let them arrive twice, cut their answers, delay them, or be gone with all
//! its connections.

mod frames;
mod line;

use std::collections::BTreeMap;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use frames::Frame;
pub(crate) use frames::Request;

/// What happens to the next request of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It does not arrive and its connection breaks; it arrives so many transactions later.
    Held(u32),
    /// It arrives, its answer does not; it arrives again so many transactions later.
    Repeated(u32),
    /// It arrives; its connection breaks in the middle of the answer.
    AnswerCut,
    /// It arrives this much later.
    Delayed(Duration),
    /// It does not arrive, and no connection lives or is taken any more.
    Gone,
}

/// A request that arrived late, and the code of the broker's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Late {
    pub(crate) request: Request,
    pub(crate) code: i16,
}

/// A request on its way for very long.
struct Kept {
    frame: Frame,
    request: Request,
    id: String,
    broker: SocketAddr,
    /// Requests of the kind that lets it arrive which are still to be passed over.
    passed_over: u32,
}

#[derive(Default)]
struct State {
    armed: Option<(Request, Fault)>,
    kept: Vec<Kept>,
    late: Vec<Late>,
    faults: u64,
    seen: BTreeMap<Request, u64>,
    gone: bool,
    /// Both ends of everything that is connected.
    streams: Vec<TcpStream>,
    /// The proxy's port for each broker.
    ports: BTreeMap<SocketAddr, u16>,
}

/// What all connections know.
struct Shared(Mutex<State>);

/// A listening proxy; it ends with the process.
pub(crate) struct KafkaProxy {
    shared: Arc<Shared>,
    bootstrap: String,
}

impl KafkaProxy {
    /// In front of the cluster with this address.
    pub(crate) fn start(bootstrap: &str) -> Self {
        let shared = Arc::new(Shared(Mutex::default()));
        let port = shared.port_of(bootstrap.parse().unwrap());
        Self { shared, bootstrap: format!("127.0.0.1:{port}") }
    }

    /// What clients connect to.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// This happens to the next request of the kind.
    pub(crate) fn arm(&self, request: Request, fault: Fault) {
        self.shared.state().armed = Some((request, fault));
    }

    /// How many faults were committed.
    pub(crate) fn faults(&self) -> u64 {
        self.shared.state().faults
    }

    /// What arrived late, in order.
    pub(crate) fn late(&self) -> Vec<Late> {
        self.shared.state().late.clone()
    }

    /// How many requests of the kind came by.
    pub(crate) fn seen(&self, request: Request) -> u64 {
        self.shared.state().seen.get(&request).copied().unwrap_or_default()
    }

    /// Whether it is gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.shared.state().gone
    }

    /// Takes connections again.
    pub(crate) fn come_back(&self) {
        self.shared.state().gone = false;
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The proxy's own port for a broker.
    fn port_of(self: &Arc<Self>, broker: SocketAddr) -> u16 {
        let mut state = self.state();
        if let Some(port) = state.ports.get(&broker) {
            return *port;
        }
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        state.ports.insert(broker, port);
        let shared = Arc::clone(self);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                line::connect(&shared, broker, client);
            }
        });
        port
    }

    /// Remembers a connection, unless there may be none.
    fn admit(&self, client: &TcpStream, server: &TcpStream) -> Option<()> {
        let mut state = self.state();
        if state.gone {
            return None;
        }
        state.streams.extend([client.try_clone().ok()?, server.try_clone().ok()?]);
        Some(())
    }

    /// The fault that is meant for this request.
    fn take_fault(
        &self,
        request: Request,
        frame: &Frame,
        id: &str,
        broker: SocketAddr,
    ) -> Option<Fault> {
        let mut state = self.state();
        *state.seen.entry(request).or_default() += 1;
        let fault = state.armed.filter(|(wanted, _)| *wanted == request).map(|(_, fault)| fault)?;
        state.armed = None;
        state.faults += 1;
        if let Fault::Held(later) | Fault::Repeated(later) = fault {
            // The client sends what is kept once more, and that is not the next transaction yet.
            let own = u32::from(request == Request::TxnOffsetCommit);
            let (frame, id) = (frame.clone(), id.to_owned());
            state.kept.push(Kept { frame, request, id, broker, passed_over: later - 1 + own });
        }
        if fault == Fault::Gone {
            state.gone = true;
            for stream in state.streams.drain(..) {
                drop(stream.shutdown(Shutdown::Both));
            }
        }
        Some(fault)
    }

    /// Lets arrive what was kept for this moment: right before `next` of the same client goes on its way.
    fn deliver_late(&self, next: Request, id: &str) {
        let mut due = Vec::new();
        {
            let mut state = self.state();
            let kept = std::mem::take(&mut state.kept);
            for mut kept in kept {
                if kept.id != id || kept.request.worst_before() != next {
                    state.kept.push(kept);
                } else if kept.passed_over > 0 {
                    kept.passed_over -= 1;
                    state.kept.push(kept);
                } else {
                    due.push(kept);
                }
            }
        }
        for Kept { frame, request, broker, .. } in due {
            let code = frames::ask(broker, &frame).unwrap_or(frames::NO_ANSWER);
            self.state().late.push(Late { request, code });
        }
    }
}
