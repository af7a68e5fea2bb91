//! The small part of a shard's state that every manifest carries in the clear.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::StageId;
use crate::manifest::ManifestName;

/// The newest word of one upstream shard about its watermark, as found in an exchange log (R6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamWatermark {
    /// The stage of the upstream shard.
    pub stage: StageId,
    /// Its log.
    pub topic: String,
    /// Its log's partition.
    pub partition: i32,
    /// Its watermark, ms since the epoch; none while it has seen no row.
    pub watermark: Option<i64>,
    /// Its log has been read to the end and stayed there (R7).
    pub idle: bool,
    /// The drain that it has finished: a generation that is suspended or drained (S3).
    pub drained: Option<u64>,
}

/// Watermarks, idleness and the counts that the docs call exact.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardRegisters {
    /// Stage 0: the running maximum of event time, ms since the epoch. A forced advance raises it so that the watermark
    /// comes where it is to be.
    pub max_event_time: Option<i64>,
    /// Later stages: one entry per upstream shard.
    pub upstream: Vec<UpstreamWatermark>,
    /// The largest number of upstream shards that a watermark record named (R6).
    pub upstream_shards: u32,
    /// The combined watermark so far; it never goes back (R6).
    pub combined: Option<i64>,
    /// Stage 0: idle as last announced; later stages: all upstream shards are idle.
    pub idle: bool,
    /// Late rows per window operator.
    pub late_rows: BTreeMap<String, u64>,
    /// Records that did not decode or broke a bound.
    pub bad_rows: u64,
    /// Rows taken.
    pub rows: u64,
    /// Forced advances of the watermark (R8).
    pub advances: u64,
    /// The checkpoint that was named together with what the newest of them closed. Two checkpoints of a shard that say
    /// the same here have no advance between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advanced_by: Option<ManifestName>,
    /// In that very checkpoint: the watermark before it. Windows that end later are in it still, and the commit that
    /// names it has sent them, or as much of them as its cursor says (C10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_until: Option<i64>,
}

impl ShardRegisters {
    /// No forced advance lies between this state of a shard and the other.
    pub fn is_same_advance(&self, other: &Self) -> bool {
        (self.advances, &self.advanced_by) == (other.advances, &other.advanced_by)
    }
}
