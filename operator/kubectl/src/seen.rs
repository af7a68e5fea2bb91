//! What was read of a job: the object, its pods, and what the workers in them say.

use crds::{ConditionStatus, ConditionType, StreamJobStatus};
use jiff::Timestamp;
use protocol::admin::{SlotStatus, WorkerStatus};
use serde_json::Value;

/// A job at one time.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The StreamJob, as the API server has it.
    pub job: Value,
    /// Its status; empty where the operator has not come by.
    pub status: StreamJobStatus,
    /// Its worker pods, oldest generation first.
    pub pods: Vec<PodSeen>,
    /// When.
    pub at: Timestamp,
}

/// A worker pod.
#[derive(Clone, Debug)]
pub struct PodSeen {
    /// Its name.
    pub name: String,
    /// Its generation.
    pub generation: u64,
    /// Where it runs.
    pub node: Option<String>,
    /// The readiness probe succeeds.
    pub ready: bool,
    /// How often its container was started again.
    pub restarts: i32,
    /// What its worker says, or why it says nothing.
    pub worker: Result<WorkerStatus, String>,
}

impl Seen {
    /// What was read, with the status parsed.
    pub fn new(job: Value, pods: Vec<PodSeen>, at: Timestamp) -> Self {
        let status = serde_json::from_value(job["status"].clone()).unwrap_or_default();
        Self { job, status, pods, at }
    }

    /// The job's name.
    pub fn name(&self) -> &str {
        self.job["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// The job's namespace.
    pub fn namespace(&self) -> &str {
        self.job["metadata"]["namespace"].as_str().unwrap_or_default()
    }

    /// The number of the generation that owns the shards.
    pub fn current(&self) -> Option<u64> {
        self.status.current.as_ref().map(|current| current.number)
    }

    /// Slots of the current generation that were heard, with their pods.
    pub fn slots(&self) -> impl Iterator<Item = (&PodSeen, &SlotStatus)> {
        let current = self.current();
        self.pods
            .iter()
            .filter(move |pod| Some(pod.generation) == current)
            .filter_map(|pod| Some((pod, pod.worker.as_ref().ok()?)))
            .flat_map(|(pod, worker)| worker.slots.iter().map(move |slot| (pod, slot)))
    }

    /// Whether every slot of the current generation was heard.
    pub fn heard_all(&self) -> bool {
        let slots = self.status.current.as_ref().map(crds::GenerationStatus::slots);
        slots.is_some_and(|slots| self.slots().count() >= slots as usize)
    }

    /// Records that wait: of the workers when all were heard, else of the status.
    pub fn lag(&self) -> Option<u64> {
        if self.heard_all() {
            return Some(self.slots().map(|(_, slot)| slot.lag).sum());
        }
        let lag = self.status.progress.as_ref()?.lag?;
        u64::try_from(lag).ok()
    }

    /// The smallest watermark of shards that are not idle, in ms since the epoch.
    pub fn watermark(&self) -> Option<i64> {
        if self.heard_all() {
            return self.slots().filter_map(|(_, slot)| watermark(slot)).min();
        }
        let watermark = self.status.progress.as_ref()?.watermark.as_ref()?;
        Some(watermark.0.as_millisecond())
    }

    /// Whether a condition holds, with reason and message.
    pub fn condition(&self, of: ConditionType) -> Option<(bool, &str, &str)> {
        let found = self.status.conditions.iter().find(|c| c.condition_type == of)?;
        Some((found.status == ConditionStatus::True, &found.reason, &found.message))
    }
}

/// The smallest watermark of a slot's shards that are not idle.
pub fn watermark(slot: &SlotStatus) -> Option<i64> {
    slot.shards.iter().filter(|shard| !shard.idle).filter_map(|shard| shard.watermark).min()
}

#[cfg(test)]
pub(crate) mod samples {
    use serde_json::json;

    use super::*;

    /// Two pods of a generation, of which the second one may be silent.
    pub(crate) fn seen(second: bool) -> Seen {
        let at = Timestamp::from_second(1_800_000_000).expect("a time");
        let job = json!({
            "metadata": {"name": "clicks", "namespace": "shop", "generation": 4},
            "spec": {"parallelism": 2},
            "status": {
                "observedGeneration": 4,
                "phase": "Running",
                "current": {
                    "number": 3, "parallelism": 2, "slotsPerWorker": 1, "image": "worker:1",
                    "planFingerprint": "00000000000000ff", "specDigest": "d", "specGeneration": 4,
                },
                "lastGeneration": 3,
                "rollout": {"generation": 3, "shards": 4, "gapMaxMs": 350, "gapMedianMs": 90},
                "conditions": [
                    condition("Ready", "True", "Running", "generation 3: 2 of 2 slots run"),
                    condition("Stalled", "True", "TopicMissing", "nowhere does not exist"),
                ],
                "progress": {
                    "lag": 77, "slotsRunning": 2, "observedAt": "2027-01-15T07:59:50Z",
                    "watermark": "2027-01-15T07:59:00Z",
                },
                "checkpoint": {"number": 5, "completedAt": "2027-01-15T07:59:30Z"},
            },
        });
        let pod = |ordinal: u32, heard: bool| PodSeen {
            name: format!("clicks-g3-{ordinal}"),
            generation: 3,
            node: Some("n1".to_owned()),
            ready: true,
            restarts: 0,
            worker: if heard { Ok(worker(ordinal)) } else { Err("forbidden".to_owned()) },
        };
        Seen::new(job, vec![pod(0, true), pod(1, second)], at)
    }

    fn condition(of: &str, status: &str, reason: &str, message: &str) -> Value {
        json!({
            "type": of, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": "2027-01-15T07:00:00Z",
        })
    }

    fn worker(slot: u32) -> WorkerStatus {
        let status = json!({
            "version": "0.1.0", "job_uid": "u", "generation": 3,
            "plan_fingerprint": "00000000000000ff",
            "slots": [{
                "slot": slot, "phase": "Running", "reason": null, "message": null,
                "nonce": "00000000000000aa",
                "shards": [
                    {"stage": 0, "topic": "clicks", "partition": slot, "committed": 90,
                     "end": 100, "watermark": 1_799_999_990_000_i64, "idle": false,
                     "waits": slot == 1},
                    {"stage": 0, "topic": "clicks", "partition": slot + 2, "committed": 5,
                     "end": 5, "watermark": 1, "idle": true},
                ],
                "lag": 10, "commits": 8, "commit_ms": 4.5, "rows": 95, "late_rows": 1,
                "bad_rows": 0, "replayed_rows": 0, "state_bytes": 2048,
                "checkpoint": {
                    "number": 6, "manifest": "g3-s0-c6-00000000000000aa",
                    "completed_at": 1_799_999_970_000_i64, "bytes": 10, "duration_ms": 20,
                },
                "savepoint": null, "gap_ms": 350,
            }],
        });
        serde_json::from_value(status).expect("a worker's status")
    }

    #[test]
    fn the_workers_are_believed_when_all_of_them_speak() {
        assert_eq!(seen(true).lag(), Some(20));
        assert_eq!(seen(true).watermark(), Some(1_799_999_990_000));
        assert_eq!(seen(false).lag(), Some(77));
        assert_eq!(seen(false).watermark(), Some(1_799_999_940_000));
    }
}
