//! Coming to rest: suspension and deletion.

use crds::StreamJobStatus;
use protocol::admin::SlotPhase;

use super::{End, all_slots};
use crate::observed::Observed;
use crate::validate::Target;

/// Every shard is sealed: the pods may go.
pub(super) fn finish_releasing(observed: &Observed, memory: &mut StreamJobStatus) {
    let Some(releasing) = memory.releasing else { return };
    let Some(current) = memory.current.clone().filter(|current| current.number == releasing) else {
        memory.releasing = None;
        return;
    };
    if all_slots(&observed.set(current.number), &current, &[SlotPhase::Sealed]) {
        memory.sealed = Some(current.number);
        memory.releasing = None;
    }
}

/// Drops what only warms up, then has the running generation release.
pub(super) fn suspend(observed: &Observed, memory: &mut StreamJobStatus) {
    memory.next = None;
    if observed.savepoint_in_progress() {
        return;
    }
    release_current(memory);
}

fn release_current(memory: &mut StreamJobStatus) {
    let current = memory.current.as_ref().map(|current| current.number);
    if memory.sealed != current && memory.releasing.is_none() {
        memory.releasing = current;
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
    } else if !acquiring {
        release_current(memory);
    }
}
