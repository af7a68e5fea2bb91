//! What workers are told. Orders are levels: as long as a worker is not where it should be, it is
//! told again. Every order follows from a memory that has been written.

use crds::{GenerationStatus, StreamJobStatus};
use protocol::Generation;
use protocol::admin::{
    AcquireOrder, ProvenOrder, ReleaseOrder, SavepointOrder, SlotPhase, TakeOverOrder, WorkerStatus,
};

use crate::limits::UNREACHABLE_GRACE;
use crate::machine::OWNING;
use crate::observed::{Contact, Observed, PodView, SetView};

mod moves;

/// One order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Own the shards.
    Acquire(AcquireOrder),
    /// Give them up.
    Release(ReleaseOrder),
    /// Take a savepoint, or go on after it.
    Savepoint(SavepointOrder),
    /// Fence a slot that is gone.
    TakeOver(TakeOverOrder),
    /// It is here to stay.
    Proven(ProvenOrder),
}

/// An order and whom it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The pod's name.
    pub pod: String,
    /// Its address.
    pub ip: String,
    /// The order.
    pub order: Order,
}

/// All orders that follow from the memory and what the workers say.
pub fn orders(observed: &Observed, memory: &StreamJobStatus, tearing_down: bool) -> Vec<Sent> {
    if tearing_down {
        return Vec::new();
    }
    if let Some(current) = of_number(memory.current.as_ref(), memory.releasing) {
        return rest(&observed.set(current.number), current);
    }
    if let Some(next) = of_number(memory.next.as_ref(), memory.acquiring) {
        return move_shards(observed, memory, next);
    }
    let current = memory.current.as_ref().filter(|g| memory.sealed != Some(g.number));
    current.map(|current| keep_running(observed, memory, current)).unwrap_or_default()
}

fn of_number(
    generation: Option<&GenerationStatus>,
    number: Option<u64>,
) -> Option<&GenerationStatus> {
    generation.filter(|generation| Some(generation.number) == number)
}

/// Every slot of the generation is to be sealed. One that has been started anew must own its
/// shards again before it can give them up.
fn rest(set: &SetView, current: &GenerationStatus) -> Vec<Sent> {
    let mut sent = Vec::new();
    let release = ReleaseOrder { generation: Generation(current.number), drain: true, seal: true };
    for (pod, worker) in live(set, current) {
        let sealed = worker.slots.iter().all(|slot| slot.phase == SlotPhase::Sealed);
        if waits_for_acquire(worker) {
            sent.extend(order(pod, Order::Acquire(acquire(current, true))));
        }
        if !sealed {
            sent.extend(order(pod, Order::Release(release.clone())));
        }
    }
    sent
}

/// The new generation acquires while the old one releases, move by move.
fn move_shards(
    observed: &Observed,
    memory: &StreamJobStatus,
    next: &GenerationStatus,
) -> Vec<Sent> {
    let mut sent = Vec::new();
    let new = observed.set(next.number);
    let Some(current) = &memory.current else {
        take_up(&new, next, |_| true, true, &mut sent);
        return sent;
    };
    let old = observed.set(current.number);
    let release = ReleaseOrder {
        generation: Generation(current.number),
        // Another plan may not read what is under way in the exchanges.
        drain: current.plan_fingerprint != next.plan_fingerprint,
        seal: false,
    };
    for due in moves::due(observed, memory, current, next) {
        let take_over = former_is_gone(observed, memory, &old, &due.from);
        take_up(&new, next, |pod| due.to.contains(&pod.ordinal), take_over, &mut sent);
        for (pod, worker) in live(&old, current) {
            if due.from.contains(&pod.ordinal) && has(worker, OWNING) {
                sent.extend(order(pod, Order::Release(release.clone())));
            }
        }
    }
    sent
}

fn take_up(
    new: &SetView,
    next: &GenerationStatus,
    moves: impl Fn(&PodView) -> bool,
    take_over: bool,
    sent: &mut Vec<Sent>,
) {
    for (pod, worker) in live(new, next).filter(|(pod, _)| moves(pod)) {
        if waits_for_acquire(worker) || take_over && has(worker, &[SlotPhase::Acquiring]) {
            sent.extend(order(pod, Order::Acquire(acquire(next, take_over))));
        }
    }
}

/// Slots that were started anew own their shards again; slots that rest at a savepoint that is
/// over go on. A generation that has proved itself is told so: what a way back needs may go (O7).
fn keep_running(
    observed: &Observed,
    memory: &StreamJobStatus,
    current: &GenerationStatus,
) -> Vec<Sent> {
    let mut sent = Vec::new();
    let healthy = memory.healthy.as_ref().map(|healthy| healthy.generation.number);
    let proven = healthy == Some(current.number);
    for (pod, worker) in live(&observed.set(current.number), current) {
        if waits_for_acquire(worker) {
            sent.extend(order(pod, Order::Acquire(acquire(current, true))));
        }
        if let Some(name) = stale_savepoint(observed, worker) {
            let generation = Generation(current.number);
            let resume = SavepointOrder { generation, name, resume: true };
            sent.extend(order(pod, Order::Savepoint(resume)));
        }
        if proven && worker.proven == Some(false) {
            let generation = Generation(current.number);
            sent.extend(order(pod, Order::Proven(ProvenOrder { generation })));
        }
    }
    sent
}

fn stale_savepoint(observed: &Observed, worker: &WorkerStatus) -> Option<String> {
    let paused = worker.slots.iter().filter(|slot| slot.phase == SlotPhase::Paused);
    let active = |name: &str| {
        observed.savepoints.iter().any(|savepoint| savepoint.in_progress && savepoint.key == name)
    };
    paused
        .filter_map(|slot| slot.savepoint.as_ref())
        .map(|part| part.name.clone())
        .find(|name| !active(name))
}

fn acquire(generation: &GenerationStatus, take_over: bool) -> AcquireOrder {
    AcquireOrder { generation: Generation(generation.number), take_over }
}

/// Whether none of the former owners can release any more: waiting for one that still owns spares a replay, waiting for
/// one that is gone only costs time. Fencing makes both safe.
fn former_is_gone(
    observed: &Observed,
    memory: &StreamJobStatus,
    former: &SetView,
    ordinals: &[u32],
) -> bool {
    let since = memory.acquiring_since.as_ref().map(|at| observed.since(at.0));
    let patient = since.unwrap_or_default() < UNREACHABLE_GRACE;
    let mut owners = former.pods.iter().filter(|pod| ordinals.contains(&pod.ordinal));
    !owners.any(|pod| match &pod.contact {
        Contact::Answered(worker) => has(worker, OWNING),
        Contact::Silent(_) => patient && pod.ready && !pod.ending,
        Contact::Unasked => false,
    })
}

fn live<'a>(
    set: &'a SetView,
    generation: &GenerationStatus,
) -> impl Iterator<Item = (&'a PodView, &'a WorkerStatus)> {
    let number = generation.number;
    set.workers().filter(move |(_, worker)| worker.generation.0 == number)
}

fn waits_for_acquire(worker: &WorkerStatus) -> bool {
    has(worker, &[SlotPhase::Warming, SlotPhase::Warm])
}

fn has(worker: &WorkerStatus, phases: &[SlotPhase]) -> bool {
    worker.slots.iter().any(|slot| phases.contains(&slot.phase))
}

fn order(pod: &PodView, order: Order) -> Option<Sent> {
    let ip = pod.ip.clone()?;
    Some(Sent { pod: pod.name.clone(), ip, order })
}
