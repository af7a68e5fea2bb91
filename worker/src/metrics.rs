//! Metrics in the text format of Prometheus. Names end in their unit; every sample carries job, namespace,
//! generation and slot.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use protocol::{Generation, SlotIndex};

use crate::board::Board;

mod samples;

use samples::BoardCollector;

/// Content type of what [`Metrics::render`] returns.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type SlotLabels = [(&'static str, String); 1];
type SlotHistograms = Family<SlotLabels, Histogram, fn() -> Histogram>;

/// Labels of a slot.
fn slot_labels(slot: SlotIndex) -> SlotLabels {
    [("slot", slot.to_string())]
}

/// 1 ms to 16 s: commits.
fn commit_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 15))
}

/// 10 ms to 10 min: checkpoints.
fn checkpoint_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.01, 2.0, 17))
}

/// The metrics of a worker.
pub struct Metrics {
    registry: Registry,
    board: Arc<Board>,
    commit_duration: SlotHistograms,
    checkpoint_duration: SlotHistograms,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Metrics of the slots on the board.
    pub fn new(job: &str, namespace: &str, generation: Generation, board: Arc<Board>) -> Self {
        let label = |name: &'static str, value: String| (Cow::Borrowed(name), Cow::Owned(value));
        let labels = [
            label("job", job.to_owned()),
            label("namespace", namespace.to_owned()),
            label("generation", generation.to_string()),
        ];
        let mut registry = Registry::with_prefix_and_labels("streamjob", labels.into_iter());
        let commit_duration = SlotHistograms::new_with_constructor(commit_buckets);
        let checkpoint_duration = SlotHistograms::new_with_constructor(checkpoint_buckets);
        registry.register_with_unit(
            "commit_duration",
            "Time from the begin of a transaction to its known outcome",
            Unit::Seconds,
            commit_duration.clone(),
        );
        registry.register_with_unit(
            "checkpoint_duration",
            "Time from the snapshot to the uploaded manifest",
            Unit::Seconds,
            checkpoint_duration.clone(),
        );
        registry.register_collector(Box::new(BoardCollector::new(Arc::clone(&board))));
        Self { registry, board, commit_duration, checkpoint_duration }
    }

    /// Takes the durations that slots have reported since the last call. Called at every scrape and every few
    /// seconds, so that the lists stay short when nobody scrapes.
    pub fn fold(&self) {
        for entry in self.board.entries(true) {
            let labels = slot_labels(entry.status.slot);
            let commits = self.commit_duration.get_or_create_owned(&labels);
            entry.counters.commit_seconds.iter().for_each(|s| commits.observe(*s));
            let checkpoints = self.checkpoint_duration.get_or_create_owned(&labels);
            entry.counters.checkpoint_seconds.iter().for_each(|s| checkpoints.observe(*s));
        }
    }

    /// The text of a scrape.
    pub fn render(&self) -> String {
        self.fold();
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .expect("writing to a string does not fail");
        text
    }
}

#[cfg(test)]
mod tests {
    use protocol::admin::ShardStatus;
    use protocol::{Log, Nonce, StageId};

    use super::*;

    fn board() -> Arc<Board> {
        let board = Arc::new(Board::default());
        board.add(SlotIndex(3), Nonce::from_bits(1));
        board.update(SlotIndex(3), |entry| {
            entry.status.rows = 7;
            entry.status.commits = 2;
            entry.counters.sink_rows = 5;
            entry.counters.waits = 4;
            entry.counters.commit_seconds = vec![0.004, 0.2];
            let shard = |partition, watermark| ShardStatus {
                stage: StageId(0),
                log: Log::new("t", partition),
                committed: 0,
                end: None,
                watermark,
                idle: false,
                waits: partition == 1,
                gap_ms: None,
            };
            entry.status.shards = vec![shard(0, Some(2500)), shard(1, Some(1500))];
        });
        board
    }

    #[test]
    fn samples_carry_labels_units_and_the_smallest_watermark() {
        let metrics = Metrics::new("clicks", "default", Generation(2), board());
        let text = metrics.render();
        let labels = "job=\"clicks\",namespace=\"default\",generation=\"2\",slot=\"3\"";
        for sample in [
            format!("streamjob_rows_total{{{labels}}} 7"),
            format!("streamjob_output_rows_total{{{labels}}} 5"),
            format!("streamjob_commits_total{{{labels}}} 2"),
            format!("streamjob_watermark_seconds{{{labels}}} 1.5"),
            format!("streamjob_shards_waiting{{{labels}}} 1"),
            format!("streamjob_log_waits_total{{{labels}}} 4"),
            format!("streamjob_commit_duration_seconds_count{{{labels}}} 2"),
        ] {
            assert!(text.contains(&sample), "{sample} is missing in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn a_duration_is_counted_once_however_often_it_is_scraped() {
        let metrics = Metrics::new("clicks", "default", Generation(2), board());
        for _ in 0..2 {
            metrics.fold();
            let text = metrics.render();
            let count =
                text.lines().find(|l| l.starts_with("streamjob_commit_duration_seconds_count"));
            assert!(count.is_some_and(|l| l.ends_with(" 2")), "{text}");
        }
    }

    #[test]
    fn an_undefined_watermark_has_no_sample() {
        let board = board();
        board.update(SlotIndex(3), |entry| entry.status.shards[1].watermark = None);
        let text = Metrics::new("clicks", "default", Generation(2), board).render();
        assert!(!text.contains("streamjob_watermark_seconds{"), "{text}");
    }
}
