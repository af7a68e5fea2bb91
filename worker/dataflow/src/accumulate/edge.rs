//! `first_value(x)` and `last_value(x)` by event time, null while no value has been seen; and what the first or last
//! row has in a column, which may be null. Ties are broken by partition and place in the log (R3): the place of what is
//! kept is part of the state.

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, PrimitiveArray, StringArray};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMillisecondType};

use super::columns::{NumberColumn, TextColumn, TruthColumn};
use super::fold::{Fold, StateColumns};
use super::number::Number;
use super::rows::Place;
use super::{AggregateError, Order, Rows};
use crate::column::ColumnKind;

/// A state column that keeps one value of an array per group.
pub(super) trait Kept: StateColumns {
    type Array: Array;
    fn array(values: &ArrayRef) -> Option<&Self::Array>;
    fn keep(&mut self, group: usize, values: &Self::Array, row: usize);
    /// Keeps null.
    fn forget(&mut self, group: usize);
}

impl<T: Number> Kept for NumberColumn<T> {
    type Array = PrimitiveArray<T>;

    fn array(values: &ArrayRef) -> Option<&Self::Array> {
        values.as_primitive_opt::<T>()
    }

    fn keep(&mut self, group: usize, values: &Self::Array, row: usize) {
        self.put(group, values.value(row));
    }

    fn forget(&mut self, group: usize) {
        self.seen[group] = false;
    }
}

impl Kept for TextColumn {
    type Array = StringArray;

    fn array(values: &ArrayRef) -> Option<&Self::Array> {
        values.as_string_opt::<i32>()
    }

    fn keep(&mut self, group: usize, values: &Self::Array, row: usize) {
        self.put(group, values.value(row));
    }

    fn forget(&mut self, group: usize) {
        self.take(group);
    }
}

impl Kept for TruthColumn {
    type Array = BooleanArray;

    fn array(values: &ArrayRef) -> Option<&Self::Array> {
        values.as_boolean_opt()
    }

    fn keep(&mut self, group: usize, values: &Self::Array, row: usize) {
        self.put(group, values.value(row));
    }

    fn forget(&mut self, group: usize) {
        self.take(group);
    }
}

/// Which value is kept.
#[derive(Clone, Copy)]
pub(super) struct Side {
    pub(super) last: bool,
    /// That of a row, also where it is null.
    pub(super) rows: bool,
}

type Places =
    (NumberColumn<TimestampMillisecondType>, (NumberColumn<Int32Type>, NumberColumn<Int64Type>));

pub(super) struct Edge<V: Kept> {
    /// Time, partition, place in the log, value.
    state: (Places, V),
    side: Side,
}

impl<V: Kept> Edge<V> {
    pub(super) fn new(values: V, side: Side) -> Self {
        let places = (
            NumberColumn::new(ColumnKind::Timestamp),
            (NumberColumn::new(ColumnKind::Int32), NumberColumn::new(ColumnKind::Int64)),
        );
        Self { state: (places, values), side }
    }

    #[inline]
    fn offer(&mut self, group: usize, place: Place, values: &V::Array, row: usize) {
        let ((times, (partitions, positions)), kept) = &mut self.state;
        let better = !times.seen[group] || {
            let own = (times.values[group], partitions.values[group], positions.values[group]);
            if self.side.last { place > own } else { place < own }
        };
        if better {
            times.put(group, place.0);
            partitions.put(group, place.1);
            positions.put(group, place.2);
            if values.is_valid(row) {
                kept.keep(group, values, row);
            } else {
                kept.forget(group);
            }
        }
    }

    /// Such a value can be the one that is kept.
    fn counts(&self, values: &V::Array, row: usize) -> bool {
        self.side.rows || values.is_valid(row)
    }
}

impl Edge<TextColumn> {
    /// Over numbers and times.
    pub(super) fn number<T: Number>(kind: ColumnKind, side: Side) -> Edge<NumberColumn<T>> {
        Edge::new(NumberColumn::new(kind), side)
    }
}

impl<V: Kept> Fold for Edge<V> {
    type State = (Places, V);

    fn state(&self) -> &Self::State {
        &self.state
    }

    fn state_mut(&mut self) -> &mut Self::State {
        &mut self.state
    }

    fn update(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        argument: Option<&ArrayRef>,
        order: Order<'_>,
    ) -> Result<(), AggregateError> {
        let values = argument.and_then(V::array).ok_or(AggregateError::Type)?;
        if !order.covers(values.len()) {
            return Err(AggregateError::Unordered);
        }
        rows.for_each_group(groups, |row, group| {
            if self.counts(values, row) {
                self.offer(group, order.of(row), values, row);
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
        let [times, partitions, positions, values] = states else {
            return Err(AggregateError::Type);
        };
        let times = times.as_primitive_opt::<TimestampMillisecondType>();
        let times = times.ok_or(AggregateError::Type)?;
        let partitions = partitions.as_primitive_opt::<Int32Type>().ok_or(AggregateError::Type)?;
        let positions = positions.as_primitive_opt::<Int64Type>().ok_or(AggregateError::Type)?;
        let values = V::array(values).ok_or(AggregateError::Type)?;
        rows.for_each_group(groups, |row, group| {
            if times.is_valid(row) && self.counts(values, row) {
                let place = (times.value(row), partitions.value(row), positions.value(row));
                self.offer(group, place, values, row);
            }
        });
        Ok(())
    }

    fn output(&self, groups: &[u32]) -> ArrayRef {
        let mut columns = Vec::with_capacity(1);
        self.state.1.gather(groups, &mut columns);
        columns.swap_remove(0)
    }
}
