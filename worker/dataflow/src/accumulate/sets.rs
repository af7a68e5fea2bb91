//! A set of values per group, as one state column: the canonical bytes of the values, sorted, one after the other.
//!
//! All sets lie in one index and one arena, so that a value which is there already costs a look-up and nothing else.

use ahash::RandomState;
use hashbrown::HashTable;

use super::stored_bytes::StoredBytes;
use crate::codec::{Value, take_value};
use crate::column::ColumnKind;

const NONE: u32 = u32::MAX;

/// A value of a set.
struct Member {
    start: usize,
    len: u32,
    group: u32,
    /// The value of the same set that came before it.
    before: u32,
}

#[derive(Clone, Copy)]
struct Set {
    newest: u32,
    len: u32,
    bytes: usize,
}

pub(super) struct Sets {
    kind: ColumnKind,
    hasher: RandomState,
    /// Hash and number of a member.
    index: HashTable<(u64, u32)>,
    members: Vec<Member>,
    bytes: Vec<u8>,
    groups: Vec<Set>,
}

impl Sets {
    /// `kind`: of the values.
    pub(super) fn new(kind: ColumnKind) -> Self {
        Self {
            kind,
            // Fixed, as for the keys of groups; here nothing depends on it.
            hasher: RandomState::with_seeds(
                0x4528_21e6_38d0_1377,
                0xbe54_66cf_34e9_0c6c,
                0xc0ac_29b7_c97c_50dd,
                0x3f84_d5b5_b547_0917,
            ),
            index: HashTable::new(),
            members: Vec::new(),
            bytes: Vec::new(),
            groups: Vec::new(),
        }
    }

    /// Number of values in a set.
    pub(super) fn count(&self, group: u32) -> i64 {
        self.groups[group as usize].len.into()
    }

    /// Adds canonical bytes to a set.
    pub(super) fn insert(&mut self, group: u32, value: &[u8]) {
        let hash = self.hasher.hash_one((group, value));
        let Self { index, members, bytes, groups, .. } = self;
        let same = |entry: &(u64, u32)| {
            let member = &members[entry.1 as usize];
            entry.0 == hash && member.group == group && slice(bytes, member) == value
        };
        if index.find(hash, same).is_some() {
            return;
        }
        let number = u32::try_from(members.len()).ok().filter(|number| *number < NONE);
        let number = number.expect("the memory budget ends far below 2^32 values");
        let set = &mut groups[group as usize];
        let (start, len) = (bytes.len(), value.len() as u32);
        members.push(Member { start, len, group, before: set.newest });
        bytes.extend_from_slice(value);
        set.newest = number;
        set.len += 1;
        set.bytes += value.len();
        index.insert_unique(hash, (hash, number), |entry| entry.0);
    }
}

fn slice<'a>(bytes: &'a [u8], member: &Member) -> &'a [u8] {
    &bytes[member.start..member.start + member.len as usize]
}

impl StoredBytes for Sets {
    fn stored(&self, group: u32) -> Vec<u8> {
        let set = self.groups[group as usize];
        let mut values = Vec::with_capacity(set.len as usize);
        let mut next = set.newest;
        while next != NONE {
            let member = &self.members[next as usize];
            values.push(slice(&self.bytes, member));
            next = member.before;
        }
        values.sort_unstable();
        let mut out = Vec::with_capacity(set.bytes);
        for value in values {
            out.extend_from_slice(value);
        }
        out
    }

    fn take_stored(&mut self, group: u32, mut stored: &[u8]) -> Option<()> {
        while !stored.is_empty() {
            let whole = stored;
            match take_value(self.kind, &mut stored)? {
                Value::Null => return None,
                _ => self.insert(group, &whole[..whole.len() - stored.len()]),
            }
        }
        Some(())
    }

    fn grow(&mut self, groups: usize) {
        if groups > self.groups.len() {
            self.groups.resize(groups, Set { newest: NONE, len: 0, bytes: 0 });
        }
    }

    fn clear(&mut self) {
        self.index.clear();
        self.members.clear();
        self.bytes.clear();
        self.groups.clear();
    }

    fn held_bytes(&self) -> usize {
        self.bytes.len()
    }

    fn memory_bytes(&self) -> usize {
        self.index.allocation_size()
            + size_of::<Member>() * self.members.capacity()
            + self.bytes.capacity()
            + size_of::<Set>() * self.groups.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fold;
    use super::*;
    use crate::codec::put_value;

    fn set(values: &[i64]) -> Sets {
        let mut sets = Sets::new(ColumnKind::Int64);
        sets.grow(2);
        for value in values {
            let mut bytes = Vec::new();
            put_value(&mut bytes, ColumnKind::Int64, Value::Int(*value));
            sets.insert(1, &bytes);
        }
        sets
    }

    #[test]
    fn the_stored_form_is_frozen_and_knows_no_order() {
        let mut stored = Vec::new();
        fold::StateColumns::encode(&set(&[2, -1, 2]), 1, &mut stored);
        let expected =
            [&[1, 0, 0, 0, 18][..], &[1, 0x7f], &[0xff; 7], &[1, 0x80, 0, 0, 0, 0, 0, 0, 2]];
        assert_eq!(stored, expected.concat());
        let mut other = Vec::new();
        fold::StateColumns::encode(&set(&[-1, 2]), 1, &mut other);
        assert_eq!(stored, other);
        let mut empty = Vec::new();
        fold::StateColumns::encode(&set(&[]), 1, &mut empty);
        assert_eq!(empty, [0]);
    }

    #[test]
    fn stored_sets_come_back_and_damaged_ones_do_not() {
        let whole = set(&[7, 8, 9]).stored(1);
        let mut restored = Sets::new(ColumnKind::Int64);
        restored.grow(1);
        assert_eq!(fold::StateColumns::decode(&mut restored, 0, &[Value::Bytes(&whole)]), Some(()));
        assert_eq!((restored.count(0), restored.held_bytes()), (3, whole.len()));
        assert_eq!(fold::StateColumns::decode(&mut restored, 0, &[Value::Null]), Some(()));
        assert_eq!(
            fold::StateColumns::decode(&mut restored, 0, &[Value::Bytes(&whole[..10])]),
            None
        );
        assert_eq!(fold::StateColumns::decode(&mut restored, 0, &[Value::Bytes(&[0])]), None);
        restored.clear();
        restored.grow(1);
        assert_eq!((restored.count(0), restored.held_bytes()), (0, 0));
    }
}
