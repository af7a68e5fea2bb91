//! Keys of groups: none, one BIGINT, or anything else as canonical bytes.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::datatypes::Int64Type;
use protocol::hash::key_hash_v1;

use super::bytes_index::BytesIndex;
use super::int_index::IntIndex;
use crate::accumulate::Rows;
use crate::codec::{self, ColumnBuilder, EncodedKeys, Value};
use crate::column::ColumnKind;
use crate::error::DataflowError;
use crate::limits::GROUPS_MAX;

/// The keys of a batch, made once and used for every table that its rows touch.
#[derive(Default)]
pub(crate) struct BatchKeys {
    int: Option<Int64Array>,
    encoded: EncodedKeys,
    keyed: bool,
}

impl BatchKeys {
    /// Prepares the key columns of a batch.
    pub(crate) fn prepare(&mut self, kinds: &[ColumnKind], columns: &[ArrayRef], rows: usize) {
        self.int = None;
        match kinds {
            [] => {}
            [ColumnKind::Int64] => {
                self.int = Some(columns[0].as_primitive::<Int64Type>().clone());
            }
            _ => self.encoded.encode(kinds, columns, rows),
        }
        self.keyed = !kinds.is_empty();
    }

    /// Hash of the canonical bytes of a row's key.
    pub(crate) fn hash(&self, row: usize) -> u64 {
        match &self.int {
            _ if !self.keyed => key_hash_v1(&[]),
            Some(keys) => int_hash(keys.is_valid(row).then(|| keys.value(row))),
            None => key_hash_v1(self.encoded.row(row)),
        }
    }
}

fn int_hash(key: Option<i64>) -> u64 {
    match key {
        Some(key) => {
            let mut bytes = [1; 9];
            bytes[1..].copy_from_slice(&codec::i64_bytes(key));
            key_hash_v1(&bytes)
        }
        None => key_hash_v1(&[0]),
    }
}

enum Index {
    /// No key: one group, made by the first row.
    Whole(bool),
    Int(IntIndex),
    Bytes(BytesIndex),
}

/// Key → number, and number → key.
pub(crate) struct KeyIndex {
    kinds: Vec<ColumnKind>,
    index: Index,
}

impl KeyIndex {
    pub(crate) fn new(kinds: &[ColumnKind]) -> Self {
        let index = match kinds {
            [] => Index::Whole(false),
            [ColumnKind::Int64] => Index::Int(IntIndex::default()),
            _ => Index::Bytes(BytesIndex::new()),
        };
        Self { kinds: kinds.to_vec(), index }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.index {
            Index::Whole(there) => usize::from(*there),
            Index::Int(index) => index.len(),
            Index::Bytes(index) => index.len(),
        }
    }

    pub(crate) fn reserve(&mut self, groups: usize) {
        match &mut self.index {
            Index::Whole(_) => {}
            Index::Int(index) => index.reserve(groups),
            Index::Bytes(index) => index.reserve(groups),
        }
    }

    /// Appends the group of each row.
    pub(crate) fn resolve(
        &mut self,
        keys: &BatchKeys,
        rows: &Rows<'_>,
        groups: &mut Vec<u32>,
    ) -> Result<(), DataflowError> {
        self.check_room(rows.len())?;
        match &mut self.index {
            Index::Whole(there) => {
                *there |= rows.len() > 0;
                groups.resize(rows.len(), 0);
            }
            Index::Int(index) => {
                let column = keys.int.as_ref();
                let column = column.expect("keys of a batch are prepared for the table's kinds");
                index.resolve(column, rows, groups);
            }
            Index::Bytes(index) => {
                rows.for_each(|row| groups.push(index.insert(keys.encoded.row(row))));
            }
        }
        Ok(())
    }

    fn check_room(&self, rows: usize) -> Result<(), DataflowError> {
        if self.len() + rows > GROUPS_MAX {
            return Err(DataflowError::Input("a window has more keys than 2^32".to_owned()));
        }
        Ok(())
    }

    /// The group of a key of another index.
    pub(crate) fn find(&self, other: &Self, group: u32) -> Option<u32> {
        match (&self.index, &other.index) {
            (Index::Whole(there), Index::Whole(_)) => there.then_some(0),
            (Index::Int(own), Index::Int(other)) => own.find(other.key(group)),
            (Index::Bytes(own), Index::Bytes(other)) => own.find(other.key(group)),
            _ => None,
        }
    }

