//! `avg(x)` as sum and count. Over BIGINT the sum is exact (128 bits), so the result does not depend on how rows
//! were spread; over DOUBLE it is added in log order per key (R3).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array};
use arrow::datatypes::{Decimal128Type, Float64Type, Int64Type};

use super::number::{Number, NumberColumn};
use super::{Accumulator, AggregateError, Rows};
use crate::codec::{Value, put_i64, put_value};
use crate::column::ColumnKind;

/// An argument type of `avg`.
pub(super) trait Averaged: Number {
    type Sum: Number;
    const KINDS: [ColumnKind; 2];
    fn widen(value: Self::Native) -> <Self::Sum as arrow::array::ArrowPrimitiveType>::Native;
    fn divide(sum: <Self::Sum as arrow::array::ArrowPrimitiveType>::Native, count: i64) -> f64;
}

impl Averaged for Int64Type {
    type Sum = Decimal128Type;
    const KINDS: [ColumnKind; 2] = [ColumnKind::Decimal(38, 0), ColumnKind::Int64];
    fn widen(value: i64) -> i128 {
        i128::from(value)
    }
    fn divide(sum: i128, count: i64) -> f64 {
        sum as f64 / count as f64
    }
}

impl Averaged for Float64Type {
    type Sum = Float64Type;
    const KINDS: [ColumnKind; 2] = [ColumnKind::Float64, ColumnKind::Int64];
    fn widen(value: f64) -> f64 {
        value
    }
    fn divide(sum: f64, count: i64) -> f64 {
        sum / count as f64
    }
}

pub(super) struct Avg<T: Averaged> {
    sums: NumberColumn<T::Sum>,
    counts: Vec<i64>,
}

impl<T: Averaged> Avg<T> {
    pub(super) fn new() -> Self {
        Self { sums: NumberColumn::new(), counts: Vec::new() }
    }
}

impl<T: Averaged> Accumulator for Avg<T> {
    fn state_kinds(&self) -> &[ColumnKind] {
        &T::KINDS
    }

    fn grow(&mut self, groups: usize) {
        self.sums.grow(groups);
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
        let array = argument.and_then(|values| values.as_primitive_opt::<T>());
        let array = array.ok_or(AggregateError::Type)?;
        let values = array.values();
        let NumberColumn { values: sums, seen } = &mut self.sums;
        let counts = &mut self.counts;
        let mut overflow = false;
        let mut add = |row: usize, group: usize| {
            let (sum, left) = T::Sum::add(sums[group], T::widen(values[row]));
            sums[group] = sum;
            seen[group] = true;
            counts[group] += 1;
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
        if overflow { Err(AggregateError::Overflow(T::KINDS[0])) } else { Ok(()) }
    }

    fn merge(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        states: &[ArrayRef],
    ) -> Result<(), AggregateError> {
        let [sums, counts] = states else { return Err(AggregateError::Type) };
        let sums = sums.as_primitive_opt::<T::Sum>().ok_or(AggregateError::Type)?;
        let counts = counts.as_primitive_opt::<Int64Type>().ok_or(AggregateError::Type)?;
        let mut overflow = false;
        rows.for_each_group(groups, |row, group| {
            if sums.is_valid(row) {
                let (sum, left) = T::Sum::add(self.sums.values[group], sums.value(row));
                self.sums.values[group] = sum;
                self.sums.seen[group] = true;
                self.counts[group] += counts.value(row);
                overflow |= left;
            }
        });
        if overflow { Err(AggregateError::Overflow(T::KINDS[0])) } else { Ok(()) }
    }

    fn states(&self, groups: &[u32]) -> Vec<ArrayRef> {
        let counts = groups.iter().map(|group| self.counts[*group as usize]);
        vec![
            Arc::new(self.sums.gather(groups, T::KINDS[0])),
            Arc::new(Int64Array::from_iter_values(counts)),
        ]
    }

    fn output(&self, groups: &[u32]) -> ArrayRef {
        let averages = groups.iter().map(|group| {
            let at = *group as usize;
            self.sums.seen[at].then(|| T::divide(self.sums.values[at], self.counts[at]))
        });
        Arc::new(averages.collect::<Float64Array>())
    }

    fn encode(&self, group: u32, out: &mut Vec<u8>) {
        put_value(out, T::KINDS[0], self.sums.get(group));
        put_i64(out, self.counts[group as usize]);
    }

    fn decode(&mut self, group: u32, state: &[Value<'_>]) -> Option<()> {
        let [sum, Value::Int(count)] = state else { return None };
        self.counts[group as usize] = *count;
        self.sums.put(group, *sum)
    }

    fn clear(&mut self) {
        self.sums.clear();
        self.counts.clear();
    }

    fn memory_bytes(&self) -> usize {
        self.sums.memory_bytes() + 8 * self.counts.capacity()
    }
}
