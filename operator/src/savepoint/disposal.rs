//! The end of a savepoint whose data goes with it. The data is removed by a Job of the worker image that needs nothing
//! of the StreamJob: what it needs is kept beside the savepoint from its beginning. The last savepoint that a job which
//! does not run could be restored from stays.

use crds::{DeletionPolicy, Savepoint, SavepointPhase, SavepointRetention, StreamJob};
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::digest;
use crate::limits::CLEAN_DEADLINE_SECS;
use crate::names::{self, Component, DISPOSE_FINALIZER};
use crate::observed::{JobView, Observed, TaskView};
use crate::plan::Object;
use crate::plan::task::{self, Task};

/// What is to be done about a savepoint's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposal {
    /// Nothing yet, or nothing any more.
    None,
    /// Keep the object until its data is gone.
    Guard,
    /// Run the Job.
    Remove,
    /// The data is gone, or there is none.
    Done,
    /// The data stays: a job could not be restored any more.
    KeptAsLast,
    /// The data stays: it could not be removed.
    GivenUp,
}

/// What the decision depends on, beside the savepoint.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings<'a> {
    /// The job is there, with the same identity, and stays.
    pub job_lives: bool,
    /// Another complete savepoint of the same job is there and stays.
    pub another: bool,
    /// What is kept to remove the data with is there.
    pub kit: bool,
    /// The Job.
    pub task: Option<&'a TaskView>,
}

/// Decides.
pub fn decide(savepoint: &Savepoint, around: &Surroundings<'_>) -> Disposal {
    let guarded = savepoint.finalizers().iter().any(|name| name == DISPOSE_FINALIZER);
    let wanted = savepoint.spec.retention() == SavepointRetention::Dispose;
    if savepoint.metadata.deletion_timestamp.is_none() {
        return if wanted && !guarded { Disposal::Guard } else { Disposal::None };
    }
    if !guarded {
        return Disposal::None;
    }
    let status = savepoint.status.clone().unwrap_or_default();
    if status.location.is_none() {
        return Disposal::Done;
    }
    let complete = status.phase == Some(SavepointPhase::Completed);
    if complete && !around.job_lives && !around.another {
        return Disposal::KeptAsLast;
    }
    match around.task.and_then(|task| task.ended) {
        Some(true) => Disposal::Done,
        None if around.kit => Disposal::Remove,
        Some(false) | None => Disposal::GivenUp,
    }
}

/// Name of Job and ConfigMap.
pub fn name(savepoint: &Savepoint) -> String {
    let identity = digest::of(&json!([savepoint.name_any(), savepoint.uid()]));
    format!("savepoint-{identity}")
}

/// What is kept to remove the data with: the job as it is now.
pub fn kit(savepoint: &Savepoint, job: &Observed) -> Option<Object> {
    let spec = serde_json::from_value(job.job.spec.clone()).ok()?;
    let objects = objects(savepoint, &job.job, &spec, &[], "");
    objects.into_iter().next()
}

/// The Job. The kit names the job; its identity is that of the savepoint, whatever runs under the name now.
pub fn remover(
    savepoint: &Savepoint,
    job: &StreamJob,
    job_lives: bool,
    default_image: &str,
) -> Option<Object> {
    let uid = savepoint.status.as_ref()?.job_uid.clone()?;
    let name = job.metadata.name.as_deref()?;
    let view = JobView::absent(&savepoint.namespace()?, name, &uid);
    let mut args = vec!["--savepoint".to_owned(), super::key(savepoint)];
    if !job_lives && job.spec.deletion.policy() == DeletionPolicy::Delete {
        // The job wanted nothing to stay but its savepoints: what only this one needed goes too.
        args.push("--delete-state".to_owned());
    }
    let image = job.spec.worker.image.as_deref().unwrap_or(default_image);
    objects(savepoint, &view, &job.spec, &args, image).into_iter().nth(1)
}

fn objects(
    savepoint: &Savepoint,
    job: &JobView,
    spec: &crds::StreamJobSpec,
    args: &[String],
    image: &str,
) -> Vec<Object> {
    let observed = Observed::bare(job.clone());
    let mut words: Vec<String> =
        ["clean", "--job", "/etc/streamjob/job.json"].map(str::to_owned).to_vec();
    words.extend(args.iter().cloned());
    let task = Task {
        name: name(savepoint),
        component: Component::Clean,
        spec_digest: "",
        image,
        spec,
        args: words,
        retries: 6,
        deadline_secs: CLEAN_DEADLINE_SECS,
    };
    let mut objects = task::objects(&observed, &task);
    for object in &mut objects {
        belongs_to(savepoint, &mut object.body);
    }
    objects
}

/// It is the savepoint's and goes with it; the job, if it is there, has nothing to do with it.
fn belongs_to(savepoint: &Savepoint, body: &mut Value) {
    body["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "streamjob.dev/v1alpha1",
        "kind": "Savepoint",
        "name": savepoint.name_any(),
        "uid": savepoint.uid(),
        "controller": true,
        "blockOwnerDeletion": false,
    }]);
    for labels in ["/metadata/labels", "/spec/template/metadata/labels"] {
        if let Some(labels) = body.pointer_mut(labels).and_then(Value::as_object_mut) {
            labels.remove(names::JOB);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn savepoint(status: &Value, dispose: bool, guarded: bool, deleted: bool) -> Savepoint {
        let mut object = json!({
            "apiVersion": "streamjob.dev/v1alpha1", "kind": "Savepoint",
            "metadata": {"name": "sp", "namespace": "default", "uid": "u"},
            "spec": {"job": "j"},
            "status": status,
        });
        if dispose {
            object["spec"]["retention"] = "Dispose".into();
        }
        if guarded {
            object["metadata"]["finalizers"] = json!([DISPOSE_FINALIZER]);
        }
        if deleted {
            object["metadata"]["deletionTimestamp"] = "2027-01-01T00:00:00Z".into();
        }
        serde_json::from_value(object).expect("a savepoint")
    }

    #[test]
    fn data_goes_only_when_it_is_wanted_and_something_else_is_left() {
        use Disposal as D;
        let complete = json!({"phase": "Completed", "location": "s3://b/u/savepoints/sp"});
        let failed = json!({"phase": "Failed", "location": "s3://b/u/savepoints/sp"});
        let ended = |good| TaskView { ended: Some(good), ..TaskView::default() };
        let (good, bad) = (ended(true), ended(false));
        let around =
            |job_lives, another, task| Surroundings { job_lives, another, kit: true, task };
        let cases = [
            (savepoint(&complete, false, false, false), around(true, true, None), D::None),
            (savepoint(&complete, true, false, false), around(true, true, None), D::Guard),
            (savepoint(&complete, true, true, false), around(true, true, None), D::None),
            (savepoint(&complete, false, false, true), around(true, true, None), D::None),
            (savepoint(&json!({}), true, true, true), around(true, true, None), D::Done),
            (savepoint(&complete, true, true, true), around(false, false, None), D::KeptAsLast),
            (savepoint(&failed, true, true, true), around(false, false, None), D::Remove),
            (savepoint(&complete, true, true, true), around(true, false, None), D::Remove),
            (savepoint(&complete, true, true, true), around(false, true, None), D::Remove),
            (savepoint(&complete, true, true, true), around(true, true, Some(&good)), D::Done),
            (savepoint(&complete, true, true, true), around(true, true, Some(&bad)), D::GivenUp),
        ];
        for (savepoint, around, want) in cases {
            assert_eq!(decide(&savepoint, &around), want, "{savepoint:?} {around:?}");
        }
    }
}
