//! A window on its way out: the groups of its panes merged, in the order of C10.

use std::sync::Arc;

use arrow::array::{ArrayRef, TimestampMillisecondArray};
use arrow::record_batch::RecordBatch;

use super::handed::Handed;
use super::merge_tree::Node;
use super::window::WindowOperator;
use crate::assign::PaneId;
use crate::error::DataflowError;
use crate::group::GroupTable;
use crate::limits::{EMISSION_CHUNK_ROWS, MERGED_DIRECTLY_MAX};
use crate::pipeline;

/// What is left of an emission's limit.
pub(crate) struct Budget {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

impl Budget {
    pub(crate) fn is_spent(&self) -> bool {
        self.rows == 0 || self.bytes == 0
    }

    /// How many of so many groups are handed out next, if each may give so many rows. At least one.
    pub(super) fn groups(&self, left: usize, rows_each: usize) -> usize {
        let room = usize::try_from(self.rows).unwrap_or(usize::MAX);
        left.min(room.min(EMISSION_CHUNK_ROWS) / rows_each).max(1)
    }

    pub(super) fn spend(&mut self, batch: &RecordBatch) {
        self.rows = self.rows.saturating_sub(batch.num_rows() as u64);
        self.bytes = self.bytes.saturating_sub(super::data_bytes(batch) as u64);
    }
}

/// A window that is being handed out.
pub(super) struct Firing {
    pub(super) end: i64,
    source: Source,
    pub(super) order: Vec<u32>,
    next: usize,
}

/// Where its groups are.
enum Source {
    /// As they lie.
    One(Part),
    Merged(Box<GroupTable>),
}

/// A table that a window is made of.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Pane(PaneId),
    Node(Node),
}

impl WindowOperator {
    /// Hands out the window that `next_due` named, as far as the budget goes. Returns the groups handed out so far
    /// if it is not finished.
    pub(super) fn emit_window(
        &mut self,
        end: i64,
        budget: &mut Budget,
        out: &mut Handed,
    ) -> Result<Option<u64>, DataflowError> {
        let mut firing = self.take_firing(end)?;
        let rows_each = self.plan.grouping.rows_per_group();
        while firing.next < firing.order.len() && !budget.is_spent() {
            let count = budget.groups(firing.order.len() - firing.next, rows_each);
            let groups = &firing.order[firing.next..firing.next + count];
            let batch = self.finished_rows(&firing, groups)?;
            firing.next += count;
            budget.spend(&batch);
            out.push_rows(batch);
        }
        if firing.next < firing.order.len() {
            let done = firing.next as u64;
            self.firing = Some(firing);
            return Ok(Some(done));
        }
        self.end_firing(firing);
        Ok(None)
    }

    /// As if the first `groups` groups of that window had been handed out. `false`: it has not that many.
    pub(super) fn skip_groups(&mut self, end: i64, groups: u64) -> Result<bool, DataflowError> {
        let mut firing = self.take_firing(end)?;
        let fits = firing.end == end && groups <= firing.order.len() as u64;
        if fits {
            firing.next = groups as usize;
        }
        self.firing = Some(firing);
        Ok(fits)
    }

    fn take_firing(&mut self, end: i64) -> Result<Firing, DataflowError> {
        if let Some(firing) = self.firing.take() {
            return Ok(firing);
        }
        let parts = self.parts(end)?;
        if let [part] = parts.as_slice() {
            let order = self.part(*part)?.emission_order();
            return Ok(Firing::of_part(end, *part, order));
        }
        let mut merged = self.merged_table()?;
        for part in parts {
            merged.absorb(&self.plan.grouping, self.part(part)?)?;
        }
        Ok(Firing::merged(end, merged))
    }

    /// An empty table to merge into.
    pub(super) fn merged_table(&mut self) -> Result<GroupTable, DataflowError> {
        match self.merged.take() {
            Some(merged) => Ok(merged),
            None => self.tables.apart(0),
        }
    }

