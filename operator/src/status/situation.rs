//! What can be said about a job from its workers: does it process, and if not, why.

use crds::{GenerationStatus, StreamJobStatus};
use protocol::admin::{SlotPhase, SlotStatus};
use protocol::reason::Reason;

use crate::limits::CRASHES_MAX;
use crate::observed::{Contact, Observed, SetView};
use crate::validate::{Invalid, Target};

/// The facts behind the conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Situation {
    /// Every shard is processed, or the job rests as asked.
    pub ready: bool,
    /// Why, or why not.
    pub ready_because: (Reason, String),
    /// What only a person can change.
    pub stalled: Option<(Reason, String)>,
    /// What works worse than it should.
    pub degraded: Option<(Reason, String)>,
}

/// Looks at the generation that owns, or should own, the shards.
pub fn situation(
    observed: &Observed,
    target: &Result<Target, Invalid>,
    memory: &StreamJobStatus,
) -> Situation {
    let owner = match memory.acquiring {
        Some(_) => memory.next.as_ref(),
        None => memory.current.as_ref().filter(|g| memory.sealed != Some(g.number)),
    };
    match owner {
        Some(owner) => of_owner(observed, memory, owner),
        None => at_rest(target, memory),
    }
}

fn at_rest(target: &Result<Target, Invalid>, memory: &StreamJobStatus) -> Situation {
    let suspended = target.as_ref().is_ok_and(Target::suspended);
    let because = if suspended {
        let text = match memory.sealed {
            Some(generation) => format!("generation {generation} is sealed; no pods"),
            None => "never started; no pods".to_owned(),
        };
        (Reason::Suspended, text)
    } else {
        (Reason::Starting, "no generation runs yet".to_owned())
    };
    Situation { ready: suspended, ready_because: because, stalled: None, degraded: None }
}

fn of_owner(observed: &Observed, memory: &StreamJobStatus, owner: &GenerationStatus) -> Situation {
    let set = observed.set(owner.number);
    let running = set.count(&[SlotPhase::Running, SlotPhase::Draining, SlotPhase::Paused]);
    let text = format!("generation {}: {running} of {} slots run", owner.number, owner.slots());
    let ready = running >= owner.slots() && memory.releasing.is_none();
    let trouble = trouble(&set);
    let (stalled, degraded) = match trouble {
        Some((reason, text)) if needs_a_person(reason) && !ready => (Some((reason, text)), None),
        trouble => (None, trouble),
    };
    let reason = if memory.releasing.is_some() {
        Reason::Suspending
    } else if memory.acquiring.is_some() {
        Reason::Acquiring
    } else if ready {
        Reason::Running
    } else {
        let worst = stalled.as_ref().or(degraded.as_ref());
        worst.map_or(Reason::Starting, |(reason, _)| *reason)
    };
    Situation { ready, ready_because: (reason, text), stalled, degraded }
}

/// The first slot or pod that has something to say, the gravest reason first.
fn trouble(set: &SetView) -> Option<(Reason, String)> {
    let mut said: Vec<(Reason, String)> = set.slots().filter_map(of_slot).collect();
    said.extend(set.pods.iter().filter_map(|pod| {
        let problem = pod.problem.as_ref()?;
        Some((problem.reason, format!("{}: {problem}", pod.name)))
    }));
    said.extend(set.pods.iter().filter_map(|pod| {
        // Between two ends it runs for a while, and nothing else says why it is not ready.
        let end = pod.last_end.as_ref().filter(|_| pod.problem.is_none() && !pod.ready)?;
        let text = format!("{} has ended {} times: {end}", pod.name, pod.restarts);
        (pod.restarts >= CRASHES_MAX).then_some((Reason::CrashLoop, text))
    }));
    said.extend(set.problem.iter().map(|problem| (problem.reason, problem.text.clone())));
    said.extend(set.pods.iter().filter_map(|pod| match &pod.contact {
        Contact::Silent(why) if pod.ready => {
            Some((Reason::Starting, format!("{} does not answer: {why}", pod.name)))
        }
        _ => None,
    }));
    said.sort_by_key(|(reason, _)| !needs_a_person(*reason));
    said.into_iter().next()
}

fn of_slot(slot: &SlotStatus) -> Option<(Reason, String)> {
    let reason = slot.reason?;
    let passing = matches!(
        reason,
        Reason::Superseded | Reason::Fenced | Reason::UnknownOutcome | Reason::Running
    );
    let text = slot.message.clone().unwrap_or_default();
    (!passing).then(|| (reason, format!("slot {}: {text}", slot.slot)))
}

/// Reasons that do not pass by themselves.
fn needs_a_person(reason: Reason) -> bool {
    use Reason as R;
    matches!(
        reason,
        R::InvalidSpec
            | R::InvalidSql
            | R::IncompatibleState
            | R::TooManySlots
            | R::ClaimRefuted
            | R::NotSupported
            | R::BadRecord
            | R::NumericOverflow
            | R::CommitPointLost
            | R::OffsetsMovedByOther
            | R::ManifestMissing
            | R::ManifestCorrupt
            | R::LogTruncated
            | R::TopicReplaced
            | R::ReplayGapLost
            | R::SourcePartitionsChanged
            | R::Bug
    )
}
