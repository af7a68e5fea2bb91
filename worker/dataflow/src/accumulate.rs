//! Accumulators: one per aggregate and table, a column per part of the state, indexed by group. They can be read
//! per group without draining, so that changed entries can be snapshotted. Another one is another file.

mod approximate;
mod avg;
mod columns;
mod count;
mod distinct;
mod edge;
mod extreme;
mod fold;
mod function;
mod list;
mod number;
mod registers;
mod rows;
mod sets;
mod stored_bytes;
mod sum;
mod text_extreme;
mod top;
mod variance;

use arrow::array::ArrayRef;

use crate::codec::Value;
use crate::column::ColumnKind;
use crate::error::DataflowError;
use crate::plan::Grouping;
pub(crate) use rows::{Order, Place, Rows, place_bytes, take_place};

/// Why an accumulator refuses a batch.
#[derive(Debug)]
pub(crate) enum AggregateError {
    Overflow(ColumnKind),
    Type,
    Unordered,
}

impl AggregateError {
    /// Names operator and column.
    pub(crate) fn at(&self, grouping: &Grouping, aggregate: usize) -> DataflowError {
        self.of(grouping, grouping.aggregates.get(aggregate).map_or("rows", |a| a.name.as_str()))
    }

    /// The same of an aggregate that is not part of the state.
    pub(crate) fn of(&self, grouping: &Grouping, name: &str) -> DataflowError {
        match self {
            Self::Overflow(kind) => DataflowError::Overflow {
                operator: grouping.operator.clone(),
                column: name.to_owned(),
                type_name: kind.to_string(),
            },
            Self::Unordered => DataflowError::Bug(format!(
                "operator {}: the order of the values of {name} is not known",
                grouping.operator
            )),
            Self::Type => DataflowError::Bug(format!(
                "operator {}: values of {name} are not of the planned type",
                grouping.operator
            )),
        }
    }
}

/// State of one aggregate over the groups of a table.
pub(crate) trait Accumulator: Send + Sync {
    /// How many state columns, in the order of [`Aggregate::state_columns`].
    fn state_width(&self) -> usize;
    /// Makes room for groups below `groups`.
    fn grow(&mut self, groups: usize);
    /// Adds rows.
    fn update(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        argument: Option<&ArrayRef>,
        order: Order<'_>,
    ) -> Result<(), AggregateError>;
    /// Adds partial states, one column per state column.
    fn merge(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        states: &[ArrayRef],
    ) -> Result<(), AggregateError>;
    /// State columns of these groups.
    fn states(&self, groups: &[u32]) -> Vec<ArrayRef>;
    /// Result column of these groups.
    fn output(&self, groups: &[u32]) -> ArrayRef;
    /// Appends the canonical bytes of a group's state columns.
    fn encode(&self, group: u32, out: &mut Vec<u8>);
    /// The reverse; `None` if the values are not a state. Absent columns come as null.
    fn decode(&mut self, group: u32, state: &[Value<'_>]) -> Option<()>;
    /// Forgets all groups and keeps the memory.
    fn clear(&mut self);
    /// Bytes of what a group holds beyond a value per state column, over all groups.
    fn held_bytes(&self) -> usize;
    fn memory_bytes(&self) -> usize;
}
