//! Reads everything that a decision depends on: the job, its children, its pods, its workers.
//!
//! The job is read live, not from a cache: its status is the machine's memory, and a decision on an
//! old one would be written onto a newer version only to be refused.

use std::fmt::Debug;

use crds::{RestoreFrom, StreamJob, StreamJobSpec, StreamJobStatus};
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::core::NamespaceResourceScope;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::admin_client::AdminClient;
use crate::limits::CHILDREN_MAX;
use crate::names;
use crate::observed::{Child, JobView, Kind, Observed, SetView};

mod last_end;
mod pods;
mod savepoints;
pub(crate) mod shortages;
pub(crate) mod tasks;

/// A StreamJob whose spec is not parsed, so that a broken one can still be looked after.
#[derive(Resource, Clone, Debug, Deserialize, Serialize)]
#[resource(inherit = "StreamJob")]
pub struct RawJob {
    /// Name, uid, versions.
    pub metadata: ObjectMeta,
    /// As the user wrote it.
    #[serde(default)]
    pub spec: Value,
    /// As the operator wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<StreamJobStatus>,
}

/// Whom to ask.
#[derive(Clone)]
pub struct Sources<'a> {
    /// The API server.
    pub client: &'a Client,
    /// The workers.
    pub admin: &'a dyn AdminClient,
    /// The time.
    pub now: Timestamp,
}

/// Everything about a job; `None`: there is no such job.
pub async fn fetch(
    sources: &Sources<'_>,
    namespace: &str,
    name: &str,
) -> Result<Option<Observed>, kube::Error> {
    let jobs: Api<RawJob> = Api::namespaced(sources.client.clone(), namespace);
    let Some(raw) = jobs.get_opt(name).await? else { return Ok(None) };
    let job = view(raw);
    let mut observed = Observed { now: sources.now, ..Observed::bare(job) };
    Box::pin(children(sources, &mut observed)).await?;
    // After the sets: a set that is gone makes no pod that was not there to be read.
    let job = &observed.job;
    let (pods, savepoints) =
        futures::try_join!(list(sources.client, job), savepoints::of_job(sources, job))?;
    observed.savepoints = savepoints;
    pods::sort(pods, &mut observed);
    pods::ask_all(sources, &mut observed).await;
    shortages::fetch(sources, &mut observed).await?;
    let restore = observed.job.spec.get("restoreFrom").cloned().unwrap_or_default();
    if let Ok(RestoreFrom::Savepoint(savepoint)) = serde_json::from_value(restore)
        && observed.job.status.current.is_none()
    {
        let view = savepoints::to_restore(sources, &observed.job, savepoint.as_str()).await?;
        observed.restore = Some(view);
    }
    Ok(Some(observed))
}

/// A job alone, without what belongs to it; `None`: there is no such job.
pub async fn job(
    client: &Client,
    namespace: &str,
    name: &str,
) -> Result<Option<JobView>, kube::Error> {
    let jobs: Api<RawJob> = Api::namespaced(client.clone(), namespace);
    Ok(jobs.get_opt(name).await?.map(view))
}

fn view(raw: RawJob) -> JobView {
    JobView {
        name: raw.name_any(),
        namespace: raw.namespace().unwrap_or_default(),
        uid: raw.uid().unwrap_or_default(),
        resource_version: raw.resource_version().unwrap_or_default(),
        generation: raw.metadata.generation.unwrap_or_default(),
        deleted_at: raw.metadata.deletion_timestamp.as_ref().map(|time| time.0),
        finalizers: raw.finalizers().to_vec(),
        annotations: raw.annotations().clone(),
        labels: raw.labels().clone(),
        spec: raw.spec,
        status: raw.status.unwrap_or_default(),
    }
}

/// The token, if the Secret is this job's and not a former one's.
async fn token(client: &Client, job: &JobView) -> Result<Option<String>, kube::Error> {
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &job.namespace);
    let Some(secret) = secrets.get_opt(&names::token_secret(&job.name)).await? else {
        return Ok(None);
    };
    if secret.labels().get(names::JOB_UID) != Some(&job.uid) {
        return Ok(None);
    }
    let key = crate::plan::token_secret::KEY;
    let bytes = secret.data.and_then(|mut data| data.remove(key));
    Ok(bytes.and_then(|bytes| String::from_utf8(bytes.0).ok()))
}

async fn children(sources: &Sources<'_>, observed: &mut Observed) -> Result<(), kube::Error> {
    let job = &observed.job;
    let client = sources.client;
    let (token, configs, services, sets, budgets, tasks): (
        _,
        Vec<ConfigMap>,
        Vec<Service>,
        _,
        _,
        _,
    ) = futures::try_join!(
        token(client, job),
        list(client, job),
        list(client, job),
        list::<StatefulSet>(client, job),
        list::<PodDisruptionBudget>(client, job),
        list::<Job>(client, job),
    )?;
    observed.children.extend(configs.iter().map(|child| as_child(Kind::ConfigMap, child)));
    observed.children.extend(services.iter().map(|child| as_child(Kind::Service, child)));
    observed.children.extend(sets.iter().map(|child| as_child(Kind::StatefulSet, child)));
    observed.children.extend(budgets.iter().map(|b| as_child(Kind::PodDisruptionBudget, b)));
    observed.children.extend(tasks.iter().map(|child| as_child(Kind::Job, child)));
    observed.configs = configs.iter().filter_map(|config| generation_spec(config, job)).collect();
    for set in &sets {
        if let Some(generation) = generation(set.meta()) {
            let replicas = set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
            let replicas = Some(u32::try_from(replicas).unwrap_or_default());
            observed.sets.insert(generation, SetView { replicas, ..SetView::default() });
        }
    }
    observed.tasks = tasks.iter().filter_map(|task| tasks::view(task, job)).collect();
    observed.token = token;
    Ok(())
}

/// Everything of one kind that belongs to a job.
async fn list<K>(client: &Client, job: &JobView) -> Result<Vec<K>, kube::Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + Debug,
{
    let api: Api<K> = Api::namespaced(client.clone(), &job.namespace);
    let params = ListParams::default().labels(&names::selector(&job.name)).limit(CHILDREN_MAX);
    Ok(api.list(&params).await?.items)
}

fn as_child<K: Resource>(kind: Kind, object: &K) -> Child {
    let meta = object.meta();
    Child {
        kind,
        name: meta.name.clone().unwrap_or_default(),
        uid: meta.uid.clone().unwrap_or_default(),
        job_uid: label(meta, names::JOB_UID).unwrap_or_default().to_owned(),
        generation: generation(meta),
        terminating: meta.deletion_timestamp.is_some(),
    }
}

fn label<'a>(meta: &'a ObjectMeta, name: &str) -> Option<&'a str> {
    meta.labels.as_ref()?.get(name).map(String::as_str)
}

fn generation(meta: &ObjectMeta) -> Option<u64> {
    label(meta, names::GENERATION)?.parse().ok()
}

/// The spec that a generation was made from.
fn generation_spec(config: &ConfigMap, job: &JobView) -> Option<(u64, StreamJobSpec)> {
    if label(&config.metadata, names::JOB_UID) != Some(job.uid.as_str()) {
        return None;
    }
    let text = config.data.as_ref()?.get(crate::plan::config_map::JOB)?;
    let job: StreamJob = serde_json::from_str(text).ok()?;
    Some((generation(&config.metadata)?, job.spec))
}
