//! Sessions before an exchange: rows since the last boundary that belong together cross it as one partial row.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use super::late::{LateOutput, Reason};
use super::parts::{VALUE_BYTES, hand_over, parted, whole_parts};
use super::session::OnTime;
use super::singles::Singles;
use super::{Partial, row_values};
use crate::assign::PaneId;
use crate::error::DataflowError;
use crate::group::BatchKeys;
use crate::pipeline::Flow;
use crate::plan::{Aggregate, Function, PartialAggregate};
use crate::session::{Added, SessionTable};

pub(crate) struct SessionPartialOperator {
    plan: Box<PartialAggregate>,
    gap: i64,
    schema: SchemaRef,
    table: SessionTable,
    keys: BatchKeys,
    /// Of the log.
    partition: i32,
    late: Option<LateOutput>,
    /// Instead of the table where late rows are kept.
    singles: Option<Singles>,
    spans: OnTime,
}

impl SessionPartialOperator {
    /// `partition`: of the log; `partitions`: of the exchange.
    pub(super) fn new(
        plan: &PartialAggregate,
        gap: i64,
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
            gap,
            schema: grouping.partial_schema(),
            table: SessionTable::new(grouping, gap, aggregates)?,
            keys: BatchKeys::default(),
            partition,
            late: LateOutput::of(grouping, Reason::Log),
            singles,
            spans: OnTime::default(),
        })
    }

    fn batch(&self, order: &[u32]) -> Result<RecordBatch, DataflowError> {
        let times = |of: &dyn Fn(u32) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(order.iter().map(|number| of(*number))))
        };
        let table = &self.table;
        let mut columns = vec![times(&|number| table.end(number)), times(&|n| table.start(n))];
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

impl Partial for SessionPartialOperator {
    fn plan(&self) -> &PartialAggregate {
        &self.plan
    }

    fn process(&mut self, flow: &Flow<'_>, muted: bool) -> Result<u64, DataflowError> {
        let grouping = &self.plan.grouping;
        let values = row_values(grouping, &self.plan.input, flow, self.partition)?;
        self.spans.of_rows(values.times, &flow.before, self.gap)?;
        let late = self.spans.late.len() as u64;
        if muted {
            return Ok(late);
        }
        if let Some(out) = &mut self.late {
            out.take(&self.spans.late, &values.carried)?;
        }
        self.keys.prepare(&grouping.key_kinds(), &values.keys, values.times.len());
        let (rows, spans) = self.spans.on_time();
        if let Some(singles) = &mut self.singles {
            let own = rows.iter().zip(spans);
            let own = own.map(|(row, span)| (*row, PaneId { end: span.end, from: span.start }));
            singles.push(grouping, own, &self.keys, &values)?;
            return Ok(late);
        }
        let mut arguments = values.arguments;
        arguments.push(None);
        let added = Added::Rows { arguments: &arguments, order: values.order };
        self.table.add(grouping, &self.keys, (rows, spans), &added)?;
        Ok(late)
    }

    fn pending_bytes(&self) -> usize {
        let held = self.singles.as_ref().map_or(0, Singles::bytes)
            + self.late.as_ref().map_or(0, LateOutput::bytes);
        held + self.table.held_bytes() + self.table.len() * self.schema.fields().len() * VALUE_BYTES
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
        let sessions = self.table.all();
        if sessions.is_empty() {
            return Ok(Vec::new());
        }
        let mut parts: Vec<Vec<RecordBatch>> = vec![Vec::new(); partitions as usize];
        let hashed = sessions.iter().map(|number| (*number, self.table.key_hash(*number)));
        let (order, starts) = parted(hashed, parts.len());
        hand_over(&self.batch(&order)?, &starts, &mut parts);
        self.table.clear();
        whole_parts(&self.schema, parts).map_err(|e| self.defect(&e))
    }

    fn discard(&mut self) {
        self.table.clear();
        if let Some(singles) = &mut self.singles {
            singles.clear();
        }
        if let Some(late) = &mut self.late {
            late.clear();
        }
    }

    fn memory_bytes(&self) -> usize {
        self.table.memory_bytes()
            + self.singles.as_ref().map_or(0, Singles::bytes)
            + self.late.as_ref().map_or(0, LateOutput::bytes)
    }
}
