//! `sum(x)`, null while no value has been seen. Floats are added in log order per key (R3); integers are checked.

use arrow::array::ArrayRef;

use super::columns::{NumberColumn, for_each_value};
use super::fold::Fold;
use super::number::Number;
use super::{AggregateError, Order, Rows};
use crate::column::ColumnKind;

pub(super) struct Sum<T: Number>(NumberColumn<T>);

impl<T: Number> Sum<T> {
    /// `kind`: of the sum.
    pub(super) fn new(kind: ColumnKind) -> Self {
        Self(NumberColumn::new(kind))
    }
}

impl<T: Number> Fold for Sum<T> {
    type State = NumberColumn<T>;

    fn state(&self) -> &Self::State {
        &self.0
    }

    fn state_mut(&mut self) -> &mut Self::State {
        &mut self.0
    }

    fn update(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        argument: Option<&ArrayRef>,
        _order: Order<'_>,
    ) -> Result<(), AggregateError> {
        let NumberColumn { values: sums, seen, kind } = &mut self.0;
        let mut overflow = false;
        for_each_value::<T>(rows, groups, argument, |value, group| {
            let (sum, left) = T::add(sums[group], value);
            sums[group] = sum;
            seen[group] = true;
            overflow |= left;
        })?;
        if overflow { Err(AggregateError::Overflow(*kind)) } else { Ok(()) }
    }
}
