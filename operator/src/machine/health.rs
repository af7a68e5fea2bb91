//! Is a generation that has taken over any good? One that is not, and followed one that was, goes back by itself: to
//! the spec before, as a newer generation. Offsets never move back (O7).

use std::time::Duration;

use crds::{GenerationStatus, HealthyStatus, PlanStatus, StreamJobStatus};
use protocol::admin::{SlotPhase, SlotStatus};
use protocol::reason::Reason;

use super::planning::refusal;
use super::{CLAIMED, all_slots};
use crate::limits::{CRASHES_MAX, HEALTHY_AFTER};
use crate::observed::{Contact, Observed, SetView};
use crate::validate::Target;

/// What is thought of a generation that has taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It is too early to say, or something else is to blame.
    Open,
    /// Every slot runs and has completed a checkpoint, for long enough.
    Proven,
    /// It does not get there: why.
    Unhealthy(Reason, String),
}

/// Judges the generation that owns the shards. `within` is how long it may take to prove itself.
pub fn judge(observed: &Observed, generation: &GenerationStatus, within: Duration) -> Health {
    let set = observed.set(generation.number);
    let since = generation.claimed_at.as_ref().or(generation.created_at.as_ref());
    let Some(age) = since.map(|at| observed.since(at.0)) else { return Health::Open };
    let runs = all_slots(&set, generation, CLAIMED);
    if let (false, Some(pod)) = (runs, crashing(&set)) {
        return Health::Unhealthy(Reason::CrashLoop, pod);
    }
    if runs && set.slots().all(is_well) {
        return if age >= HEALTHY_AFTER { Health::Proven } else { Health::Open };
    }
    if age < within {
        return Health::Open;
    }
    match complaint(&set) {
        (reason, _) if is_of_the_surroundings(reason) => Health::Open,
        (reason, text) => Health::Unhealthy(reason, text),
    }
}

/// A pod of the set that has ended again and again, in words.
pub(super) fn crashing(set: &SetView) -> Option<String> {
    let pod = set.pods.iter().find(|pod| !pod.ending && pod.restarts >= CRASHES_MAX)?;
    let why = pod.problem.as_ref().map_or("its last end stands in its status", |p| &p.text);
    Some(format!("{} has ended {} times: {why}", pod.name, pod.restarts))
}

/// The slot processes, and a commit of its own names a checkpoint of its own.
fn is_well(slot: &SlotStatus) -> bool {
    CLAIMED.contains(&slot.phase) && (slot.shards.is_empty() || slot.checkpoint.is_some())
}

/// What keeps a set from being well.
fn complaint(set: &SetView) -> (Reason, String) {
    let slot = set.slots().find(|slot| !is_well(slot));
    if let Some(slot) = slot {
        let said = slot.message.clone().unwrap_or_default();
        return match slot.reason {
            Some(reason) => (reason, format!("slot {}: {said}", slot.slot)),
            None if slot.phase == SlotPhase::Running => {
                (Reason::CheckpointFailed, format!("slot {} completed no checkpoint", slot.slot))
            }
            None => (Reason::CrashLoop, format!("slot {} is {:?}", slot.slot, slot.phase)),
        };
    }
    let pod = set.pods.iter().find_map(|pod| match (&pod.problem, &pod.contact) {
        (Some(problem), _) => Some((problem.reason, format!("{}: {problem}", pod.name))),
        (None, Contact::Silent(why)) => {
            Some((Reason::CrashLoop, format!("{} does not answer: {why}", pod.name)))
        }
        _ => None,
    });
    let missing = || match &set.problem {
        Some(problem) => (problem.reason, problem.text.clone()),
        None => (Reason::CapacityUnavailable, "pods are missing".to_owned()),
    };
    pod.unwrap_or_else(missing)
}

/// Another spec would not help.
fn is_of_the_surroundings(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::BrokerUnreachable
            | Reason::StoreUnreachable
            | Reason::CapacityUnavailable
            | Reason::Unschedulable
            | Reason::QuotaExceeded
    )
}

/// How long a generation may take to prove itself: one checkpoint, begun and ended as late as may be.
fn within(observed: &Observed, target: &Target, generation: &GenerationStatus) -> Duration {
    let spec = observed.configs.get(&generation.number).unwrap_or(&target.spec);
    let checkpoints = &spec.checkpoints;
    checkpoints.interval().get() + checkpoints.timeout().get() + HEALTHY_AFTER
}

/// Remembers a generation that has proved itself, or gives up the spec of one that does not.
pub(super) fn watch(observed: &Observed, target: &Target, memory: &mut StreamJobStatus) {
    let Some(current) = memory.current.clone().filter(|g| memory.sealed != Some(g.number)) else {
        return;
    };
    let proven = memory.healthy.as_ref().map(|healthy| &healthy.generation);
    let known = proven.is_some_and(|proven| proven.number == current.number);
    let wanted = memory.plan.as_ref().is_some_and(|plan| target.is_met_by(&current, plan));
    if known || !wanted || memory.next.is_some() {
        return;
    }
    match judge(observed, &current, within(observed, target, &current)) {
        Health::Open => {}
        Health::Proven => {
            if let Some(plan) = plan_of(memory, &current).cloned() {
                memory.healthy = Some(HealthyStatus { generation: current, plan });
            }
        }
        Health::Unhealthy(reason, why) => {
            let before = proven.filter(|proven| proven.spec_digest != current.spec_digest);
            let Some(before) = before else { return };
            let message = format!(
                "generation {} was not healthy ({reason}: {why}); the spec of generation {} runs again",
                current.number, before.number
            );
            let digest = current.spec_digest.clone();
            memory.refused = Some(refusal(observed, memory, &digest, Reason::RolledBack, &message));
        }
    }
}

/// The generation to go back to, if the spec of this digest has been given up.
pub(super) fn way_back<'a>(
    memory: &'a StreamJobStatus,
    digest: &str,
) -> Option<&'a GenerationStatus> {
    let refused = memory.refused.as_ref()?;
    let given_up = refused.reason == Reason::RolledBack.as_str() && refused.spec_digest == digest;
    memory.healthy.as_ref().filter(|_| given_up).map(|healthy| &healthy.generation)
}

/// The plan that a generation runs, as far as it is remembered.
pub fn plan_of<'a>(
    memory: &'a StreamJobStatus,
    generation: &GenerationStatus,
) -> Option<&'a PlanStatus> {
    let healthy = memory.healthy.as_ref().map(|healthy| &healthy.plan);
    let mut plans = memory.plan.iter().chain(healthy);
    plans.find(|plan| plan.fingerprint == generation.plan_fingerprint)
}
