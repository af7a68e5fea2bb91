//! Whose shards move now: a rollout goes slot by slot where it can, so that most of a job processes while some of it
//! moves.

use crds::{ChangeClass, GenerationStatus, StreamJobStatus};
use protocol::admin::{SlotPhase, WorkerStatus};
use protocol::assignment::{Move, moves_v1};

use super::live;
use crate::limits::{STUCK_AFTER, WAVES_MAX};
use crate::machine::{CLAIMED, WARM};
use crate::observed::{Observed, SetView};

/// How far a move has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// The old owners process, but a new one is not ready.
    Waits,
    /// The old owners process, and the new ones are ready.
    Ready,
    /// It was ordered, or an owner is gone.
    UnderWay,
    /// The new owners process.
    Done,
}

/// The moves that are to be ordered now, those that are under way among them. Whoever lost an owner moves at once; of
/// the others the next begins when the one before is done, several at a time where there are many.
pub(super) fn due(
    observed: &Observed,
    memory: &StreamJobStatus,
    current: &GenerationStatus,
    next: &GenerationStatus,
) -> Vec<Move> {
    let moves = if moves_apart(memory, current, next) {
        moves_v1(size(current), size(next))
    } else {
        vec![Move { from: all(current), to: all(next) }]
    };
    let since = memory.acquiring_since.as_ref().map(|at| observed.since(at.0));
    let (old, new) = (observed.set(current.number), observed.set(next.number));
    let progress = |of: &Move| progress((&old, current), (&new, next), of);
    let seen: Vec<Progress> = moves.iter().map(progress).collect();
    let under_way = seen.iter().filter(|seen| **seen == Progress::UnderWay).count();
    let impatient = moves.len() == 1 || since.unwrap_or_default() >= STUCK_AFTER;
    let at_once = if impatient { moves.len() } else { moves.len().div_ceil(WAVES_MAX) };
    let mut room = at_once.saturating_sub(under_way);
    let mut due = |seen: Progress| match seen {
        Progress::Done => false,
        Progress::UnderWay => true,
        Progress::Waits if !impatient => false,
        Progress::Waits | Progress::Ready => {
            let begins = room > 0;
            room = room.saturating_sub(1);
            begins
        }
    };
    moves.into_iter().zip(seen).filter(|(_, seen)| due(*seen)).map(|(of, _)| of).collect()
}

/// Whether both generations number the same logs in the same way, and read each other's exchanges. Another plan is
/// drained, which takes all of it at once (O6).
fn moves_apart(
    memory: &StreamJobStatus,
    current: &GenerationStatus,
    next: &GenerationStatus,
) -> bool {
    if memory.sealed == Some(current.number) || current.plan_fingerprint != next.plan_fingerprint {
        return false;
    }
    // Nothing but the number of pods differs, or what it proved itself with is known.
    let healthy = memory.healthy.as_ref().filter(|h| h.generation.number == current.number);
    let plan = memory.plan.as_ref();
    next.change == Some(ChangeClass::Rescale)
        || healthy.zip(plan).is_some_and(|(healthy, plan)| healthy.plan.layout == plan.layout)
}

fn progress(
    (old, current): (&SetView, &GenerationStatus),
    (new, next): (&SetView, &GenerationStatus),
    of: &Move,
) -> Progress {
    let slots = |ordinals: &[u32], generation: &GenerationStatus| {
        ordinals.len() * generation.slots_per_worker as usize
    };
    let taken = count(new, next, &of.to, CLAIMED);
    if taken >= slots(&of.to, next) {
        return Progress::Done;
    }
    let begun = taken > 0 || count(new, next, &of.to, &[SlotPhase::Acquiring]) > 0;
    if begun || count(old, current, &of.from, CLAIMED) < slots(&of.from, current) {
        return Progress::UnderWay;
    }
    let warm = count(new, next, &of.to, WARM) >= slots(&of.to, next);
    if warm { Progress::Ready } else { Progress::Waits }
}

/// Slots in one of these phases, on these pods.
fn count(
    set: &SetView,
    generation: &GenerationStatus,
    ordinals: &[u32],
    phases: &[SlotPhase],
) -> usize {
    let of_move = live(set, generation).filter(|(pod, _)| ordinals.contains(&pod.ordinal));
    let in_phase = |worker: &WorkerStatus| {
        worker.slots.iter().filter(|slot| phases.contains(&slot.phase)).count()
    };
    of_move.map(|(_, worker)| in_phase(worker)).sum()
}

fn size(generation: &GenerationStatus) -> (u32, u32) {
    (generation.parallelism.max(1), generation.slots_per_worker.max(1))
}

fn all(generation: &GenerationStatus) -> Vec<u32> {
    (0..generation.parallelism).collect()
}
