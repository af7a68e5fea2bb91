//! Wiring: client, leader election, the two controllers, the HTTP server.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use kube::Client;

use crate::admin_client::HttpAdmin;
use crate::args::Args;
use crate::http::{Health, router};
use crate::leader::Candidate;
use crate::limits::API_TIMEOUT;
use crate::metrics::Metrics;
use crate::outages::Outages;
use crate::reconcile::Context;

mod backoff;
mod check;
mod controllers;
mod logs;
mod steady;

use backoff::Backoff;

/// What both controllers share.
struct Shared {
    context: Context,
    metrics: Arc<Metrics>,
    backoff: Backoff,
    outages: Arc<Outages>,
}

/// Runs until it is told to end or loses its lease.
pub async fn run(args: Args) -> anyhow::Result<()> {
    let filter = logs::init(args.log_json);
    if let Some(url) = &args.check {
        return check::check(url, args.expect.as_deref()).await;
    }
    let mut config = kube::Config::infer().await.context("no way to the API server")?;
    config.read_timeout = Some(Duration::from_secs(295));
    config.connect_timeout = Some(API_TIMEOUT);
    let client = Client::try_from(config)?;
    let metrics = Arc::new(Metrics::default());
    let outages = Arc::new(Outages::new(metrics.broken_watches.clone()));
    let health = Health { outages: Arc::clone(&outages), ..Health::default() };
    let listener = tokio::net::TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))?;
    let server = axum::serve(listener, router(Arc::clone(&metrics), health.clone()));
    let server = tokio::spawn(async move { server.await });
    health.ready.store(true, Ordering::Relaxed);
    let end = termination();
    tokio::pin!(end);
    let candidate = (!args.lease.is_empty()).then(|| {
        Candidate::new(client.clone(), &args.lease_namespace, &args.lease, &args.identity)
    });
    if let Some(candidate) = &candidate {
        tracing::info!(identity = %args.identity, "waiting for the lease");
        tokio::select! {
            () = candidate.acquire() => {}
            () = &mut end => return Ok(()),
        }
    }
    tracing::info!("this replica acts");
    metrics.leader.set(1);
    let shared = Arc::new(Shared {
        context: context(client.clone(), &args, Arc::clone(&metrics))?,
        metrics: Arc::clone(&metrics),
        backoff: Backoff::default(),
        outages,
    });
    let outcome = tokio::select! {
        () = controllers::control(&client, &args, &shared) => {
            Err(anyhow::anyhow!("the controllers ended"))
        }
        () = walk(&shared.context) => {
            Err(anyhow::anyhow!("the patrol ended"))
        }
        () = filter.follow(args.log_file.as_deref()) => Err(anyhow::anyhow!("nobody looks at the log filter")),
        lost = keep(candidate.as_ref()) => Err(lost.into()),
        ended = server => Err(anyhow::anyhow!("the HTTP server ended: {ended:?}")),
        () = &mut end => Ok(()),
    };
    // Whoever lost the lease must not touch it again.
    if let (Ok(()), Some(candidate)) = (&outcome, &candidate) {
        candidate.release().await;
    }
    outcome
}

/// Looks after jobs at rest.
async fn walk(context: &Context) {
    let admin = Arc::clone(&context.admin);
    context.patrol.walk(admin, &*context.clock, |job| context.rests.wake(job)).await;
}

async fn keep(candidate: Option<&Candidate>) -> crate::leader::Lost {
    match candidate {
        Some(candidate) => candidate.keep().await,
        None => std::future::pending().await,
    }
}

fn context(client: Client, args: &Args, metrics: Arc<Metrics>) -> anyhow::Result<Context> {
    Ok(Context {
        client,
        metrics,
        admin: Arc::new(HttpAdmin::new()?),
        settings: args.settings(),
        clock: Box::new(whole_second),
        patrol: Arc::default(),
        sightings: Arc::default(),
        watched: Arc::default(),
        rests: Arc::default(),
        new_token: Box::new(new_token),
    })
}

/// The time as a status can hold it.
fn whole_second() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// 256 bits from the operating system.
fn new_token() -> String {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).expect("the operating system gives random numbers");
    hex::encode(bytes)
}

async fn termination() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
