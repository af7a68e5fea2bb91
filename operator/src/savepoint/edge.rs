//! One pass over one savepoint: read it and its job, decide, write, order.

use std::time::Duration;

use crds::{Savepoint, SavepointPhase, SavepointStatus};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;

use super::decide;
use crate::apply;
use crate::fetch::{self, Sources};
use crate::limits::{MOVING_REQUEUE, STARTING_REQUEUE};
use crate::names::FIELD_MANAGER;
use crate::reconcile::Context;

/// One pass. Returns when to look again; `None`: nothing more to do.
pub async fn reconcile(
    context: &Context,
    namespace: &str,
    name: &str,
) -> Result<Option<Duration>, kube::Error> {
    let api: Api<Savepoint> = Api::namespaced(context.client.clone(), namespace);
    let Some(savepoint) = api.get_opt(name).await? else { return Ok(None) };
    let phase = savepoint.status.as_ref().and_then(|status| status.phase);
    let over = matches!(phase, Some(SavepointPhase::Completed | SavepointPhase::Failed));
    if over || savepoint.metadata.deletion_timestamp.is_some() {
        return Ok(None);
    }
    let now = (context.clock)();
    let sources = Sources { client: &context.client, admin: &*context.admin, now };
    let job = fetch::fetch(&sources, namespace, savepoint.spec.job.as_str()).await?;
    let step = decide(&savepoint, job.as_ref(), now);
    if savepoint.status.as_ref() != Some(&step.status) {
        write(&context.client, &savepoint, &step.status).await?;
    }
    if let Some(job) = &job {
        apply::send(&*context.admin, job, &step.orders).await;
    }
    Ok(match step.status.phase {
        Some(SavepointPhase::Completed | SavepointPhase::Failed) => None,
        Some(SavepointPhase::InProgress) => Some(MOVING_REQUEUE),
        _ => Some(STARTING_REQUEUE),
    })
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
