//! The tables of an operator, one per pane, and emptied ones that wait for the next.

use std::collections::BTreeMap;

use crate::assign::PaneId;
use crate::column::ColumnKind;
use crate::error::DataflowError;
use crate::group::GroupTable;
use crate::limits::SPARE_TABLES;
use crate::plan::Aggregate;

pub(super) struct Tables {
    kinds: Vec<ColumnKind>,
    aggregates: Vec<Aggregate>,
    pub(super) by_pane: BTreeMap<PaneId, GroupTable>,
    spare: Vec<GroupTable>,
    /// Groups of the newest table that was given back: about what the next will hold.
    expected: usize,
}

impl Tables {
    pub(super) fn new(kinds: Vec<ColumnKind>, aggregates: Vec<Aggregate>) -> Self {
        Self { kinds, aggregates, by_pane: BTreeMap::new(), spare: Vec::new(), expected: 0 }
    }

    /// An empty table for a pane.
    fn fresh(&mut self) -> Result<GroupTable, DataflowError> {
        if let Some(table) = self.spare.pop() {
            return Ok(table);
        }
        self.apart(self.expected)
    }

    /// An empty table with that room which is never given back: for what is larger than a pane.
    pub(super) fn apart(&self, groups: usize) -> Result<GroupTable, DataflowError> {
        let accumulators =
            self.aggregates.iter().map(Aggregate::accumulator).collect::<Result<_, _>>()?;
        let mut table = GroupTable::new(&self.kinds, accumulators);
        table.reserve(groups);
        Ok(table)
    }

    fn give_back(&mut self, mut table: GroupTable) {
        self.expected = table.len();
        if self.spare.len() < SPARE_TABLES {
            table.clear();
            self.spare.push(table);
        }
    }

    /// The table of a pane, made if it is not there.
    pub(super) fn entry(&mut self, pane: PaneId) -> Result<&mut GroupTable, DataflowError> {
        if !self.by_pane.contains_key(&pane) {
            let table = self.fresh()?;
            self.by_pane.insert(pane, table);
        }
        Ok(self.by_pane.get_mut(&pane).expect("there or just inserted"))
    }

    /// Gives back all tables of panes that end below `live_from`.
    pub(super) fn drop_below(&mut self, live_from: i64) {
        let first = PaneId { end: live_from, from: i64::MIN };
        let live = self.by_pane.split_off(&first);
        for table in std::mem::replace(&mut self.by_pane, live).into_values() {
            self.give_back(table);
        }
    }

    /// Gives back all tables.
    pub(super) fn clear(&mut self) {
        while let Some((_, table)) = self.by_pane.pop_first() {
            self.give_back(table);
        }
    }

    pub(super) fn groups(&self) -> usize {
        self.by_pane.values().map(GroupTable::len).sum()
    }

    /// Bytes of sets and arrays.
    pub(super) fn held_bytes(&self) -> usize {
        self.by_pane.values().map(GroupTable::held_bytes).sum()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let tables = self.by_pane.values().chain(&self.spare);
        tables.map(GroupTable::memory_bytes).sum()
    }
}
