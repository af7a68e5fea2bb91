//! Side effects, each of which may be repeated: whatever failed or was applied without an answer
//! is found by the next look.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions};
use kube::{Api, Client, Resource};
use serde_json::{Value, json};

use crate::admin_client::{AdminClient, AdminError, Worker};
use crate::fetch::RawJob;
use crate::names::{FIELD_MANAGER, FINALIZER};
use crate::observed::{Child, JobView, Kind, Observed};
use crate::orders::{Order, Sent};
use crate::plan::{Object, Plan, token_secret};

pub mod events;

/// Writes a status onto exactly the version that it was made from; a newer one answers 409.
pub async fn write_status(
    client: &Client,
    job: &JobView,
    status: &crds::StreamJobStatus,
) -> Result<(), kube::Error> {
    let api: Api<RawJob> = Api::namespaced(client.clone(), &job.namespace);
    let patch = json!({
        "apiVersion": "streamjob.dev/v1alpha1",
        "kind": "StreamJob",
        "metadata": {
            "name": job.name, "uid": job.uid, "resourceVersion": job.resource_version,
        },
        "status": status,
    });
    api.patch_status(&job.name, &params(), &Patch::Apply(&patch)).await.map(drop)
}

/// Makes the cluster what the plan says.
pub async fn carry_out(
    client: &Client,
    observed: &Observed,
    plan: &Plan,
    new_token: impl FnOnce() -> String,
) -> Result<(), kube::Error> {
    if let Some(wanted) = plan.finalizer {
        return set_finalizer(client, &observed.job, wanted).await;
    }
    if plan.create_token {
        create_token(client, observed, &new_token()).await?;
    }
    for (name, uid) in &plan.bury {
        bury(client, &observed.job, name, uid).await?;
    }
    for child in &plan.delete {
        delete(client, &observed.job, child).await?;
    }
    for object in &plan.create {
        create(client, &observed.job, object).await?;
    }
    Ok(())
}

/// Sends orders, in order: an acquire must be heard before the release that follows it. A worker
/// that does not listen now is told again after the next look. Returns those that were heard.
pub async fn send(admin: &dyn AdminClient, observed: &Observed, orders: &[Sent]) -> Vec<Sent> {
    let mut heard = Vec::new();
    let Some(token) = &observed.token else { return heard };
    for sent in orders {
        let namespace = observed.job.namespace.clone();
        let worker = Worker { pod: sent.pod.clone(), namespace, ip: sent.ip.clone() };
        match admin.order(&worker, token, &sent.order).await {
            Ok(()) => {
                tracing::info!(pod = %sent.pod, order = ?sent.order, "ordered");
                heard.push(sent.clone());
            }
            // A worker that has been told to release refuses to acquire: that is as it should be.
            Err(AdminError::Refused { code: 409, .. })
                if matches!(sent.order, Order::Acquire(_)) => {}
            Err(error) => tracing::warn!(pod = %sent.pod, order = ?sent.order, %error, "not heard"),
        }
    }
    heard
}

fn params() -> PatchParams {
    PatchParams::apply(FIELD_MANAGER).force()
}

async fn set_finalizer(client: &Client, job: &JobView, on: bool) -> Result<(), kube::Error> {
    let api: Api<RawJob> = Api::namespaced(client.clone(), &job.namespace);
    let mut finalizers: Vec<&str> = job.finalizers.iter().map(String::as_str).collect();
    finalizers.retain(|name| *name != FINALIZER);
    if on {
        finalizers.push(FINALIZER);
    }
    // A merge patch on this version only: others may have finalizers of their own.
    let patch = json!({"metadata": {
        "resourceVersion": job.resource_version, "finalizers": finalizers,
    }});
    api.patch(&job.name, &PatchParams::default(), &Patch::Merge(&patch)).await.map(drop)
}

/// Creates, never replaces: pods already know the token that is there.
async fn create_token(
    client: &Client,
    observed: &Observed,
    token: &str,
) -> Result<(), kube::Error> {
    let object: DynamicObject = serde_json::from_value(token_secret::of(observed, token))
        .map_err(kube::Error::SerdeError)?;
    let api = api(client, &observed.job, Kind::Secret);
    match api.create(&kube::api::PostParams::default(), &object).await {
        Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
        other => other.map(drop),
    }
}

/// Applies an object of ours.
pub async fn create(client: &Client, job: &JobView, object: &Object) -> Result<(), kube::Error> {
    tracing::info!(job = %job.name, kind = ?object.kind, name = %object.name, "applying");
    let api = api(client, job, object.kind);
    api.patch(&object.name, &params(), &Patch::Apply(&object.body)).await.map(drop)
}

/// Deletes exactly the object that was seen.
async fn delete(client: &Client, job: &JobView, child: &Child) -> Result<(), kube::Error> {
    tracing::info!(job = %job.name, kind = ?child.kind, name = %child.name, "deleting");
    let params = DeleteParams::background()
        .preconditions(Preconditions { uid: Some(child.uid.clone()), resource_version: None });
    match api(client, job, child.kind).delete(&child.name, &params).await {
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
        other => other.map(drop),
    }
}

/// Removes a pod whose node will not do it any more.
async fn bury(client: &Client, job: &JobView, name: &str, uid: &str) -> Result<(), kube::Error> {
    tracing::warn!(job = %job.name, pod = %name, "removing a pod by force: its node is gone");
    let pods: Api<Pod> = Api::namespaced(client.clone(), &job.namespace);
    let params = DeleteParams::default()
        .grace_period(0)
        .preconditions(Preconditions { uid: Some(uid.to_owned()), resource_version: None });
    match pods.delete(name, &params).await {
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
        other => other.map(drop),
    }
}

fn api(client: &Client, job: &JobView, kind: Kind) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), &job.namespace, &resource(kind))
}

fn resource(kind: Kind) -> ApiResource {
    use k8s_openapi::api::apps::v1::StatefulSet;
    use k8s_openapi::api::batch::v1::Job;
    use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service};
    use k8s_openapi::api::policy::v1::PodDisruptionBudget;
    match kind {
        Kind::Secret => ApiResource::erase::<Secret>(&()),
        Kind::ConfigMap => ApiResource::erase::<ConfigMap>(&()),
        Kind::Service => ApiResource::erase::<Service>(&()),
        Kind::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
        Kind::PodDisruptionBudget => ApiResource::erase::<PodDisruptionBudget>(&()),
        Kind::Job => ApiResource::erase::<Job>(&()),
        Kind::Savepoint => ApiResource::erase::<crds::Savepoint>(&()),
    }
}

/// The reference that events point to.
pub fn reference(job: &JobView) -> Value {
    json!({
        "apiVersion": RawJob::api_version(&()),
        "kind": "StreamJob",
        "name": job.name,
        "namespace": job.namespace,
        "uid": job.uid,
        "resourceVersion": job.resource_version,
    })
}
