//! A table of groups: key → number, and per aggregate a column indexed by that number. One table per pane, so that
//! expiry drops a table.

mod bits;
mod bytes_index;
mod int_index;
mod keys;

use arrow::array::ArrayRef;

pub(crate) use bits::Bits;
pub(crate) use keys::{BatchKeys, KeyIndex};

use crate::accumulate::{Accumulator, Order, Rows};
use crate::codec::Value;
use crate::column::ColumnKind;
use crate::error::DataflowError;
use crate::plan::Grouping;

/// Groups of one pane.
pub(crate) struct GroupTable {
    index: KeyIndex,
    accumulators: Vec<Box<dyn Accumulator>>,
    dirty: Bits,
    /// Groups whose result is to be handed out again.
    touched: Bits,
    /// Reused between batches.
    groups: Vec<u32>,
}

impl GroupTable {
    pub(crate) fn new(kinds: &[ColumnKind], accumulators: Vec<Box<dyn Accumulator>>) -> Self {
        Self {
            index: KeyIndex::new(kinds),
            accumulators,
            dirty: Bits::default(),
            touched: Bits::default(),
            groups: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    pub(crate) fn reserve(&mut self, groups: usize) {
        self.index.reserve(groups);
    }

    /// Adds rows. `arguments` has one entry per accumulator.
    pub(crate) fn update(
        &mut self,
        grouping: &Grouping,
        keys: &BatchKeys,
        rows: &Rows<'_>,
        arguments: &[Option<ArrayRef>],
        order: Order<'_>,
    ) -> Result<(), DataflowError> {
        self.resolve(keys, rows)?;
        for (at, (accumulator, argument)) in self.accumulators.iter_mut().zip(arguments).enumerate()
        {
            accumulator
                .update(rows, &self.groups, argument.as_ref(), order)
                .map_err(|e| e.at(grouping, at))?;
        }
        Ok(())
    }

    /// Adds partial states. `states` has the state columns of all accumulators in order.
    pub(crate) fn merge(
        &mut self,
        grouping: &Grouping,
        keys: &BatchKeys,
        rows: &Rows<'_>,
        states: &[ArrayRef],
    ) -> Result<(), DataflowError> {
        self.resolve(keys, rows)?;
        let mut rest = states;
        for (at, accumulator) in self.accumulators.iter_mut().enumerate() {
            let (own, others) = rest.split_at(accumulator.state_width());
            accumulator.merge(rows, &self.groups, own).map_err(|e| e.at(grouping, at))?;
            rest = others;
        }
        Ok(())
    }

    /// Adds all groups of another table of the same shape.
    pub(crate) fn absorb(
        &mut self,
        grouping: &Grouping,
        other: &Self,
    ) -> Result<(), DataflowError> {
        let all: Vec<u32> = (0..other.len() as u32).collect();
        self.groups.clear();
        self.index.insert_all(&other.index, &all, &mut self.groups)?;
        self.grow();
        let own = std::mem::take(&mut self.groups);
        let done = self.merge_states(grouping, other, &own, &all);
        self.groups = own;
        done
    }

    /// Inserts the keys of some groups of another table, without state.
    pub(crate) fn insert_keys(
        &mut self,
        other: &Self,
        groups: &[u32],
    ) -> Result<(), DataflowError> {
        self.groups.clear();
        self.index.insert_all(&other.index, groups, &mut self.groups)?;
        self.grow();
        Ok(())
    }

    /// Adds the groups of another table of the same shape whose keys are in this one.
    pub(crate) fn absorb_known(
        &mut self,
        grouping: &Grouping,
        other: &Self,
    ) -> Result<(), DataflowError> {
        let (mut own, mut theirs) = (Vec::new(), Vec::new());
        for group in 0..self.len() as u32 {
            if let Some(found) = other.index.find(&self.index, group) {
                own.push(group);
                theirs.push(found);
            }
        }
        self.merge_states(grouping, other, &own, &theirs)
    }

    fn merge_states(
        &mut self,
        grouping: &Grouping,
        other: &Self,
        own: &[u32],
        theirs: &[u32],
    ) -> Result<(), DataflowError> {
        for (at, (mine, other)) in self.accumulators.iter_mut().zip(&other.accumulators).enumerate()
        {
            mine.merge(&Rows::All(own.len()), own, &other.states(theirs))
                .map_err(|e| e.at(grouping, at))?;
        }
        Ok(())
    }

    fn resolve(&mut self, keys: &BatchKeys, rows: &Rows<'_>) -> Result<(), DataflowError> {
        self.groups.clear();
        self.index.resolve(keys, rows, &mut self.groups)?;
        self.grow();
        for group in &self.groups {
            self.dirty.set(*group as usize);
        }
        Ok(())
    }

    fn grow(&mut self) {
        let groups = self.index.len();
        self.dirty.grow(groups);
        for accumulator in &mut self.accumulators {
            accumulator.grow(groups);
        }
    }

    /// Group numbers in the order of emission: hash of the key, then the key (C10).
    pub(crate) fn emission_order(&self) -> Vec<u32> {
        self.index.emission_order(0..self.len() as u32)
    }

    /// The same of some groups.
    pub(crate) fn emission_order_of(&self, groups: Vec<u32>) -> Vec<u32> {
        self.index.emission_order(groups.into_iter())
    }

    /// Hash of a group's canonical key bytes.
    pub(crate) fn key_hash(&self, group: u32) -> u64 {
        self.index.key_hash(group)
    }

    pub(crate) fn key_columns(&self, groups: &[u32]) -> Vec<ArrayRef> {
        self.index.columns(groups)
    }

    pub(crate) fn output_columns(&self, groups: &[u32]) -> Vec<ArrayRef> {
        self.accumulators.iter().map(|a| a.output(groups)).collect()
    }

    pub(crate) fn state_columns(&self, groups: &[u32]) -> Vec<ArrayRef> {
        self.accumulators.iter().flat_map(|a| a.states(groups)).collect()
    }

    /// Changed groups sorted by key; forgets what changed.
    pub(crate) fn take_dirty(&mut self) -> Vec<u32> {
        let mut dirty = self.dirty.take();
        self.index.sort_by_key(&mut dirty);
        dirty
    }

    /// Marks the groups that the last rows went to.
    pub(crate) fn mark_touched(&mut self) {
        self.touched.grow(self.index.len());
        for group in &self.groups {
            self.touched.set(*group as usize);
        }
    }

    /// The marked groups; forgets them.
    pub(crate) fn take_touched(&mut self) -> Vec<u32> {
        self.touched.take()
    }

    pub(crate) fn mark_all_dirty(&mut self) {
        self.dirty.set_all(self.index.len());
    }

    pub(crate) fn put_key(&self, group: u32, out: &mut Vec<u8>) {
        self.index.put_key(group, out);
    }

    pub(crate) fn put_state(&self, group: u32, out: &mut Vec<u8>) {
        for accumulator in &self.accumulators {
            accumulator.encode(group, out);
        }
    }

    /// Restores one group from canonical key bytes and its state columns in order. `None` if the key does not
    /// decode or is there already.
    pub(crate) fn restore(&mut self, key: &[u8], state: &[Value<'_>]) -> Option<()> {
        let group = self.index.insert_stored(key)?;
        self.grow();
        let mut rest = state;
        for accumulator in &mut self.accumulators {
            let (own, others) = rest.split_at_checked(accumulator.state_width())?;
            accumulator.decode(group, own)?;
            rest = others;
        }
        rest.is_empty().then_some(())
    }

    /// Empties the table and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.index.clear();
        self.dirty.clear();
        self.touched.clear();
        for accumulator in &mut self.accumulators {
            accumulator.clear();
        }
    }

    /// Bytes of sets and arrays.
    pub(crate) fn held_bytes(&self) -> usize {
        self.accumulators.iter().map(|a| a.held_bytes()).sum()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.index.memory_bytes()
            + self.dirty.memory_bytes()
            + self.touched.memory_bytes()
            + 4 * self.groups.capacity()
            + self.accumulators.iter().map(|a| a.memory_bytes()).sum::<usize>()
    }
}
