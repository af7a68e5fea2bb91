//! `sum(x)`, null while no value has been seen. Floats are added in log order per key (R3); integers are checked.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};

use super::number::{Number, NumberColumn};
use super::{Accumulator, AggregateError, Rows};
use crate::codec::{Value, put_value};
use crate::column::ColumnKind;

pub(super) struct Sum<T: Number> {
    sums: NumberColumn<T>,
    kind: [ColumnKind; 1],
}

impl<T: Number> Sum<T> {
    /// `kind`: of the sum.
    pub(super) fn new(kind: ColumnKind) -> Self {
        Self { sums: NumberColumn::new(), kind: [kind] }
    }
}

impl<T: Number> Accumulator for Sum<T> {
    fn state_kinds(&self) -> &[ColumnKind] {
        &self.kind
    }

    fn grow(&mut self, groups: usize) {
        self.sums.grow(groups);
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
        let NumberColumn { values: sums, seen } = &mut self.sums;
        let mut overflow = false;
        let mut add = |row: usize, group: usize| {
            let (sum, left) = T::add(sums[group], values[row]);
            sums[group] = sum;
            seen[group] = true;
            overflow |= left;
        };
        match array.nulls() {
            None => rows.for_each_group(groups, add),
            Some(nulls) => rows.for_each_group(groups, |row, group| {
                if nulls.is_valid(row) {
                    add(row, group);
                }
            }),
        }
        if overflow { Err(AggregateError::Overflow(self.kind[0])) } else { Ok(()) }
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
        Arc::new(self.sums.gather(groups, self.kind[0]))
    }

    fn encode(&self, group: u32, out: &mut Vec<u8>) {
        put_value(out, self.kind[0], self.sums.get(group));
    }

    fn decode(&mut self, group: u32, state: &[Value<'_>]) -> Option<()> {
        let [value] = state else { return None };
        self.sums.put(group, *value)
    }

    fn clear(&mut self) {
        self.sums.clear();
    }

    fn memory_bytes(&self) -> usize {
        self.sums.memory_bytes()
    }
}
