//! One pass over one savepoint: read it and its job, decide, write, order; at its end, remove its data.

use std::time::Duration;

use crds::{Savepoint, SavepointPhase, SavepointStatus, StreamJob};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ListParams, Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use super::disposal::{self, Disposal, Surroundings};
use super::{decide, key, verified};
use crate::apply::{self, events};
use crate::fetch::{self, Sources};
use crate::limits::{MOVING_REQUEUE, STARTING_REQUEUE};
use crate::names::{DISPOSE_FINALIZER, FIELD_MANAGER};
use crate::observed::{JobView, Observed, TaskView};
use crate::plan::config_map;
use crate::reconcile::Context;

/// One pass. Returns when to look again; `None`: nothing more to do.
pub async fn reconcile(
    context: &Context,
    namespace: &str,
    name: &str,
) -> Result<Option<Duration>, kube::Error> {
    let api: Api<Savepoint> = Api::namespaced(context.client.clone(), namespace);
    let Some(savepoint) = api.get_opt(name).await? else { return Ok(None) };
    if savepoint.metadata.deletion_timestamp.is_some() {
        return end(context, &savepoint).await;
    }
    if disposal::decide(&savepoint, &Surroundings::default()) == Disposal::Guard {
        set_finalizer(&context.client, &savepoint, true).await?;
        return Ok(Some(Duration::ZERO));
    }
    let phase = savepoint.status.as_ref().and_then(|status| status.phase);
    if phase == Some(SavepointPhase::Failed) || verified::is_known(savepoint.status.as_ref()) {
        return Ok(None);
    }
    let now = (context.clock)();
    let sources = Sources { client: &context.client, admin: &*context.admin, now };
    let job = fetch::fetch(&sources, namespace, savepoint.spec.job.as_str()).await?;
    let step = decide(&savepoint, job.as_ref(), now);
    if let Some(job) = &job {
        keep_kit(context, &savepoint, &step.status, job).await?;
    }
    if savepoint.status.as_ref() != Some(&step.status) || !step.orders.is_empty() {
        // Also where it says nothing new: nothing follows from one that is not the newest any more.
        write(&context.client, &savepoint, &step.status).await?;
    }
    if let Some(job) = &job {
        apply::send(&*context.admin, job, &step.orders).await;
    }
    Ok(match step.status.phase {
        Some(SavepointPhase::Failed) => None,
        Some(SavepointPhase::Completed) if verified::is_known(Some(&step.status)) => None,
        Some(SavepointPhase::InProgress) => Some(MOVING_REQUEUE),
        _ => Some(STARTING_REQUEUE),
    })
}

/// Before the first order: what is needed to remove the data again.
async fn keep_kit(
    context: &Context,
    savepoint: &Savepoint,
    next: &SavepointStatus,
    job: &Observed,
) -> Result<(), kube::Error> {
    let guarded = savepoint.finalizers().iter().any(|name| name == DISPOSE_FINALIZER);
    let before = savepoint.status.as_ref().and_then(|status| status.phase);
    let begins = next.phase == Some(SavepointPhase::InProgress) && before != next.phase;
    match disposal::kit(savepoint, job) {
        Some(kit) if guarded && begins => apply::create(&context.client, &job.job, &kit).await,
        _ => Ok(()),
    }
}

