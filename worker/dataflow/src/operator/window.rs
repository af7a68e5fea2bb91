//! A window operator with state: one table per pane; windows merge panes when they fire.

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, SchemaRef};
use arrow::record_batch::RecordBatch;

use super::firing::Firing;
use super::late::{LateOutput, Reason};
use super::merge_tree::MergeTree;
use super::refire::Refires;
use super::row_values;
use super::tables::Tables;
use crate::assign::Assigner;
use crate::error::DataflowError;
use crate::group::{BatchKeys, GroupTable};
use crate::plan::{WindowAggregate, WindowInput};
use crate::watermark::UNDEFINED;
use crate::window::Panes;

pub(crate) struct WindowOperator {
    pub(super) plan: Box<WindowAggregate>,
    pub(super) panes: Panes,
    pub(super) result: SchemaRef,
    pub(super) tables: Tables,
    pub(super) tree: MergeTree,
    assigner: Assigner,
    keys: BatchKeys,
    /// All windows that end here or before have been handed out.
    pub(super) fired_until: i64,
    pub(super) firing: Option<Firing>,
    /// Emptied, for the next window that must be merged.
    pub(super) merged: Option<GroupTable>,
    pub(super) refires: Refires,
    pub(super) late: Option<LateOutput>,
}

impl WindowOperator {
    pub(crate) fn new(plan: &WindowAggregate) -> Self {
        let grouping = &plan.grouping;
        let panes = grouping.window.panes();
        let reason = match plan.input {
            WindowInput::Rows(_) => Reason::Log,
            WindowInput::Partials => Reason::Combined,
        };
        Self {
            plan: Box::new(plan.clone()),
            panes,
            result: grouping.result_schema(),
            tables: Tables::new(grouping.key_kinds(), grouping.aggregates.clone()),
            tree: MergeTree::new(panes),
            assigner: Assigner::new(panes, grouping.lateness_ms),
            keys: BatchKeys::default(),
            fired_until: UNDEFINED,
            firing: None,
            merged: None,
            refires: Refires::new(panes, grouping.lateness_ms),
            late: LateOutput::of(grouping, reason),
        }
    }

    pub(crate) fn plan(&self) -> &WindowAggregate {
        &self.plan
    }

    pub(super) fn operator(&self) -> &str {
        &self.plan.grouping.operator
    }

    /// Adds rows, each against the watermark before it. Returns how many are late.
    pub(crate) fn process_rows(
        &mut self,
        batch: &RecordBatch,
        before: &[i64],
        muted: bool,
    ) -> Result<u64, DataflowError> {
        let grouping = &self.plan.grouping;
        let WindowInput::Rows(columns) = &self.plan.input else {
            return Err(DataflowError::Bug(format!("{} takes partials", grouping.operator)));
        };
        let values = row_values(grouping, columns, batch)?;
        let late = self.assigner.assign_rows(values.times, before)?;
        if let Some(out) = self.late.as_mut().filter(|_| !muted) {
            out.take(self.assigner.late(), &values.carried)?;
        }
        self.keys.prepare(&grouping.key_kinds(), &values.keys, batch.num_rows());
        for (pane, rows) in self.assigner.spans() {
            let table = self.tables.entry(pane)?;
            table.update(grouping, &self.keys, &rows, &values.arguments)?;
            self.refires.note(pane, self.fired_until, table, &rows);
        }
        Ok(late)
    }

    /// Adds partial rows against the combined watermark. Returns how many rows are late.
    pub(crate) fn process_partials(
        &mut self,
        batch: &RecordBatch,
        watermark: i64,
        muted: bool,
    ) -> Result<u64, DataflowError> {
        let grouping = &self.plan.grouping;
        let hidden = grouping.hidden_columns().len();
        let times: Vec<&[i64]> = batch.columns()[..hidden]
            .iter()
            .map(|column| column.as_primitive::<Int64Type>().values().as_ref())
            .collect();
        let (ends, froms, counts) = (times[0], times[hidden - 2], times[hidden - 1]);
        let late = self.assigner.assign_partials(ends, froms, counts, watermark)?;
        let (keys, states) = batch.columns()[hidden..].split_at(grouping.keys.len());
        let carried = grouping.late.as_ref().map_or(0, |late| late.columns.len());
        let (states, carried) = states.split_at(states.len() - carried);
        if let Some(out) = self.late.as_mut().filter(|_| !muted) {
            out.take(self.assigner.late(), carried)?;
        }
        self.keys.prepare(&grouping.key_kinds(), keys, batch.num_rows());
        for (pane, rows) in self.assigner.spans() {
            let table = self.tables.entry(pane)?;
            table.merge(grouping, &self.keys, &rows, states)?;
            self.refires.note(pane, self.fired_until, table, &rows);
        }
        Ok(late)
    }

    /// End of the next window to hand out, if the watermark has reached it.
    pub(crate) fn next_due(&self, watermark: i64) -> Option<i64> {
        if let Some(firing) = &self.firing {
            return Some(firing.end);
        }
        let ends = self.tables.by_pane.keys().filter_map(|pane| {
            let end = if self.fired_until < pane.from {
                pane.from
            } else {
                self.panes.end_after(self.fired_until)
            };
            (end <= self.panes.last_end(pane.end)).then_some(end)
        });
        ends.min().filter(|end| *end <= watermark)
    }

    /// Everything up to the watermark has been handed out, or is dropped now.
    pub(crate) fn finish(&mut self, watermark: i64) {
        if let Some(firing) = self.firing.take() {
            self.end_firing(firing);
        }
        if watermark == UNDEFINED {
            return;
        }
        self.fired_until = self.fired_until.max(watermark);
        let live_from = self.live_from(watermark);
        self.tree.drop_below(live_from);
        self.tables.drop_below(live_from);
    }

    /// Windows that end at `end` or before have been handed out, later ones have not.
    pub(crate) fn set_fired_until(&mut self, end: i64) {
        self.fired_until = self.fired_until.max(end);
    }

    /// State entries whose first key bytes lie below are dead.
    pub(crate) fn live_from(&self, watermark: i64) -> i64 {
        self.panes.live_from(watermark.saturating_sub(self.plan.grouping.lateness_ms))
    }

    /// Hands out what does not wait for a window: late rows, and fired windows that have changed.
    pub(crate) fn hand_out_open(
        &mut self,
        out: &mut Vec<(usize, RecordBatch)>,
    ) -> Result<(), DataflowError> {
        if let Some(late) = &mut self.late {
            late.drain(out);
        }
        self.refire(out)
    }

    /// Bytes that [`hand_out_open`](Self::hand_out_open) would hand out, roughly.
    pub(crate) fn open_bytes(&self) -> usize {
        self.late.as_ref().map_or(0, LateOutput::bytes) + self.refired_bytes()
    }

    /// Nothing that [`hand_out_open`](Self::hand_out_open) would hand out is wanted.
    pub(crate) fn discard_open(&mut self) {
        if let Some(late) = &mut self.late {
            late.clear();
        }
        self.forget_refired();
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.tables.memory_bytes()
            + self.late.as_ref().map_or(0, LateOutput::bytes)
            + self.tree.memory_bytes()
            + self.firing.as_ref().map_or(0, Firing::memory_bytes)
            + self.merged.as_ref().map_or(0, GroupTable::memory_bytes)
    }
}
