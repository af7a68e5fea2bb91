//! The first phase: aggregates the rows since the last boundary, so that few partial rows cross the exchange.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use protocol::hash::partition_v1;

use super::late::{LateOutput, Reason};
use super::row_values;
use super::singles::Singles;
use super::tables::Tables;
use crate::assign::{Assigner, PaneId};
use crate::error::DataflowError;
use crate::group::{BatchKeys, GroupTable};
use crate::plan::{Aggregate, Function, PartialAggregate};

/// About what a value of a partial row takes on the wire, bytes.
const VALUE_BYTES: usize = 12;

pub(crate) struct PartialOperator {
    plan: Box<PartialAggregate>,
    schema: SchemaRef,
    tables: Tables,
    assigner: Assigner,
    keys: BatchKeys,
    late: Option<LateOutput>,
    /// Instead of the tables where late rows are kept.
    singles: Option<Singles>,
}

impl PartialOperator {
    pub(crate) fn new(plan: &PartialAggregate, partitions: u32) -> Result<Self, DataflowError> {
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
            late: LateOutput::of(grouping, Reason::Log),
            singles,
        })
    }

    pub(crate) fn operator(&self) -> &str {
        &self.plan.grouping.operator
    }

    pub(crate) fn exchange(&self) -> usize {
        self.plan.exchange
    }

    /// Adds rows; muted, only decides which are late. Returns how many are.
    pub(crate) fn process(
        &mut self,
        batch: &RecordBatch,
        before: &[i64],
        muted: bool,
    ) -> Result<u64, DataflowError> {
        let grouping = &self.plan.grouping;
        let values = row_values(grouping, &self.plan.input, batch)?;
        let late = self.assigner.assign_rows(values.times, before)?;
        if muted {
            return Ok(late);
        }
        if let Some(out) = &mut self.late {
            out.take(self.assigner.late(), &values.carried)?;
        }
        self.keys.prepare(&grouping.key_kinds(), &values.keys, batch.num_rows());
        if let Some(singles) = &mut self.singles {
            singles.push(grouping, &self.assigner, &self.keys, &values)?;
            return Ok(late);
        }
        let mut arguments = values.arguments;
        arguments.push(None);
        for (pane, rows) in self.assigner.spans() {
            let table = self.tables.entry(pane)?;
            table.update(grouping, &self.keys, &rows, &arguments)?;
        }
        Ok(late)
    }

    /// Bytes that [`drain`](Self::drain) would hand out, roughly.
    pub(crate) fn pending_bytes(&self) -> usize {
        let held = self.singles.as_ref().map_or(0, Singles::bytes)
            + self.late.as_ref().map_or(0, LateOutput::bytes);
        held + self.tables.groups() * self.schema.fields().len() * VALUE_BYTES
    }

    /// Hands out the late rows since the last boundary.
    pub(crate) fn drain_late(&mut self, out: &mut Vec<(usize, RecordBatch)>) {
        if let Some(late) = &mut self.late {
            late.drain(out);
        }
    }

    /// Everything since the last boundary, one batch per partition that has rows, partitions in order.
    pub(crate) fn drain(
        &mut self,
        partitions: u32,
    ) -> Result<Vec<(u32, RecordBatch)>, DataflowError> {
        if let Some(singles) = &mut self.singles {
            let batches = singles.drain();
            return batches.map_err(|e| self.defect(&e));
        }
        let mut parts: Vec<Vec<RecordBatch>> = vec![Vec::new(); partitions as usize];
        for (pane, table) in &self.tables.by_pane {
            self.split(*pane, table, &mut parts)?;
        }
        self.tables.clear();
        let mut batches = Vec::new();
        for (partition, mut own) in parts.into_iter().enumerate() {
            let batch = match own.len() {
                0 => continue,
                1 => own.swap_remove(0),
                _ => concat_batches(&self.schema, &own).map_err(|e| self.defect(&e))?,
            };
            batches.push((partition as u32, batch));
        }
        Ok(batches)
    }

    /// Nothing since the last boundary will be handed out.
    pub(crate) fn discard(&mut self) {
        self.tables.clear();
        if let Some(singles) = &mut self.singles {
            singles.clear();
        }
        if let Some(late) = &mut self.late {
            late.clear();
        }
    }

    fn split(
        &self,
        pane: PaneId,
        table: &GroupTable,
        parts: &mut [Vec<RecordBatch>],
    ) -> Result<(), DataflowError> {
        let count = parts.len();
        let partition = |group: u32| partition_v1(table.key_hash(group), count as u32);
        let targets: Vec<u32> = (0..table.len() as u32).map(partition).collect();
        // Counting sort: groups of a partition stay in the order in which the log brought them.
        let mut starts = vec![0usize; count + 1];
        for target in &targets {
            starts[*target as usize + 1] += 1;
        }
        for at in 0..count {
            starts[at + 1] += starts[at];
        }
        let mut order = vec![0u32; targets.len()];
        let mut next = starts.clone();
        for (group, target) in targets.iter().enumerate() {
            order[next[*target as usize]] = group as u32;
            next[*target as usize] += 1;
        }
        let batch = self.batch(pane, table, &order)?;
        for (at, part) in parts.iter_mut().enumerate() {
            let (start, end) = (starts[at], starts[at + 1]);
            if end > start {
                part.push(batch.slice(start, end - start));
            }
        }
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
        DataflowError::Bug(format!("partials of {}: {error}", self.operator()))
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.tables.memory_bytes()
            + self.singles.as_ref().map_or(0, Singles::bytes)
            + self.late.as_ref().map_or(0, LateOutput::bytes)
    }
}
