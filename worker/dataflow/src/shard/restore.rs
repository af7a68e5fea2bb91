//! Stored state: is it compatible, and back into tables.

use protocol::manifest::TableSchema;
use protocol::registers::ShardRegisters;

use super::{EndState, Shard};
use crate::error::{DataflowError, Incompatible};
use crate::plan::Grouping;
use crate::schema::{self, TableMapping};
use crate::watermark::UNDEFINED;

impl Shard {
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
            EndState::Window(window) => Some(&window.plan().grouping),
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
        if let Some(watermark) = self.watermark() {
            for table in 0..self.windows.len() {
                self.window_mut(table)?.set_fired_until(watermark);
            }
        }
        Ok(())
    }

    /// Takes one stored entry, in the numbering and layout of the stored tables. Dead entries (all windows end at
    /// the watermark or before) are skipped.
    pub fn restore_entry(
        &mut self,
        table: u16,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), DataflowError> {
        let watermark = self.watermark().unwrap_or(UNDEFINED);
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