    /// Appends, for each of these groups of the other index, the own group of its key.
    pub(crate) fn insert_all(
        &mut self,
        other: &Self,
        theirs: &[u32],
        groups: &mut Vec<u32>,
    ) -> Result<(), DataflowError> {
        self.check_room(theirs.len())?;
        match (&mut self.index, &other.index) {
            (Index::Whole(own), Index::Whole(there)) => {
                *own |= *there;
                groups.extend(theirs);
            }
            (Index::Int(own), Index::Int(index)) => {
                groups.extend(theirs.iter().map(|group| own.insert_nullable(index.key(*group))));
            }
            (Index::Bytes(own), Index::Bytes(index)) => {
                groups.extend(theirs.iter().map(|group| own.insert(index.key(*group))));
            }
            _ => return Err(DataflowError::Bug("tables of different keys".to_owned())),
        }
        Ok(())
    }

    /// Inserts canonical key bytes; `None` if they do not decode or are there already.
    pub(crate) fn insert_stored(&mut self, key: &[u8]) -> Option<u32> {
        let before = self.len();
        let number = self.find_or_insert_stored(key)?;
        (number as usize == before && self.len() > before).then_some(number)
    }

    /// The number of canonical key bytes; `None` if they do not decode.
    pub(crate) fn find_or_insert_stored(&mut self, key: &[u8]) -> Option<u32> {
        let mut rest = key;
        for kind in &self.kinds {
            codec::take_value(*kind, &mut rest)?;
        }
        if !rest.is_empty() {
            return None;
        }
        Some(match &mut self.index {
            Index::Whole(there) => {
                *there = true;
                0
            }
            Index::Int(index) => {
                let mut rest = key;
                let value = match codec::take_value(ColumnKind::Int64, &mut rest)? {
                    Value::Int(value) => Some(value),
                    _ => None,
                };
                index.insert_nullable(value)
            }
            Index::Bytes(index) => index.insert(key),
        })
    }

    /// Order of two keys.
    pub(crate) fn compare(&self, a: u32, b: u32) -> Ordering {
        match &self.index {
            Index::Whole(_) => Ordering::Equal,
            Index::Int(index) => index.key(a).cmp(&index.key(b)),
            Index::Bytes(index) => index.key(a).cmp(index.key(b)),
        }
    }

    pub(crate) fn put_key(&self, group: u32, out: &mut Vec<u8>) {
        match &self.index {
            Index::Whole(_) => {}
            Index::Int(index) => match index.key(group) {
                Some(key) => codec::put_i64(out, key),
                None => codec::put_null(out),
            },
            Index::Bytes(index) => out.extend_from_slice(index.key(group)),
        }
    }

    pub(crate) fn key_hash(&self, group: u32) -> u64 {
        match &self.index {
            Index::Whole(_) => key_hash_v1(&[]),
            Index::Int(index) => int_hash(index.key(group)),
            Index::Bytes(index) => key_hash_v1(index.key(group)),
        }
    }

    /// By hash of the key, then the key.
    pub(crate) fn emission_order(&self, groups: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut order: Vec<(u64, u32)> =
            groups.map(|group| (self.key_hash(group), group)).collect();
        match &self.index {
            Index::Whole(_) => {}
            Index::Int(index) => {
                order.sort_unstable_by_key(|(hash, group)| (*hash, index.key(*group)));
            }
            Index::Bytes(index) => order.sort_unstable_by(|a, b| {
                a.0.cmp(&b.0).then_with(|| index.key(a.1).cmp(index.key(b.1)))
            }),
        }
        order.into_iter().map(|(_, group)| group).collect()
    }

    /// By canonical key bytes.
    pub(crate) fn sort_by_key(&self, groups: &mut [u32]) {
        match &self.index {
            Index::Whole(_) => {}
            Index::Int(index) => groups.sort_unstable_by_key(|group| index.key(*group)),
            Index::Bytes(index) => {
                groups.sort_unstable_by(|a, b| index.key(*a).cmp(index.key(*b)));
            }
        }
    }

    /// The key columns of these groups.
    pub(crate) fn columns(&self, groups: &[u32]) -> Vec<ArrayRef> {
        match &self.index {
            Index::Whole(_) => Vec::new(),
            Index::Int(index) => vec![index.column(groups)],
            Index::Bytes(index) => {
                let new = |kind: &ColumnKind| ColumnBuilder::new(*kind, groups.len());
                let mut builders: Vec<ColumnBuilder> = self.kinds.iter().map(new).collect();
                for group in groups {
                    let mut rest = index.key(*group);
                    for (builder, kind) in builders.iter_mut().zip(&self.kinds) {
                        let value = codec::take_value(*kind, &mut rest);
                        builder.push(value.expect("keys in the index are canonical"));
                    }
                }
                builders.into_iter().map(ColumnBuilder::finish).collect()
            }
        }
    }

    pub(crate) fn clear(&mut self) {
        match &mut self.index {
            Index::Whole(there) => *there = false,
            Index::Int(index) => index.clear(),
            Index::Bytes(index) => index.clear(),
        }
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        match &self.index {
            Index::Whole(_) => 0,
            Index::Int(index) => index.memory_bytes(),
            Index::Bytes(index) => index.memory_bytes(),
        }
    }
}
