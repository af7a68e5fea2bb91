//! The headless Service that gives the pods of a generation names.

use protocol::admin::{ADMIN_PORT, METRICS_PORT};
use serde_json::json;

use super::{Blueprint, Object, metadata};
use crate::names::{self, Component};
use crate::observed::Kind;

/// The Service of a generation; it carries the set's name.
pub fn of(blueprint: &Blueprint<'_>) -> Object {
    let generation = blueprint.generation.number;
    let job = &blueprint.observed.job.name;
    let name = names::set(job, generation);
    let metadata = metadata::of(blueprint.observed, &name, Component::Worker, Some(generation));
    let body = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": true,
            "selector": {
                names::JOB: job,
                names::GENERATION: generation.to_string(),
                names::COMPONENT: Component::Worker.as_str(),
            },
            "ports": [
                {"name": "admin", "port": ADMIN_PORT, "targetPort": "admin"},
                {"name": "metrics", "port": METRICS_PORT, "targetPort": "metrics"},
            ],
        },
    });
    Object { kind: Kind::Service, name, body }
}
