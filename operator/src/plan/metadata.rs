//! Names, labels and owners of children.

use serde_json::{Value, json};

use crate::names::{self, Component};
use crate::observed::Observed;

/// Metadata of a child: labels, and the job as owner, so that it goes with the job.
pub fn of(observed: &Observed, name: &str, component: Component, generation: Option<u64>) -> Value {
    let job = &observed.job;
    let mut labels = names::labels(&job.name, &job.uid, component);
    if let Some(generation) = generation {
        labels.insert(names::GENERATION.to_owned(), generation.to_string());
    }
    json!({
        "name": name,
        "namespace": job.namespace,
        "labels": labels,
        "ownerReferences": [owner(observed)],
    })
}

/// The job as owner.
pub fn owner(observed: &Observed) -> Value {
    json!({
        "apiVersion": "streamjob.dev/v1alpha1",
        "kind": "StreamJob",
        "name": observed.job.name,
        "uid": observed.job.uid,
        "controller": true,
        "blockOwnerDeletion": true,
    })
}
