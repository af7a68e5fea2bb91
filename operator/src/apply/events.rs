//! Events: one for every change of what a condition says. The name is a digest of the content, so
//! that saying the same twice leaves one event.

use crds::{Condition, ConditionStatus, ConditionType, StreamJobStatus};
use k8s_openapi::api::core::v1::Event;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use protocol::reason::Reason;
use serde_json::{Value, json};

use super::reference;
use crate::digest;
use crate::names::FIELD_MANAGER;
use crate::observed::Observed;

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Something is wrong.
    pub warning: bool,
    /// One word.
    pub reason: String,
    /// In sentences.
    pub message: String,
}

/// What the new status says that the old one did not.
pub fn notices(before: &StreamJobStatus, after: &StreamJobStatus) -> Vec<Notice> {
    let said = |condition: &Condition| {
        before.conditions.iter().any(|known| {
            (known.condition_type, known.status, &known.reason)
                == (condition.condition_type, condition.status, &condition.reason)
        })
    };
    let telling = |condition: &&Condition| match condition.condition_type {
        ConditionType::Ready => true,
        _ => condition.status == ConditionStatus::True,
    };
    let changed = after.conditions.iter().filter(telling).filter(|condition| !said(condition));
    let rollout = after.rollout.as_ref().filter(|rollout| before.rollout.as_ref() != Some(rollout));
    let over = rollout.map(|rollout| Notice {
        warning: false,
        reason: Reason::Running.to_string(),
        message: rollout.to_string(),
    });
    changed
        .map(|condition| Notice {
            warning: matches!(
                condition.condition_type,
                ConditionType::Stalled | ConditionType::Degraded
            ),
            reason: condition.reason.clone(),
            message: condition.message.clone(),
        })
        .chain(over)
        .collect()
}

/// The same about a savepoint.
pub async fn about_savepoint(
    client: &Client,
    savepoint: &crds::Savepoint,
    notice: &Notice,
    now: jiff::Timestamp,
) {
    let about = json!({
        "apiVersion": "streamjob.dev/v1alpha1",
        "kind": "Savepoint",
        "name": savepoint.metadata.name,
        "namespace": savepoint.metadata.namespace,
        "uid": savepoint.metadata.uid,
    });
    write(client, &about, 0, notice, now).await;
}

/// Publishes a notice. An event that cannot be written is not worth a failed reconciliation.
pub async fn publish(client: &Client, observed: &Observed, notice: &Notice) {
    let job = &observed.job;
    write(client, &reference(job), job.generation, notice, observed.now).await;
}

async fn write(
    client: &Client,
    about: &Value,
    generation: i64,
    notice: &Notice,
    now: jiff::Timestamp,
) {
    let name = about["name"].as_str().unwrap_or_default();
    let namespace = about["namespace"].as_str().unwrap_or_default();
    let content = json!([about["uid"], generation, notice.reason, notice.message]);
    let name = format!("{name}.{}", digest::of(&content));
    let now = now.to_string();
    let event = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace},
        "involvedObject": about,
        "type": if notice.warning { "Warning" } else { "Normal" },
        "reason": notice.reason,
        "message": notice.message,
        "source": {"component": FIELD_MANAGER},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    });
    let api: Api<Event> = Api::namespaced(client.clone(), namespace);
    let params = PatchParams::apply(FIELD_MANAGER).force();
    if let Err(error) = api.patch(&name, &params, &Patch::Apply(&event)).await {
        tracing::debug!(%name, %error, "event not written");
    }
}
