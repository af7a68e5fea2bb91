//! What the operator reports about a job. It also holds the operator's own memory: intent is
//! written here before it is acted upon.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::condition::{Condition, optional_time, time};

mod rollout;

pub use rollout::RolloutStatus;

/// The status of a `StreamJob`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StreamJobStatus {
    /// The `metadata.generation` that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// For people; programs read the conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// Ready, Reconciling, Stalled, Degraded.
    #[schemars(length(max = 8))]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    #[serde(default)]
    pub conditions: Vec<Condition>,
    /// Worker pods of the current generation (read by the `scale` subresource).
    #[serde(default)]
    pub replicas: u32,
    /// The label selector of the current generation's pods (read by the `scale` subresource).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// What the planner said about the newest spec that it accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanStatus>,
    /// The generation that processes, or processed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<GenerationStatus>,
    /// The generation that warms up to take over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<GenerationStatus>,
    /// The generation that has been ordered to take over, written before the first order. From
    /// here the rollout only goes forward.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquiring: Option<u64>,
    /// Since when.
    #[schemars(schema_with = "optional_time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquiring_since: Option<Time>,
    /// The last generation that proved itself: what one that does not goes back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy: Option<HealthyStatus>,
    /// The generation before the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<GenerationStatus>,
    /// What the last change of owners cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutStatus>,
    /// The greatest number ever given to a generation; none is used twice.
    #[serde(default)]
    pub last_generation: u64,
    /// Set while the job releases its shards to be suspended or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub releasing: Option<u64>,
    /// Since when.
    #[schemars(schema_with = "optional_time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub releasing_since: Option<Time>,
    /// The generation whose shards were sealed when the job was suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<u64>,
    /// What the newest spec changes, while it is not in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeStatus>,
    /// The answer to a spec that was only asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<ProposalStatus>,
    /// The savepoint that the schedule made last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleStatus>,
    /// What was refused last, so that it is not tried again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<RefusedSpec>,
    /// How far the job is; coarse, refreshed every half minute at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<ProgressStatus>,
    /// The newest finished checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<CheckpointStatus>,
}

/// A word for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// Nothing has been done yet.
    Pending,
    /// The planner looks at the spec.
    Planning,
    /// The first pods start.
    Starting,
    /// Every shard is processed.
    Running,
    /// Another number of pods takes over.
    Rescaling,
    /// A new query, image or pod takes over.
    Upgrading,
    /// State is being saved before the pods go.
    Suspending,
    /// No pods; the state is saved.
    Suspended,
    /// Nothing happens without a person; see the condition Stalled.
    Stalled,
    /// The object is being deleted.
    Deleting,
}

/// What the planner found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanStatus {
    /// Identifies the plan; equal plans have equal state.
    pub fingerprint: String,
    /// A digest of the part of the spec that the planner looked at.
    pub spec_digest: String,
    /// Partitions of each exchange; fixed with the first plan.
    pub max_parallelism: u32,
    /// The version of the hash that spreads keys; fixed with the first plan.
    pub hash_version: u32,
    /// Shards of the widest stage: more slots than this have nothing to do.
    pub shards: u32,
    /// What the planner said that this plan changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeClass>,
    /// The logs of every stage, as the planner numbered them.
    #[schemars(schema_with = "crate::pods::raw_object")]
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub layout: Map<String, Value>,
}

/// One assignment of shards to pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GenerationStatus {
    /// Its number.
    pub number: u64,
    /// Its pods.
    pub parallelism: u32,
    /// Slots of each pod.
    pub slots_per_worker: u32,
    /// The image, resolved once.
    pub image: String,
    /// The plan it runs.
    pub plan_fingerprint: String,
    /// A digest of everything that its pods are made from.
    pub spec_digest: String,
    /// The `metadata.generation` it was made from.
    pub spec_generation: i64,
    /// What it changes, against the generation before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeClass>,
    /// When it was decided upon.
    #[schemars(schema_with = "optional_time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Time>,
    /// When every shard was its own for the first time.
    #[schemars(schema_with = "optional_time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<Time>,
    /// What the generation before had come to when this one was ordered to take over: it must not do worse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<FiguresStatus>,
}

