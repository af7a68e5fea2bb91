//! The kind `Savepoint`: a checkpoint asked for and kept on purpose.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::condition::{Condition, optional_time};
use crate::duration::HumanDuration;
use crate::names::JobName;

/// Asks for a savepoint of a job. The request cannot be changed afterwards.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "streamjob.dev",
    version = "v1alpha1",
    kind = "Savepoint",
    namespaced,
    status = "SavepointStatus",
    derive = "PartialEq",
    shortname = "ssp",
    category = "streaming",
    doc = "A consistent copy of a job's state, kept on purpose.",
    crates(kube_core = "::kube_core", k8s_openapi = "::k8s_openapi", schemars = "::schemars"),
    printcolumn(name = "Job", type_ = "string", json_path = ".spec.job"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Bytes", type_ = "integer", json_path = ".status.bytes"),
    printcolumn(name = "Completed", type_ = "date", json_path = ".status.completedAt"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = crate::rules::rules(&[(
    "self.job == oldSelf.job",
    "job cannot be changed: make another Savepoint",
)])))]
pub struct SavepointSpec {
    /// The job, in the same namespace.
    pub job: JobName,
    /// What becomes of the data when this object is deleted. Default Keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<SavepointRetention>,
    /// After so long an unfinished savepoint has failed. Default 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<HumanDuration>,
}

impl SavepointSpec {
    /// The retention in force.
    pub fn retention(&self) -> SavepointRetention {
        self.retention.unwrap_or_default()
    }

    /// The timeout in force.
    pub fn timeout(&self) -> HumanDuration {
        self.timeout.unwrap_or(HumanDuration::from_secs(600))
    }
}

/// What becomes of the data when the object goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SavepointRetention {
    /// It stays in the store.
    #[default]
    Keep,
    /// It is removed, unless the job could not be restored any more: the last savepoint of a job that does not run
    /// stays.
    Dispose,
}

/// The status of a `Savepoint`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SavepointStatus {
    /// The `metadata.generation` that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// How far it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<SavepointPhase>,
    /// Ready, Reconciling, Stalled; Verified once it has been read back.
    #[schemars(length(max = 8))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// The identity of the job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_uid: Option<String>,
    /// The generation that was asked, written before the first order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Where the data lies; what `restoreFrom.manifest` takes.
    #[schemars(length(max = 2048))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The plan whose state it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_fingerprint: Option<String>,
    /// Slots that have written their part, of `slots`.
    #[serde(default)]
    pub slots_done: u32,
    /// Slots that take part.
    #[serde(default)]
    pub slots: u32,
    /// Shards in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shards: Option<u32>,
    /// Its size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The sum of the offsets of all its source partitions: how many records it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offsets: Option<u64>,
    /// Its smallest watermark.
    #[schemars(schema_with = "optional_time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<Time>,
    /// Entries of state by operator, the largest first, at most 32.
    #[schemars(length(max = 32))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operators: Vec<OperatorRows>,
    /// A digest over the manifests of all slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// When it was begun.
    #[schemars(schema_with = "optional_time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it was complete.
    #[schemars(schema_with = "optional_time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
}

/// What an operator keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OperatorRows {
    /// Its stable id.
    #[schemars(length(max = 512))]
    pub operator: String,
    /// Entries of its state.
    pub rows: u64,
}

/// How far a savepoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SavepointPhase {
    /// The job is not able to yet.
    Pending,
    /// The slots write.
    InProgress,
    /// It can be restored from.
    Completed,
    /// It will never be.
    Failed,
}
