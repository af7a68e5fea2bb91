//! Whether a complete savepoint can be restored from: each slot reads its part back and says what it found.

use crds::condition::{Condition, ConditionStatus, ConditionType};
use crds::{Savepoint, SavepointStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use protocol::admin::{ReadBack, SavepointPart};
use protocol::reason::Reason;

use super::{is_late, key};
use crate::limits::MESSAGE_CHARS_MAX;
use crate::observed::Observed;

/// Whether there is nothing more to find out.
pub fn is_known(status: Option<&SavepointStatus>) -> bool {
    let conditions = status.into_iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|known| known.condition_type == ConditionType::Verified)
}

/// Takes up what the slots have found, once all have; says that nobody knows where they will not say it any more.
pub(super) fn look(
    savepoint: &Savepoint,
    job: Option<&Observed>,
    mut status: SavepointStatus,
    now: Timestamp,
) -> SavepointStatus {
    if is_known(Some(&status)) {
        return status;
    }
    let since = status.completed_at.as_ref().map_or(now, |time| time.0);
    let generation = status.generation.unwrap_or_default();
    let name = key(savepoint);
    let set = job.map(|job| job.set(generation));
    let parts: Vec<&SavepointPart> = set
        .iter()
        .flat_map(crate::observed::SetView::slots)
        .filter_map(|slot| slot.savepoint.as_ref())
        .filter(|part| part.name == name)
        .collect();
    let bad = parts.iter().find_map(|part| wrong(part.read_back.as_ref()?));
    let read = parts.iter().filter(|part| part.read_back.is_some()).count();
    let (holds, reason, message) = if let Some((reason, message)) = bad {
        (ConditionStatus::False, reason, message)
    } else if read >= status.slots as usize {
        let text = format!("{read} parts were read back, with all that they name");
        (ConditionStatus::True, Reason::Running, text)
    } else if is_late(savepoint, since, now) {
        let text = format!("{read} of {} parts were read back in time", status.slots);
        (ConditionStatus::Unknown, Reason::CheckpointFailed, text)
    } else {
        return status;
    };
    status.conditions.push(Condition {
        condition_type: ConditionType::Verified,
        status: holds,
        reason: reason.to_string(),
        message: message.chars().take(MESSAGE_CHARS_MAX).collect(),
        observed_generation: savepoint.metadata.generation,
        last_transition_time: Time(now),
    });
    status
}

fn wrong(read_back: &ReadBack) -> Option<(Reason, String)> {
    let reason = read_back.reason?;
    Some((reason, read_back.message.clone().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use protocol::admin::SlotPhase;
    use serde_json::json;

    use super::*;
    use crate::observed::{Contact, JobView, PodView, SetView};

    const NOW: i64 = 1_800_000_000;

    fn savepoint() -> Savepoint {
        let completed = Timestamp::from_second(NOW - 60).expect("a time").to_string();
        serde_json::from_value(json!({
            "apiVersion": "streamjob.dev/v1alpha1", "kind": "Savepoint",
            "metadata": {"name": "sp", "namespace": "default", "uid": "u", "generation": 1},
            "spec": {"job": "j"},
            "status": {
                "phase": "Completed", "generation": 3, "slots": 2, "slotsDone": 2,
                "completedAt": completed, "conditions": [],
            },
        }))
        .expect("a savepoint")
    }

    /// What a slot says of its part.
    #[derive(Clone, Copy, Debug)]
    enum Found {
        Nothing,
        Whole,
        Damaged,
    }

    /// A job whose slots have written their parts and found this out about them.
    fn job(found: &[Found]) -> Observed {
        let slots: Vec<_> = found
            .iter()
            .enumerate()
            .map(|(number, found)| {
                let part = SavepointPart {
                    name: key(&savepoint()),
                    complete: true,
                    bytes: 1,
                    manifest: None,
                    rows: BTreeMap::new(),
                    read_back: match found {
                        Found::Nothing => None,
                        Found::Whole => Some(ReadBack { reason: None, message: None }),
                        Found::Damaged => {
                            let reason = Some(Reason::ManifestCorrupt);
                            Some(ReadBack { reason, message: Some("a run".to_owned()) })
                        }
                    },
                };
                json!({
                    "slot": number, "phase": SlotPhase::Running, "nonce": "00000000000000aa",
                    "shards": [], "lag": 0, "commits": 0, "commit_ms": 0.0, "rows": 0,
                    "late_rows": 0, "bad_rows": 0, "replayed_rows": 0, "state_bytes": 0,
                    "savepoint": part,
                })
            })
            .collect();
        let worker = serde_json::from_value(json!({
            "version": "1", "job_uid": "u", "generation": 3, "plan_fingerprint": "",
            "slots": slots,
        }))
        .expect("a status");
        let pod = PodView {
            name: "j-g3-0".to_owned(),
            uid: String::new(),
            ends_at: None,
            ordinal: 0,
            ip: None,
            ready: true,
            ending: false,
            problem: None,
            restarts: 0,
            last_end: None,
            contact: Contact::Answered(Box::new(worker)),
        };
        let mut job = Observed::bare(JobView::absent("default", "j", "u"));
        job.sets.insert(3, SetView { replicas: Some(1), pods: vec![pod], problem: None });
        job
    }

    #[test]
    fn a_savepoint_is_verified_by_every_slot_or_not_at_all() {
        use ConditionStatus::{False, True, Unknown};
        use Found::{Damaged, Nothing, Whole};
        let cases = [
            (vec![Nothing, Nothing], 0, None),
            (vec![Whole, Nothing], 0, None),
            (vec![Whole, Whole], 0, Some(True)),
            (vec![Whole, Damaged], 0, Some(False)),
            (vec![Nothing, Damaged], 0, Some(False)),
            // A slot that was started anew does not remember.
            (vec![Whole], 0, None),
            (vec![Whole], 3_600, Some(Unknown)),
        ];
        for (found, later, want) in cases {
            let now = Timestamp::from_second(NOW + later).expect("a time");
            let savepoint = savepoint();
            let status = savepoint.status.clone().expect("it has one");
            let status = look(&savepoint, Some(&job(&found)), status, now);
            let said = status.conditions.iter().map(|condition| condition.status).next();
            assert_eq!(said, want, "{found:?} after {later} s");
            assert_eq!(is_known(Some(&status)), want.is_some());
        }
    }
}
