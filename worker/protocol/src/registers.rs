//! The small part of a shard's state that every manifest carries in the clear.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::StageId;

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
    /// Stage 0: the running maximum of event time, ms since the epoch.
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
}
