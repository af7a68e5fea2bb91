//! Windows that are handed out more than once. Allowed lateness: a window that has fired is kept for a while, and fires
//! again with its full new result for the keys of rows that come after all. Changes: every window does, fired or not.
//!
//! What has changed since the last boundary goes out whole at the next, before any window fires for the first time.
//! How many rows of such kind there are depends on where boundaries fall, the last one per key and window does not
//! (R4): panes are merged in the same order as when the window fires first.

use std::collections::BTreeMap;

use super::firing::{Firing, Part};
use super::handed::Handed;
use super::parts::VALUE_BYTES;
use super::window::WindowOperator;
use crate::accumulate::Rows;
use crate::assign::PaneId;
use crate::error::DataflowError;
use crate::group::GroupTable;
use crate::limits::EMISSION_CHUNK_ROWS;
use crate::window::Panes;

/// What windows have got since the last boundary that are handed out again.
pub(super) struct Refires {
    panes: Panes,
    lateness: i64,
    /// All windows, not only those that have fired.
    all: bool,
    /// Rows, once for each window.
    rows: usize,
}

impl Refires {
    pub(super) fn new(panes: Panes, lateness: i64, all: bool) -> Self {
        Self { panes, lateness, all, rows: 0 }
    }

    /// All windows are handed out with every change, and none when it fires.
    pub(super) fn are_all(&self) -> bool {
        self.all
    }

    /// Ends of the windows with rows of that pane that are handed out again.
    fn windows(&self, pane: PaneId, fired_until: i64) -> impl Iterator<Item = i64> + use<> {
        let last = self.panes.last_end(pane.end);
        let last = if self.all { last } else { last.min(fired_until) };
        let (slide, any) = (self.panes.slide, self.all || self.lateness > 0);
        let ends = std::iter::successors(Some(pane.from), move |end| Some(end + slide));
        ends.take_while(move |end| any && *end <= last)
    }

    /// Marks the groups that the last rows of a pane went to, if a window with them is handed out again.
    pub(super) fn note(
        &mut self,
        pane: PaneId,
        fired_until: i64,
        table: &mut GroupTable,
        rows: &Rows<'_>,
    ) {
        let windows = self.windows(pane, fired_until).count();
        if windows > 0 {
            table.mark_touched();
            self.rows += rows.len() * windows;
        }
    }
}

impl WindowOperator {
    /// Bytes that [`refire`](Self::refire) would hand out, at most and roughly.
    pub(super) fn refired_bytes(&self) -> usize {
        let values = self.result.fields().len() * self.plan.grouping.rows_per_group();
        self.refires.rows * values * VALUE_BYTES
    }

    /// Nothing that has changed will be handed out again.
    pub(super) fn forget_refired(&mut self) {
        if std::mem::take(&mut self.refires.rows) > 0 {
            self.tables.by_pane.values_mut().for_each(|table| drop(table.take_touched()));
        }
    }

    /// Hands out the new results of windows that have changed since the last boundary, windows by end, keys in the
    /// order of C10.
    pub(super) fn refire(&mut self, out: &mut Handed) -> Result<(), DataflowError> {
        if std::mem::take(&mut self.refires.rows) == 0 {
            return Ok(());
        }
        let mut touched: BTreeMap<PaneId, Vec<u32>> = BTreeMap::new();
        for (pane, table) in &mut self.tables.by_pane {
            let groups = table.take_touched();
            if !groups.is_empty() {
                touched.insert(*pane, groups);
            }
        }
        let mut windows: BTreeMap<i64, Vec<PaneId>> = BTreeMap::new();
        for pane in touched.keys() {
            for end in self.refires.windows(*pane, self.fired_until) {
                windows.entry(end).or_default().push(*pane);
            }
        }
        for (end, panes) in windows {
            if self.plan.grouping.window.is_tumble() {
                for pane in panes {
                    let part = Part::Pane(pane);
                    let groups = touched.remove(&pane).unwrap_or_default();
                    let order = self.part(part)?.emission_order_of(groups);
                    self.hand_out_whole(&Firing::of_part(end, part, order), out)?;
                }
                continue;
            }
            let mut table = self.merged_table()?;
            for pane in panes {
                if let (Some(from), Some(groups)) =
                    (self.tables.by_pane.get(&pane), touched.get(&pane))
                {
                    table.insert_keys(from, groups)?;
                }
            }
            self.hand_out_again(end, table, out)?;
        }
        Ok(())
    }

    /// Fills a table of keys with their state over all panes of the window and hands it out.
    fn hand_out_again(
        &mut self,
        end: i64,
        mut table: GroupTable,
        out: &mut Handed,
    ) -> Result<(), DataflowError> {
        for part in self.parts(end)? {
            table.absorb_known(&self.plan.grouping, self.part(part)?)?;
        }
        let firing = Firing::merged(end, table);
        self.hand_out_whole(&firing, out)?;
        self.keep_merged(firing);
        Ok(())
    }

    fn hand_out_whole(&self, firing: &Firing, out: &mut Handed) -> Result<(), DataflowError> {
        let rows_each = self.plan.grouping.rows_per_group();
        for groups in firing.order.chunks(EMISSION_CHUNK_ROWS.div_ceil(rows_each)) {
            out.take(&self.plan, self.rows_of(firing, groups)?)?;
        }
        Ok(())
    }
}
