//! What people and tools are told about a job: conditions, phase, replicas, progress.

use crds::status::RefusedSpec;
use crds::{Condition, ConditionStatus, ConditionType, Phase, StreamJobStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use protocol::admin::SlotPhase;
use protocol::reason::Reason;

use crate::change;
use crate::limits::MESSAGE_CHARS_MAX;
use crate::machine::{planner_wanted, refused, tearing_down};
use crate::names;
use crate::observed::Observed;
use crate::proposal::Proposal;
use crate::validate::{Invalid, Target};

mod progress;
mod situation;

pub use situation::{Situation, situation};

/// The status to be written: the machine's memory, and what is said about it.
pub fn render(
    observed: &Observed,
    target: &Result<Target, Invalid>,
    memory: &StreamJobStatus,
    proposal: Option<&Proposal>,
) -> StreamJobStatus {
    let mut status = memory.clone();
    let said = situation(observed, target, memory);
    status.observed_generation = Some(observed.job.generation);
    status.phase = Some(phase(observed, target, memory));
    status.conditions = conditions(observed, target, memory, &said);
    let owner = memory.current.as_ref().filter(|g| memory.sealed != Some(g.number));
    status.replicas = owner.map_or(0, |current| {
        u32::try_from(observed.set(current.number).pods.len()).unwrap_or(u32::MAX)
    });
    status.selector = owner
        .map(|current| names::generation_selector(&observed.job.name, current.number))
        .or_else(|| status.selector.clone());
    let target = target.as_ref().ok();
    status.change = target.and_then(|target| change::pending(observed, memory, target));
    status.proposal = proposal.and_then(|proposal| proposal.answer(observed));
    progress::refresh(observed, memory, &mut status);
    status
}

fn phase(observed: &Observed, target: &Result<Target, Invalid>, memory: &StreamJobStatus) -> Phase {
    if observed.job.deleted_at.is_some() {
        return Phase::Deleting;
    }
    let rests = memory.current.as_ref().is_none_or(|g| memory.sealed == Some(g.number));
    if let Some(next) = &memory.next {
        let same_logic = memory.current.as_ref().map(|current| {
            current.plan_fingerprint == next.plan_fingerprint && current.image == next.image
        });
        return match same_logic {
            _ if rests => Phase::Starting,
            Some(true) => Phase::Rescaling,
            _ => Phase::Upgrading,
        };
    }
    if memory.releasing.is_some() {
        return Phase::Suspending;
    }
    let Ok(target) = target else {
        return if rests { Phase::Stalled } else { Phase::Running };
    };
    if !rests {
        return Phase::Running;
    }
    if target.suspended() {
        return Phase::Suspended;
    }
    if planner_wanted(observed, target, memory) {
        return Phase::Planning;
    }
    match standing_refusal(observed, target, memory) {
        Some(_) => Phase::Stalled,
        None => Phase::Pending,
    }
}

/// The refusal of what the job asks for now.
fn standing_refusal<'a>(
    observed: &Observed,
    target: &Target,
    memory: &'a StreamJobStatus,
) -> Option<&'a RefusedSpec> {
    let plan = memory.plan.as_ref();
    let generation = plan.map(|plan| target.generation_digest(plan)).unwrap_or_default();
    refused(observed, memory, &[&target.plan_digest, &generation])
}

