//! The first phase: aggregates the rows since the last boundary, so that few partial rows cross the exchange.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use super::late::{LateOutput, Reason};
use super::parts::{VALUE_BYTES, hand_over, parted, whole_parts};
use super::singles::Singles;
use super::tables::Tables;
use super::{Partial, row_values};
use crate::assign::{Assigner, PaneId};
use crate::error::DataflowError;
use crate::group::{BatchKeys, GroupTable};
use crate::pipeline::Flow;
use crate::plan::{Aggregate, Function, PartialAggregate};

pub(crate) struct PartialOperator {
    plan: Box<PartialAggregate>,
    schema: SchemaRef,
    tables: Tables,
    assigner: Assigner,
    keys: BatchKeys,
    /// Of the log.
    partition: i32,
    late: Option<LateOutput>,
    /// Instead of the tables where late rows are kept.
    singles: Option<Singles>,
}

impl PartialOperator {
    /// `partition`: of the log; `partitions`: of the exchange.
    pub(crate) fn new(
        plan: &PartialAggregate,
        partition: i32,
        partitions: u32,
    ) -> Result<Self, DataflowError> {
        let grouping = &plan.grouping;
        let singles = match grouping.late {
            Some(_) => Some(Singles::new(grouping, partitions)?),
            None => None,
        };
        let mut aggregates = grouping.aggregates.clone();
        // Partials carry their row count, so that late ones can be counted by rows.
        let rows = Aggregate { name: "rows".to_owned(), function: Function::Count, argument: None };
        aggregates.push(rows);
        Ok(Self {
            plan: Box::new(plan.clone()),
            schema: grouping.partial_schema(),
            tables: Tables::new(grouping.key_kinds(), aggregates),
            assigner: Assigner::new(grouping.window.panes(), grouping.lateness_ms),
            keys: BatchKeys::default(),
            partition,
            late: LateOutput::of(grouping, Reason::Log),
            singles,
        })
    }

    fn split(
        &self,
        pane: PaneId,
        table: &GroupTable,
        parts: &mut [Vec<RecordBatch>],
    ) -> Result<(), DataflowError> {
        let groups = (0..table.len() as u32).map(|group| (group, table.key_hash(group)));
        let (order, starts) = parted(groups, parts.len());
        let batch = self.batch(pane, table, &order)?;
        hand_over(&batch, &starts, parts);
        Ok(())
    }

    fn batch(
        &self,
        pane: PaneId,
        table: &GroupTable,
        order: &[u32],
    ) -> Result<RecordBatch, DataflowError> {
        let constant =
            |value: i64| -> ArrayRef { Arc::new(Int64Array::from_value(value, order.len())) };
        let mut columns = vec![constant(pane.end)];
        if !self.plan.grouping.window.is_tumble() {
            columns.push(constant(pane.from));
        }
        let mut states = table.state_columns(order);
        columns.extend(states.pop());
        columns.extend(table.key_columns(order));
        columns.extend(states);
        RecordBatch::try_new(self.schema.clone(), columns).map_err(|e| self.defect(&e))
    }

    fn defect(&self, error: &dyn std::fmt::Display) -> DataflowError {
        DataflowError::Bug(format!("partials of {}: {error}", self.plan.grouping.operator))
    }
}

impl Partial for PartialOperator {
    fn plan(&self) -> &PartialAggregate {
        &self.plan
    }

    fn process(&mut self, flow: &Flow<'_>, muted: bool) -> Result<u64, DataflowError> {
        let grouping = &self.plan.grouping;
        let values = row_values(grouping, &self.plan.input, flow, self.partition)?;
        let late = self.assigner.assign_rows(values.times, &flow.before)?;
        if muted {
            return Ok(late);
        }
        if let Some(out) = &mut self.late {
            out.take(self.assigner.late(), &values.carried)?;
        }
        self.keys.prepare(&grouping.key_kinds(), &values.keys, values.times.len());
        if let Some(singles) = &mut self.singles {
            singles.push(grouping, self.assigner.on_time(), &self.keys, &values)?;
            return Ok(late);
        }
        let mut arguments = values.arguments;
        arguments.push(None);
        for (pane, rows) in self.assigner.spans() {
            let table = self.tables.entry(pane)?;
            table.update(grouping, &self.keys, &rows, &arguments, values.order)?;
        }
        Ok(late)
    }

    fn pending_bytes(&self) -> usize {
        let held = self.singles.as_ref().map_or(0, Singles::bytes)
            + self.late.as_ref().map_or(0, LateOutput::bytes);
        held + self.tables.held_bytes()
            + self.tables.groups() * self.schema.fields().len() * VALUE_BYTES
    }

    fn drain_late(&mut self, out: &mut Vec<(usize, RecordBatch)>) {
        if let Some(late) = &mut self.late {
            late.drain(out);
        }
    }

    fn drain(&mut self, partitions: u32) -> Result<Vec<(u32, RecordBatch)>, DataflowError> {
        if let Some(singles) = &mut self.singles {
            let batches = singles.drain();
            return batches.map_err(|e| self.defect(&e));
        }
        let mut parts: Vec<Vec<RecordBatch>> = vec![Vec::new(); partitions as usize];
        for (pane, table) in &self.tables.by_pane {
            self.split(*pane, table, &mut parts)?;
        }
        self.tables.clear();
        whole_parts(&self.schema, parts).map_err(|e| self.defect(&e))
    }

    fn discard(&mut self) {
        self.tables.clear();
        if let Some(singles) = &mut self.singles {
            singles.clear();
        }
        if let Some(late) = &mut self.late {
            late.clear();
        }
    }

    fn memory_bytes(&self) -> usize {
        self.tables.memory_bytes()
            + self.singles.as_ref().map_or(0, Singles::bytes)
            + self.late.as_ref().map_or(0, LateOutput::bytes)
    }
}
