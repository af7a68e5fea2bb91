//! What the jobs are: how many in each phase, which of them are ready, what ails them, how they change.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use crds::{ConditionStatus, ConditionType, Phase, RolloutStatus, StreamJobStatus};
use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

type Number = Gauge<u64, AtomicU64>;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfPhase {
    phase: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Step {
    from: String,
    to: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OfJob {
    namespace: String,
    job: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Because {
    namespace: String,
    job: String,
    reason: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct GapOf {
    namespace: String,
    job: String,
    of: &'static str,
}

/// A job as it was seen last.
struct Known {
    phase: String,
    since: Timestamp,
    said: Vec<(ConditionType, Because)>,
}

/// All jobs that this replica has seen.
pub(super) struct Jobs {
    known: Mutex<HashMap<(String, String), Known>>,
    phases: Family<OfPhase, Number>,
    transitions: Family<Step, Counter>,
    spent: Family<OfPhase, Histogram, fn() -> Histogram>,
    ready: Family<OfJob, Number>,
    stalled: Family<Because, Number>,
    degraded: Family<Because, Number>,
    generation: Family<OfJob, Number>,
    gap: Family<GapOf, Gauge<f64, AtomicU64>>,
}

/// 1 s to 4.5 h.
fn spent() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 4.0, 8))
}

impl Jobs {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let jobs = Self {
            known: Mutex::default(),
            phases: Family::default(),
            transitions: Family::default(),
            spent: Family::new_with_constructor(spent),
            ready: Family::default(),
            stalled: Family::default(),
            degraded: Family::default(),
            generation: Family::default(),
            gap: Family::default(),
        };
        registry.register("jobs", "Jobs by phase", jobs.phases.clone());
        registry.register("transitions", "Changes of phase", jobs.transitions.clone());
        registry.register_with_unit(
            "phase_duration",
            "How long jobs stayed in a phase that they left",
            Unit::Seconds,
            jobs.spent.clone(),
        );
        registry.register("job_ready", "1 while the condition Ready holds", jobs.ready.clone());
        registry.register("job_stalled", "1 while Stalled holds", jobs.stalled.clone());
        registry.register("job_degraded", "1 while Degraded holds", jobs.degraded.clone());
        registry.register(
            "job_generation",
            "The generation that owns the shards",
            jobs.generation.clone(),
        );
        registry.register_with_unit(
            "job_rollout_gap",
            "For how long nobody committed for a shard in the last rollout",
            Unit::Seconds,
            jobs.gap.clone(),
        );
        jobs
    }

    pub(super) fn saw(
        &self,
        namespace: &str,
        name: &str,
        now: Timestamp,
        status: &StreamJobStatus,
    ) {
        let phase = format!("{:?}", status.phase.unwrap_or(Phase::Pending));
        let key = (namespace.to_owned(), name.to_owned());
        let of_job = OfJob { namespace: key.0.clone(), job: key.1.clone() };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.remove(&key);
        let since = match &before {
            Some(before) if before.phase == phase => before.since,
            Some(before) => {
                let step = Step { from: before.phase.clone(), to: phase.clone() };
                self.transitions.get_or_create(&step).inc();
                let stayed = now.duration_since(before.since).as_secs_f64().max(0.0);
                let of_phase = OfPhase { phase: before.phase.clone() };
                self.spent.get_or_create(&of_phase).observe(stayed);
                now
            }
            None => now,
        };
        self.forget(before);
        let holds = |of: ConditionType| {
            let found = status.conditions.iter().find(|c| c.condition_type == of);
            found.filter(|condition| condition.status == ConditionStatus::True)
        };
        let ready = u64::from(holds(ConditionType::Ready).is_some());
        self.ready.get_or_create(&of_job).set(ready);
        let generation = status.current.as_ref().map_or(0, |current| current.number);
        self.generation.get_or_create(&of_job).set(generation);
        self.show_gap(&key, status.rollout.as_ref());
        self.phases.get_or_create(&OfPhase { phase: phase.clone() }).inc();
        let mut said = Vec::new();
        for of in [ConditionType::Stalled, ConditionType::Degraded] {
            let Some(condition) = holds(of) else { continue };
            let because = Because {
                namespace: key.0.clone(),
                job: key.1.clone(),
                reason: condition.reason.clone(),
            };
            self.family(of).get_or_create(&because).set(1);
            said.push((of, because));
        }
        known.insert(key, Known { phase, since, said });
    }

    pub(super) fn gone(&self, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        let before = self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        self.forget(before);
        self.show_gap(&key, None);
        let of_job = OfJob { namespace: key.0, job: key.1 };
        self.ready.remove(&of_job);
        self.generation.remove(&of_job);
    }

    fn show_gap(&self, (namespace, job): &(String, String), rollout: Option<&RolloutStatus>) {
        let gap_of = |of| GapOf { namespace: namespace.clone(), job: job.clone(), of };
        for of in ["longest", "median"] {
            let Some(rollout) = rollout else {
                self.gap.remove(&gap_of(of));
                continue;
            };
            let ms = if of == "median" { rollout.gap_median_ms } else { rollout.gap_max_ms };
            self.gap.get_or_create(&gap_of(of)).set(ms as f64 / 1000.0);
        }
    }

    fn forget(&self, before: Option<Known>) {
        let Some(before) = before else { return };
        self.phases.get_or_create(&OfPhase { phase: before.phase }).dec();
        for (of, because) in before.said {
            self.family(of).remove(&because);
        }
    }

    fn family(&self, of: ConditionType) -> &Family<Because, Number> {
        if of == ConditionType::Stalled { &self.stalled } else { &self.degraded }
    }
}

