//! Who is told what, from a memory and what workers say.

use crds::{GenerationStatus, HealthyStatus, StreamJobStatus};
use operator::observed::{Contact, Observed, PodView, SetView};
use operator::orders::{Order, orders};
use operator::plan::plan;
use operator::validate::target;
use protocol::admin::SlotPhase;

use crate::objects::job;
use crate::plan_table::{memory, observed, settings};
use crate::workers::Fake;
use crate::world::SHARDS;

const OLD: u64 = 7;
const NEW: u64 = 8;

pub(crate) fn pod(generation: u64, ordinal: u32, phase: Option<SlotPhase>) -> PodView {
    let contact = match phase {
        Some(phase) => {
            let mut fake = Fake::new("uid", generation, ordinal, (1, 2), SHARDS);
            fake.phase = phase;
            Contact::Answered(Box::new(fake.status(SHARDS)))
        }
        None => Contact::Silent("no answer".to_owned()),
    };
    PodView {
        name: format!("j-g{generation}-{ordinal}"),
        uid: format!("uid-{generation}-{ordinal}"),
        ends_at: None,
        ordinal,
        ip: Some(format!("10.0.{generation}.{ordinal}")),
        ready: true,
        ending: false,
        problem: None,
        restarts: 0,
        last_end: None,
        contact,
    }
}

/// A job in the middle of a rescale, with one pod of each generation.
pub(crate) fn moving(old: Option<SlotPhase>, new: SlotPhase, seconds: i64) -> Observed {
    let job = job(2);
    let wanted = target(&observed(&job, StreamJobStatus::default()), &settings()).unwrap();
    let mut memory = memory(&wanted, 4);
    let mut next = memory.next.take().unwrap();
    memory.current = Some(next.clone());
    next.number = NEW;
    memory.next = Some(next);
    memory.acquiring = Some(NEW);
    let mut seen = observed(&job, memory);
    let since = seen.now.checked_sub(jiff::SignedDuration::from_secs(seconds)).unwrap();
    let since = k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(since);
    seen.job.status.acquiring_since = Some(since);
    let set = |pod| SetView { replicas: Some(1), pods: vec![pod], problem: None };
    seen.sets.insert(OLD, set(pod(OLD, 0, old)));
    seen.sets.insert(NEW, set(pod(NEW, 0, Some(new))));
    seen
}

fn told(seen: &Observed) -> Vec<String> {
    orders(seen, &seen.job.status, false)
        .into_iter()
        .map(|sent| match sent.order {
            Order::Acquire(order) => format!("{} acquire {}", sent.pod, order.take_over),
            Order::Release(order) => format!("{} release {}", sent.pod, order.drain),
            Order::Savepoint(order) => format!("{} savepoint {}", sent.pod, order.resume),
            Order::TakeOver(_) => format!("{} fence", sent.pod),
            Order::Proven(order) => format!("{} proven {}", sent.pod, order.generation),
        })
        .collect()
}

#[test]
fn shards_move_from_whoever_owns_them_to_whoever_is_warm() {
    use SlotPhase::{Acquiring, Released, Releasing, Running, Warm};
    let cases: [(Option<SlotPhase>, SlotPhase, i64, &[&str]); 7] = [
        (Some(Running), Warm, 0, &["j-g8-0 acquire false", "j-g7-0 release false"]),
        (Some(Releasing), Acquiring, 1, &["j-g7-0 release false"]),
        (Some(Released), Acquiring, 1, &["j-g8-0 acquire true"]),
        (Some(Released), Running, 2, &[]),
        // A former owner that started anew owns nothing; nobody waits for it.
        (Some(Warm), Warm, 0, &["j-g8-0 acquire true"]),
        // One that does not answer is given half a minute.
        (None, Acquiring, 29, &[]),
        (None, Acquiring, 30, &["j-g8-0 acquire true"]),
    ];
    for (old, new, seconds, want) in cases {
        assert_eq!(told(&moving(old, new, seconds)), want, "{old:?} {new:?} {seconds} s");
    }
}

#[test]
fn another_plan_is_handed_over_with_empty_exchanges() {
    let mut seen = moving(Some(SlotPhase::Running), SlotPhase::Running, 0);
    seen.job.status.next.as_mut().unwrap().plan_fingerprint = "another".to_owned();
    assert_eq!(told(&seen), ["j-g7-0 release true"]);
}

#[test]
fn suspension_seals_and_reaches_slots_that_started_anew() {
    for (phase, want) in [
        (SlotPhase::Running, vec!["j-g7-0 release true"]),
        (SlotPhase::Warm, vec!["j-g7-0 acquire true", "j-g7-0 release true"]),
        (SlotPhase::Sealed, vec![]),
    ] {
        let mut seen = moving(Some(phase), SlotPhase::Warm, 0);
        seen.job.status.acquiring = None;
        seen.job.status.next = None;
        seen.job.status.releasing = Some(OLD);
        assert_eq!(told(&seen), want, "{phase:?}");
    }
}

#[test]
fn a_generation_that_proved_itself_is_told_so_once() {
    // Whether it has been told; a worker that is too old does not say.
    for (number, told_before, want) in [
        (OLD, Some(false), vec!["j-g7-0 proven 7"]),
        (OLD, Some(true), vec![]),
        (OLD, None, vec![]),
        (OLD - 1, Some(false), vec![]),
    ] {
        let mut seen = moving(Some(SlotPhase::Running), SlotPhase::Warm, 0);
        let status = &mut seen.job.status;
        (status.acquiring, status.next) = (None, None);
        let plan = status.plan.clone().unwrap_or_default();
        let generation = GenerationStatus { number, ..status.current.clone().unwrap() };
        status.healthy = Some(HealthyStatus { generation, plan });
        let pod = &mut seen.sets.get_mut(&OLD).unwrap().pods[0];
        let Contact::Answered(worker) = &mut pod.contact else { panic!("it answers") };
        worker.proven = told_before;
        assert_eq!(told(&seen), want, "{number} {told_before:?}");
    }
}

#[test]
fn a_deleted_job_is_told_nothing_more() {
    let seen = moving(Some(SlotPhase::Running), SlotPhase::Warm, 0);
    assert_eq!(orders(&seen, &seen.job.status, true), []);
}

#[test]
fn pods_that_should_have_ended_long_ago_are_ended_by_force() {
    for (seconds, want) in [(None, 0), (Some(-60), 0), (Some(29), 0), (Some(30), 1)] {
        let mut seen = moving(Some(SlotPhase::Running), SlotPhase::Warm, 0);
        let ends_at = seconds
            .map(|seconds| seen.now.checked_sub(jiff::SignedDuration::from_secs(seconds)).unwrap());
        seen.sets.get_mut(&OLD).unwrap().pods[0].ends_at = ends_at;
        let wanted = target(&seen, &settings()).unwrap();
        let plan = plan(&seen, Some(&wanted), &seen.job.status, &settings());
        assert_eq!(plan.bury.len(), want, "{seconds:?} s after its end");
    }
}
