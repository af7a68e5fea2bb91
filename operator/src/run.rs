//! Wiring: client, leader election, the two controllers, the HTTP server.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crds::Savepoint;
use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::controller::{Action, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::{controller, watcher};
use kube::{Api, Client, ResourceExt};

use crate::admin_client::HttpAdmin;
use crate::args::Args;
use crate::fetch::RawJob;
use crate::http::{Health, router};
use crate::leader::Candidate;
use crate::limits::{API_TIMEOUT, ERROR_BACKOFF_MIN, RECONCILE_CONCURRENCY};
use crate::metrics::Metrics;
use crate::names;
use crate::reconcile::{self, Context};
use crate::savepoint::edge;

mod backoff;
mod check;

use backoff::Backoff;

/// What both controllers share.
struct Shared {
    context: Context,
    metrics: Arc<Metrics>,
    backoff: Backoff,
}

/// Runs until it is told to end or loses its lease.
pub async fn run(args: Args) -> anyhow::Result<()> {
    init_logging(args.log_json);
    if let Some(url) = &args.check {
        return check::check(url, args.expect.as_deref()).await;
    }
    let mut config = kube::Config::infer().await.context("no way to the API server")?;
    config.read_timeout = Some(Duration::from_secs(295));
    config.connect_timeout = Some(API_TIMEOUT);
    let client = Client::try_from(config)?;
    let metrics = Arc::new(Metrics::default());
    let health = Health::default();
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
    });
    let namespaces = args.namespaces();
    let outcome = tokio::select! {
        () = control(&client, &namespaces, &shared) => {
            Err(anyhow::anyhow!("the controllers ended"))
        }
        () = shared.context.patrol.walk(Arc::clone(&shared.context.admin)) => {
            Err(anyhow::anyhow!("the patrol ended"))
        }
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

fn init_logging(json: bool) {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if json {
        builder.json().init();
    } else {
        builder.init();
    }
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

/// Both controllers, for every namespace.
async fn control(client: &Client, namespaces: &[String], shared: &Arc<Shared>) {
    let scopes: Vec<Option<&str>> = match namespaces {
        [] => vec![None],
        named => named.iter().map(|namespace| Some(namespace.as_str())).collect(),
    };
    let running = scopes.into_iter().flat_map(|scope| {
        let jobs: futures::future::BoxFuture<'_, ()> = Box::pin(jobs(client, scope, shared));
        let savepoints: futures::future::BoxFuture<'_, ()> =
            Box::pin(savepoints(client, scope, shared));
        [jobs, savepoints]
    });
    futures::future::select_all(running).await;
}

fn api<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: kube::Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

async fn jobs(client: &Client, scope: Option<&str>, shared: &Arc<Shared>) {
    let ours = watcher::Config::default().labels(names::JOB);
    let of_label = |pod: Pod| {
        let job = pod.labels().get(names::JOB).cloned();
        job.map(|job| ObjectRef::new(&job).within(&pod.namespace().unwrap_or_default()))
    };
    let of_savepoint = |savepoint: Savepoint| {
        let namespace = savepoint.namespace().unwrap_or_default();
        Some(ObjectRef::new(savepoint.spec.job.as_str()).within(&namespace))
    };
    Controller::new(api::<RawJob>(client, scope), watcher::Config::default())
        .with_config(controller::Config::default().concurrency(RECONCILE_CONCURRENCY))
        .owns(api::<StatefulSet>(client, scope), ours.clone())
        .owns(api::<Job>(client, scope), ours.clone())
        .watches(api::<Pod>(client, scope), ours, of_label)
        .watches(api::<Savepoint>(client, scope), watcher::Config::default(), of_savepoint)
        .reconcile_all_on(shared.context.patrol.bell())
        .run(job_pass, error_policy, Arc::clone(shared))
        .for_each(|_| std::future::ready(()))
        .await;
}

async fn savepoints(client: &Client, scope: Option<&str>, shared: &Arc<Shared>) {
    Controller::new(api::<Savepoint>(client, scope), watcher::Config::default())
        .with_config(controller::Config::default().concurrency(RECONCILE_CONCURRENCY))
        .run(savepoint_pass, error_policy, Arc::clone(shared))
        .for_each(|_| std::future::ready(()))
        .await;
}

async fn job_pass(job: Arc<RawJob>, shared: Arc<Shared>) -> Result<Action, kube::Error> {
    let (namespace, name) = (job.namespace().unwrap_or_default(), job.name_any());
    let began = Instant::now();
    let _running = shared.metrics.enter();
    let result = reconcile::reconcile(&shared.context, &namespace, &name).await;
    Ok(finish(&shared, "StreamJob", &namespace, &name, began, result))
}

async fn savepoint_pass(
    savepoint: Arc<Savepoint>,
    shared: Arc<Shared>,
) -> Result<Action, kube::Error> {
    let (namespace, name) = (savepoint.namespace().unwrap_or_default(), savepoint.name_any());
    let began = Instant::now();
    let _running = shared.metrics.enter();
    let result = edge::reconcile(&shared.context, &namespace, &name).await;
    Ok(finish(&shared, "Savepoint", &namespace, &name, began, result))
}

/// Notes how a pass went. A version that moved on is no fault: look again at once.
fn finish(
    shared: &Shared,
    kind: &'static str,
    namespace: &str,
    name: &str,
    began: Instant,
    result: Result<Option<Duration>, kube::Error>,
) -> Action {
    let key = format!("{kind}/{namespace}/{name}");
    shared.metrics.note(kind, result.is_ok(), began.elapsed());
    match result {
        Ok(again) => {
            shared.backoff.reset(&key);
            shared.metrics.failing.set(shared.backoff.len());
            again.map_or_else(Action::await_change, Action::requeue)
        }
        Err(kube::Error::Api(status)) if status.is_conflict() => Action::requeue(ERROR_BACKOFF_MIN),
        Err(error) => {
            let wait = shared.backoff.next(&key);
            shared.metrics.failing.set(shared.backoff.len());
            tracing::warn!(%key, %error, ?wait, "the pass failed");
            Action::requeue(wait)
        }
    }
}

fn error_policy<K>(_: Arc<K>, _: &kube::Error, _: Arc<Shared>) -> Action {
    Action::requeue(ERROR_BACKOFF_MIN)
}
