//! `avg(x)` as sum and count. Over BIGINT the sum is exact (128 bits), so the result does not depend on how rows
//! were spread; over DOUBLE it is added in log order per key (R3).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, Float64Array};
use arrow::datatypes::{Decimal128Type, Float64Type, Int64Type};

use super::columns::{Counts, NumberColumn, for_each_value};
use super::fold::Fold;
use super::number::Number;
use super::{AggregateError, Order, Rows};
use crate::column::ColumnKind;

type Native<T> = <T as ArrowPrimitiveType>::Native;

/// An argument type of `avg`.
pub(super) trait Averaged: Number {
    type Sum: Number;
    const SUM: ColumnKind;
    fn widen(value: Self::Native) -> Native<Self::Sum>;
    fn divide(sum: Native<Self::Sum>, count: i64) -> f64;
}

impl Averaged for Int64Type {
    type Sum = Decimal128Type;
    const SUM: ColumnKind = ColumnKind::Decimal(38, 0);
    fn widen(value: i64) -> i128 {
        i128::from(value)
    }
    fn divide(sum: i128, count: i64) -> f64 {
        sum as f64 / count as f64
    }
}

impl Averaged for Float64Type {
    type Sum = Float64Type;
    const SUM: ColumnKind = ColumnKind::Float64;
    fn widen(value: f64) -> f64 {
        value
    }
    fn divide(sum: f64, count: i64) -> f64 {
        sum / count as f64
    }
}

pub(super) struct Avg<T: Averaged> {
    state: (NumberColumn<T::Sum>, Counts),
}

impl<T: Averaged> Avg<T> {
    pub(super) fn new() -> Self {
        Self { state: (NumberColumn::new(T::SUM), Counts::default()) }
    }
}

impl<T: Averaged> Fold for Avg<T> {
    type State = (NumberColumn<T::Sum>, Counts);

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
        _order: Order<'_>,
    ) -> Result<(), AggregateError> {
        let (NumberColumn { values: sums, seen, .. }, Counts(counts)) = &mut self.state;
        let mut overflow = false;
        for_each_value::<T>(rows, groups, argument, |value, group| {
            let (sum, left) = T::Sum::add(sums[group], T::widen(value));
            sums[group] = sum;
            seen[group] = true;
            counts[group] += 1;
            overflow |= left;
        })?;
        if overflow { Err(AggregateError::Overflow(T::SUM)) } else { Ok(()) }
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
        let (own, Counts(own_counts)) = &mut self.state;
        let mut overflow = false;
        rows.for_each_group(groups, |row, group| {
            if sums.is_valid(row) {
                let (sum, left) = T::Sum::add(own.values[group], sums.value(row));
                own.put(group, sum);
                own_counts[group] += counts.value(row);
                overflow |= left;
            }
        });
        if overflow { Err(AggregateError::Overflow(T::SUM)) } else { Ok(()) }
    }

    fn output(&self, groups: &[u32]) -> ArrayRef {
        let (sums, Counts(counts)) = &self.state;
        let averages = groups.iter().map(|group| {
            let at = *group as usize;
            sums.seen[at].then(|| T::divide(sums.values[at], counts[at]))
        });
        Arc::new(averages.collect::<Float64Array>())
    }
}
