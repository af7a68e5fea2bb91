//! The first phase: aggregates the rows since the last boundary, so that few partial rows cross the exchange.

mod panes;
mod sessions;

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::late::LateOutput;
use super::parts::{VALUE_BYTES, whole_parts};
use super::singles::Singles;
use super::{Partial, RowValues, row_values};
use crate::assign::{LateRow, PaneId};
use crate::error::DataflowError;
use crate::group::BatchKeys;
use crate::pipeline::Flow;
use crate::plan::{Aggregate, Function, Grouping, PartialAggregate};
pub(super) use panes::Panes;
pub(super) use sessions::Sessions;

/// The groups of the rows since the last boundary: of panes, or sessions.
pub(super) trait Held: Send + Sync {
    /// Decides where the rows of a batch belong; `before` is the watermark before each.
    fn assign(&mut self, times: &[i64], before: &[i64]) -> Result<(), DataflowError>;
    /// The late ones of these rows, in log order.
    fn late(&self) -> &[LateRow];
    /// The others, each with the end of its pane and the first window that it counts in, or with end and start of its
    /// session.
    fn on_time(&self) -> impl Iterator<Item = (u32, PaneId)>;
    /// Aggregates those that are not late.
    fn add(
        &mut self,
        grouping: &Grouping,
        keys: &BatchKeys,
        values: &RowValues<'_>,
    ) -> Result<(), DataflowError>;
    /// How many groups there are.
    fn groups(&self) -> usize;
    /// Gives every partition its groups, as batches of that schema.
    fn part(&self, schema: &SchemaRef, parts: &mut [Vec<RecordBatch>]) -> Result<(), ArrowError>;
    /// Forgets everything and keeps the memory.
    fn clear(&mut self);
    /// Bytes of sets and arrays.
    fn held_bytes(&self) -> usize;
    fn memory_bytes(&self) -> usize;
}

pub(super) struct PartialOperator<H> {
    plan: Box<PartialAggregate>,
    schema: SchemaRef,
    held: H,
    keys: BatchKeys,
    /// Of the log.
    partition: i32,
    late: LateOutput,
    /// Instead of the groups where late rows are kept, or every row is handed out.
    singles: Option<Singles>,
}

impl<H: Held> PartialOperator<H> {
    /// `partition`: of the log; `partitions`: of the exchange.
    pub(super) fn new(
        plan: &PartialAggregate,
        held: H,
        partition: i32,
        partitions: u32,
    ) -> Result<Self, DataflowError> {
        let grouping = &plan.grouping;
        let alone = grouping.late.is_some() || grouping.window.is_over();
        let singles = alone.then(|| Singles::new(grouping, partitions)).transpose()?;
        Ok(Self {
            plan: Box::new(plan.clone()),
            schema: grouping.partial_schema(),
            held,
            keys: BatchKeys::default(),
            partition,
            late: LateOutput::of_log(grouping),
            singles,
        })
    }

    fn defect(&self, error: &ArrowError) -> DataflowError {
        DataflowError::Bug(format!("partials of {}: {error}", self.plan.grouping.operator))
    }

    /// Of rows that are kept one by one.
    fn row_bytes(&self) -> usize {
        self.singles.as_ref().map_or(0, Singles::bytes) + self.late.bytes()
    }
}

/// Partials carry their row count, so that late ones can be counted by rows: the aggregates and, last, the count.
fn with_row_count(grouping: &Grouping) -> Vec<Aggregate> {
    let rows = Aggregate { name: "rows".to_owned(), function: Function::Count, argument: None };
    grouping.aggregates.iter().cloned().chain([rows]).collect()
}

/// The columns of partial rows: `times`, the row count, the keys, the states. The row count comes last in `states`.
fn partial_columns(
    times: Vec<ArrayRef>,
    keys: Vec<ArrayRef>,
    mut states: Vec<ArrayRef>,
) -> Vec<ArrayRef> {
    let mut columns = times;
    columns.extend(states.pop());
    columns.extend(keys);
    columns.extend(states);
    columns
}

impl<H: Held> Partial for PartialOperator<H> {
    fn plan(&self) -> &PartialAggregate {
        &self.plan
    }

    fn process(&mut self, flow: &Flow<'_>, muted: bool) -> Result<u64, DataflowError> {
        let grouping = &self.plan.grouping;
        let mut values = row_values(grouping, &self.plan.input, flow, self.partition)?;
        self.held.assign(values.times, &flow.before)?;
        let late = self.held.late().len() as u64;
        if muted {
            return Ok(late);
        }
        self.late.take(self.held.late(), &values.carried, muted)?;
        self.keys.prepare(&grouping.key_kinds(), &values.keys, values.times.len());
        if let Some(singles) = &mut self.singles {
            singles.push(grouping, self.held.on_time(), &self.keys, &values)?;
            return Ok(late);
        }
        // Of the row count.
        values.arguments.push(None);
        self.held.add(grouping, &self.keys, &values)?;
        Ok(late)
    }

    fn pending_bytes(&self) -> usize {
        let groups = self.held.groups() * self.schema.fields().len() * VALUE_BYTES;
        self.row_bytes() + self.held.held_bytes() + groups
    }

    fn drain_late(&mut self, out: &mut Vec<(usize, RecordBatch)>) {
        self.late.drain(out);
    }

    fn drain(&mut self, partitions: u32) -> Result<Vec<(u32, RecordBatch)>, DataflowError> {
        if let Some(singles) = &mut self.singles {
            let batches = singles.drain();
            return batches.map_err(|e| self.defect(&e));
        }
        let mut parts: Vec<Vec<RecordBatch>> = vec![Vec::new(); partitions as usize];
        self.held.part(&self.schema, &mut parts).map_err(|e| self.defect(&e))?;
        self.held.clear();
        whole_parts(&self.schema, parts).map_err(|e| self.defect(&e))
    }

    fn discard(&mut self) {
        self.held.clear();
        if let Some(singles) = &mut self.singles {
            singles.clear();
        }
        self.late.clear();
    }

    fn memory_bytes(&self) -> usize {
        self.held.memory_bytes() + self.row_bytes()
    }
}
