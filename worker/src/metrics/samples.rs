//! What is read from the board at every scrape, as two tables.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::Unit;
use protocol::admin::{SlotPhase, SlotStatus};

use super::slot_labels;
use crate::board::{Board, Entry};
use connectors::turns;

/// A number that only rises: name without `_total`, unit, help, value.
type CounterRow = (&'static str, Option<Unit>, &'static str, fn(&Entry) -> u64);
/// A number that goes up and down; none: no sample.
type GaugeRow = (&'static str, Option<Unit>, &'static str, fn(&Entry) -> Option<f64>);

const COUNTERS: &[CounterRow] = &[
    ("rows", None, "Rows taken from sources and exchanges", |e| e.status.rows),
    ("late_rows", None, "Rows whose windows were gone", |e| e.status.late_rows),
    ("bad_rows", None, "Records that did not decode", |e| e.status.bad_rows),
    ("replayed_rows", None, "Rows replayed at the start", |e| e.status.replayed_rows),
    ("output_rows", None, "Rows sent to sinks", |e| e.counters.sink_rows),
    ("sent", Some(Unit::Bytes), "Sent to sinks and exchanges", |e| e.counters.sent_bytes),
    ("commits", None, "Transactions committed", |e| e.status.commits),
    ("commit_aborts", None, "Commits aborted and sent again", |e| e.counters.aborted_commits),
    ("producer_replacements", None, "Producers replaced after an unclean exchange", |e| {
        e.counters.replaced_producers
    }),
    ("log_waits", None, "Times that a log ahead of others began to wait", |e| e.counters.waits),
    ("checkpoint_uploaded", Some(Unit::Bytes), "Uploaded by checkpoints", |e| {
        e.counters.checkpoint_bytes
    }),
    ("checkpoint_puts", None, "Objects put by checkpoints", |e| e.counters.checkpoint_puts),
    ("checkpoint_failures", None, "Checkpoints that failed", |e| e.counters.checkpoint_failures),
];

#[expect(clippy::unnecessary_wraps, reason = "one signature for the table")]
fn some(value: u64) -> Option<f64> {
    Some(value as f64)
}

const GAUGES: &[GaugeRow] = &[
    ("lag_records", None, "Records behind the ends of the logs", |e| some(e.status.lag)),
    ("shards", None, "Shards of the slot", |e| some(e.status.shards.len() as u64)),
    ("shards_idle", None, "Shards whose log is idle", |e| {
        some(e.status.shards.iter().filter(|s| s.idle).count() as u64)
    }),
    ("shards_waiting", None, "Shards whose log waits for slower ones", |e| {
        some(e.status.shards.iter().filter(|s| s.waits).count() as u64)
    }),
    ("state", Some(Unit::Bytes), "State in memory", |e| some(e.status.state_bytes)),
    ("watermark", Some(Unit::Seconds), "Smallest event-time watermark since the epoch", |e| {
        watermark_ms(&e.status).map(|ms| ms as f64 / 1000.0)
    }),
    ("watermark_age", Some(Unit::Seconds), "Wall clock minus the smallest watermark", |e| {
        watermark_ms(&e.status).map(|ms| turns::now_ms().saturating_sub(ms) as f64 / 1000.0)
    }),
    ("commit_interval", Some(Unit::Seconds), "Between two commits now", |e| {
        Some(e.status.commit_interval_ms as f64 / 1000.0)
    }),
    ("checkpoint_age", Some(Unit::Seconds), "Since the newest checkpoint held everything", |e| {
        let completed = e.status.checkpoint.as_ref()?.completed_at;
        let current = e.checkpoint_current_ms.map_or(completed, |at| at.max(completed));
        Some(turns::now_ms().saturating_sub(current) as f64 / 1000.0)
    }),
    ("running", None, "1 while the slot owns its shards", |e| {
        some(u64::from(matches!(e.status.phase, SlotPhase::Running | SlotPhase::Draining)))
    }),
    ("blocked", None, "1 while the slot waits for a person", |e| {
        some(u64::from(e.status.phase == SlotPhase::Blocked))
    }),
    (
        "takeover_gap",
        Some(Unit::Seconds),
        "From the last commit of the owner before to the first",
        |e| e.status.gap_ms.map(|ms| ms as f64 / 1000.0),
    ),
];

/// The smallest watermark of the slot; undefined while one of its shards that are not idle has none.
fn watermark_ms(status: &SlotStatus) -> Option<i64> {
    let awake = || status.shards.iter().filter(|s| !s.idle);
    if awake().next().is_none() {
        return status.shards.iter().filter_map(|s| s.watermark).max();
    }
    awake().map(|s| s.watermark).min().flatten()
}

/// Encodes the board.
pub(super) struct BoardCollector {
    board: Arc<Board>,
}

impl BoardCollector {
    pub(super) fn new(board: Arc<Board>) -> Self {
        Self { board }
    }
}

impl fmt::Debug for BoardCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoardCollector").finish_non_exhaustive()
    }
}

impl Collector for BoardCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let entries = self.board.entries(false);
        for (name, unit, help, value) in COUNTERS {
            let samples = entries.iter().map(|e| (e, ConstCounter::new(value(e))));
            family(&mut encoder, (name, unit.as_ref(), help), samples)?;
        }
        for (name, unit, help, value) in GAUGES {
            let samples = entries.iter().filter_map(|e| Some((e, ConstGauge::new(value(e)?))));
            family(&mut encoder, (name, unit.as_ref(), help), samples)?;
        }
        Ok(())
    }
}

fn family<'a, M: EncodeMetric + TypedMetric>(
    encoder: &mut DescriptorEncoder,
    (name, unit, help): (&str, Option<&Unit>, &str),
    samples: impl Iterator<Item = (&'a Entry, M)>,
) -> Result<(), fmt::Error> {
    let kind: MetricType = M::TYPE;
    let mut metric = encoder.encode_descriptor(name, help, unit, kind)?;
    for (entry, value) in samples {
        value.encode(metric.encode_family(&slot_labels(entry.status.slot))?)?;
    }
    Ok(())
}
