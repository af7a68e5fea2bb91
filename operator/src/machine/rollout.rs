//! From one generation to the next: start beside, warm up, take over, forget the old one.

use crds::{ChangeClass, GenerationStatus, RolloutStatus, StreamJobStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use protocol::reason::Reason;

use super::health::{closed, crashing, figures_before, give_up_way_back, way_back};
use super::planning::{capacity_retry, refusal, refused};
use super::rest::release_current;
use super::{CLAIMED, WARM, all_slots};
use crate::change;
use crate::limits::{MESSAGE_CHARS_MAX, STUCK_AFTER};
use crate::observed::{Contact, Observed, SetView};
use crate::validate::{Settings, Target};

/// Every shard names the new generation: it is the current one now. One that does not get there
/// and is not wanted any more is taken for current too: undoing is a newer generation, which takes
/// over from whoever owns what.
pub(super) fn finish_acquiring(
    observed: &Observed,
    target: Option<&Target>,
    memory: &mut StreamJobStatus,
) {
    let Some(acquiring) = memory.acquiring else { return };
    let Some(next) = memory.next.clone().filter(|next| next.number == acquiring) else { return };
    let claimed = all_slots(&observed.set(next.number), &next, CLAIMED);
    if claimed || is_stuck(observed, target, &next, memory) {
        memory.previous = memory.current.take();
        let set = observed.set(next.number);
        let shards = set.slots().flat_map(|slot| &slot.shards);
        let gaps = shards.filter_map(|shard| shard.gap_ms).collect();
        memory.rollout = RolloutStatus::of(next.number, gaps);
        report_way_back(&set, &next, memory);
        memory.current = Some(GenerationStatus { claimed_at: Some(Time(observed.now)), ..next });
        memory.next = None;
        memory.acquiring = None;
        memory.acquiring_since = None;
        memory.sealed = None;
        // A spec that was given up stays so: what runs now is the way back from it.
        memory.refused = memory.refused.take().filter(|r| r.reason == Reason::RolledBack.as_str());
    }
}

/// What going back has cost stands beside why it was gone back.
fn report_way_back(set: &SetView, back: &GenerationStatus, memory: &mut StreamJobStatus) {
    let Some(refused) = memory.refused.as_mut() else { return };
    if back.change != Some(ChangeClass::Rollback) || refused.reason != Reason::RolledBack.as_str() {
        return;
    }
    let rows: u64 = set.slots().map(|slot| slot.replayed_rows).sum();
    let gap = set.slots().filter_map(|slot| slot.gap_ms).max().unwrap_or_default();
    let text = format!(
        "{}; generation {} replayed {rows} rows without output, its slowest shard waited {gap} ms",
        refused.message, back.number
    );
    refused.message = text.chars().take(MESSAGE_CHARS_MAX).collect();
}

fn is_stuck(
    observed: &Observed,
    target: Option<&Target>,
    next: &GenerationStatus,
    memory: &StreamJobStatus,
) -> bool {
    let since = memory.acquiring_since.as_ref().map(|at| observed.since(at.0));
    if crashing(&observed.set(next.number)).is_some() && memory.healthy.is_some() {
        // It has begun to take over and cannot: as the current one it is judged, and gone back from.
        return true;
    }
    let unwanted = target.is_some_and(|target| {
        let met = memory.plan.as_ref().is_some_and(|plan| target.is_met_by(next, plan));
        target.suspended() || !met
    });
    unwanted && since.unwrap_or_default() >= STUCK_AFTER
}

/// Begins a rollout, carries it on, or gives it up.
pub(super) fn roll(
    observed: &Observed,
    target: &Target,
    settings: &Settings,
    memory: &mut StreamJobStatus,
) {
    let Some(plan) = memory.plan.clone().filter(|plan| plan.spec_digest == target.plan_digest)
    else {
        // The spec that `next` was made from is no longer wanted; the planner looks at the new one.
        memory.next = None;
        return;
    };
    let digest = target.generation_digest(&plan);
    if let Some(back) = way_back(memory, &digest).cloned() {
        return go_back(observed, settings, &back, memory);
    }
    if let Some(next) = memory.next.clone() {
        if target.is_met_by(&next, &plan) {
            carry_on(observed, settings, &next, memory);
        } else {
            memory.next = None;
        }
        return;
    }
    let rests = memory.current.as_ref().is_none_or(|g| memory.sealed == Some(g.number));
    let met = memory.current.as_ref().is_some_and(|current| target.is_met_by(current, &plan));
    if met && !rests {
        forget_refusal(target, &plan, memory);
        return;
    }
    // A spec that cannot be gone back from is no reason not to resume with it.
    let refused = refused(observed, memory, &[&digest, &target.plan_digest]);
    if refused.is_some_and(|refused| refused.reason != Reason::NoWayBack.as_str()) {
        return;
    }
    if target.too_many_slots(&plan) {
        let message = format!(
            "parallelism {} with {} slots each, but the widest stage has {} shards",
            target.parallelism(&plan),
            target.spec.worker.slots(),
            plan.shards
        );
        let reason = Reason::TooManySlots;
        memory.refused = Some(refusal(observed, memory, &digest, reason, &message));
        return;
    }
    if !target.spec.upgrade.surge() && !rests {
        release_current(observed, memory);
        return;
    }
    begin(observed, target, &plan, memory);
}

/// A refusal of something that is no longer asked for says nothing any more.
fn forget_refusal(target: &Target, plan: &crds::PlanStatus, memory: &mut StreamJobStatus) {
    let digests = [target.generation_digest(plan), target.plan_digest.clone()];
    if memory.refused.as_ref().is_some_and(|refused| !digests.contains(&refused.spec_digest)) {
        memory.refused = None;
    }
}

fn begin(
    observed: &Observed,
    target: &Target,
    plan: &crds::PlanStatus,
    memory: &mut StreamJobStatus,
) {
    let digest = target.generation_digest(plan);
    // Another try is not the first: what it waits for when it fails grows.
    memory.refused = memory.refused.take().filter(|refused| refused.spec_digest == digest);
    let next = GenerationStatus {
        number: 0,
        parallelism: target.parallelism(plan),
        slots_per_worker: target.spec.worker.slots(),
        image: target.image.clone(),
        plan_fingerprint: plan.fingerprint.clone(),
        spec_digest: digest,
        spec_generation: observed.job.generation,
        change: Some(change::class(memory, target, Some(plan), true)),
        created_at: None,
        claimed_at: None,
        before: None,
    };
    decide(observed, next, memory);
}

/// Gives the next generation its number, which none has had before.
fn decide(observed: &Observed, next: GenerationStatus, memory: &mut StreamJobStatus) {
    memory.last_generation += 1;
    memory.next = Some(GenerationStatus {
        number: memory.last_generation,
        created_at: Some(Time(observed.now)),
        claimed_at: None,
        before: None,
        ..next
    });
}

/// The wanted spec has been given up: the one before runs, as a newer generation.
fn go_back(
    observed: &Observed,
    settings: &Settings,
    back: &GenerationStatus,
    memory: &mut StreamJobStatus,
) {
    let same = |generation: &GenerationStatus| generation.spec_digest == back.spec_digest;
    let runs = memory.current.as_ref().filter(|g| memory.sealed != Some(g.number));
    match memory.next.clone() {
        Some(next) if same(&next) => carry_on(observed, settings, &next, memory),
        Some(_) => memory.next = None,
        None if runs.is_some_and(same) => {}
        None => {
            let back = GenerationStatus { change: Some(ChangeClass::Rollback), ..back.clone() };
            decide(observed, back, memory);
        }
    }
}

/// Orders the take-over when every pod is warm; drops a set that does not get there.
fn carry_on(
    observed: &Observed,
    settings: &Settings,
    next: &GenerationStatus,
    memory: &mut StreamJobStatus,
) {
    let set = observed.set(next.number);
    let ready = set.pods.iter().filter(|pod| pod.ready && !pod.ending).count();
    let warm = ready >= next.parallelism as usize && all_slots(&set, next, WARM);
    if warm && !observed.savepoint_in_progress() {
        let runs = memory.current.as_ref().filter(|g| memory.sealed != Some(g.number));
        let before = runs.and_then(|runs| figures_before(observed, runs, next));
        memory.next = Some(GenerationStatus { before, ..next.clone() });
        memory.acquiring = Some(next.number);
        memory.acquiring_since = Some(Time(observed.now));
        return;
    }
    // Nothing that runs well is left when the way back is not taken.
    let goes_back =
        memory.refused.as_ref().is_some_and(|r| r.reason == Reason::RolledBack.as_str());
    let runs = memory.current.as_ref().is_some_and(|g| memory.sealed != Some(g.number));
    if let Some((reason, why)) = closed(&set).filter(|_| goes_back) {
        give_up_way_back(observed, next, (reason, &why), memory);
        return;
    }
    let runs = runs && !goes_back;
    let age = next.created_at.as_ref().map(|at| observed.since(at.0)).unwrap_or_default();
    if runs && !warm && age > settings.warm_up_deadline {
        let reason = why_no_room(&set);
        let mut refusal = refusal(observed, memory, &next.spec_digest, reason, "");
        refusal.message = format!(
            "generation {} did not warm up within {} s, and is tried again after {} s: {}",
            next.number,
            settings.warm_up_deadline.as_secs(),
            capacity_retry(refusal.attempts).as_secs(),
            why_not_warm(observed, next)
        );
        refusal.message = refusal.message.chars().take(MESSAGE_CHARS_MAX).collect();
        memory.refused = Some(refusal);
        memory.next = None;
    }
}

/// What the pods of a set that does not get warm lack; capacity where nothing says it better.
fn why_no_room(set: &SetView) -> Reason {
    let of_pods = set.pods.iter().find_map(|pod| pod.problem.as_ref());
    let said = of_pods.or(set.problem.as_ref()).map(|problem| problem.reason);
    said.filter(|reason| {
        matches!(reason, Reason::ImagePullFailed | Reason::QuotaExceeded | Reason::SecretMissing)
    })
    .unwrap_or(Reason::CapacityUnavailable)
}

/// The first thing that keeps a generation from being warm, in words.
pub(crate) fn why_not_warm(observed: &Observed, generation: &GenerationStatus) -> String {
    let set = observed.set(generation.number);
    if set.pods.len() < generation.parallelism as usize {
        let why = set.problem.as_ref().map(|problem| format!(": {problem}")).unwrap_or_default();
        return format!("{} of {} pods exist{why}", set.pods.len(), generation.parallelism);
    }
    for pod in &set.pods {
        if let Some(problem) = &pod.problem {
            return format!("{}: {problem}", pod.name);
        }
        match &pod.contact {
            Contact::Unasked => return format!("{} has no address yet", pod.name),
            Contact::Silent(why) => return format!("{} does not answer: {why}", pod.name),
            Contact::Answered(worker) => {
                let waiting = worker.slots.iter().find(|slot| !WARM.contains(&slot.phase));
                if let Some(slot) = waiting {
                    let why = slot.message.clone().unwrap_or_default();
                    return format!("slot {} is {:?}; {why}", slot.slot, slot.phase);
                }
            }
        }
    }
    "some pod is not ready".to_owned()
}
