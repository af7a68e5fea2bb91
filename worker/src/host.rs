//! A process that hosts slots: one thread each, an admin port, a port for metrics and probes, signals.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use axum::Router;
use dataflow::JobPlan;
use protocol::acquire::Stop;
use protocol::generation::Layout;
use protocol::reason::Reason;
use protocol::{Generation, SlotIndex};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use crate::admin::{self, Admin};
use crate::board::Board;
use crate::cluster;
use crate::exit::{Ending, LastWords};
use crate::housekeeping;
use crate::job::Job;
use crate::limits::{
    BLOCKED_PAUSE, IMPATIENT_AFTER, MEMORY_DEFAULT, MEMORY_RESERVED_PERCENT, METRICS_FOLD_INTERVAL,
};
use crate::metrics::Metrics;
use crate::orders::Orders;
use crate::probes::{self, Probes};
use crate::slot::{self, SlotEnd, SlotTask};
use crate::world::Servers;

/// Where a process listens.
#[derive(Clone, Debug)]
pub struct Listen {
    /// The admin port.
    pub admin: SocketAddr,
    /// Metrics and probes.
    pub metrics: SocketAddr,
    /// The bearer token of the admin port.
    pub token: Option<String>,
}

impl Listen {
    /// Refuses an admin port that strangers could use.
    pub fn checked(self) -> Result<Self, Stop> {
        if self.token.is_some() || self.admin.ip().is_loopback() {
            return Ok(self);
        }
        Err(Stop::new(
            Reason::SecretMissing,
            format!(
                "the admin port {} is not on loopback and has no token; give --admin-token-file",
                self.admin
            ),
        ))
    }
}

/// Who started this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// A person or script: any stop ends the process.
    Alone,
    /// A pod: what needs a person is shown and tried again; an end in peace is shown until the pod goes.
    Pod,
}

/// Everything that the slots of a process share.
#[derive(Clone)]
pub struct Hosting {
    /// The job.
    pub job: Arc<Job>,
    /// Its plan.
    pub plan: Arc<JobPlan>,
    /// The logs of every stage.
    pub layout: Layout,
    /// The generation.
    pub generation: Generation,
    /// Slots of the generation.
    pub slots: u32,
    /// Slots of this process.
    pub own: Vec<SlotIndex>,
    /// Folder of the local stores.
    pub state_dir: PathBuf,
    /// Orders to the slots.
    pub orders: Arc<Orders>,
    /// Status of the slots.
    pub board: Arc<Board>,
    /// Who started it.
    pub host: Host,
}

impl Hosting {
    /// Bytes for the state and buffers of one slot.
    fn memory_budget(&self) -> usize {
        let limit = self.job.memory_limit.unwrap_or(MEMORY_DEFAULT);
        let usable = limit / 100 * (100 - MEMORY_RESERVED_PERCENT);
        usize::try_from(usable / self.own.len().max(1) as u64).unwrap_or(usize::MAX)
    }

    fn task(&self, slot: SlotIndex, runtime: &Handle) -> SlotTask {
        SlotTask {
            job: Arc::clone(&self.job),
            plan: Arc::clone(&self.plan),
            layout: self.layout.clone(),
            generation: self.generation,
            slot,
            slots: self.slots,
            nonce: crate::nonce::draw(),
            state_dir: self.state_dir.clone(),
            memory_budget: self.memory_budget(),
            orders: Arc::clone(&self.orders),
            board: Arc::clone(&self.board),
            runtime: runtime.clone(),
            world: Arc::new(Servers),
        }
    }
}

type End = Result<SlotEnd, Stop>;

/// Runs all slots of the process to their end.
pub async fn host(hosting: Hosting, listen: Listen, before: Option<LastWords>) -> Result<(), Stop> {
    serve(&hosting, listen, before).await?;
    let mut impatient = watch_signals(&hosting.orders)?;
    let (sender, mut ends) = mpsc::unbounded_channel();
    for slot in hosting.own.clone() {
        start_slot(hosting.clone(), slot, sender.clone())?;
    }
    drop(sender);
    housekeeping::start(&hosting)?;
    loop {
        let ended = tokio::select! {
            ended = ends.recv() => ended,
            _ = &mut impatient => {
                let message = "told to end a second time before the slots had released";
                return Err(Stop::new(Reason::UnknownOutcome, message));
            }
        };
        let Some((slot, end)) = ended else { break };
        match end {
            Ok(end) => tracing::info!(%slot, ?end, "slot ended in peace"),
            Err(stop) if hosting.host == Host::Pod && stop.reason == Reason::Superseded => {
                tracing::warn!(%slot, "{}", stop.message);
            }
            Err(stop) => return Err(stop),
        }
    }
    if hosting.host == Host::Pod {
        wait_for_the_end(Arc::clone(&hosting.orders)).await;
    }
    Ok(())
}

/// Keeps answering status until the process is told to end.
async fn wait_for_the_end(orders: Arc<Orders>) {
    let waiting = tokio::task::spawn_blocking(move || {
        while !orders.standing().terminate {
            orders.wait(BLOCKED_PAUSE);
        }
    });
    if let Err(error) = waiting.await {
        tracing::error!(%error, "the wait for the end was cut short");
    }
}

