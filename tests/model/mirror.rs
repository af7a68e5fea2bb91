//! Two shards, and the two slots of a generation that has two, can change places: only one of the two states is kept.

use super::world::{Entry, IDS, Request, SHARDS, World};

/// The other place of each id.
fn mirrored_ids(slots: &[u8]) -> [u8; IDS] {
    let mut ids = [0; IDS];
    let mut first = 0;
    for slots in slots {
        for slot in 0..*slots {
            ids[(first + slot) as usize] = first + slots - 1 - slot;
        }
        first += slots;
    }
    ids
}

impl World {
    /// The same with the shards in each other's place. `slots` are those of each generation.
    pub(crate) fn mirrored(&self, slots: &[u8]) -> World {
        let ids = mirrored_ids(slots);
        let other = |generation: u8, slot: u8| slots[generation as usize - 1] - 1 - slot;
        let entries = |entries: [Entry; SHARDS]| {
            let mirror = |entry: Entry| entry.map(|c| c.slot = other(c.generation, c.slot));
            [mirror(entries[1]), mirror(entries[0])]
        };
        let mut world = *self;
        world.visible = entries(self.visible);
        world.stale = self.stale.map(entries);
        world.sink.reverse();
        for (id, txn) in self.ids.iter().enumerate().take(slots.iter().sum::<u8>() as usize) {
            let mut txn = *txn;
            txn.rows = txn.rows.rotate_left(4);
            txn.offsets = entries(txn.offsets);
            txn.ranks.reverse();
            world.ids[ids[id] as usize] = txn;
        }
        for slot in world.slots.iter_mut().filter(|slot| slot.generation > 0) {
            slot.slot = other(slot.generation, slot.slot);
            slot.own.reverse();
            slot.shards = slot.shards >> 1 | (slot.shards & 1) << 1;
            let bits = (0..IDS).filter(|id| slot.fencing >> id & 1 == 1);
            slot.fencing = bits.fold(0, |all, id| all | 1 << ids[id]);
        }
        for request in &mut world.delayed {
            *request = match *request {
                Request::None => Request::None,
                Request::Offsets { id, offsets } => {
                    Request::Offsets { id: ids[id as usize], offsets: entries(offsets) }
                }
                Request::Commit { id } => Request::Commit { id: ids[id as usize] },
                Request::Abort { id } => Request::Abort { id: ids[id as usize] },
            };
        }
        world.normalize();
        world
    }
}
