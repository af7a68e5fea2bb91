//! A drained node takes one worker at a time.

use serde_json::json;

use super::{Blueprint, Object, metadata};
use crate::names::{self, Component};
use crate::observed::Kind;

/// The PodDisruptionBudget of a generation.
pub fn of(blueprint: &Blueprint<'_>) -> Object {
    let generation = blueprint.generation.number;
    let job = &blueprint.observed.job.name;
    let name = names::set(job, generation);
    let metadata = metadata::of(blueprint.observed, &name, Component::Worker, Some(generation));
    let body = json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata,
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": {
                names::JOB: job,
                names::GENERATION: generation.to_string(),
            }},
        },
    });
    Object { kind: Kind::PodDisruptionBudget, name, body }
}
