//! From one generation to the next: start beside, warm up, take over, forget the old one.

use crds::{GenerationStatus, StreamJobStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use protocol::reason::Reason;

use super::planning::{refusal, refused};
use super::rest::release_current;
use super::{CLAIMED, WARM, all_slots};
use crate::limits::STUCK_AFTER;
use crate::observed::{Contact, Observed};
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
        memory.current = Some(next);
        memory.next = None;
        memory.acquiring = None;
        memory.acquiring_since = None;
        memory.sealed = None;
        memory.refused = None;
    }
}

fn is_stuck(
    observed: &Observed,
    target: Option<&Target>,
    next: &GenerationStatus,
    memory: &StreamJobStatus,
) -> bool {
    let since = memory.acquiring_since.as_ref().map(|at| observed.since(at.0));
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
    let digest = target.generation_digest(&plan);
    if refused(observed, memory, &[&digest, &target.plan_digest]).is_some() {
        return;
    }
    if target.too_many_slots(&plan) {
        let message = format!(
            "parallelism {} with {} slots each, but the widest stage has {} shards",
            target.parallelism(&plan),
            target.spec.worker.slots(),
            plan.shards
        );
        memory.refused = Some(refusal(observed, &digest, Reason::TooManySlots, &message));
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
    let number = memory.last_generation + 1;
    memory.last_generation = number;
    memory.refused = None;
    memory.next = Some(GenerationStatus {
        number,
        parallelism: target.parallelism(plan),
        slots_per_worker: target.spec.worker.slots(),
        image: target.image.clone(),
        plan_fingerprint: plan.fingerprint.clone(),
        spec_digest: target.generation_digest(plan),
        spec_generation: observed.job.generation,
        created_at: Some(Time(observed.now)),
    });
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
        memory.acquiring = Some(next.number);
        memory.acquiring_since = Some(Time(observed.now));
        return;
    }
    let runs = memory.current.as_ref().is_some_and(|g| memory.sealed != Some(g.number));
    let age = next.created_at.as_ref().map(|at| observed.since(at.0)).unwrap_or_default();
    if runs && !warm && age > settings.warm_up_deadline {
        let message = format!(
            "generation {} did not warm up within {} s: {}",
            next.number,
            settings.warm_up_deadline.as_secs(),
            why_not_warm(observed, next)
        );
        let digest = next.spec_digest.clone();
        memory.refused = Some(refusal(observed, &digest, Reason::CapacityUnavailable, &message));
        memory.next = None;
    }
}

/// The first thing that keeps a generation from being warm, in words.
pub(crate) fn why_not_warm(observed: &Observed, generation: &GenerationStatus) -> String {
    let set = observed.set(generation.number);
    if set.pods.len() < generation.parallelism as usize {
        return format!("{} of {} pods exist", set.pods.len(), generation.parallelism);
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
