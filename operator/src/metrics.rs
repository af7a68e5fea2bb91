//! Counters of the operator, in the text format that Prometheus reads.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// Which kind and how it went.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Outcome {
    /// `StreamJob` or `Savepoint`.
    pub kind: &'static str,
    /// `ok` or `error`.
    pub result: &'static str,
}

/// All metrics.
pub struct Metrics {
    registry: Registry,
    /// Passes by kind and result.
    pub passes: Family<Outcome, Counter>,
    /// How long a pass takes.
    pub seconds: Histogram,
    /// 1 while this replica acts.
    pub leader: Gauge<u64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        let passes = Family::<Outcome, Counter>::default();
        let seconds = Histogram::new(exponential_buckets(0.001, 4.0, 8));
        let leader = Gauge::<u64, AtomicU64>::default();
        let mut registry = Registry::with_prefix("streamjob_operator");
        registry.register("reconciliations", "Passes over an object", passes.clone());
        registry.register("reconcile_seconds", "Duration of a pass", seconds.clone());
        registry.register("leader", "1 while this replica acts", leader.clone());
        Self { registry, passes, seconds, leader }
    }
}

impl Metrics {
    /// The text to be scraped.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            text.clear();
        }
        text
    }

    /// Notes a pass.
    pub fn note(&self, kind: &'static str, ok: bool, took: std::time::Duration) {
        let result = if ok { "ok" } else { "error" };
        self.passes.get_or_create(&Outcome { kind, result }).inc();
        self.seconds.observe(took.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[test]
    fn passes_are_counted() {
        let metrics = super::Metrics::default();
        metrics.note("StreamJob", true, Duration::from_millis(3));
        let text = metrics.text();
        let line = "streamjob_operator_reconciliations_total{kind=\"StreamJob\",result=\"ok\"} 1";
        assert!(text.contains(line), "{text}");
    }
}