fn conditions(
    observed: &Observed,
    target: &Result<Target, Invalid>,
    memory: &StreamJobStatus,
    said: &Situation,
) -> Vec<Condition> {
    let stalled = match target {
        Err(invalid) => Some((Reason::InvalidSpec.as_str().to_owned(), invalid.message.clone())),
        Ok(target) => standing_refusal(observed, target, memory)
            .map(|refused| (refused.reason.clone(), refused.message.clone()))
            .or_else(|| said.stalled.clone().map(|(reason, text)| (reason.to_string(), text))),
    };
    let moving = reconciling(observed, target, memory, said);
    let entry = |condition_type, holds: bool, reason: &str, message: &str| {
        condition(observed, condition_type, holds, reason, message)
    };
    let (ready_reason, ready_message) = &said.ready_because;
    let mut conditions =
        vec![entry(ConditionType::Ready, said.ready, ready_reason.as_str(), ready_message)];
    conditions.push(match moving {
        Some((reason, message)) => {
            entry(ConditionType::Reconciling, true, reason.as_str(), &message)
        }
        None => entry(ConditionType::Reconciling, false, ready_reason.as_str(), ""),
    });
    conditions.push(match &stalled {
        Some((reason, message)) => {
            entry(ConditionType::Stalled, true, reason, &with_next_step(reason, message))
        }
        None => entry(ConditionType::Stalled, false, ready_reason.as_str(), ""),
    });
    conditions.push(match &said.degraded {
        Some((reason, message)) => {
            let message = with_next_step(reason.as_str(), message);
            entry(ConditionType::Degraded, true, reason.as_str(), &message)
        }
        None => entry(ConditionType::Degraded, false, ready_reason.as_str(), ""),
    });
    conditions
}

fn reconciling(
    observed: &Observed,
    target: &Result<Target, Invalid>,
    memory: &StreamJobStatus,
    said: &Situation,
) -> Option<(Reason, String)> {
    if observed.job.deleted_at.is_some() {
        let what = if tearing_down(observed, target.as_ref().ok(), memory) {
            "pods go, then the last generation is fenced"
        } else {
            "the state is saved before the pods go"
        };
        return Some((Reason::Deleting, what.to_owned()));
    }
    if let Some(number) = memory.releasing {
        let sealed = observed.set(number).count(&[SlotPhase::Sealed]);
        let text = format!("generation {number} releases: {sealed} slots sealed");
        return Some((Reason::Suspending, text));
    }
    if let Some(next) = &memory.next {
        let set = observed.set(next.number);
        return Some(if memory.acquiring.is_some() {
            let running = set.count(&[SlotPhase::Running]);
            let text =
                format!("generation {}: {running} of {} slots run", next.number, next.slots());
            (Reason::Acquiring, text)
        } else {
            let ready = set.pods.iter().filter(|pod| pod.ready).count();
            let text =
                format!("generation {}: {ready} of {} pods warm", next.number, next.parallelism);
            match set.pods.iter().find_map(|pod| pod.problem.as_ref()).or(set.problem.as_ref()) {
                Some(problem) => (problem.reason, format!("{text}; {problem}")),
                None => (Reason::WarmingUp, text),
            }
        });
    }
    let target = target.as_ref().ok()?;
    if target.waits_for_savepoint {
        let text = "waiting for the savepoint that restoreFrom names".to_owned();
        return Some((Reason::Starting, text));
    }
    if planner_wanted(observed, target, memory) {
        let name = names::planner(&observed.job.name, &target.plan_digest);
        let problem = observed.tasks.get(&name).and_then(|task| task.problem.as_ref());
        return Some(match problem {
            Some(problem) => (problem.reason, format!("the planner cannot start: {problem}")),
            None => (Reason::Starting, "the planner looks at the spec".to_owned()),
        });
    }
    let running = memory.current.is_some() && !target.suspended();
    (running && !said.ready && said.stalled.is_none())
        .then(|| (said.ready_because.0, said.ready_because.1.clone()))
}

fn with_next_step(reason: &str, message: &str) -> String {
    let next = Reason::ALL.iter().find(|known| known.as_str() == reason);
    match next.map(|reason| reason.next_step()) {
        Some(next) if !next.is_empty() => format!("{message}. Next: {next}"),
        _ => message.to_owned(),
    }
}

/// A condition; the time stays while the status stays.
fn condition(
    observed: &Observed,
    condition_type: ConditionType,
    holds: bool,
    reason: &str,
    message: &str,
) -> Condition {
    let status = if holds { ConditionStatus::True } else { ConditionStatus::False };
    let before = observed
        .job
        .status
        .conditions
        .iter()
        .find(|known| known.condition_type == condition_type && known.status == status);
    Condition {
        condition_type,
        status,
        reason: reason.to_owned(),
        message: message.chars().take(MESSAGE_CHARS_MAX).collect(),
        observed_generation: Some(observed.job.generation),
        last_transition_time: before
            .map_or_else(|| Time(observed.now), |known| known.last_transition_time.clone()),
    }
}
