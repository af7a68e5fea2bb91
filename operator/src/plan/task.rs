//! A Job that runs the worker image once: planner and clean.

use crds::StreamJobSpec;
use serde_json::{Value, json};

use super::stateful_set::pull_policy;
use super::{Object, config_map, metadata, pod};
use crate::names::{self, Component};
use crate::observed::{Kind, Observed};

/// Exit code of a refusal: trying again gives the same.
const REFUSED_EXIT_CODE: i32 = 20;

/// What a task is.
pub struct Task<'a> {
    /// Name of Job and ConfigMap.
    pub name: String,
    /// Planner or clean.
    pub component: Component,
    /// The digest of what it looks at.
    pub spec_digest: &'a str,
    /// The worker image.
    pub image: &'a str,
    /// The job's spec.
    pub spec: &'a StreamJobSpec,
    /// What the worker is told, after `--job`.
    pub args: Vec<String>,
    /// How often it is tried again.
    pub retries: u32,
    /// How long it may take.
    pub deadline_secs: u32,
}

/// ConfigMap and Job of a task.
pub fn objects(observed: &Observed, task: &Task<'_>) -> Vec<Object> {
    let config = config_map::of_task(observed, &task.name, task.component, task.spec);
    vec![config, job(observed, task)]
}

fn job(observed: &Observed, task: &Task<'_>) -> Object {
    let mut metadata = metadata::of(observed, &task.name, task.component, None);
    metadata["annotations"] = json!({names::SPEC_DIGEST: task.spec_digest});
    let template = json!({
        "metadata": {"labels": metadata["labels"]},
        "spec": pod_spec(observed, task),
    });
    let body = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "backoffLimit": task.retries,
            "activeDeadlineSeconds": task.deadline_secs,
            "podFailurePolicy": {"rules": [{
                "action": "FailJob",
                "onExitCodes": {
                    "containerName": "worker", "operator": "In", "values": [REFUSED_EXIT_CODE],
                },
            }]},
            "template": template,
        },
    });
    Object { kind: Kind::Job, name: task.name.clone(), body }
}

fn pod_spec(observed: &Observed, task: &Task<'_>) -> Value {
    let pods = &task.spec.worker;
    let mut args = task.args.clone();
    args.extend(["--termination-log".to_owned(), "/dev/termination-log".to_owned()]);
    let mut container = json!({
        "name": "worker",
        "image": task.image,
        "args": args,
        "resources": {
            "requests": {"cpu": "100m", "memory": "256Mi"},
            "limits": {"cpu": "1", "memory": "512Mi"},
        },
        "securityContext": pod::container_security(),
        "volumeMounts": pod::mounts(),
    });
    pull_policy(pods, &mut container);
    let mut spec = pod::base(pods);
    spec["restartPolicy"] = json!("Never");
    spec["containers"] = json!([container]);
    spec["volumes"] = Value::Array(pod::volumes(&observed.job.name, &task.name, task.spec, false));
    // Placement follows the workers: a job on dedicated nodes plans there too.
    if let Some(overrides) = &pods.pod_overrides {
        for field in ["nodeSelector", "tolerations", "affinity", "priorityClassName"] {
            if let Some(value) = overrides.get("spec").and_then(|spec| spec.get(field)) {
                spec[field] = value.clone();
            }
        }
    }
    spec
}
