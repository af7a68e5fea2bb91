//! The machine's decisions, pure: what is in the memory after a look.

use crds::status::RefusedSpec;
use crds::{GenerationStatus, StreamJobStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use operator::machine::advance;
use operator::names;
use operator::observed::{Observed, Problem, TaskView};
use operator::validate::{Target, target};
use protocol::reason::Reason;
use serde_json::{Value, json};

use crate::objects::job;
use crate::plan_table::{memory, observed, settings};

fn wanted(job: &Value) -> Target {
    target(&observed(job, StreamJobStatus::default()), &settings()).expect("a valid job")
}

pub(crate) fn next(observed: &Observed) -> StreamJobStatus {
    advance(observed, &target(observed, &settings()), &settings())
}

/// A job whose only generation runs.
pub(crate) fn running(job: &Value) -> Observed {
    let mut memory = memory(&wanted(job), 4);
    memory.current = memory.next.take();
    observed(job, memory)
}

pub(crate) fn number(generation: Option<&GenerationStatus>) -> Option<u64> {
    generation.map(|generation| generation.number)
}

#[test]
fn a_new_job_waits_for_the_planner() {
    let seen = observed(&job(2), StreamJobStatus::default());
    assert_eq!(next(&seen), seen.job.status);
}

#[test]
fn a_verdict_makes_a_plan_and_a_generation() {
    let job = job(2);
    let target = wanted(&job);
    let mut seen = observed(&job, StreamJobStatus::default());
    let verdict = json!({
        "fingerprint": "00000000000000aa", "diff": "First", "exchange_partitions": 16,
        "layout": {"stages": [{"stage": 0, "topics": [{"topic": "clicks", "partitions": 4}]}]},
        "hash_version": 1, "refusals": [], "warnings": [],
    });
    let task = TaskView {
        spec_digest: target.plan_digest.clone(),
        ended: Some(true),
        ended_at: None,
        message: Some(verdict.to_string()),
        started: true,
        problem: None,
    };
    seen.tasks.insert(names::planner("j", &target.plan_digest), task);
    let memory = next(&seen);
    let plan = memory.plan.expect("a plan");
    assert_eq!((plan.shards, plan.max_parallelism), (4, 16));
    assert_eq!(number(memory.next.as_ref()), Some(1));
    assert_eq!(memory.last_generation, 1);
}

#[test]
fn a_planner_without_a_verdict_is_a_refusal_that_passes() {
    let job = job(2);
    let target = wanted(&job);
    let mut seen = observed(&job, StreamJobStatus::default());
    let task = TaskView {
        spec_digest: target.plan_digest.clone(),
        ended: Some(false),
        ended_at: None,
        message: None,
        started: true,
        problem: Some(Problem {
            reason: Reason::ImagePullFailed,
            text: "ImagePullBackOff: no such image".to_owned(),
        }),
    };
    let name = names::planner("j", &target.plan_digest);
    seen.tasks.insert(name.clone(), TaskView { ended_at: Some(seen.now), ..task.clone() });
    assert_eq!(next(&seen).refused, None, "what its pod said may be read a moment later");
    seen.tasks.insert(name, task);
    let refused = next(&seen).refused.expect("a refusal");
    assert_eq!(refused.reason, "ImagePullFailed");
    assert!(refused.message.contains("ImagePullBackOff"));
}

#[test]
fn a_newer_spec_drops_a_set_that_only_warms_up() {
    let before = job(2);
    let mut seen = running(&before);
    let mut warming = seen.job.status.current.clone().unwrap();
    warming.number = 8;
    warming.spec_digest = "of a spec in between".to_owned();
    seen.job.status.next = Some(warming);
    seen.job.status.last_generation = 8;
    let memory = next(&seen);
    assert_eq!(number(memory.next.as_ref()), None);
    assert_eq!(number(memory.current.as_ref()), Some(7));
}

#[test]
fn from_acquiring_on_only_forward() {
    let mut seen = running(&job(2));
    let mut warming = seen.job.status.current.clone().unwrap();
    warming.number = 8;
    warming.spec_digest = "of a spec in between".to_owned();
    seen.job.status.next = Some(warming);
    seen.job.status.acquiring = Some(8);
    seen.job.status.last_generation = 8;
    for (what, spec) in [
        ("another spec", job(3)["spec"].clone()),
        ("suspended", {
            let mut spec = job(2)["spec"].clone();
            spec["state"] = "Suspended".into();
            spec
        }),
        ("nonsense", json!({"parallelism": "many"})),
    ] {
        seen.job.spec = spec;
        assert_eq!(next(&seen), seen.job.status, "{what}");
    }
}

#[test]
fn a_number_is_never_used_twice() {
    let mut seen = running(&job(2));
    seen.job.status.last_generation = 12;
    seen.job.spec["parallelism"] = 3.into();
    let memory = next(&seen);
    assert_eq!(number(memory.next.as_ref()), Some(13));
    assert_eq!(memory.last_generation, 13);
}

#[test]
fn another_default_image_restarts_nothing() {
    let seen = running(&job(2));
    let mut newer = settings();
    newer.worker_image = "worker:2".to_owned();
    assert_eq!(advance(&seen, &target(&seen, &newer), &newer), seen.job.status);
}

#[test]
fn what_does_not_concern_pods_restarts_nothing() {
    for (field, value) in [
        ("deletion", json!({"policy": "Delete", "deadline": "1m"})),
        ("upgrade", json!({"surge": false})),
        ("state", json!("Running")),
    ] {
        let mut seen = running(&job(2));
        seen.job.spec[field] = value;
        assert_eq!(next(&seen), seen.job.status, "{field}");
    }
}

#[test]
fn suspension_writes_its_intent_first() {
    let mut seen = running(&job(2));
    seen.job.spec["state"] = "Suspended".into();
    let memory = next(&seen);
    assert_eq!(memory.releasing, Some(7));
    assert_eq!(memory.sealed, None);
}

#[test]
fn deletion_saves_the_state_while_there_is_time() {
    let now = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    for (seconds_ago, releasing) in [(0, Some(7)), (299, Some(7)), (300, None), (900, None)] {
        let mut seen = running(&job(2));
        let ago = jiff::SignedDuration::from_secs(seconds_ago);
        seen.job.deleted_at = Some(now.checked_sub(ago).unwrap());
        assert_eq!(next(&seen).releasing, releasing, "{seconds_ago} s after the deletion");
    }
}

#[test]
fn a_take_over_that_gets_nowhere_can_be_undone_by_a_newer_spec() {
    let spec = job(2);
    for (edited, seconds, current) in [(false, 1_000, 7), (true, 119, 7), (true, 120, 8)] {
        let mut seen = running(&spec);
        let mut stuck = seen.job.status.current.clone().unwrap();
        stuck.number = 8;
        if edited {
            stuck.spec_digest = "of the spec before".to_owned();
        }
        seen.job.status.next = Some(stuck);
        seen.job.status.acquiring = Some(8);
        seen.job.status.acquiring_since = Some(ago(&seen, seconds));
        seen.job.status.last_generation = 8;
        let memory = next(&seen);
        let what = format!("edited {edited}, {seconds} s");
        assert_eq!(number(memory.current.as_ref()), Some(current), "{what}");
        let follows = (current == 8).then_some(9);
        let waiting = memory.next.as_ref().map(|next| next.number).filter(|n| *n > 8);
        assert_eq!(waiting, follows, "{what}");
    }
}

#[test]
fn a_release_that_gets_nowhere_ends_when_the_job_is_wanted_again() {
    for (state, seconds, sealed) in
        [("Suspended", 1_000, None), ("Running", 119, None), ("Running", 120, Some(7))]
    {
        let mut seen = running(&job(2));
        seen.job.spec["state"] = state.into();
        seen.job.status.releasing = Some(7);
        seen.job.status.releasing_since = Some(ago(&seen, seconds));
        let memory = next(&seen);
        assert_eq!(memory.sealed, sealed, "{state} {seconds} s");
        let follows = sealed.map(|_| 8);
        assert_eq!(number(memory.next.as_ref()), follows, "{state} {seconds} s");
    }
}

fn ago(seen: &Observed, seconds: i64) -> Time {
    Time(seen.now.checked_sub(jiff::SignedDuration::from_secs(seconds)).unwrap())
}

#[test]
fn a_rollout_that_found_no_capacity_is_tried_again_ever_more_rarely() {
    for (attempts, seconds, begun) in [
        (1, 299, false),
        (1, 300, true),
        (2, 599, false),
        (2, 600, true),
        (9, 1_799, false),
        (9, 1_800, true),
    ] {
        let mut seen = running(&job(2));
        seen.job.spec["parallelism"] = 3.into();
        let plan = seen.job.status.plan.clone().unwrap();
        let digest = wanted(&{
            let mut job = job(2);
            job["spec"]["parallelism"] = 3.into();
            job
        })
        .generation_digest(&plan);
        seen.job.status.refused = Some(RefusedSpec {
            spec_digest: digest,
            reason: "CapacityUnavailable".to_owned(),
            message: String::new(),
            at: ago(&seen, seconds),
            attempts,
        });
        let memory = next(&seen);
        assert_eq!(memory.next.is_some(), begun, "{attempts} attempts, {seconds} s");
        let kept = memory.refused.map(|refused| refused.attempts);
        assert_eq!(kept, Some(attempts), "the next failure is not the first");
    }
}
