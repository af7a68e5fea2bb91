//! `run`: a whole job in one process.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::thread::available_parallelism;

use protocol::SlotIndex;
use protocol::acquire::Stop;
use protocol::admin::{ADMIN_PORT, AcquireOrder, METRICS_PORT};
use protocol::reason::Reason;
use tokio::runtime::Handle;

use crate::args::{ListenArgs, RunArgs};
use crate::board::Board;
use crate::cluster::Cluster;
use crate::embedded;
use crate::generations::{self, Wanted};
use crate::host::{self, Host, Hosting, Listen};
use crate::job::{self, Job};
use crate::orders::Orders;
use crate::planning::{self, Planning};

/// Plans the job, takes a generation and runs its slots until told to end.
pub fn run(args: &RunArgs, runtime: &Handle) -> Result<(), Stop> {
    let listen = listen(&args.listen, Ipv4Addr::LOCALHOST.into(), None)?.checked()?;
    let mut object = job::read_object(&args.job.job)?;
    let _broker = embedded::start(&mut object)?;
    let job = Arc::new(Job::from_object(object, &args.job.secrets_dir)?);
    let hosting = prepare(job, args, runtime)?;
    tracing::info!(
        job = %hosting.job.name,
        uid = %hosting.job.uid,
        generation = %hosting.generation,
        slots = hosting.slots,
        plan = %hosting.plan.fingerprint,
        "job starts"
    );
    runtime.block_on(host::host(hosting, listen, None))
}

fn prepare(job: Arc<Job>, args: &RunArgs, runtime: &Handle) -> Result<Hosting, Stop> {
    let cluster = Cluster::open(&job, runtime.clone())?;
    let wanted = args.slots.or(job.slots_wanted());
    let planned = match planning::plan(&job, &cluster, wanted)? {
        Planning::Accepted(planned) => planned,
        Planning::Refused(verdict) => {
            let reason = verdict.refusals.first().map_or(Reason::InvalidSpec, |r| r.reason);
            return Err(Stop::new(reason, planning::explain_refusal(&verdict)));
        }
    };
    for warning in &planned.warnings {
        tracing::warn!("{warning}");
    }
    let slots = wanted.unwrap_or_else(|| {
        let cores = available_parallelism().map_or(1, |cores| cores.get() as u32);
        cores.min(planned.layout.widest()).max(1)
    });
    planning::apply(&job, &cluster, &planned, Some(slots))?;
    let (fingerprint, layout) = (&planned.plan.fingerprint, &planned.layout);
    let sealed: Vec<_> = planned.history.sealed.iter().map(|s| s.generation).collect();
    let wanted = Wanted { slots, fingerprint, layout };
    let generation = generations::choose(planned.history.newest(), &sealed, wanted);
    let orders = Arc::new(Orders::default());
    orders.change(|o| o.acquire = Some(AcquireOrder { generation, take_over: false }));
    // Two jobs in one folder keep out of each other's way.
    let state_dir = args.state_dir.join(&job.uid);
    fs::create_dir_all(&state_dir).map_err(|e| folder(&state_dir, &e))?;
    Ok(Hosting {
        plan: Arc::clone(&planned.plan),
        layout: planned.layout.clone(),
        generation,
        slots,
        own: (0..slots).map(SlotIndex).collect(),
        state_dir,
        orders,
        board: Arc::new(Board::default()),
        host: Host::Alone,
        job,
    })
}

/// A folder that cannot be used.
pub(crate) fn folder(path: &Path, error: &std::io::Error) -> Stop {
    let message = format!("the folder {} cannot be used: {error}", path.display());
    Stop::new(Reason::CapacityUnavailable, message)
}

/// Addresses and token; `default_token` is looked at where none is named.
pub(crate) fn listen(
    args: &ListenArgs,
    default: std::net::IpAddr,
    default_token: Option<&Path>,
) -> Result<Listen, Stop> {
    let read = |path: &Path| {
        let text = fs::read_to_string(path).map_err(|e| {
            let message = format!("the token file {} cannot be read: {e}", path.display());
            Stop::new(Reason::SecretMissing, message)
        })?;
        let token = text.trim().to_owned();
        if token.is_empty() {
            let message = format!("the token file {} is empty", path.display());
            return Err(Stop::new(Reason::SecretMissing, message));
        }
        Ok(token)
    };
    let token = match (&args.admin_token_file, default_token) {
        (Some(path), _) => Some(read(path)?),
        (None, Some(path)) if path.exists() => Some(read(path)?),
        (None, _) => None,
    };
    Ok(Listen {
        admin: args.admin_listen.unwrap_or(SocketAddr::new(default, ADMIN_PORT)),
        metrics: args.metrics_listen.unwrap_or(SocketAddr::new(default, METRICS_PORT)),
        token,
    })
}
