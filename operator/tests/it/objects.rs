//! Objects that scenarios begin with.

use serde_json::{Value, json};

/// A small valid job.
pub(crate) fn job(parallelism: u32) -> Value {
    json!({
        "apiVersion": "streamjob.dev/v1alpha1",
        "kind": "StreamJob",
        "metadata": {"name": "j"},
        "spec": {
            "parallelism": parallelism,
            "kafka": {"bootstrapServers": "kafka:9092"},
            "sources": [{
                "name": "clicks",
                "topic": "clicks",
                "format": {"json": {}},
                "columns": [{"name": "user_id", "type": "BIGINT"}],
                "startFrom": {"earliest": {}},
            }],
            "sinks": [{"name": "out", "topic": "out", "format": {"json": {}}}],
            "sql": "INSERT INTO out SELECT user_id FROM clicks",
            "checkpoints": {"location": "s3://bucket/prefix"},
        },
    })
}

/// A savepoint of it.
pub(crate) fn savepoint(name: &str) -> Value {
    json!({
        "apiVersion": "streamjob.dev/v1alpha1",
        "kind": "Savepoint",
        "metadata": {"name": name},
        "spec": {"job": "j"},
    })
}
