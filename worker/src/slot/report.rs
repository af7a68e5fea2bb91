//! What a running slot says of itself, at most a few times a second.

use std::time::{Duration, Instant};

use connectors::turns;
use protocol::admin::ShardStatus;

use super::burst::Outgoing;
use super::context::Context;
use super::replay::Shards;

const REPORT_INTERVAL: Duration = Duration::from_millis(200);
/// Durations that wait for the next scrape at most.
const SAMPLES_MAX: usize = 4_096;
/// Weight of the newest commit in the running mean.
const NEWEST: f64 = 0.1;

/// Remembers when it last spoke.
#[derive(Default)]
pub(crate) struct Reporter {
    spoke: Option<Instant>,
}

impl Reporter {
    /// Counts a commit.
    pub(crate) fn committed(context: &Context, took: Duration) {
        context.task.board.update(context.task.slot, |e| {
            e.status.commits += 1;
            let ms = took.as_secs_f64() * 1_000.0;
            let mean = if e.status.commits == 1 { ms } else { e.status.commit_ms };
            e.status.commit_ms = mean + NEWEST * (ms - mean);
            if e.counters.commit_seconds.len() < SAMPLES_MAX {
                e.counters.commit_seconds.push(took.as_secs_f64());
            }
        });
    }

    /// Says how often the slot commits.
    pub(crate) fn paced(context: &Context, interval: Duration) {
        let interval = interval.as_millis() as u64;
        context.task.board.update(context.task.slot, |e| e.status.commit_interval_ms = interval);
    }

    /// Counts what goes out.
    pub(crate) fn sent(context: &Context, out: &Outgoing) {
        if out.rows() > 0 {
            context.task.board.update(context.task.slot, |e| {
                e.counters.sink_rows += out.sink_rows;
                e.counters.sent_bytes += out.bytes() as u64;
            });
        }
    }

    /// Describes the shards as they are now, whenever it spoke last.
    pub(crate) fn report_now(&mut self, context: &Context, shards: &Shards) {
        self.spoke = None;
        self.report(context, shards);
    }

    /// Describes the shards.
    pub(crate) fn report(&mut self, context: &Context, shards: &Shards) {
        if self.spoke.is_some_and(|at| turns::since(at) < REPORT_INTERVAL) {
            return;
        }
        self.spoke = Some(turns::now());
        let mut status = Vec::with_capacity(shards.all.len());
        let (mut lag, mut rows, mut late, mut bad, mut bytes) = (0, 0, 0, 0, 0);
        for shard in &shards.all {
            let end = shard.log.and_then(|number| context.reader.high_watermark(number));
            lag += end.map_or(0, |end| end.saturating_sub(shard.position).max(0) as u64);
            let registers = shard.flow.registers();
            rows += registers.rows;
            late += registers.late_rows.values().sum::<u64>();
            bad += registers.bad_rows;
            bytes += shard.flow.memory_bytes() as u64;
            status.push(ShardStatus {
                stage: shard.id.stage,
                log: shard.id.log.clone(),
                committed: shard.committed.offset,
                end,
                watermark: shard.flow.watermark(),
                idle: registers.idle,
                waits: shard.waits,
                gap_ms: shard.gap_ms,
            });
        }
        context.task.board.update(context.task.slot, |e| {
            e.status.shards = status;
            e.status.lag = lag;
            e.status.rows = rows;
            e.status.late_rows = late;
            e.status.bad_rows = bad;
            e.status.state_bytes = bytes;
        });
    }
}
