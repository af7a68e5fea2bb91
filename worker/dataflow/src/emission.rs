//! What a shard hands out at a commit boundary.

use arrow::record_batch::RecordBatch;
use protocol::metadata::EmissionCursor;
use protocol::registers::UpstreamWatermark;

/// How much one emission may hold (C10). Rows and partials gathered since the last boundary are never cut: the
/// caller bounds them by [`Shard::pending_output_bytes`](crate::Shard::pending_output_bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmissionLimit {
    /// Rows.
    pub rows: u64,
    /// Bytes of Arrow data, which is about what encoding makes of it.
    pub bytes: u64,
}

/// Everything due at a boundary, or its part up to `cut`.
#[derive(Debug, Default)]
pub struct Emission {
    /// Index into [`JobPlan::sinks`](crate::JobPlan) and rows of its schema, in order.
    pub sinks: Vec<(usize, RecordBatch)>,
    /// Keys that are to be deleted, after these rows: of the sink's schema, with values in the columns of its key.
    pub deletions: Vec<(usize, RecordBatch)>,
    /// Index into [`JobPlan::exchanges`](crate::JobPlan), partition, and partial rows; at most one batch each.
    pub exchanges: Vec<(usize, u32, RecordBatch)>,
    /// Stage 0 before an exchange: the shard's own entry, to be written to every partition.
    pub watermark: Option<UpstreamWatermark>,
    /// The limit was hit: commit with this cursor and call again before anything else is read.
    pub cut: Option<EmissionCursor>,
}

impl Emission {
    /// Rows and deletions over all sinks and exchanges.
    pub fn rows(&self) -> u64 {
        let sinks = self.sinks.iter().chain(&self.deletions);
        let sinks = sinks.map(|(_, batch)| batch.num_rows() as u64).sum::<u64>();
        let exchanges = self.exchanges.iter().map(|(_, _, batch)| batch.num_rows() as u64);
        sinks + exchanges.sum::<u64>()
    }
}
