//! `count(DISTINCT x)`, exact: the values themselves are the state.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array};

use super::fold::Fold;
use super::sets::Sets;
use super::{AggregateError, Order, Rows, stored_bytes};
use crate::codec::EncodedKeys;
use crate::column::ColumnKind;

pub(super) struct CountDistinct {
    kind: ColumnKind,
    sets: Sets,
    /// Reused between batches.
    encoded: EncodedKeys,
}

impl CountDistinct {
    /// `kind`: of the argument.
    pub(super) fn new(kind: ColumnKind) -> Self {
        Self { kind, sets: Sets::new(kind), encoded: EncodedKeys::default() }
    }
}

impl Fold for CountDistinct {
    type State = Sets;

    fn state(&self) -> &Self::State {
        &self.sets
    }

    fn state_mut(&mut self) -> &mut Self::State {
        &mut self.sets
    }

    fn update(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        argument: Option<&ArrayRef>,
        _order: Order<'_>,
    ) -> Result<(), AggregateError> {
        let column = argument.filter(|c| *c.data_type() == self.kind.data_type());
        let column = column.ok_or(AggregateError::Type)?;
        let Self { kind, sets, encoded } = self;
        encoded.encode(&[*kind], std::slice::from_ref(column), column.len());
        rows.for_each_group(groups, |row, group| {
            if column.is_valid(row) {
                sets.insert(group as u32, encoded.row(row));
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
        stored_bytes::merge(&mut self.sets, rows, groups, states)
    }

    fn output(&self, groups: &[u32]) -> ArrayRef {
        let counts = groups.iter().map(|group| self.sets.count(*group));
        Arc::new(Int64Array::from_iter_values(counts))
    }
}
