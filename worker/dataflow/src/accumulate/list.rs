//! `array_agg(x LIMIT n)`: the first n values by event time, ties by partition and place in the log (R3). Which values
//! those are does not depend on the order in which they come.
//!
//! The state of a group is one column: per value its time, partition and place, each in order-preserving big-endian
//! bytes, and its canonical bytes, sorted.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};

use super::fold::Fold;
use super::rows::{PLACE_BYTES, Place, place_bytes, take_place};
use super::stored_bytes::{self, StoredBytes};
use super::{AggregateError, Order, Rows};
use crate::codec::{ColumnBuilder, EncodedKeys, Value, take_value};
use crate::column::{ColumnKind, ListItem};

/// About what a value takes beside its bytes, bytes.
const ITEM_BYTES: usize = 64;

type Items = BTreeMap<Place, Box<[u8]>>;

/// Values of every group in order, at most `limit`.
pub(super) struct Lists {
    kind: ColumnKind,
    limit: usize,
    groups: Vec<Items>,
    items: usize,
    bytes: usize,
}

impl Lists {
    #[inline]
    fn offer(&mut self, group: usize, place: Place, value: &[u8]) {
        let list = &mut self.groups[group];
        if list.len() >= self.limit && list.last_key_value().is_none_or(|(last, _)| place >= *last)
        {
            return;
        }
        if list.insert(place, value.into()).is_none() {
            self.items += 1;
            self.bytes += value.len();
        }
        if list.len() > self.limit
            && let Some((_, gone)) = list.pop_last()
        {
            self.items -= 1;
            self.bytes -= gone.len();
        }
    }
}

impl StoredBytes for Lists {
    fn stored(&self, group: u32) -> Vec<u8> {
        let mut out = Vec::new();
        for (place, value) in &self.groups[group as usize] {
            out.extend_from_slice(&place_bytes(*place));
            out.extend_from_slice(value);
        }
        out
    }

    fn take_stored(&mut self, group: u32, mut stored: &[u8]) -> Option<()> {
        while !stored.is_empty() {
            let (place, rest) = take_place(stored)?;
            stored = rest;
            match take_value(self.kind, &mut stored)? {
                Value::Null => return None,
                _ => self.offer(group as usize, place, &rest[..rest.len() - stored.len()]),
            }
        }
        Some(())
    }

    fn grow(&mut self, groups: usize) {
        if groups > self.groups.len() {
            self.groups.resize_with(groups, Items::new);
        }
    }

    fn clear(&mut self) {
        self.groups.clear();
        self.items = 0;
        self.bytes = 0;
    }

    fn held_bytes(&self) -> usize {
        self.bytes + PLACE_BYTES * self.items
    }

    fn memory_bytes(&self) -> usize {
        self.bytes + ITEM_BYTES * self.items + size_of::<Items>() * self.groups.capacity()
    }
}

pub(super) struct ArrayAgg {
    lists: Lists,
    /// Reused between batches.
    encoded: EncodedKeys,
}

impl ArrayAgg {
    /// `kind`: of the argument; `limit`: most values of an array.
    pub(super) fn new(kind: ColumnKind, limit: u32) -> Self {
        let lists = Lists { kind, limit: limit as usize, groups: Vec::new(), items: 0, bytes: 0 };
        Self { lists, encoded: EncodedKeys::default() }
    }
}

impl Fold for ArrayAgg {
    type State = Lists;

    fn state(&self) -> &Self::State {
        &self.lists
    }

    fn state_mut(&mut self) -> &mut Self::State {
        &mut self.lists
    }

    fn update(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        argument: Option<&ArrayRef>,
        order: Order<'_>,
    ) -> Result<(), AggregateError> {
        let kind = self.lists.kind;
        let column = argument.filter(|column| *column.data_type() == kind.data_type());
        let column = column.ok_or(AggregateError::Type)?;
        if !order.covers(column.len()) {
            return Err(AggregateError::Unordered);
        }
        self.encoded.encode(&[kind], std::slice::from_ref(column), column.len());
        rows.for_each_group(groups, |row, group| {
            if column.is_valid(row) {
                self.lists.offer(group, order.of(row), self.encoded.row(row));
            }
        });
        Ok(())
    }

    fn merge(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        states: &[ArrayRef],
    ) -> Result<(), AggregateError> {
        stored_bytes::merge(&mut self.lists, rows, groups, states)
    }

    fn output(&self, groups: &[u32]) -> ArrayRef {
        let lists = || groups.iter().map(|group| &self.lists.groups[*group as usize]);
        let kind = self.lists.kind;
        let mut items = ColumnBuilder::new(kind, lists().map(Items::len).sum());
        for value in lists().flat_map(Items::values) {
            let mut rest: &[u8] = value;
            items.push(take_value(kind, &mut rest).expect("values in a list are canonical"));
        }
        let item = ListItem::of(kind).expect("the planner takes single values only");
        let offsets = OffsetBuffer::from_lengths(lists().map(Items::len));
        let nulls = lists().map(|list| !list.is_empty()).collect::<NullBuffer>();
        let nulls = Some(nulls).filter(|nulls| nulls.null_count() > 0);
        Arc::new(ListArray::new(item.field(), offsets, items.finish(), nulls))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;

    use super::super::fold;
    use super::*;
    use crate::codec::put_value;

    fn offered(items: &[(Place, i64)]) -> ArrayAgg {
        let mut array = ArrayAgg::new(ColumnKind::Int64, 2);
        array.lists.grow(1);
        for (place, value) in items {
            let mut bytes = Vec::new();
            put_value(&mut bytes, ColumnKind::Int64, Value::Int(*value));
            array.lists.offer(0, *place, &bytes);
        }
        array
    }

    #[test]
    fn the_first_are_kept_whatever_the_order() {
        let items = [((5, 0, 1), 50), ((3, 1, 0), 31), ((3, 0, 9), 30), ((5, 0, 0), 51)];
        let whole = offered(&items);
        let mut reversed = items;
        reversed.reverse();
        assert_eq!(offered(&reversed).lists.stored(0), whole.lists.stored(0));
        let output = whole.output(&[0]);
        let found = output.as_list::<i32>().value(0);
        assert_eq!(found.as_primitive::<arrow::datatypes::Int64Type>().values(), &[30, 31]);
        assert_eq!(whole.lists.held_bytes(), 2 * (9 + PLACE_BYTES));
    }

    #[test]
    fn the_stored_form_is_frozen_and_comes_back() {
        let array = offered(&[((-1, 2, 3), 4)]);
        let stored = array.lists.stored(0);
        let expected: [&[u8]; 6] = [
            &[0x7f],
            &[0xff; 7],
            &[0x80, 0, 0, 0, 0, 0, 0, 2],
            &[0x80, 0, 0, 0, 0, 0, 0, 3],
            &[1, 0x80, 0, 0, 0, 0, 0, 0],
            &[4],
        ];
        assert_eq!(stored, expected.concat());
        let mut restored = offered(&[]);
        assert_eq!(
            fold::StateColumns::decode(&mut restored.lists, 0, &[Value::Bytes(&stored)]),
            Some(())
        );
        assert_eq!(restored.lists.stored(0), stored);
        for end in 1..stored.len() {
            assert_eq!(
                fold::StateColumns::decode(
                    &mut offered(&[]).lists,
                    0,
                    &[Value::Bytes(&stored[..end])]
                ),
                None
            );
        }
    }
}
