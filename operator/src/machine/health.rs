//! Is a generation that has taken over any good? One that is not, and followed one that was, goes back by itself: to
//! the spec before, as a newer generation. Offsets never move back (O7).

use std::time::Duration;

use crds::{GenerationStatus, HealthyStatus, PlanStatus, StreamJobStatus};
use protocol::StageId;
use protocol::admin::{SlotPhase, SlotStatus};
use protocol::generation::{Layout, StageLogs};
use protocol::reason::Reason;
use serde_json::Value;

use super::planning::refusal;
use super::{CLAIMED, all_slots};
use crate::limits::{CRASHES_MAX, HEALTHY_AFTER};
use crate::observed::{Contact, Observed, SetView};
use crate::validate::Target;

mod figures;

pub(super) use figures::figures_before;
use figures::worse_in;
pub use figures::{later_ms, worse};

/// What is thought of a generation that has taken over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It is too early to say, or something else is to blame.
    Open,
    /// Every slot runs and has completed a checkpoint, and nothing is worse than before, for long enough.
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
    let worse = generation.before.as_ref().and_then(|before| worse_in(&set, before, age));
    let well = runs && set.slots().all(is_well);
    if well && worse.is_none() {
        return if age >= HEALTHY_AFTER { Health::Proven } else { Health::Open };
    }
    if age < within {
        return Health::Open;
    }
    match worse.filter(|_| well).unwrap_or_else(|| complaint(&set)) {
        (reason, _) if is_of_the_surroundings(reason) => Health::Open,
        (reason, text) => Health::Unhealthy(reason, text),
    }
}

/// A pod of the set that has ended again and again, in words.
pub(super) fn crashing(set: &SetView) -> Option<String> {
    let pod = set.pods.iter().find(|pod| !pod.ending && pod.restarts >= CRASHES_MAX)?;
    let of_problem = pod.problem.as_ref().map(|problem| problem.text.as_str());
    let why = of_problem.or(pod.last_end.as_deref()).unwrap_or("how stands in its status");
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
    // What was gone back to has to prove itself again, though it is not what the spec says.
    let back = proven.is_some_and(|proven| proven.spec_digest == current.spec_digest);
    if known || !(wanted || back) || memory.next.is_some() {
        return;
    }
    match judge(observed, &current, within(observed, target, &current)) {
        Health::Open => {}
        Health::Proven => {
            if is_stranded(memory, &current) {
                memory.refused = None; // it has come round
            }
            if let Some(plan) = plan_of(memory, &current).cloned() {
                memory.healthy = Some(HealthyStatus { generation: current, plan });
            }
        }
        // It has been found that nothing can be gone back to.
        Health::Unhealthy(..) if is_stranded(memory, &current) => {}
        Health::Unhealthy(reason, why) => give_up(observed, &current, (reason, &why), memory),
    }
}

/// The spec of a generation that is no good is given up for the one that proved itself last, where there is a way back.
fn give_up(
    observed: &Observed,
    current: &GenerationStatus,
    (reason, why): (Reason, &str),
    memory: &mut StreamJobStatus,
) {
    let Some(healthy) = &memory.healthy else { return };
    if healthy.generation.spec_digest == current.spec_digest {
        return; // the same spec would do the same
    }
    let before = healthy.generation.number;
    let closed = plan_of(memory, current).and_then(|plan| why_closed(&healthy.plan, plan));
    let text = format!("generation {} was not healthy ({reason}: {why})", current.number);
    let (reason, message) = match closed {
        None => (Reason::RolledBack, format!("{text}; the spec of generation {before} runs again")),
        Some(closed) => (
            Reason::NoWayBack,
            format!("{text}, and there is no way back to generation {before}: {closed}"),
        ),
    };
    memory.refused = Some(refusal(observed, memory, &current.spec_digest, reason, &message));
}

/// There is no way back from it.
fn is_stranded(memory: &StreamJobStatus, current: &GenerationStatus) -> bool {
    memory.refused.as_ref().is_some_and(|refused| {
        refused.reason == Reason::NoWayBack.as_str() && refused.spec_digest == current.spec_digest
    })
}

/// The way back ends where a slot that warms up cannot restore: what runs goes on.
pub(super) fn give_up_way_back(
    observed: &Observed,
    back: &GenerationStatus,
    (reason, why): (Reason, &str),
    memory: &mut StreamJobStatus,
) {
    let Some(refused) = &memory.refused else { return };
    let text = refused.message.split(';').next().unwrap_or_default().to_owned();
    let message =
        format!("{text}, and generation {} cannot take over ({reason}: {why})", back.number);
    let digest = refused.spec_digest.clone();
    memory.refused = Some(refusal(observed, memory, &digest, Reason::NoWayBack, &message));
    memory.next = None;
}

/// What no later look changes: the state to go back to is gone, or does not fit.
pub(super) fn closed(set: &SetView) -> Option<(Reason, String)> {
    set.slots().find_map(|slot| {
        let reason = slot.reason.filter(|_| slot.phase == SlotPhase::Blocked)?;
        let final_ones = [Reason::NoWayBack, Reason::ReplayGapLost, Reason::IncompatibleState];
        let said = slot.message.clone().unwrap_or_default();
        final_ones.contains(&reason).then(|| (reason, format!("slot {}: {said}", slot.slot)))
    })
}

/// Why the plan before cannot take over from this one without losing rows, as far as the logs of both tell (O6, O7).
/// The workers look at the state itself.
pub fn why_closed(before: &PlanStatus, now: &PlanStatus) -> Option<String> {
    let layout = |plan: &PlanStatus| {
        serde_json::from_value::<Layout>(Value::Object(plan.layout.clone())).unwrap_or_default()
    };
    let (before, now) = (layout(before), layout(now));
    let reads = |layout: &Layout, stage: StageId, topic: &str| {
        layout.stage(stage).is_some_and(|s| s.topics.iter().any(|t| t.topic == topic))
    };
    let topics = |layout: &Layout| -> Vec<(StageId, String)> {
        let of = |s: &StageLogs| s.topics.iter().map(|t| (s.stage, t.topic.clone())).collect();
        layout.stages.iter().flat_map(|stage: &StageLogs| -> Vec<_> { of(stage) }).collect()
    };
    let exchanged = topics(&before)
        .into_iter()
        .find(|(stage, topic)| stage.0 > 0 && !reads(&now, *stage, topic))
        .map(|(_, topic)| {
            format!("rows have gone to another exchange than {topic}, which it reads")
        });
    let added = || {
        topics(&now)
            .into_iter()
            .find(|(stage, topic)| stage.0 == 0 && !reads(&before, *stage, topic))
            .map(|(_, topic)| format!("rows of {topic} have been counted, which it does not read"))
    };
    exchanged.or_else(added)
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
