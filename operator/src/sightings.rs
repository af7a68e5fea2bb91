//! When each slot was last seen, and as which incarnation: what a slot that is gone is fenced by (O5). Kept in this
//! process alone, for it only spares readers the rest of a transaction's timeout: an operator that starts anew has
//! seen nothing and fences nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use crds::GenerationStatus;
use jiff::Timestamp;
use protocol::admin::{SlotPhase, TakeOverOrder};
use protocol::{Generation, Nonce, SlotIndex};

use crate::limits::UNSEEN_AFTER;
use crate::observed::{Observed, PodView, SetView};
use crate::orders::{Order, Sent};

/// A slot as it was seen last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Its generation.
    pub generation: u64,
    /// The pod that it ran in, by number and identity.
    pub pod: (u32, String),
    /// Its incarnation.
    pub nonce: Nonce,
    /// When.
    pub at: Timestamp,
    /// This incarnation has been fenced.
    pub fenced: bool,
}

/// The slots of one job.
pub type Slots = BTreeMap<SlotIndex, Sighting>;

/// The slots of all jobs.
#[derive(Default)]
pub struct Sightings {
    jobs: Mutex<HashMap<String, Slots>>,
}

impl Sightings {
    /// Takes up who answered now; what is known then of the generation that owns the shards.
    pub fn note(&self, observed: &Observed, current: &GenerationStatus) -> Slots {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let slots = jobs.entry(observed.job.uid.clone()).or_default();
        slots.retain(|_, sighting| sighting.generation == current.number);
        for (pod, worker) in observed.set(current.number).workers() {
            for slot in worker.slots.iter().filter(|_| worker.generation.0 == current.number) {
                let fenced =
                    slots.get(&slot.slot).is_some_and(|s| s.fenced && s.nonce == slot.nonce);
                let sighting = Sighting {
                    generation: current.number,
                    pod: (pod.ordinal, pod.uid.clone()),
                    nonce: slot.nonce.clone(),
                    at: observed.now,
                    fenced,
                };
                slots.insert(slot.slot, sighting);
            }
        }
        slots.clone()
    }

    /// These were heard: once per incarnation is enough.
    pub fn fenced(&self, job_uid: &str, heard: &[Sent]) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(slots) = jobs.get_mut(job_uid) else { return };
        for sent in heard {
            if let Order::TakeOver(order) = &sent.order
                && let Some(sighting) = slots.get_mut(&order.fence_slot)
            {
                sighting.fenced |= sighting.nonce == order.fence_nonce;
            }
        }
    }

    /// The job is gone, or has nothing that runs.
    pub fn forget(&self, job_uid: &str) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).remove(job_uid);
    }
}

/// Slots to fence, each by any worker that lives: not seen for a while, their pods gone, and no pod in their place
/// that would fence them itself.
pub fn fences(observed: &Observed, current: &GenerationStatus, slots: &Slots) -> Vec<Sent> {
    let set = observed.set(current.number);
    let Some((pod, ip)) = living(&set, current) else { return Vec::new() };
    let unseen = |sighting: &Sighting| observed.since(sighting.at) >= UNSEEN_AFTER;
    let gone = |sighting: &Sighting| {
        let (ordinal, uid) = &sighting.pod;
        !set.pods.iter().any(|pod| pod.uid == *uid || pod.ordinal == *ordinal && pod.ip.is_some())
    };
    let due = slots.iter().filter(|(_, s)| !s.fenced && unseen(s) && gone(s));
    due.map(|(slot, sighting)| Sent {
        pod: pod.name.clone(),
        ip: ip.clone(),
        order: Order::TakeOver(TakeOverOrder {
            generation: Generation(current.number),
            fence_generation: Generation(sighting.generation),
            fence_slot: *slot,
            fence_nonce: sighting.nonce.clone(),
        }),
    })
    .collect()
}

/// A worker that processes.
fn living(set: &SetView, current: &GenerationStatus) -> Option<(PodView, String)> {
    let (pod, _) = set.workers().find(|(pod, worker)| {
        worker.generation.0 == current.number
            && !pod.ending
            && worker.slots.iter().any(|slot| slot.phase == SlotPhase::Running)
    })?;
    Some((pod.clone(), pod.ip.clone()?))
}
