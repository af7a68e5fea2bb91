//! Suspend, resume, restart, rescale: one field of the object each, and how one sees that it is done.

use crds::{marks, status::Phase};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::args::Waiting;
use crate::cluster::Cluster;

/// A change of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Save the state, end the pods.
    Suspend,
    /// Go on.
    Resume,
    /// All pods anew.
    Restart(Timestamp),
    /// So many pods.
    Rescale(u32),
}

impl Change {
    /// The merge patch.
    pub fn patch(&self) -> Value {
        match self {
            Self::Suspend => json!({"spec": {"state": "Suspended"}}),
            Self::Resume => json!({"spec": {"state": "Running"}}),
            Self::Restart(at) => {
                json!({"metadata": {"annotations": {marks::RESTARTED_AT: at.to_string()}}})
            }
            Self::Rescale(parallelism) => json!({"spec": {"parallelism": parallelism}}),
        }
    }

    /// What the job is when it is done.
    pub fn done(&self) -> &'static str {
        match self {
            Self::Suspend => "suspended",
            Self::Resume | Self::Restart(_) => "running",
            Self::Rescale(_) => "rescaled",
        }
    }

    /// Whether it is done: for the spec that the patch made, and after the generation that ran before it.
    pub fn is_done(&self, job: &Value, before: Option<u64>) -> bool {
        let status = &job["status"];
        if status["observedGeneration"] != job["metadata"]["generation"] {
            return false;
        }
        if matches!(self, Self::Suspend) {
            return status["phase"] == json!(Phase::Suspended);
        }
        let current = &status["current"];
        let as_asked = match self {
            Self::Rescale(wanted) => current["parallelism"] == *wanted,
            // An annotation does not count as a new spec.
            Self::Restart(_) => current["number"].as_u64() > before,
            Self::Suspend | Self::Resume => true,
        };
        as_asked
            && holds(status, "Ready")
            && !holds(status, "Reconciling")
            && status["phase"] == json!(Phase::Running)
    }

    /// Does it, and waits if it is to; the job as it then is.
    pub async fn make(
        &self,
        cluster: &Cluster,
        job: &str,
        waiting: Waiting,
    ) -> anyhow::Result<Value> {
        let before = cluster.job(job).await?["status"]["current"]["number"].as_u64();
        let patched = cluster.patch(job, &self.patch()).await?;
        let Some(within) = waiting.bound() else { return Ok(patched) };
        cluster.until(job, within, self.done(), |job| self.is_done(job, before)).await
    }
}

/// Whether the operator has nothing left to do for the newest spec: by the rules that tools know, which read
/// `observedGeneration` and the conditions Reconciling, Stalled and Ready.
pub fn is_settled(job: &Value) -> bool {
    let status = &job["status"];
    let seen = status["observedGeneration"] == job["metadata"]["generation"];
    seen && !holds(status, "Reconciling") && (holds(status, "Ready") || holds(status, "Stalled"))
}

/// Why the newest spec is not in force, where a person has to do something.
pub fn refusal(job: &Value) -> Option<String> {
    let all = job["status"]["conditions"].as_array()?;
    let stalled = all.iter().find(|c| c["type"] == "Stalled" && c["status"] == "True")?;
    let word = |field: &str| stalled[field].as_str().unwrap_or_default();
    Some(format!("{}: {}", word("reason"), word("message")))
}

fn holds(status: &Value, of: &str) -> bool {
    let all = status["conditions"].as_array();
    all.is_some_and(|all| all.iter().any(|c| c["type"] == of && c["status"] == "True"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(phase: &str, parallelism: u32, reconciling: &str) -> Value {
        json!({
            "metadata": {"generation": 2},
            "status": {
                "observedGeneration": 2, "phase": phase,
                "current": {"number": 5, "parallelism": parallelism},
                "conditions": [
                    {"type": "Ready", "status": "True"},
                    {"type": "Reconciling", "status": reconciling},
                ],
            },
        })
    }

    #[test]
    fn a_change_is_done_when_the_operator_says_so() {
        let at = Timestamp::UNIX_EPOCH;
        let cases = [
            (Change::Suspend, job("Suspending", 2, "True"), false),
            (Change::Suspend, job("Suspended", 2, "False"), true),
            (Change::Resume, job("Running", 2, "True"), false),
            (Change::Resume, job("Running", 2, "False"), true),
            (Change::Rescale(3), job("Running", 2, "False"), false),
            (Change::Rescale(2), job("Running", 2, "False"), true),
        ];
        for (change, job, want) in cases {
            assert_eq!(change.is_done(&job, Some(4)), want, "{change:?} {job}");
        }
        let running = job("Running", 2, "False");
        assert!(Change::Restart(at).is_done(&running, Some(4)));
        assert!(!Change::Restart(at).is_done(&running, Some(5)), "the same generation runs");
        let mut stale = running;
        stale["status"]["observedGeneration"] = 1.into();
        assert!(!Change::Resume.is_done(&stale, Some(4)));
    }
}
