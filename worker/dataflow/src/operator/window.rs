//! A window operator with state: one table per pane; windows merge panes when they fire.

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, SchemaRef};
use arrow::record_batch::RecordBatch;

use super::firing::{Budget, Firing};
use super::handed::Handed;
use super::late::LateOutput;
use super::merge_tree::MergeTree;
use super::refire::Refires;
use super::tables::Tables;
use super::{Due, HandedOut, Windowed, row_values};
use crate::assign::Assigner;
use crate::changes::Entries;
use crate::error::DataflowError;
use crate::group::{BatchKeys, GroupTable};
use crate::pipeline::Flow;
use crate::plan::{Emit, WindowAggregate, WindowInput};
use crate::schema::MappedTable;
use crate::watermark::UNDEFINED;
use crate::window::{Panes, WindowKind};

pub(crate) struct WindowOperator {
    pub(super) plan: Box<WindowAggregate>,
    pub(super) panes: Panes,
    pub(super) result: SchemaRef,
    pub(super) tables: Tables,
    pub(super) tree: MergeTree,
    assigner: Assigner,
    keys: BatchKeys,
    /// Of the log.
    partition: i32,
    /// All windows that end here or before have been handed out.
    pub(super) fired_until: i64,
    pub(super) firing: Option<Firing>,
    /// Emptied, for the next window that must be merged.
    pub(super) merged: Option<GroupTable>,
    pub(super) refires: Refires,
    pub(super) late: LateOutput,
}

impl WindowOperator {
    /// `partition`: of the log.
    pub(crate) fn new(plan: &WindowAggregate, partition: i32) -> Self {
        let grouping = &plan.grouping;
        let panes = grouping.window.panes();
        Self {
            plan: Box::new(plan.clone()),
            panes,
            result: grouping.result_schema(),
            tables: Tables::new(grouping.key_kinds(), grouping.aggregates.clone()),
            tree: MergeTree::new(panes),
            assigner: Assigner::new(panes, grouping.lateness_ms),
            keys: BatchKeys::default(),
            partition,
            fired_until: UNDEFINED,
            firing: None,
            merged: None,
            refires: Refires::new(panes, grouping.lateness_ms, plan.emit != Emit::Final),
            late: LateOutput::of(plan),
        }
    }

    pub(super) fn operator(&self) -> &str {
        &self.plan.grouping.operator
    }
}

impl Windowed for WindowOperator {
    fn plan(&self) -> &WindowAggregate {
        &self.plan
    }

    fn process_rows(&mut self, flow: &Flow<'_>, muted: bool) -> Result<u64, DataflowError> {
        let grouping = &self.plan.grouping;
        let WindowInput::Rows(columns) = &self.plan.input else {
            return Err(DataflowError::Bug(format!("{} takes partials", grouping.operator)));
        };
        let values = row_values(grouping, columns, flow, self.partition)?;
        let late = self.assigner.assign_rows(values.times, &flow.before)?;
        self.late.take(self.assigner.late(), &values.carried, muted)?;
        self.keys.prepare(&grouping.key_kinds(), &values.keys, values.times.len());
        for (pane, rows) in self.assigner.spans() {
            let table = self.tables.entry(pane)?;
            table.update(grouping, &self.keys, &rows, &values.arguments, values.order)?;
            self.refires.note(pane, self.fired_until, table, &rows);
        }
        Ok(late)
    }

    fn process_partials(
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
        self.late.take(self.assigner.late(), carried, muted)?;
        self.keys.prepare(&grouping.key_kinds(), keys, batch.num_rows());
        for (pane, rows) in self.assigner.spans() {
            let table = self.tables.entry(pane)?;
            table.merge(grouping, &self.keys, &rows, states)?;
            self.refires.note(pane, self.fired_until, table, &rows);
        }
        Ok(late)
    }

    fn next_due(&self, watermark: i64) -> Option<i64> {
        if self.refires.are_all() {
            // The last change of a window that ends has gone out with the others.
            return None;
        }
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

    fn waits_until(&self) -> Option<i64> {
        if self.refires.are_all() || self.plan.grouping.window == WindowKind::All {
            return None;
        }
        let ends = self.tables.by_pane.keys().map(|pane| self.panes.last_end(pane.end));
        ends.max().filter(|end| *end > self.fired_until)
    }

    fn finish(&mut self, watermark: i64) -> Result<(), DataflowError> {
        if let Some(firing) = self.firing.take() {
            self.end_firing(firing);
        }
        if watermark == UNDEFINED {
            return Ok(());
        }
        self.fired_until = self.fired_until.max(watermark);
        let live_from = self.live_from(watermark);
        self.tree.drop_below(live_from);
        self.tables.drop_below(live_from);
        Ok(())
    }

    fn emit(
        &mut self,
        due: Due,
        budget: &mut Budget,
        out: &mut Handed,
    ) -> Result<Option<HandedOut>, DataflowError> {
        let end = due.end;
        Ok(self.emit_window(end, budget, out)?.map(|groups| HandedOut { end, groups }))
    }

    fn handed_out(&self, end: i64) -> u64 {
        self.firing.as_ref().map_or(0, |firing| firing.handed_out(end))
    }

    fn skip(&mut self, done: HandedOut, _watermark: i64) -> Result<bool, DataflowError> {
        self.skip_groups(done.end, done.groups)
    }

    fn results_until(&self, watermark: i64) -> i64 {
        watermark
    }

    fn changes(&mut self) -> Entries {
        self.stored_changes()
    }

    fn mark_all_changed(&mut self) {
        self.tables.by_pane.values_mut().for_each(GroupTable::mark_all_dirty);
    }

    fn restore_entry(
        &mut self,
        mapping: &MappedTable,
        key: &[u8],
        value: &[u8],
        watermark: i64,
    ) -> Result<(), DataflowError> {
        self.restore_stored(mapping, key, value, watermark)
    }

    fn set_fired_until(&mut self, end: i64) {
        self.fired_until = self.fired_until.max(end);
    }

    fn live_from(&self, watermark: i64) -> i64 {
        self.panes.live_from(watermark.saturating_sub(self.plan.grouping.lateness_ms))
    }

    fn hand_out_open(
        &mut self,
        late: &mut Vec<(usize, RecordBatch)>,
        out: &mut Handed,
    ) -> Result<(), DataflowError> {
        self.late.drain(late);
        self.refire(out)
    }

    fn open_bytes(&self) -> usize {
        self.late.bytes() + self.refired_bytes()
    }

    fn discard_open(&mut self) {
        self.late.clear();
        self.forget_refired();
    }

    fn groups(&self) -> usize {
        self.tables.groups()
    }

    fn memory_bytes(&self) -> usize {
        self.tables.memory_bytes()
            + self.late.bytes()
            + self.tree.memory_bytes()
            + self.firing.as_ref().map_or(0, Firing::memory_bytes)
            + self.merged.as_ref().map_or(0, GroupTable::memory_bytes)
    }
}
