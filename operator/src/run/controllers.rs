//! The two controllers: what the watches tell becomes passes. Of all objects but savepoints only the metadata is
//! asked for, and of that only names and versions are kept.

use std::convert::Infallible;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crds::Savepoint;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, select_all};
use futures::{Stream, StreamExt};
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::core::{NamespaceResourceScope, PartialObjectMeta as Meta};
use kube::runtime::WatchStreamExt;
use kube::runtime::controller::{Action, Config, ReconcileRequest, applier};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use super::Shared;
use super::steady::steady;
use crate::args::Args;
use crate::fetch::RawJob;
use crate::limits::{ERROR_BACKOFF_MIN, RECONCILE_CONCURRENCY, WATCH_QUIET, WATCH_SECS};
use crate::names;
use crate::reconcile;
use crate::savepoint::edge;
use crate::watched::{JobKey, Listing, by_label};

/// Objects to be looked at, by namespace and name.
type Queue = BoxStream<'static, JobKey>;

/// What a watch of metadata says.
type Events<K> = BoxStream<'static, Event<Meta<K>>>;

/// Both controllers, for every namespace that is looked after.
pub(super) async fn control(client: &Client, args: &Args, shared: &Arc<Shared>) {
    let namespaces = args.namespaces();
    let scopes: Vec<Option<&str>> = match &*namespaces {
        [] => vec![None],
        named => named.iter().map(|namespace| Some(namespace.as_str())).collect(),
    };
    let chosen = match args.selector.trim() {
        "" => all(),
        selector => all().labels(selector),
    };
    let running = scopes.into_iter().flat_map(|scope| {
        [jobs(client, scope, &chosen, shared), savepoints(client, scope, &chosen, shared)]
    });
    futures::future::select_all(running).await;
}

fn api<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// Everything, watched for a while at a time.
fn all() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECS)
}

/// The watch of a kind, which begins again by itself.
fn steadily<K>(
    events: impl Stream<Item = watcher::Result<Event<K>>> + Send + 'static,
    scope: Option<&str>,
    shared: &Arc<Shared>,
) -> BoxStream<'static, Event<K>>
where
    K: Resource<DynamicType = ()> + Send + 'static,
{
    let watch = (K::kind(&()).into_owned(), scope.map(str::to_owned));
    steady(events, watch, Arc::clone(&shared.outages), WATCH_QUIET).boxed()
}

fn jobs(
    client: &Client,
    scope: Option<&str>,
    chosen: &watcher::Config,
    shared: &Arc<Shared>,
) -> BoxFuture<'static, ()> {
    let (store, own) = stored::<RawJob>(client, scope, chosen, shared);
    let of_savepoint = |savepoint: &Savepoint| {
        Some((savepoint.namespace()?, savepoint.spec.job.as_str().to_owned()))
    };
    let savepoints = watcher(api::<Savepoint>(client, scope), all());
    let savepoints = steadily(savepoints, scope, shared);
    let queue = select_all([
        own_news(own, &store, shared),
        children::<ConfigMap>(client, scope, shared),
        children::<Service>(client, scope, shared),
        children::<StatefulSet>(client, scope, shared),
        children::<PodDisruptionBudget>(client, scope, shared),
        children::<Job>(client, scope, shared),
        children::<Pod>(client, scope, shared),
        news(savepoints, shared, of_savepoint),
        shared.context.patrol.bell().boxed(),
    ]);
    drive(store, queue.boxed(), shared, job_pass)
}

fn savepoints(
    client: &Client,
    scope: Option<&str>,
    chosen: &watcher::Config,
    shared: &Arc<Shared>,
) -> BoxFuture<'static, ()> {
    let (store, own) = stored::<Savepoint>(client, scope, chosen, shared);
    let mut listing = Listing::default();
    let queue = own.flat_map(move |event| {
        let touched = match &event {
            Event::Apply(object) | Event::InitApply(object) => key(object),
            Event::Delete(_) | Event::Init | Event::InitDone => None,
        };
        futures::stream::iter(listing.hold(&event, touched))
    });
    drive(store, queue.boxed(), shared, savepoint_pass)
}

