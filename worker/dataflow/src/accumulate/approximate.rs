//! `approx_distinct(x)`: about how many values differ, see [`Registers`].

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array};
use protocol::hash::key_hash_v1;

use super::fold::Fold;
use super::registers::Registers;
use super::{AggregateError, Order, Rows, stored_bytes};
use crate::codec::EncodedKeys;
use crate::column::ColumnKind;

pub(super) struct ApproxDistinct {
    kind: ColumnKind,
    registers: Registers,
    /// Reused between batches.
    encoded: EncodedKeys,
}

impl ApproxDistinct {
    /// `kind`: of the argument.
    pub(super) fn new(kind: ColumnKind) -> Self {
        Self { kind, registers: Registers::default(), encoded: EncodedKeys::default() }
    }
}

impl Fold for ApproxDistinct {
    type State = Registers;

    fn state(&self) -> &Self::State {
        &self.registers
    }

    fn state_mut(&mut self) -> &mut Self::State {
        &mut self.registers
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
        let Self { kind, registers, encoded } = self;
        encoded.encode(&[*kind], std::slice::from_ref(column), column.len());
        rows.for_each_group(groups, |row, group| {
            if column.is_valid(row) {
                registers.insert(group, key_hash_v1(encoded.row(row)));
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
        stored_bytes::merge(&mut self.registers, rows, groups, states)
    }

    fn output(&self, groups: &[u32]) -> ArrayRef {
        let counts = groups.iter().map(|group| self.registers.count(*group));
        Arc::new(Int64Array::from_iter_values(counts))
    }
}
