//! The index of any other key: canonical bytes in one arena.

use ahash::RandomState;
use hashbrown::HashTable;

/// Fixed seeds: the order of groups must not differ between two runs over the same log.
fn hasher() -> RandomState {
    RandomState::with_seeds(
        0x243f_6a88_85a3_08d3,
        0x1319_8a2e_0370_7344,
        0xa409_3822_299f_31d0,
        0x082e_fa98_ec4e_6c89,
    )
}

/// The place of the key is in the slot, so that a hit touches the slot and the key and nothing else.
struct Slot {
    hash: u64,
    start: usize,
    len: u32,
    group: u32,
}

/// Key → group, and group → key.
pub(super) struct BytesIndex {
    slots: HashTable<Slot>,
    hasher: RandomState,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl BytesIndex {
    pub(super) fn new() -> Self {
        Self { slots: HashTable::new(), hasher: hasher(), bytes: Vec::new(), ends: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn key(&self, group: u32) -> &[u8] {
        let at = group as usize;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start..self.ends[at]]
    }

    pub(super) fn reserve(&mut self, groups: usize) {
        self.slots.reserve(groups, |slot| slot.hash);
        self.ends.reserve(groups);
    }

    pub(super) fn find(&self, key: &[u8]) -> Option<u32> {
        let hash = self.hasher.hash_one(key);
        let same = |slot: &Slot| {
            slot.hash == hash && self.bytes[slot.start..slot.start + slot.len as usize] == *key
        };
        self.slots.find(hash, same).map(|slot| slot.group)
    }

    #[inline]
    pub(super) fn insert(&mut self, key: &[u8]) -> u32 {
        let hash = self.hasher.hash_one(key);
        let Self { slots, bytes, ends, .. } = self;
        let same = |slot: &Slot| {
            slot.hash == hash && bytes[slot.start..slot.start + slot.len as usize] == *key
        };
        if let Some(slot) = slots.find(hash, same) {
            return slot.group;
        }
        let (start, len, group) = (bytes.len(), key.len() as u32, ends.len() as u32);
        bytes.extend_from_slice(key);
        ends.push(bytes.len());
        slots.insert_unique(hash, Slot { hash, start, len, group }, |slot| slot.hash);
        group
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.bytes.clear();
        self.ends.clear();
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.slots.allocation_size() + self.bytes.capacity() + 8 * self.ends.capacity()
    }
}
