//! `count(*)` and `count(x)`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::datatypes::Int64Type;

use super::{Accumulator, AggregateError, Rows};
use crate::codec::{Value, put_i64};
use crate::column::ColumnKind;

#[derive(Default)]
pub(super) struct Count {
    counts: Vec<i64>,
}

impl Accumulator for Count {
    fn state_kinds(&self) -> &[ColumnKind] {
        &[ColumnKind::Int64]
    }

    fn grow(&mut self, groups: usize) {
        if groups > self.counts.len() {
            self.counts.resize(groups, 0);
        }
    }

    fn update(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        argument: Option<&ArrayRef>,
    ) -> Result<(), AggregateError> {
        let counts = &mut self.counts;
        match argument.and_then(|values| values.nulls()) {
            None => groups.iter().for_each(|group| counts[*group as usize] += 1),
            Some(nulls) => rows.for_each_group(groups, |row, group| {
                counts[group] += i64::from(nulls.is_valid(row));
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
        let [states] = states else { return Err(AggregateError::Type) };
        let states = states.as_primitive_opt::<Int64Type>().ok_or(AggregateError::Type)?;
        let values = states.values();
        let counts = &mut self.counts;
        let mut overflow = states.null_count() > 0;
        rows.for_each_group(groups, |row, group| {
            let (sum, wrapped) = counts[group].overflowing_add(values[row]);
            overflow |= wrapped;
            counts[group] = sum;
        });
        if overflow { Err(AggregateError::Overflow(ColumnKind::Int64)) } else { Ok(()) }
    }

    fn states(&self, groups: &[u32]) -> Vec<ArrayRef> {
        vec![self.output(groups)]
    }

    fn output(&self, groups: &[u32]) -> ArrayRef {
        let counts = groups.iter().map(|group| self.counts[*group as usize]);
        Arc::new(Int64Array::from_iter_values(counts))
    }

    fn encode(&self, group: u32, out: &mut Vec<u8>) {
        put_i64(out, self.counts[group as usize]);
    }

    fn decode(&mut self, group: u32, state: &[Value<'_>]) -> Option<()> {
        let [Value::Int(count)] = state else { return None };
        self.counts[group as usize] = *count;
        Some(())
    }

    fn clear(&mut self) {
        self.counts.clear();
    }

    fn memory_bytes(&self) -> usize {
        8 * self.counts.capacity()
    }
}
