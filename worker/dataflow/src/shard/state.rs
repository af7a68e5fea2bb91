//! Stored state: what changed, is what is stored compatible, and back into tables.

use protocol::manifest::TableSchema;
use protocol::registers::ShardRegisters;

use super::{EndState, Shard};
use crate::changes::TableChanges;
use crate::error::{DataflowError, Incompatible};
use crate::plan::Grouping;
use crate::schema::{self, TableMapping};
use crate::watermark::UNDEFINED;

impl Shard {
    /// State that changed since the last call, per table, sorted. Only at a boundary with nothing left to hand out.
    pub fn changes(&mut self) -> Result<Vec<TableChanges>, DataflowError> {
        if self.cut || self.open {
            return Err(DataflowError::Bug(
                "a snapshot was asked for between boundaries".to_owned(),
            ));
        }
        let watermark = self.watermark();
        let mut changes = Vec::with_capacity(self.windows.len());
        for place in 0..self.windows.len() {
            let table = self.windows[place].0;
            let window = self.window_mut(place)?;
            let live_from = watermark.map(|watermark| window.live_from(watermark));
            changes.push(TableChanges { table, live_from, entries: window.changes() });
        }
        Ok(changes)
    }

    /// The next [`changes`](Self::changes) hold the whole state.
    pub fn mark_all_changed(&mut self) {
        for end in &mut self.ends {
            if let EndState::Window(window) = end {
                window.operator.mark_all_changed();
            }
        }
    }

    /// Schemas of the state tables, in order of their numbers.
    pub fn tables(&self) -> Vec<TableSchema> {
        let schema = |(_, at): &(u16, usize)| match &self.ends[*at] {
            EndState::Window(window) => Some(window.operator.plan().grouping.table_schema()),
            _ => None,
        };
        self.windows.iter().filter_map(schema).collect()
    }

    /// Entries of state of each operator that keeps some.
    pub fn state_rows(&self) -> Vec<(String, u64)> {
        let rows = |(_, at): &(u16, usize)| match &self.ends[*at] {
            EndState::Window(window) => {
                let operator = window.operator.plan().grouping.operator.clone();
                Some((operator, window.operator.groups() as u64))
            }
            _ => None,
        };
        self.windows.iter().filter_map(rows).collect()
    }

    /// Compares stored tables with the plan's: by operator id and column names, never by position. An added aggregate
    /// whose empty state is null is compatible; everything else is refused with the reason.
    pub fn check_tables(&self, stored: &[TableSchema]) -> Result<TableMapping, Incompatible> {
        schema::check(&self.groupings(), stored)
    }

    pub(super) fn identity(&self) -> Result<TableMapping, DataflowError> {
        self.check_tables(&self.tables()).map_err(|e| DataflowError::Bug(e.to_string()))
    }

    fn groupings(&self) -> Vec<&Grouping> {
        let grouping = |(_, at): &(u16, usize)| match &self.ends[*at] {
            EndState::Window(window) => Some(&window.operator.plan().grouping),
            _ => None,
        };
        self.windows.iter().filter_map(grouping).collect()
    }

    /// Starts to restore a snapshot that was taken at a boundary: registers first, then every entry.
    pub fn restore(
        &mut self,
        registers: ShardRegisters,
        mapping: TableMapping,
    ) -> Result<(), DataflowError> {
        if self.registers != ShardRegisters::default() {
            return Err(DataflowError::Bug("a shard is restored into once, empty".to_owned()));
        }
        self.registers = registers;
        self.mapping = mapping;
        if let Some(watermark) = self.sent_until() {
            for table in 0..self.windows.len() {
                self.window_mut(table)?.set_fired_until(watermark);
            }
        }
        Ok(())
    }

    /// What the watermark had closed there.
    fn sent_until(&self) -> Option<i64> {
        self.registers.sent_until.or_else(|| self.watermark())
    }

    /// Takes one stored entry, in the numbering and layout of the stored tables. Dead entries (all windows end at
    /// the watermark or before) are skipped.
    pub fn restore_entry(
        &mut self,
        table: u16,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), DataflowError> {
        let watermark = self.sent_until().unwrap_or(UNDEFINED);
        let mapping = std::mem::take(&mut self.mapping);
        let done = match mapping.table(table) {
            Some(mapped) => self
                .window_mut(mapped.place)
                .and_then(|window| window.restore_entry(mapped, key, value, watermark)),
            None => Err(DataflowError::Corrupt {
                operator: format!("table {table}"),
                message: "the manifest names no such table".to_owned(),
            }),
        };
        self.mapping = mapping;
        done
    }
}
