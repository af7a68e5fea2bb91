//! The kind `StreamJob`: one query that runs for ever.

use kube_derive::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checkpoints::Checkpoints;
use crate::kafka::Kafka;
use crate::lifecycle::{Commit, Deletion, Delivery, DesiredState, RestoreFrom, Upgrade};
use crate::pods::Pods;
use crate::rules::Rule;
use crate::schedule::Savepoints;
use crate::sink::Sink;
use crate::source::Source;
use crate::status::StreamJobStatus;

/// Rules about the whole object; `self.metadata` is visible only here.
pub const ROOT_RULES: &[Rule] = &[(
    "self.metadata.name.size() <= 44 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    "the name must match ^[a-z]([-a-z0-9]*[a-z0-9])?$ and have at most 44 characters",
)];

/// Rules about the spec.
pub const SPEC_RULES: &[Rule] = &[
    (
        "has(self.maxParallelism) == has(oldSelf.maxParallelism) && \
         (!has(self.maxParallelism) || self.maxParallelism == oldSelf.maxParallelism)",
        "maxParallelism is fixed when the job is created: make a new job and restore it",
    ),
    (
        "has(self.kafka.internalPrefix) == has(oldSelf.kafka.internalPrefix) && \
         (!has(self.kafka.internalPrefix) || \
         self.kafka.internalPrefix == oldSelf.kafka.internalPrefix)",
        "kafka.internalPrefix is fixed when the job is created",
    ),
    (
        "self.checkpoints.location == oldSelf.checkpoints.location",
        "checkpoints.location is fixed when the job is created: make a new job and restore it",
    ),
    (
        "self.checkpoints.location.startsWith('s3://')",
        "checkpoints.location must be s3://bucket/prefix: the pods share no folder",
    ),
    (
        "has(self.kafka.bootstrapServers)",
        "kafka.bootstrapServers is required: the pods bring no broker of their own",
    ),
    (
        "self.sinks.all(k, !self.sources.exists(s, s.name == k.name))",
        "a sink cannot have the name of a source",
    ),
];

/// What the user wants.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "streamjob.dev",
    version = "v1alpha1",
    kind = "StreamJob",
    namespaced,
    status = "StreamJobStatus",
    derive = "PartialEq",
    shortname = "sj",
    category = "streaming",
    doc = "A SQL query over Kafka topics that runs for ever, exactly once.",
    crates(kube_core = "::kube_core", k8s_openapi = "::k8s_openapi", schemars = "::schemars"),
    scale(
        spec_replicas_path = ".spec.parallelism",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Parallelism", type_ = "integer", json_path = ".status.replicas"),
    printcolumn(name = "Lag", type_ = "integer", json_path = ".status.progress.lag"),
    printcolumn(name = "Checkpoint", type_ = "date", json_path = ".status.checkpoint.completedAt"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Generation",
        type_ = "integer",
        json_path = ".status.current.number",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = crate::rules::rules(SPEC_RULES)))]
pub struct StreamJobSpec {
    /// Whether it should run. Default Running.
    #[serde(default)]
    pub state: DesiredState,
    /// Worker pods. Omitted: sized to the number of partitions, one slot each; write it to use
    /// `kubectl scale`. More slots than the widest stage has shards are refused.
    #[schemars(range(min = 1, max = 1000))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<u32>,
    /// Where Kafka is.
    pub kafka: Kafka,
    /// Topics that are read as tables.
    #[schemars(length(min = 1, max = 32))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub sources: Vec<Source>,
    /// Topics that results are written to.
    #[schemars(length(min = 1, max = 32))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub sinks: Vec<Sink>,
    /// The query: views and one or more `INSERT INTO`.
    #[schemars(length(min = 1, max = 65536))]
    pub sql: String,
    /// What a reader sees after failures. Default ExactlyOnce.
    #[serde(default)]
    pub delivery: Delivery,
    /// How soon results are visible.
    #[serde(default)]
    pub commit: Commit,
    /// Where state is kept.
    pub checkpoints: Checkpoints,
    /// Savepoints that are made by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub savepoints: Option<Savepoints>,
    /// What the pods are made of.
    #[serde(default)]
    pub worker: Pods,
    /// Partitions of every exchange, which is the greatest useful number of slots behind one.
    /// Fixed at creation; omitted, the planner chooses.
    #[schemars(range(min = 1, max = 1024))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallelism: Option<u32>,
    /// State to begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_from: Option<RestoreFrom>,
    /// How changes take over.
    #[serde(default)]
    pub upgrade: Upgrade,
    /// What happens at the end.
    #[serde(default)]
    pub deletion: Deletion,
}
