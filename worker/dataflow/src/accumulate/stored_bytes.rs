//! States of one column of bytes: null for a group that holds nothing yet.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, LargeBinaryBuilder};

use super::fold::StateColumns;
use super::{AggregateError, Rows};
use crate::codec::{Value, put_value};
use crate::column::ColumnKind;

/// What is stored as bytes, per group: state columns, one of them.
pub(super) trait StoredBytes: Send + Sync {
    /// Canonical bytes of a group; empty if it holds nothing.
    fn stored(&self, group: u32) -> Vec<u8>;
    /// Adds what such bytes hold to a group; `None` if they are no such bytes.
    fn take_stored(&mut self, group: u32, stored: &[u8]) -> Option<()>;
    /// See [`StateColumns::grow`].
    fn grow(&mut self, groups: usize);
    /// See [`StateColumns::clear`].
    fn clear(&mut self);
    /// See [`StateColumns::held_bytes`].
    fn held_bytes(&self) -> usize;
    /// See [`StateColumns::memory_bytes`].
    fn memory_bytes(&self) -> usize;
}

impl<S: StoredBytes> StateColumns for S {
    const WIDTH: usize = 1;

    fn grow(&mut self, groups: usize) {
        StoredBytes::grow(self, groups);
    }

    fn gather(&self, groups: &[u32], out: &mut Vec<ArrayRef>) {
        let mut builder = LargeBinaryBuilder::with_capacity(groups.len(), 0);
        for group in groups {
            let stored = self.stored(*group);
            if stored.is_empty() {
                builder.append_null();
            } else {
                builder.append_value(stored);
            }
        }
        out.push(Arc::new(builder.finish()));
    }

    fn encode(&self, group: u32, out: &mut Vec<u8>) {
        let stored = self.stored(group);
        let value = if stored.is_empty() { Value::Null } else { Value::Bytes(&stored) };
        put_value(out, ColumnKind::Bytes, value);
    }

    fn decode(&mut self, group: u32, values: &[Value<'_>]) -> Option<()> {
        match values {
            [Value::Null] => Some(()),
            [Value::Bytes(stored)] => self.take_stored(group, stored),
            _ => None,
        }
    }

    fn clear(&mut self) {
        StoredBytes::clear(self);
    }

    fn held_bytes(&self) -> usize {
        StoredBytes::held_bytes(self)
    }

    fn memory_bytes(&self) -> usize {
        StoredBytes::memory_bytes(self)
    }
}

/// Adds partial states: such a column.
pub(super) fn merge(
    state: &mut impl StoredBytes,
    rows: &Rows<'_>,
    groups: &[u32],
    columns: &[ArrayRef],
) -> Result<(), AggregateError> {
    let [column] = columns else { return Err(AggregateError::Type) };
    let column = column.as_binary_opt::<i64>().ok_or(AggregateError::Type)?;
    let mut whole = true;
    rows.for_each_group(groups, |row, group| {
        if column.is_valid(row) {
            whole &= state.take_stored(group as u32, column.value(row)).is_some();
        }
    });
    if whole { Ok(()) } else { Err(AggregateError::Type) }
}
