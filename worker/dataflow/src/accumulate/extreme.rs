//! `min(x)` and `max(x)` over numbers and times, null while no value has been seen.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};

use super::number::{Number, NumberColumn};
use super::{Accumulator, AggregateError, Rows};
use crate::codec::{Value, put_value};
use crate::column::ColumnKind;

pub(super) struct Extreme<T: Number> {
    best: NumberColumn<T>,
    kind: [ColumnKind; 1],
    better: Ordering,
}

impl<T: Number> Extreme<T> {
    pub(super) fn new(kind: ColumnKind, max: bool) -> Self {
        let better = if max { Ordering::Greater } else { Ordering::Less };
        Self { best: NumberColumn::new(), kind: [kind], better }
    }
}

impl<T: Number> Accumulator for Extreme<T> {
    fn state_kinds(&self) -> &[ColumnKind] {
        &self.kind
    }

    fn grow(&mut self, groups: usize) {
        self.best.grow(groups);
    }

    fn update(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        argument: Option<&ArrayRef>,
    ) -> Result<(), AggregateError> {
        let array = argument.and_then(|values| values.as_primitive_opt::<T>());
        let array = array.ok_or(AggregateError::Type)?;
        let values = array.values();
        let better = self.better;
        let NumberColumn { values: best, seen } = &mut self.best;
        let mut offer = |row: usize, group: usize| {
            if !seen[group] || T::order(values[row], best[group]) == better {
                best[group] = values[row];
                seen[group] = true;
            }
        };
        match array.nulls() {
            None => rows.for_each_group(groups, offer),
            Some(nulls) => rows.for_each_group(groups, |row, group| {
                if nulls.is_valid(row) {
                    offer(row, group);
                }
            }),
        }
        Ok(())
    }

    fn merge(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        states: &[ArrayRef],
    ) -> Result<(), AggregateError> {
        self.update(rows, groups, states.first())
    }

    fn states(&self, groups: &[u32]) -> Vec<ArrayRef> {
        vec![self.output(groups)]
    }

    fn output(&self, groups: &[u32]) -> ArrayRef {
        Arc::new(self.best.gather(groups, self.kind[0]))
    }

    fn encode(&self, group: u32, out: &mut Vec<u8>) {
        put_value(out, self.kind[0], self.best.get(group));
    }

    fn decode(&mut self, group: u32, state: &[Value<'_>]) -> Option<()> {
        let [value] = state else { return None };
        self.best.put(group, *value)
    }

    fn clear(&mut self) {
        self.best.clear();
    }

    fn memory_bytes(&self) -> usize {
        self.best.memory_bytes()
    }
}
