//! The JSON of a worker's admin port, `/v1`: what the operator orders and what it reads.
//!
//! Every order names the generation of the worker that it is meant for; a worker of another one answers 409.
//! Orders are levels, not edges: repeating one changes nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{CheckpointNumber, Generation, Log, Nonce, SlotIndex, StageId};
use crate::manifest::ManifestName;
use crate::reason::Reason;

/// Header line of the bearer token: `authorization: Bearer <token>`.
pub const ADMIN_PORT: u16 = 8081;
/// `/metrics`, `/livez`, `/readyz`, `/startupz`, and `/v1/status` to be read; no token.
pub const METRICS_PORT: u16 = 9090;

/// `POST /v1/acquire`: own the shards. From here only forward (O3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcquireOrder {
    /// The worker's generation.
    pub generation: Generation,
    /// Do not wait for `released`: the former owner is gone.
    #[serde(default)]
    pub take_over: bool,
}

/// `POST /v1/release`: give up all shards (O4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseOrder {
    /// The worker's generation.
    pub generation: Generation,
    /// Bring the exchanges to their end first, stage by stage (S3).
    #[serde(default)]
    pub drain: bool,
    /// Write `sealed/<g>/<slot>` after the release (S1).
    #[serde(default)]
    pub seal: bool,
}

/// `POST /v1/savepoint`: a checkpoint to keep, taken at a drained point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavepointOrder {
    /// The worker's generation.
    pub generation: Generation,
    /// Name of the savepoint, unique within the job.
    pub name: String,
    /// Every slot has its part: read on.
    #[serde(default)]
    pub resume: bool,
}

/// `POST /v1/takeover`: fence a slot that is not seen any more (O5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TakeOverOrder {
    /// The worker's generation.
    pub generation: Generation,
    /// Generation of the slot to fence.
    pub fence_generation: Generation,
    /// The slot to fence.
    pub fence_slot: SlotIndex,
    /// Its incarnation: each is fenced once.
    pub fence_nonce: Nonce,
}

/// `POST /v1/proven`: the generation is healthy, nobody goes back from it: what a way back would need may go (O7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenOrder {
    /// The worker's generation.
    pub generation: Generation,
}

/// What a slot is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SlotPhase {
    /// Connecting, restoring or replaying; owns nothing.
    Warming,
    /// Close enough to the end of its replay that taking over costs little.
    Warm,
    /// Fencing, reading, replaying the rest, claiming.
    Acquiring,
    /// Owns its shards and processes.
    Running,
    /// Bringing the exchanges to their end.
    Draining,
    /// Paused at a savepoint.
    Paused,
    /// Last checkpoint and commit are under way.
    Releasing,
    /// Owns nothing any more.
    Released,
    /// Released and sealed.
    Sealed,
    /// Blocked by the reason beside it.
    Blocked,
}

/// A shard as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardStatus {
    /// Its stage.
    pub stage: StageId,
    /// Its log.
    #[serde(flatten)]
    pub log: Log,
    /// Offset of the next record after the newest commit.
    pub committed: i64,
    /// High watermark of the log, if known.
    pub end: Option<i64>,
    /// Event-time watermark, ms since the epoch.
    pub watermark: Option<i64>,
    /// The log is idle.
    pub idle: bool,
    /// The log is ahead of others and is not read until they come closer; its `end` is as it was seen last. An older
    /// worker never lets one wait.
    #[serde(default)]
    pub waits: bool,
    /// From the last commit of the former owner to the first one here, ms, by the clock of the new owner; none: nobody
    /// owned it before, nobody saw its end, or this worker is too old to say.
    #[serde(default)]
    pub gap_ms: Option<u64>,
}

/// A completed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointStatus {
    /// Its number.
    pub number: CheckpointNumber,
    /// Its manifest.
    pub manifest: ManifestName,
    /// When its upload ended, ms since the epoch.
    pub completed_at: i64,
    /// Bytes uploaded.
    pub bytes: u64,
    /// From the snapshot to the manifest.
    pub duration_ms: u64,
}

/// A slot of the worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SlotStatus {
    /// Its number within the generation.
    pub slot: SlotIndex,
    /// What it does.
    pub phase: SlotPhase,
    /// Why, where the phase alone does not say; on a running slot a warning.
    pub reason: Option<Reason>,
    /// What, where, and what to do.
    pub message: Option<String>,
    /// Of this incarnation.
    pub nonce: Nonce,
    /// Its shards; while warming, those it will own.
    pub shards: Vec<ShardStatus>,
    /// Records behind the ends of its logs.
    pub lag: u64,
    /// Commits of this incarnation.
    pub commits: u64,
    /// Median of the last commits, ms.
    pub commit_ms: f64,
    /// Between two commits now, ms: more than asked for where committing would take too much of its time.
    #[serde(default)]
    pub commit_interval_ms: u64,
    /// Rows taken.
    pub rows: u64,
    /// Late rows.
    pub late_rows: u64,
    /// Bad records.
    pub bad_rows: u64,
    /// Rows replayed at the start.
    pub replayed_rows: u64,
    /// Bytes of state in memory.
    pub state_bytes: u64,
    /// The newest checkpoint that a commit names.
    pub checkpoint: Option<CheckpointStatus>,
    /// The savepoint whose part this slot has written last.
    pub savepoint: Option<SavepointPart>,
    /// The longest such time of its shards.
    pub gap_ms: Option<u64>,
}

/// One slot's part of a savepoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavepointPart {
    /// The savepoint.
    pub name: String,
    /// The part is in the store.
    pub complete: bool,
    /// Bytes that its manifest reaches.
    pub bytes: u64,
    /// Its manifest.
    pub manifest: Option<ManifestName>,
    /// Entries of state by operator.
    #[serde(default)]
    pub rows: BTreeMap<String, u64>,
    /// Whether all of it was found in the store again; none: it is still being read, or nobody reads it.
    #[serde(default)]
    pub read_back: Option<ReadBack>,
}

/// What reading a part back came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadBack {
    /// What is wrong with it; none: it can be restored from.
    pub reason: Option<Reason>,
    /// In words.
    pub message: Option<String>,
}

/// `GET /v1/status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// Version of the worker.
    pub version: String,
    /// Identity of the job.
    pub job_uid: String,
    /// The generation that it serves.
    pub generation: Generation,
    /// Of the plan that it runs.
    pub plan_fingerprint: String,
    /// It has been declared healthy; none: this worker is too old to be told.
    #[serde(default)]
    pub proven: Option<bool>,
    /// Its slots.
    pub slots: Vec<SlotStatus>,
    /// How many partitions the source topics have by now; empty where this worker does not look, or has not yet.
    #[serde(default)]
    pub source_partitions: BTreeMap<String, u32>,
}

/// Body of every refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// What, where, and what to do.
    pub message: String,
}
