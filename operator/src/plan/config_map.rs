//! The ConfigMap that pods read: the job as it was when it was decided upon.

use crds::StreamJobSpec;
use serde_json::{Map, Value, json};

use super::{Blueprint, Object, metadata};
use crate::names::{self, Component};
use crate::observed::{Kind, Observed};

/// The key of the job.
pub const JOB: &str = "job.json";
/// The key of the logs of every stage.
pub const LAYOUT: &str = "layout.json";

/// The ConfigMap of a generation.
pub fn of_generation(blueprint: &Blueprint<'_>, layout: Option<&Map<String, Value>>) -> Object {
    let generation = blueprint.generation.number;
    let observed = blueprint.observed;
    let name = names::set(&observed.job.name, generation);
    let metadata = metadata::of(observed, &name, Component::Worker, Some(generation));
    let mut data = json!({JOB: job_json(observed, blueprint.spec)});
    if let Some(layout) = layout {
        data[LAYOUT] = Value::String(Value::Object(layout.clone()).to_string());
    }
    object(name, &metadata, &data)
}

/// The ConfigMap of a planner or clean Job.
pub fn of_task(
    observed: &Observed,
    name: &str,
    component: Component,
    spec: &StreamJobSpec,
) -> Object {
    let metadata = metadata::of(observed, name, component, None);
    object(name.to_owned(), &metadata, &json!({JOB: job_json(observed, spec)}))
}

fn object(name: String, metadata: &Value, data: &Value) -> Object {
    let body = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "immutable": true,
        "data": data,
    });
    Object { kind: Kind::ConfigMap, name, body }
}

/// The StreamJob as a worker reads it: identity and spec, nothing else.
fn job_json(observed: &Observed, spec: &StreamJobSpec) -> String {
    let job = &observed.job;
    json!({
        "apiVersion": "streamjob.dev/v1alpha1",
        "kind": "StreamJob",
        "metadata": {"name": job.name, "namespace": job.namespace, "uid": job.uid},
        "spec": spec,
    })
    .to_string()
}
