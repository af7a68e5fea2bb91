//! State of a window operator as entries of the store.

use super::Windowed;
use super::window::WindowOperator;
use crate::assign::PaneId;
use crate::changes::{Entries, encode_time, take_time};
use crate::error::DataflowError;
use crate::schema::MappedTable;
use crate::watermark::UNDEFINED;

impl WindowOperator {
    /// Entries that changed since the last call, sorted by key.
    pub(super) fn stored_changes(&mut self) -> Entries {
        let tumble = self.plan.grouping.window.is_tumble();
        let mut entries = Entries::default();
        for (pane, table) in &mut self.tables.by_pane {
            for group in table.take_dirty() {
                entries.push_with(
                    |out| {
                        out.extend_from_slice(&encode_time(pane.end));
                        if !tumble {
                            out.extend_from_slice(&encode_time(pane.from));
                        }
                        table.put_key(group, out);
                    },
                    |out| table.put_state(group, out),
                );
            }
        }
        entries
    }

    /// Takes one stored entry; dead ones are skipped.
    pub(super) fn restore_stored(
        &mut self,
        mapping: &MappedTable,
        key: &[u8],
        value: &[u8],
        watermark: i64,
    ) -> Result<(), DataflowError> {
        let grouping = &self.plan.grouping;
        let (pane, key) =
            self.stored_pane(key).ok_or_else(|| grouping.corrupt("a key names no pane"))?;
        if watermark != UNDEFINED && pane.end < self.live_from(watermark) {
            return Ok(());
        }
        let state =
            mapping.state(value).ok_or_else(|| grouping.corrupt("a value does not decode"))?;
        let table = self.tables.entry(pane)?;
        if table.restore(key, &state).is_none() {
            return Err(grouping.corrupt("an entry is double or does not decode"));
        }
        Ok(())
    }

    fn stored_pane<'a>(&self, key: &'a [u8]) -> Option<(PaneId, &'a [u8])> {
        let (end, rest) = take_time(key)?;
        let aligned = end.unsigned_abs() < u64::MAX / 4 && self.panes.pane_end(end - 1) == end;
        if !aligned {
            return None;
        }
        if self.plan.grouping.window.is_tumble() {
            return Some((PaneId { end, from: end }, rest));
        }
        let (from, rest) = take_time(rest)?;
        let windows = self.panes.first_end(end)..=self.panes.last_end(end);
        windows.contains(&from).then_some((PaneId { end, from }, rest))
    }
}