fn start_slot(
    hosting: Hosting,
    slot: SlotIndex,
    ends: mpsc::UnboundedSender<(SlotIndex, End)>,
) -> Result<(), Stop> {
    let runtime = Handle::current();
    let body = move || {
        let span = tracing::info_span!(
            "slot",
            job = %hosting.job.name,
            generation = %hosting.generation,
            slot = %slot
        );
        let _entered = span.entered();
        let end = catch_unwind(AssertUnwindSafe(|| live(&hosting, slot, &runtime))).unwrap_or_else(
            |_| {
                Err(Stop::new(
                    Reason::Bug,
                    format!("the thread of slot {slot} panicked; see the log"),
                ))
            },
        );
        // Nobody listens any more when the process is already ending.
        drop(ends.send((slot, end)));
    };
    thread::Builder::new()
        .name(format!("slot-{slot}"))
        .spawn(body)
        .map(drop)
        .map_err(|e| Stop::new(Reason::CapacityUnavailable, format!("no thread for a slot: {e}")))
}

/// Runs a slot; in a pod, what needs a person is tried again as a whole new acquire, so that a repair is noticed.
fn live(hosting: &Hosting, slot: SlotIndex, runtime: &Handle) -> End {
    loop {
        let end = slot::run(hosting.task(slot, runtime));
        let Err(stop) = &end else { return end };
        let needs_person = matches!(Ending::of(stop.reason), Ending::Blocked | Ending::Refused);
        if hosting.host == Host::Alone || !needs_person || paused(&hosting.orders) {
            return end;
        }
        tracing::info!("trying again after {BLOCKED_PAUSE:?}");
    }
}

/// Waits for the pause between two tries. Was the process told to end meanwhile?
fn paused(orders: &Orders) -> bool {
    let until = Instant::now() + BLOCKED_PAUSE;
    loop {
        if orders.standing().terminate {
            return true;
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        orders.wait(left);
    }
}

/// SIGTERM and Ctrl-C order the slots to end. A second one is answered on the channel: somebody is impatient. One that
/// follows at once is the same word said twice, as by tools that signal a process and then its group.
fn watch_signals(orders: &Arc<Orders>) -> Result<oneshot::Receiver<()>, Stop> {
    let failed = |e| Stop::new(Reason::Bug, format!("signals cannot be watched: {e}"));
    let mut term = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let orders = Arc::clone(orders);
    let (sender, receiver) = oneshot::channel();
    tokio::spawn(async move {
        let mut told: Option<Instant> = None;
        loop {
            tokio::select! {
                _ = term.recv() => {}
                _ = interrupt.recv() => {}
            }
            if told.is_some_and(|told| told.elapsed() >= IMPATIENT_AFTER) {
                break;
            }
            told.get_or_insert_with(Instant::now);
            tracing::info!("told to end");
            orders.change(|standing| standing.terminate = true);
        }
        if sender.send(()).is_err() {
            tracing::debug!("the process is ending already");
        }
    });
    Ok(receiver)
}

async fn serve(hosting: &Hosting, listen: Listen, before: Option<LastWords>) -> Result<(), Stop> {
    let job = &hosting.job;
    let board = Arc::clone(&hosting.board);
    let metrics =
        Arc::new(Metrics::new(&job.name, &job.namespace, hosting.generation, Arc::clone(&board)));
    let fencing = Arc::clone(job);
    let admin = Admin {
        job_uid: job.uid.clone(),
        generation: hosting.generation,
        plan_fingerprint: hosting.plan.fingerprint.clone(),
        token: listen.token,
        orders: Arc::clone(&hosting.orders),
        board: Arc::clone(&board),
        before,
        fence: Box::new(move |generation, slot| cluster::fence(&fencing, generation, slot)),
        fenced: tokio::sync::Mutex::new(BTreeSet::new()),
    };
    let probes = Probes { board, metrics: Arc::clone(&metrics), slots: hosting.own.len() };
    let admin = Arc::new(admin);
    let open = probes::router(probes).merge(admin::readable(Arc::clone(&admin)));
    open_port("admin", listen.admin, admin::router(admin)).await?;
    open_port("metrics", listen.metrics, open).await?;
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(METRICS_FOLD_INTERVAL);
        loop {
            ticks.tick().await;
            metrics.fold();
        }
    });
    Ok(())
}

async fn open_port(what: &'static str, at: SocketAddr, router: Router) -> Result<(), Stop> {
    let failed = |e: std::io::Error| {
        Stop::new(
            Reason::CapacityUnavailable,
            format!("the {what} port {at} cannot be opened: {e}"),
        )
    };
    let listener = TcpListener::bind(at).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    tracing::info!(%address, "{what} port open");
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::error!(%error, "the {what} port closed");
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_port_without_token_opens_on_loopback_only() {
        for (admin, token, allowed) in [
            ("127.0.0.1:8081", None, true),
            ("[::1]:8081", None, true),
            ("0.0.0.0:8081", None, false),
            ("0.0.0.0:8081", Some("t".to_owned()), true),
        ] {
            let listen = Listen {
                admin: admin.parse().expect("an address"),
                metrics: "127.0.0.1:0".parse().expect("an address"),
                token,
            };
            assert_eq!(listen.checked().is_ok(), allowed, "{admin}");
        }
    }
}
