//! The Savepoint that the schedule of a job makes. It belongs to no owner: it outlives the job, to restore it from.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Object;
use crate::names;
use crate::observed::{Kind, Observed};

/// The Savepoint of that time.
pub fn of(observed: &Observed, due: Timestamp) -> Object {
    let job = &observed.job;
    let name = names::scheduled(&job.name, due);
    // The job's own labels too: an operator that looks after some jobs by their labels finds its savepoints by them.
    let mut labels = job.labels.clone();
    let own = [
        ("app.kubernetes.io/managed-by", names::FIELD_MANAGER),
        (names::JOB, &job.name),
        (names::JOB_UID, &job.uid),
        (names::SCHEDULED, "true"),
    ];
    labels.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let body: Value = json!({
        "apiVersion": "streamjob.dev/v1alpha1",
        "kind": "Savepoint",
        "metadata": {"name": name, "namespace": job.namespace, "labels": labels},
        "spec": {"job": job.name, "retention": "Dispose"},
    });
    Object { kind: Kind::Savepoint, name, body }
}