/// The metadata of the objects themselves, without what is long.
fn stored<K>(
    client: &Client,
    scope: Option<&str>,
    chosen: &watcher::Config,
    shared: &Arc<Shared>,
) -> (Store<Meta<K>>, Events<K>)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + Send
        + Sync
        + 'static,
    Meta<K>: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + Sync
        + 'static,
{
    let (store, writer) = reflector::store::<Meta<K>>();
    let own = watcher(api::<Meta<K>>(client, scope), chosen.clone())
        .modify(|object| {
            object.annotations_mut().clear();
            object.labels_mut().clear();
            object.managed_fields_mut().clear();
        })
        .reflect(writer);
    (store, steadily(own, scope, shared))
}

/// What is new of the jobs themselves.
fn own_news(own: Events<RawJob>, store: &Store<Meta<RawJob>>, shared: &Arc<Shared>) -> Queue {
    let (store, forgetting) = (store.clone(), Arc::clone(shared));
    news(own, shared, key)
        .inspect(move |(namespace, name)| {
            if store.get(&ObjectRef::new(name).within(namespace)).is_none() {
                forgetting.context.gone(namespace, name);
            }
        })
        .boxed()
}

/// What is new of one kind of children.
fn children<K>(client: &Client, scope: Option<&str>, shared: &Arc<Shared>) -> Queue
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + Send
        + Sync
        + 'static,
    Meta<K>: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + Sync
        + 'static,
{
    let events = watcher(api::<Meta<K>>(client, scope), all().labels(names::JOB));
    news(steadily(events, scope, shared), shared, by_label)
}

/// The jobs of which a watch tells something new.
fn news<K>(
    events: BoxStream<'static, Event<K>>,
    shared: &Arc<Shared>,
    job_of: impl Fn(&K) -> Option<JobKey> + Send + 'static,
) -> Queue
where
    K: Resource<DynamicType = ()> + Send + 'static,
{
    let watched = Arc::clone(&shared.context.watched);
    let id = watched.begin();
    let mut listing = Listing::default();
    let jobs = events.flat_map(move |event| {
        let jobs = watched.take(id, &event, &job_of);
        futures::stream::iter(listing.hold(&event, jobs))
    });
    jobs.boxed()
}

fn key<K: Resource<DynamicType = ()>>(object: &K) -> Option<JobKey> {
    Some((object.namespace()?, object.name_any()))
}

/// Passes over whatever the queue names and the store holds.
fn drive<K, F>(
    store: Store<K>,
    queue: Queue,
    shared: &Arc<Shared>,
    pass: fn(Arc<K>, Arc<Shared>) -> F,
) -> BoxFuture<'static, ()>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + 'static,
    F: Future<Output = Action> + Send + 'static,
{
    let requests = queue.map(|(namespace, name)| {
        Ok::<_, Infallible>(ReconcileRequest::from(ObjectRef::<K>::new(&name).within(&namespace)))
    });
    let spawned = move |object: Arc<K>, shared: Arc<Shared>| {
        let spawned: BoxFuture<'static, Result<Action, Infallible>> = Box::pin(async move {
            // A pass that is dropped ends: whoever does not lead any more does nothing more.
            let mut running = JoinSet::new();
            running.spawn(pass(object, shared));
            let ended = running.join_next().await.and_then(Result::ok);
            Ok(ended.unwrap_or_else(|| Action::requeue(ERROR_BACKOFF_MIN)))
        });
        spawned
    };
    let again = |_: Arc<K>, _: &Infallible, _: Arc<Shared>| Action::requeue(ERROR_BACKOFF_MIN);
    let config = Config::default().concurrency(RECONCILE_CONCURRENCY);
    let passes = applier(spawned, again, Arc::clone(shared), store, requests, config);
    Box::pin(passes.for_each(|_| std::future::ready(())))
}

async fn job_pass(job: Arc<Meta<RawJob>>, shared: Arc<Shared>) -> Action {
    let (namespace, name) = (job.namespace().unwrap_or_default(), job.name_any());
    shared.context.watched.complete().await;
    let began = Instant::now();
    let _running = shared.metrics.enter();
    let result = reconcile::reconcile(&shared.context, &namespace, &name).await;
    finish(&shared, "StreamJob", &namespace, &name, began, result)
}

async fn savepoint_pass(savepoint: Arc<Meta<Savepoint>>, shared: Arc<Shared>) -> Action {
    let (namespace, name) = (savepoint.namespace().unwrap_or_default(), savepoint.name_any());
    let began = Instant::now();
    let _running = shared.metrics.enter();
    let result = edge::reconcile(&shared.context, &namespace, &name).await;
    finish(&shared, "Savepoint", &namespace, &name, began, result)
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
