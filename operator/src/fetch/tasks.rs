//! Planner and clean Jobs.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;

use crate::names;
use crate::observed::{JobView, TaskView};

/// A Job of ours by name; its pods add message and problem later.
pub(super) fn view(task: &Job, job: &JobView) -> Option<(String, TaskView)> {
    let ours = task.labels().get(names::JOB_UID) == Some(&job.uid);
    if !ours || task.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let (ended, ended_at) = (ended(task), ended_at(task));
    let spec_digest = task.annotations().get(names::SPEC_DIGEST).cloned().unwrap_or_default();
    Some((task.name_any(), TaskView { spec_digest, ended, ended_at, ..TaskView::default() }))
}

/// Whether it ended, and well.
pub(crate) fn ended(task: &Job) -> Option<bool> {
    let conditions = task.status.as_ref().and_then(|status| status.conditions.as_ref());
    let holds = |wanted: &str| {
        conditions.is_some_and(|conditions| {
            conditions.iter().any(|c| c.type_ == wanted && c.status == "True")
        })
    };
    match (holds("Complete"), holds("Failed")) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

fn ended_at(task: &Job) -> Option<Timestamp> {
    let conditions = task.status.as_ref()?.conditions.as_ref()?;
    let last = conditions.iter().find(|c| matches!(&*c.type_, "Complete" | "Failed"))?;
    last.last_transition_time.as_ref().map(|time| time.0)
}