/// A deleted savepoint goes when its data has gone, or stays for a reason that an event names.
async fn end(context: &Context, savepoint: &Savepoint) -> Result<Option<Duration>, kube::Error> {
    let namespace = savepoint.namespace().unwrap_or_default();
    let configs: Api<ConfigMap> = Api::namespaced(context.client.clone(), &namespace);
    let tasks: Api<Job> = Api::namespaced(context.client.clone(), &namespace);
    let uid = savepoint.status.as_ref().and_then(|status| status.job_uid.clone());
    let job = fetch::job(&context.client, &namespace, savepoint.spec.job.as_str()).await?;
    let lives = job.is_some_and(|job| Some(&job.uid) == uid.as_ref() && job.deleted_at.is_none());
    let name = disposal::name(savepoint);
    let kit = configs.get_opt(&name).await?;
    let kit = kit.and_then(|kit| kit.data?.remove(config_map::JOB));
    let kit: Option<StreamJob> = kit.and_then(|text| serde_json::from_str(&text).ok());
    let task = tasks
        .get_opt(&name)
        .await?
        .map(|task| TaskView { ended: fetch::tasks::ended(&task), ..TaskView::default() });
    let around = Surroundings {
        job_lives: lives,
        another: another(context, savepoint).await?,
        kit: kit.is_some(),
        task: task.as_ref(),
    };
    let decision = disposal::decide(savepoint, &around);
    if decision == Disposal::Remove {
        let image = &context.settings.worker_image;
        let remover = kit.and_then(|kit| disposal::remover(savepoint, &kit, lives, image));
        let Some(remover) = remover.filter(|_| task.is_none()) else {
            return Ok(Some(STARTING_REQUEUE));
        };
        let view = JobView::absent(&namespace, savepoint.spec.job.as_str(), "");
        match apply::create(&context.client, &view, &remover).await {
            // Nothing can be started in a namespace that goes.
            Err(kube::Error::Api(status)) if status.code == 403 => {
                tell(context, savepoint, Disposal::GivenUp).await;
            }
            other => return other.map(|()| Some(STARTING_REQUEUE)),
        }
    }
    if decision == Disposal::None {
        return Ok(None);
    }
    tell(context, savepoint, decision).await;
    set_finalizer(&context.client, savepoint, false).await?;
    Ok(None)
}

/// Whether another complete savepoint of the same job is there and stays.
async fn another(context: &Context, savepoint: &Savepoint) -> Result<bool, kube::Error> {
    let namespace = savepoint.namespace().unwrap_or_default();
    let api: Api<Savepoint> = Api::namespaced(context.client.clone(), &namespace);
    let uid = |of: &Savepoint| of.status.as_ref().and_then(|status| status.job_uid.clone());
    let complete = |of: &Savepoint| {
        let phase = of.status.as_ref().and_then(|status| status.phase);
        phase == Some(SavepointPhase::Completed) && of.metadata.deletion_timestamp.is_none()
    };
    let all = api.list(&ListParams::default()).await?.items;
    Ok(all.iter().any(|other| {
        key(other) != key(savepoint) && uid(other) == uid(savepoint) && complete(other)
    }))
}

/// Data that stays is named.
async fn tell(context: &Context, savepoint: &Savepoint, decision: Disposal) {
    let at = savepoint.status.as_ref().and_then(|status| status.location.clone());
    let at = at.unwrap_or_default();
    let message = match decision {
        Disposal::KeptAsLast => format!(
            "the data stays at {at}: the job does not run and could be restored from nothing else"
        ),
        Disposal::GivenUp => format!("the data could not be removed and stays at {at}"),
        _ => return,
    };
    let notice = events::Notice { warning: true, reason: "SavepointKept".to_owned(), message };
    let now = (context.clock)();
    events::about_savepoint(&context.client, savepoint, &notice, now).await;
}

async fn set_finalizer(
    client: &Client,
    savepoint: &Savepoint,
    on: bool,
) -> Result<(), kube::Error> {
    let namespace = savepoint.namespace().unwrap_or_default();
    let api: Api<Savepoint> = Api::namespaced(client.clone(), &namespace);
    let mut finalizers: Vec<&str> = savepoint.finalizers().iter().map(String::as_str).collect();
    finalizers.retain(|name| *name != DISPOSE_FINALIZER);
    if on {
        finalizers.push(DISPOSE_FINALIZER);
    }
    let patch = json!({"metadata": {
        "resourceVersion": savepoint.resource_version(), "finalizers": finalizers,
    }});
    let params = PatchParams::default();
    api.patch(&savepoint.name_any(), &params, &Patch::Merge(&patch)).await.map(drop)
}

async fn write(
    client: &Client,
    savepoint: &Savepoint,
    status: &SavepointStatus,
) -> Result<(), kube::Error> {
    let namespace = savepoint.namespace().unwrap_or_default();
    let api: Api<Savepoint> = Api::namespaced(client.clone(), &namespace);
    let patch = json!({
        "apiVersion": "streamjob.dev/v1alpha1",
        "kind": "Savepoint",
        "metadata": {
            "name": savepoint.name_any(),
            "uid": savepoint.uid(),
            "resourceVersion": savepoint.resource_version(),
        },
        "status": status,
    });
    let params = PatchParams::apply(FIELD_MANAGER).force();
    api.patch_status(&savepoint.name_any(), &params, &Patch::Apply(&patch)).await.map(drop)
}
