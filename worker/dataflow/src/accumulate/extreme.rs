//! `min(x)` and `max(x)` over numbers and times, null while no value has been seen.

use std::cmp::Ordering;

use arrow::array::ArrayRef;

use super::columns::{NumberColumn, for_each_value};
use super::fold::Fold;
use super::number::Number;
use super::{AggregateError, Order, Rows};
use crate::column::ColumnKind;

pub(super) struct Extreme<T: Number> {
    best: NumberColumn<T>,
    better: Ordering,
}

impl<T: Number> Extreme<T> {
    pub(super) fn new(kind: ColumnKind, max: bool) -> Self {
        let better = if max { Ordering::Greater } else { Ordering::Less };
        Self { best: NumberColumn::new(kind), better }
    }
}

impl<T: Number> Fold for Extreme<T> {
    type State = NumberColumn<T>;

    fn state(&self) -> &Self::State {
        &self.best
    }

    fn state_mut(&mut self) -> &mut Self::State {
        &mut self.best
    }

    fn update(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        argument: Option<&ArrayRef>,
        _order: Order<'_>,
    ) -> Result<(), AggregateError> {
        let better = self.better;
        let NumberColumn { values: best, seen, .. } = &mut self.best;
        for_each_value::<T>(rows, groups, argument, |value, group| {
            if !seen[group] || T::order(value, best[group]) == better {
                best[group] = value;
                seen[group] = true;
            }
        })
    }
}
