//! `count(*)` and `count(x)`.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Int64Type;

use super::columns::Counts;
use super::fold::Fold;
use super::{AggregateError, Order, Rows};
use crate::column::ColumnKind;

#[derive(Default)]
pub(super) struct Count(Counts);

impl Fold for Count {
    type State = Counts;

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
        let counts = &mut self.0.0;
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
        let counts = &mut self.0.0;
        let mut overflow = states.null_count() > 0;
        rows.for_each_group(groups, |row, group| {
            let (sum, wrapped) = counts[group].overflowing_add(values[row]);
            overflow |= wrapped;
            counts[group] = sum;
        });
        if overflow { Err(AggregateError::Overflow(ColumnKind::Int64)) } else { Ok(()) }
    }
}