#[cfg(test)]
mod tests {
    use crds::Condition;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use prometheus_client::encoding::text::encode;

    use super::*;

    fn status(phase: Phase, stalled: Option<&str>) -> StreamJobStatus {
        let condition = |of, holds: bool, reason: &str| Condition {
            condition_type: of,
            status: if holds { ConditionStatus::True } else { ConditionStatus::False },
            reason: reason.to_owned(),
            message: String::new(),
            observed_generation: None,
            last_transition_time: Time(Timestamp::UNIX_EPOCH),
        };
        StreamJobStatus {
            phase: Some(phase),
            conditions: vec![
                condition(ConditionType::Ready, stalled.is_none(), "Running"),
                condition(ConditionType::Stalled, stalled.is_some(), stalled.unwrap_or("Running")),
            ],
            ..StreamJobStatus::default()
        }
    }

    #[test]
    fn a_job_is_counted_once_and_forgotten_when_it_is_gone() {
        let mut registry = Registry::with_prefix("streamjob");
        let jobs = Jobs::register(&mut registry);
        let text = || {
            let mut text = String::new();
            encode(&mut text, &registry).expect("a String takes everything");
            text
        };
        let at = |second| Timestamp::from_second(second).expect("a time");
        jobs.saw("a", "j", at(0), &status(Phase::Starting, None));
        jobs.saw("a", "j", at(9), &status(Phase::Starting, None));
        jobs.saw("a", "j", at(10), &status(Phase::Running, Some("InvalidSql")));
        for line in [
            "streamjob_jobs{phase=\"Running\"} 1",
            "streamjob_jobs{phase=\"Starting\"} 0",
            "streamjob_transitions_total{from=\"Starting\",to=\"Running\"} 1",
            "streamjob_phase_duration_seconds_sum{phase=\"Starting\"} 10",
            "streamjob_job_ready{namespace=\"a\",job=\"j\"} 0",
            "streamjob_job_stalled{namespace=\"a\",job=\"j\",reason=\"InvalidSql\"} 1",
        ] {
            assert!(text().contains(line), "{line} is missing in\n{}", text());
        }
        let rollout = crds::RolloutStatus::of(2, vec![50, 250, 70]);
        jobs.saw("a", "j", at(11), &StreamJobStatus { rollout, ..status(Phase::Running, None) });
        let gap =
            "streamjob_job_rollout_gap_seconds{namespace=\"a\",job=\"j\",of=\"longest\"} 0.25";
        assert!(text().contains(gap), "{}", text());
        assert!(!text().contains("InvalidSql"), "{}", text());
        jobs.gone("a", "j");
        assert!(text().contains("streamjob_jobs{phase=\"Running\"} 0"), "{}", text());
        assert!(!text().contains("job=\"j\""), "{}", text());
    }
}
