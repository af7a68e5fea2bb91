//! The state machine of a job: from the memory in its status and what was observed to the next
//! memory. Pure; a side effect follows only from a memory that has been written and read again.
//!
//! ```text
//!            planner says yes        every pod Ready         every slot of next runs
//! (nothing) ────────────────► next ─────────────────► acquiring ───────────────────► current
//!                              │ newer spec, deadline                                   │
//!                              ▼                                     suspend or delete  ▼
//!                           dropped                                  releasing ───► sealed
//! ```

use crds::{DeletionPolicy, GenerationStatus, HumanDuration, StreamJobSpec, StreamJobStatus};
use protocol::admin::SlotPhase;

use crate::observed::{Observed, SetView};
use crate::schedule;
use crate::validate::{Invalid, Settings, Target};

pub mod health;
mod planning;
mod rest;
mod rollout;

pub use planning::{as_plan, planner_wanted, refusals, refused, verdict};

/// Phases in which a slot owns its shards.
pub const OWNING: &[SlotPhase] = &[
    SlotPhase::Acquiring,
    SlotPhase::Running,
    SlotPhase::Draining,
    SlotPhase::Paused,
    SlotPhase::Releasing,
];
/// Phases in which a slot of a new generation has proved that it took over.
pub const CLAIMED: &[SlotPhase] = &[SlotPhase::Running, SlotPhase::Draining, SlotPhase::Paused];
/// Phases in which a slot is ready to take over, or already does.
pub const WARM: &[SlotPhase] = &[
    SlotPhase::Warm,
    SlotPhase::Acquiring,
    SlotPhase::Running,
    SlotPhase::Draining,
    SlotPhase::Paused,
];

/// The next memory. Only the fields of the machine differ from what was read.
pub fn advance(
    observed: &Observed,
    target: &Result<Target, Invalid>,
    settings: &Settings,
) -> StreamJobStatus {
    let mut memory = observed.job.status.clone();
    rollout::finish_acquiring(observed, target.as_ref().ok(), &mut memory);
    rest::finish_releasing(observed, target.as_ref().ok(), &mut memory);
    if observed.job.deleted_at.is_some() {
        rest::delete(observed, target.as_ref().ok(), &mut memory);
    } else if let Ok(target) = target {
        run_or_rest(observed, target, settings, &mut memory);
    }
    // A spec that breaks a rule changes nothing: what runs goes on.
    memory
}

fn run_or_rest(
    observed: &Observed,
    target: &Target,
    settings: &Settings,
    memory: &mut StreamJobStatus,
) {
    if memory.acquiring.is_some() || memory.releasing.is_some() {
        return;
    }
    if target.suspended() {
        rest::suspend(observed, memory);
        return;
    }
    schedule::advance(observed, target, memory);
    planning::learn(observed, target, memory);
    health::watch(observed, target, memory);
    rollout::roll(observed, target, settings, memory);
}

/// Whether the machine's part of two statuses is the same.
pub fn same_memory(a: &StreamJobStatus, b: &StreamJobStatus) -> bool {
    a.plan == b.plan
        && a.current == b.current
        && a.next == b.next
        && a.acquiring == b.acquiring
        && a.acquiring_since == b.acquiring_since
        && a.previous == b.previous
        && a.rollout == b.rollout
        && a.last_generation == b.last_generation
        && a.releasing == b.releasing
        && a.releasing_since == b.releasing_since
        && a.sealed == b.sealed
        && a.healthy == b.healthy
        && a.refused == b.refused
        && a.schedule == b.schedule
}

/// The generations whose pods should exist.
pub fn wanted_generations<'a>(
    observed: &Observed,
    target: Option<&Target>,
    memory: &'a StreamJobStatus,
) -> Vec<&'a GenerationStatus> {
    if tearing_down(observed, target, memory) {
        return Vec::new();
    }
    let sealed = |generation: &&GenerationStatus| memory.sealed != Some(generation.number);
    memory.current.iter().filter(sealed).chain(&memory.next).collect()
}

/// Whether the job is deleted and nothing is left to be saved.
pub fn tearing_down(
    observed: &Observed,
    target: Option<&Target>,
    memory: &StreamJobStatus,
) -> bool {
    let saving = memory.releasing.is_some() || memory.acquiring.is_some();
    observed.job.deleted_at.is_some() && !(saving && rest::may_save(observed, target))
}

/// What happens at the end, also for a spec that breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// What becomes of the state.
    pub policy: DeletionPolicy,
    /// Whether it is saved first.
    pub savepoint: bool,
    /// When the object goes in any case.
    pub deadline: HumanDuration,
}

impl End {
    /// As the spec says; without a spec nothing is lost.
    pub fn of(spec: Option<&StreamJobSpec>) -> Self {
        let deletion = spec.map(|spec| spec.deletion.clone()).unwrap_or_default();
        Self {
            policy: deletion.policy(),
            savepoint: deletion.savepoint(),
            deadline: deletion.deadline(),
        }
    }
}

/// Whether every slot of a generation is in one of the phases, on pods that are all there.
fn all_slots(set: &SetView, generation: &GenerationStatus, phases: &[SlotPhase]) -> bool {
    let slots = set
        .workers()
        .filter(|(pod, worker)| !pod.ending && worker.generation.0 == generation.number);
    let in_phase = slots
        .flat_map(|(_, worker)| &worker.slots)
        .filter(|slot| phases.contains(&slot.phase))
        .count();
    u32::try_from(in_phase).is_ok_and(|count| count >= generation.slots())
}
