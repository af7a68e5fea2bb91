//! The index of a single BIGINT key: keys inline, no bytes made on the way in.

use arrow::array::{Array, ArrayRef, Int64Array};
use hashbrown::HashTable;
use std::sync::Arc;

use crate::accumulate::Rows;

const FOLD: u128 = 0x9e37_79b9_7f4a_7c15;
const MIX: u64 = 0x2545_f491_4f6c_dd1d;

#[inline]
fn hash(key: i64) -> u64 {
    let wide = u128::from(key as u64 ^ MIX) * FOLD;
    (wide as u64) ^ ((wide >> 64) as u64)
}

/// Key → group, and group → key.
#[derive(Default)]
pub(super) struct IntIndex {
    slots: HashTable<(i64, u32)>,
    keys: Vec<Option<i64>>,
    null: Option<u32>,
}

impl IntIndex {
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn key(&self, group: u32) -> Option<i64> {
        self.keys[group as usize]
    }

    pub(super) fn reserve(&mut self, groups: usize) {
        self.slots.reserve(groups, |slot| hash(slot.0));
        self.keys.reserve(groups);
    }

    pub(super) fn resolve(&mut self, keys: &Int64Array, rows: &Rows<'_>, groups: &mut Vec<u32>) {
        let values = keys.values();
        if keys.null_count() == 0 {
            rows.for_each(|row| groups.push(self.insert(values[row])));
        } else {
            rows.for_each(|row| {
                let key = keys.is_valid(row).then(|| values[row]);
                groups.push(self.insert_nullable(key));
            });
        }
    }

    #[inline]
    fn insert(&mut self, key: i64) -> u32 {
        let Self { slots, keys, .. } = self;
        // Nearly always it is there; an entry would make room first.
        if let Some(slot) = slots.find(hash(key), |slot| slot.0 == key) {
            return slot.1;
        }
        slots
            .entry(hash(key), |slot| slot.0 == key, |slot| hash(slot.0))
            .or_insert_with(|| {
                keys.push(Some(key));
                (key, keys.len() as u32 - 1)
            })
            .get()
            .1
    }

    pub(super) fn insert_nullable(&mut self, key: Option<i64>) -> u32 {
        match (key, self.null) {
            (Some(key), _) => self.insert(key),
            (None, Some(group)) => group,
            (None, None) => {
                self.keys.push(None);
                let group = self.keys.len() as u32 - 1;
                self.null = Some(group);
                group
            }
        }
    }

    pub(super) fn find(&self, key: Option<i64>) -> Option<u32> {
        match key {
            Some(key) => self.slots.find(hash(key), |slot| slot.0 == key).map(|slot| slot.1),
            None => self.null,
        }
    }

    pub(super) fn column(&self, groups: &[u32]) -> ArrayRef {
        if self.null.is_none() {
            let values = groups.iter().map(|g| self.keys[*g as usize].unwrap_or_default());
            return Arc::new(Int64Array::from_iter_values(values));
        }
        Arc::new(groups.iter().map(|g| self.keys[*g as usize]).collect::<Int64Array>())
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.keys.clear();
        self.null = None;
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.slots.allocation_size() + 16 * self.keys.capacity()
    }
}
