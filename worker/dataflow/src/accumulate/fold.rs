//! What all accumulators have in common: their state is columns that know how to grow, store and restore themselves.
//! An aggregate function adds how rows change them and what comes out.

use arrow::array::ArrayRef;

use super::{Accumulator, AggregateError, Order, Rows};
use crate::codec::Value;

/// State columns, a value per group in each.
pub(super) trait StateColumns: Send + Sync {
    /// How many columns.
    const WIDTH: usize;
    /// Makes room for groups below `groups`.
    fn grow(&mut self, groups: usize);
    /// Appends the columns, with the values of these groups.
    fn gather(&self, groups: &[u32], out: &mut Vec<ArrayRef>);
    /// Appends the canonical bytes of a group's values.
    fn encode(&self, group: u32, out: &mut Vec<u8>);
    /// The reverse, of `WIDTH` values; `None` if they are not such values.
    fn decode(&mut self, group: u32, values: &[Value<'_>]) -> Option<()>;
    /// Forgets all groups and keeps the memory.
    fn clear(&mut self);
    /// Bytes beyond a value per column, over all groups.
    fn held_bytes(&self) -> usize {
        0
    }
    fn memory_bytes(&self) -> usize;
}

impl<A: StateColumns, B: StateColumns> StateColumns for (A, B) {
    const WIDTH: usize = A::WIDTH + B::WIDTH;

    fn grow(&mut self, groups: usize) {
        self.0.grow(groups);
        self.1.grow(groups);
    }

    fn gather(&self, groups: &[u32], out: &mut Vec<ArrayRef>) {
        self.0.gather(groups, out);
        self.1.gather(groups, out);
    }

    fn encode(&self, group: u32, out: &mut Vec<u8>) {
        self.0.encode(group, out);
        self.1.encode(group, out);
    }

    fn decode(&mut self, group: u32, values: &[Value<'_>]) -> Option<()> {
        let (first, second) = values.split_at_checked(A::WIDTH)?;
        self.0.decode(group, first)?;
        self.1.decode(group, second)
    }

    fn clear(&mut self) {
        self.0.clear();
        self.1.clear();
    }

    fn held_bytes(&self) -> usize {
        self.0.held_bytes() + self.1.held_bytes()
    }

    fn memory_bytes(&self) -> usize {
        self.0.memory_bytes() + self.1.memory_bytes()
    }
}

/// An aggregate function over state columns.
pub(super) trait Fold: Send + Sync {
    type State: StateColumns;
    fn state(&self) -> &Self::State;
    fn state_mut(&mut self) -> &mut Self::State;

    /// Adds rows; where the result depends on their order, by `order`.
    fn update(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        argument: Option<&ArrayRef>,
        order: Order<'_>,
    ) -> Result<(), AggregateError>;

    /// Adds partial states; by default a state is folded in like a value whose place is not known.
    fn merge(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        states: &[ArrayRef],
    ) -> Result<(), AggregateError> {
        self.update(rows, groups, states.first(), Order::default())
    }

    /// Result column of these groups; by default the first state column.
    fn output(&self, groups: &[u32]) -> ArrayRef {
        let mut columns = Vec::with_capacity(Self::State::WIDTH);
        self.state().gather(groups, &mut columns);
        columns.swap_remove(0)
    }
}

impl<F: Fold> Accumulator for F {
    fn state_width(&self) -> usize {
        F::State::WIDTH
    }

    fn grow(&mut self, groups: usize) {
        self.state_mut().grow(groups);
    }

    fn update(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        argument: Option<&ArrayRef>,
        order: Order<'_>,
    ) -> Result<(), AggregateError> {
        Fold::update(self, rows, groups, argument, order)
    }

    fn merge(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        states: &[ArrayRef],
    ) -> Result<(), AggregateError> {
        Fold::merge(self, rows, groups, states)
    }

    fn states(&self, groups: &[u32]) -> Vec<ArrayRef> {
        let mut columns = Vec::with_capacity(F::State::WIDTH);
        self.state().gather(groups, &mut columns);
        columns
    }

    fn output(&self, groups: &[u32]) -> ArrayRef {
        Fold::output(self, groups)
    }

    fn encode(&self, group: u32, out: &mut Vec<u8>) {
        self.state().encode(group, out);
    }

    fn decode(&mut self, group: u32, state: &[Value<'_>]) -> Option<()> {
        self.state_mut().decode(group, state)
    }

    fn clear(&mut self) {
        self.state_mut().clear();
    }

    fn held_bytes(&self) -> usize {
        self.state().held_bytes()
    }

    fn memory_bytes(&self) -> usize {
        self.state().memory_bytes()
    }
}