    /// The tables that the window is made of, in an order that the panes alone decide.
    pub(super) fn parts(&mut self, end: i64) -> Result<Vec<Part>, DataflowError> {
        let first = PaneId { end: self.panes.start_of(end) + 1, from: i64::MIN };
        let last = PaneId { end, from: i64::MAX };
        // Merged panes are not kept where panes can still change.
        let direct = self.refires.are_all()
            || self.plan.grouping.lateness_ms > 0
            || self.panes.size / self.panes.pane <= MERGED_DIRECTLY_MAX;
        let mut parts = Vec::new();
        if !direct {
            let nodes = self.tree.window(end, &mut self.tables, &self.plan.grouping)?;
            parts.extend(nodes.into_iter().map(Part::Node));
        }
        let panes = self.panes;
        let range = self.tables.by_pane.range(first..=last).map(|(pane, _)| *pane);
        let own = range.filter(|pane| {
            let whole = pane.from == panes.first_end(pane.end);
            pane.from <= end && panes.contains(end, pane.end) && (direct || !whole)
        });
        parts.extend(own.map(Part::Pane));
        Ok(parts)
    }

    pub(super) fn part(&self, part: Part) -> Result<&GroupTable, DataflowError> {
        let table = match part {
            Part::Pane(pane) => self.tables.by_pane.get(&pane),
            Part::Node(node) => self.tree.table(node, &self.tables),
        };
        table.ok_or_else(|| {
            DataflowError::Bug(format!("a window of {} lost a pane", self.operator()))
        })
    }

    pub(super) fn end_firing(&mut self, firing: Firing) {
        self.fired_until = self.fired_until.max(firing.end);
        self.keep_merged(firing);
    }

    /// Keeps the memory of what was merged.
    pub(super) fn keep_merged(&mut self, firing: Firing) {
        if let Source::Merged(mut table) = firing.source {
            table.clear();
            self.merged = Some(*table);
        }
    }

    /// What the sink gets of these groups.
    fn finished_rows(&self, firing: &Firing, groups: &[u32]) -> Result<RecordBatch, DataflowError> {
        let rows = self.rows_of(firing, groups)?;
        Ok(pipeline::run(&self.plan.steps, self.operator(), rows.into())?.batch)
    }

    /// The results of these groups.
    pub(super) fn rows_of(
        &self,
        firing: &Firing,
        groups: &[u32],
    ) -> Result<RecordBatch, DataflowError> {
        let table = match &firing.source {
            Source::One(part) => self.part(*part)?,
            Source::Merged(table) => table,
        };
        let constant = |time: i64| -> ArrayRef {
            Arc::new(TimestampMillisecondArray::from_value(time, groups.len()))
        };
        let mut columns = table.key_columns(groups);
        columns.push(constant(self.panes.start_of(firing.end)));
        columns.push(constant(firing.end));
        columns.push(constant(firing.end - 1));
        columns.extend(table.output_columns(groups));
        RecordBatch::try_new(self.result.clone(), columns)
            .map_err(|e| DataflowError::Bug(format!("rows of {}: {e}", self.operator())))
    }
}

impl Firing {
    /// These groups of one table.
    pub(super) fn of_part(end: i64, part: Part, order: Vec<u32>) -> Self {
        Self { end, source: Source::One(part), order, next: 0 }
    }

    pub(super) fn merged(end: i64, table: GroupTable) -> Self {
        let order = table.emission_order();
        Self { end, source: Source::Merged(Box::new(table)), order, next: 0 }
    }

    /// Groups of that window that have been handed out so far.
    pub(super) fn handed_out(&self, end: i64) -> u64 {
        if self.end == end { self.next as u64 } else { 0 }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let merged = match &self.source {
            Source::Merged(table) => table.memory_bytes(),
            Source::One(_) => 0,
        };
        merged + 4 * self.order.capacity()
    }
}
