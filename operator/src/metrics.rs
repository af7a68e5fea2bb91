//! What the operator counts, in the text format that Prometheus reads. Names end in their unit; totals are counters.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crds::StreamJobStatus;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::observed::Observed;
use crate::outages::OfWatch;

mod jobs;

use jobs::Jobs;

/// Which kind and how it went.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Outcome {
    /// `StreamJob` or `Savepoint`.
    pub kind: &'static str,
    /// `ok` or `error`.
    pub result: &'static str,
}

/// Which kind.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OfKind {
    /// `StreamJob` or `Savepoint`.
    pub kind: &'static str,
}

/// A gauge of whole numbers.
pub type Number = Gauge<u64, AtomicU64>;

/// All metrics.
pub struct Metrics {
    registry: Registry,
    /// Passes by kind and result.
    pub passes: Family<Outcome, Counter>,
    /// How long a pass takes, by kind.
    pub duration: Family<OfKind, Histogram, fn() -> Histogram>,
    /// Passes under way.
    pub running: Number,
    /// Objects whose last pass failed and that wait to be looked at again.
    pub failing: Number,
    /// 1 while this replica acts.
    pub leader: Number,
    /// Watches that are broken, by kind.
    pub broken_watches: Family<OfWatch, Number>,
    jobs: Jobs,
}

/// A pass under way; over when this is dropped.
pub struct Pass(Number);

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// 1 ms to 16 s.
fn durations() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 4.0, 8))
}

impl Default for Metrics {
    fn default() -> Self {
        let passes = Family::<Outcome, Counter>::default();
        let duration =
            Family::<OfKind, Histogram, fn() -> Histogram>::new_with_constructor(durations);
        let (running, failing, leader) = (Number::default(), Number::default(), Number::default());
        let mut registry = Registry::with_prefix("streamjob");
        let operator = registry.sub_registry_with_prefix("operator");
        operator.register("reconciliations", "Passes over an object", passes.clone());
        operator.register_with_unit(
            "reconcile_duration",
            "Duration of a pass",
            Unit::Seconds,
            duration.clone(),
        );
        operator.register("reconciling", "Passes under way", running.clone());
        operator.register(
            "objects_failing",
            "Objects whose last pass failed and that wait to be looked at again",
            failing.clone(),
        );
        operator.register("leader", "1 while this replica acts", leader.clone());
        let broken_watches = Family::<OfWatch, Number>::default();
        operator.register("watches_broken", "Watches that are broken", broken_watches.clone());
        let jobs = Jobs::register(&mut registry);
        Self { registry, passes, duration, running, failing, leader, broken_watches, jobs }
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
    pub fn note(&self, kind: &'static str, ok: bool, took: Duration) {
        let result = if ok { "ok" } else { "error" };
        self.passes.get_or_create(&Outcome { kind, result }).inc();
        self.duration.get_or_create(&OfKind { kind }).observe(took.as_secs_f64());
    }

    /// A pass begins.
    pub fn enter(&self) -> Pass {
        self.running.inc();
        Pass(self.running.clone())
    }

    /// Takes up what a job is now.
    pub fn saw(&self, observed: &Observed, status: &StreamJobStatus) {
        self.jobs.saw(&observed.job.namespace, &observed.job.name, observed.now, status);
    }

    /// A job is there no more.
    pub fn gone(&self, namespace: &str, name: &str) {
        self.jobs.gone(namespace, name);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[test]
    fn passes_are_counted() {
        let metrics = super::Metrics::default();
        metrics.note("StreamJob", true, Duration::from_millis(3));
        let pass = metrics.enter();
        let text = metrics.text();
        for line in [
            "streamjob_operator_reconciliations_total{kind=\"StreamJob\",result=\"ok\"} 1",
            "streamjob_operator_reconcile_duration_seconds_count{kind=\"StreamJob\"} 1",
            "streamjob_operator_reconciling 1",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        drop(pass);
        assert!(metrics.text().contains("streamjob_operator_reconciling 0"));
    }
}
