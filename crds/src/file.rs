//! A job from a file, for those who run without a cluster.

use serde_json::Value;

use crate::schema::{root_schema, stream_job_crd, unknown_fields};
use crate::stream_job::StreamJob;

/// A file that is not a job.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Not YAML, or a value that its field does not take.
    #[error("the job file cannot be read: {0}")]
    Syntax(String),
    /// Another kind of object.
    #[error("the file holds {found}, expected streamjob.dev/v1alpha1 StreamJob")]
    Kind {
        /// What the file says it is.
        found: String,
    },
    /// Fields that do not exist, most often typing errors.
    #[error("unknown fields: {}", .0.join(", "))]
    UnknownFields(Vec<String>),
}

/// Reads a `StreamJob` from YAML or JSON text. Enumerations are maps with one key (`json: {}`),
/// as in Kubernetes, not YAML tags. Does not validate; see [`crate::validate`].
pub fn stream_job(text: &str) -> Result<StreamJob, FileError> {
    let value: Value =
        serde_norway::from_str(text).map_err(|error| FileError::Syntax(error.to_string()))?;
    let word = |name| value.get(name).and_then(Value::as_str).unwrap_or("nothing");
    if (word("apiVersion"), word("kind")) != ("streamjob.dev/v1alpha1", "StreamJob") {
        let found = format!("{} {}", word("apiVersion"), word("kind"));
        return Err(FileError::Kind { found });
    }
    let crd = stream_job_crd();
    let spec_schema = root_schema(&crd).and_then(|root| root.pointer("/properties/spec"));
    let spec = value.get("spec").unwrap_or(&Value::Null);
    let unknown = unknown_fields(spec_schema.unwrap_or(&Value::Null), spec);
    if !unknown.is_empty() {
        let unknown = unknown.into_iter().map(|path| format!("spec.{path}")).collect();
        return Err(FileError::UnknownFields(unknown));
    }
    serde_json::from_value(value).map_err(|error| FileError::Syntax(error.to_string()))
}