/// What a generation has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FiguresStatus {
    /// Records that wait.
    pub lag: u64,
    /// The largest watermark of a source partition, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark_ms: Option<i64>,
    /// Rows taken since the job began.
    pub rows: u64,
    /// Bad records among them.
    pub bad_rows: u64,
}

/// What an edit changes: how much of the job has to move for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ChangeClass {
    /// Nothing.
    Nothing,
    /// Labels, limits, settings of the operator: no pod is touched.
    InPlace,
    /// The job comes to rest.
    Suspend,
    /// The job goes on after a rest.
    Resume,
    /// The first generation.
    First,
    /// Another number of pods of the same sort.
    Rescale,
    /// Other pods, the same query.
    Restart,
    /// Another query, which the state fits.
    CompatibleLogic,
    /// Another query, which would lose state.
    IncompatibleLogic,
    /// The spec before, after one that did not prove itself.
    Rollback,
    /// The planner has not looked at it yet.
    Unknown,
}

impl std::fmt::Display for ChangeClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(self, f)
    }
}

/// What the newest spec changes, against the generation that runs or rests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeStatus {
    /// How much has to move.
    pub class: ChangeClass,
    /// The fields that differ, at most sixteen.
    #[schemars(length(max = 16))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// The answer to a spec that was only asked about, by the annotation `streamjob.dev/proposal`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProposalStatus {
    /// Which question this answers.
    #[schemars(length(max = 64))]
    pub id: String,
    /// How much would have to move.
    pub change: ChangeClass,
    /// The fields that differ, at most sixteen.
    #[schemars(length(max = 16))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// Worker pods that run now.
    pub pods_before: u32,
    /// Worker pods afterwards.
    pub pods_after: u32,
    /// Pods that must find room beside the running ones until the take-over.
    pub pods_extra: u32,
    /// What the slowest shard waited in the last take-over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_ms: Option<u64>,
    /// Operators whose state goes on, at most sixteen of each kind.
    #[schemars(length(max = 16))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operators_kept: Vec<String>,
    /// Operators whose state would be given up.
    #[schemars(length(max = 16))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operators_dropped: Vec<String>,
    /// Operators whose state would begin.
    #[schemars(length(max = 16))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operators_added: Vec<String>,
    /// What would work but deserves a look.
    #[schemars(length(max = 8))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Why it would be refused; absent when it would not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<ProposalRefusal>,
    /// The plan that it would run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// Why a spec would be refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProposalRefusal {
    /// As one word.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// In sentences.
    #[schemars(length(max = 1024))]
    pub message: String,
}

/// Where the schedule of savepoints is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduleStatus {
    /// The time that the newest scheduled savepoint stands for.
    #[schemars(schema_with = "time")]
    pub last: Time,
    /// The next time.
    #[schemars(schema_with = "optional_time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Time>,
}

impl GenerationStatus {
    /// Slots of all pods.
    pub fn slots(&self) -> u32 {
        self.parallelism.saturating_mul(self.slots_per_worker)
    }
}

/// A generation that proved itself, and the plan that it ran. Its spec stays in its ConfigMap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HealthyStatus {
    /// As it was.
    pub generation: GenerationStatus,
    /// Its plan.
    pub plan: PlanStatus,
}

/// A spec that was tried and refused. It is tried again when it changes, and by itself where the reason may pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefusedSpec {
    /// A digest of the refused spec.
    pub spec_digest: String,
    /// Why, as one word.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// Why, in sentences.
    #[schemars(length(max = 1024))]
    pub message: String,
    /// When.
    #[schemars(schema_with = "time")]
    pub at: Time,
    /// How often in a row, for this reason.
    #[serde(default)]
    pub attempts: u32,
}

/// How far the job is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProgressStatus {
    /// Records that wait in all source partitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<i64>,
    /// The smallest watermark of all shards.
    #[schemars(schema_with = "optional_time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watermark: Option<Time>,
    /// Slots that process, of all slots of the generation.
    pub slots_running: u32,
    /// When this was looked at.
    #[schemars(schema_with = "time")]
    pub observed_at: Time,
}

/// A finished checkpoint of every slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointStatus {
    /// The smallest number among the slots.
    pub number: u64,
    /// When the oldest of them was finished.
    #[schemars(schema_with = "time")]
    pub completed_at: Time,
}
