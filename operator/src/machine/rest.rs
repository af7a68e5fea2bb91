//! Coming to rest: suspension and deletion.

use crds::StreamJobStatus;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use protocol::admin::SlotPhase;

use super::{End, all_slots};
use crate::limits::STUCK_AFTER;
use crate::observed::Observed;
use crate::validate::Target;

/// Every shard is sealed: the pods may go. A release that does not get there though the job is
/// wanted again ends the pods as well: what they committed is what the next generation reads.
pub(super) fn finish_releasing(
    observed: &Observed,
    target: Option<&Target>,
    memory: &mut StreamJobStatus,
) {
    let Some(releasing) = memory.releasing else { return };
    let current = memory.current.clone().filter(|current| current.number == releasing);
    let sealed = current.as_ref().is_some_and(|current| {
        all_slots(&observed.set(current.number), current, &[SlotPhase::Sealed])
    });
    if sealed || is_stuck(observed, target, memory) {
        memory.sealed = Some(releasing);
    }
    if memory.sealed == Some(releasing) || current.is_none() {
        memory.releasing = None;
        memory.releasing_since = None;
    }
}

fn is_stuck(observed: &Observed, target: Option<&Target>, memory: &StreamJobStatus) -> bool {
    let since = memory.releasing_since.as_ref().map(|at| observed.since(at.0));
    let wanted = target.is_some_and(|target| !target.suspended());
    let alive = observed.job.deleted_at.is_none();
    wanted && alive && since.unwrap_or_default() >= STUCK_AFTER
}

/// Drops what only warms up, then has the running generation release.
pub(super) fn suspend(observed: &Observed, memory: &mut StreamJobStatus) {
    memory.next = None;
    if observed.savepoint_in_progress() {
        return;
    }
    release_current(observed, memory);
}

/// Intent: the running generation is to release and seal.
pub(super) fn release_current(observed: &Observed, memory: &mut StreamJobStatus) {
    let current = memory.current.as_ref().map(|current| current.number);
    if memory.sealed != current && memory.releasing.is_none() {
        memory.releasing = current;
        memory.releasing_since = Some(Time(observed.now));
    }
}

/// Whether a deleted job may still save its state. Half of the deadline is kept for the rest.
pub(super) fn may_save(observed: &Observed, target: Option<&Target>) -> bool {
    let end = End::of(target.map(|target| &target.spec));
    let deleted_at = observed.job.deleted_at.unwrap_or(observed.now);
    end.savepoint && observed.since(deleted_at) * 2 < end.deadline.get()
}

/// Saves the state while there is time, then lets go.
pub(super) fn delete(observed: &Observed, target: Option<&Target>, memory: &mut StreamJobStatus) {
    let acquiring = memory.acquiring.is_some();
    if !acquiring {
        memory.next = None;
    }
    if !may_save(observed, target) {
        memory.releasing = None;
        memory.releasing_since = None;
    } else if !acquiring {
        release_current(observed, memory);
    }
}
