//! Rows that cross an exchange one by one, each as the partial state of itself: so that the merging side still has the
//! row should it turn out late there.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, UInt32Array};
use arrow::compute::{concat_batches, take};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use protocol::hash::partition_v1;

use super::{RowValues, data_bytes};
use crate::accumulate::{Accumulator, Rows};
use crate::assign::PaneId;
use crate::error::DataflowError;
use crate::group::BatchKeys;
use crate::plan::{Aggregate, Grouping};

pub(super) struct Singles {
    schema: SchemaRef,
    partitions: u32,
    accumulators: Vec<Box<dyn Accumulator>>,
    /// Per partition, in log order.
    parts: Vec<Vec<RecordBatch>>,
    bytes: usize,
}

impl Singles {
    pub(super) fn new(grouping: &Grouping, partitions: u32) -> Result<Self, DataflowError> {
        let accumulators =
            grouping.aggregates.iter().map(Aggregate::accumulator).collect::<Result<_, _>>()?;
        let schema = grouping.partial_schema();
        let parts = vec![Vec::new(); partitions as usize];
        Ok(Self { schema, partitions, accumulators, parts, bytes: 0 })
    }

    /// Takes the rows that are not late, each with the end of its pane and the first window that it counts in, or with
    /// end and start of its session.
    pub(super) fn push(
        &mut self,
        grouping: &Grouping,
        on_time: impl Iterator<Item = (u32, PaneId)>,
        keys: &BatchKeys,
        values: &RowValues<'_>,
    ) -> Result<(), DataflowError> {
        let mut rows: Vec<(u32, u32, PaneId)> = Vec::with_capacity(values.times.len());
        rows.extend(on_time.map(|(row, pane)| {
            (partition_v1(keys.hash(row as usize), self.partitions), row, pane)
        }));
        if rows.is_empty() {
            return Ok(());
        }
        rows.sort_unstable_by_key(|(partition, row, _)| (*partition, *row));
        let batch = self.batch(grouping, &rows, values)?;
        let mut start = 0;
        for part in rows.chunk_by(|a, b| a.0 == b.0) {
            let own = batch.slice(start, part.len());
            self.bytes += data_bytes(&own);
            self.parts[part[0].0 as usize].push(own);
            start += part.len();
        }
        Ok(())
    }

    fn batch(
        &mut self,
        grouping: &Grouping,
        rows: &[(u32, u32, PaneId)],
        values: &RowValues<'_>,
    ) -> Result<RecordBatch, DataflowError> {
        let picked: Vec<u32> = rows.iter().map(|(_, row, _)| *row).collect();
        let groups: Vec<u32> = (0..rows.len() as u32).collect();
        let times = |of: fn(&PaneId) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(rows.iter().map(|(_, _, pane)| of(pane))))
        };
        let mut columns = vec![times(|pane| pane.end)];
        if !grouping.window.is_tumble() {
            columns.push(times(|pane| pane.from));
        }
        columns.push(Arc::new(Int64Array::from_value(1, rows.len())));
        let defect = |e: ArrowError| {
            DataflowError::Bug(format!("rows of {} for an exchange: {e}", grouping.operator))
        };
        let indices = UInt32Array::from(picked.clone());
        for key in &values.keys {
            columns.push(take(key.as_ref(), &indices, None).map_err(defect)?);
        }
        let arguments = values.arguments.iter();
        for (at, (accumulator, argument)) in self.accumulators.iter_mut().zip(arguments).enumerate()
        {
            accumulator.clear();
            accumulator.grow(groups.len());
            accumulator
                .update(&Rows::Picked(&picked), &groups, argument.as_ref(), values.order)
                .map_err(|e| e.at(grouping, at))?;
            columns.extend(accumulator.states(&groups));
        }
        for column in &values.carried {
            columns.push(take(column.as_ref(), &indices, None).map_err(defect)?);
        }
        RecordBatch::try_new(self.schema.clone(), columns).map_err(defect)
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Everything since the last boundary, one batch per partition that has rows, partitions in order.
    pub(super) fn drain(&mut self) -> Result<Vec<(u32, RecordBatch)>, ArrowError> {
        self.bytes = 0;
        let mut batches = Vec::new();
        for (partition, own) in self.parts.iter_mut().enumerate() {
            if !own.is_empty() {
                batches.push((partition as u32, concat_batches(&self.schema, own.iter())?));
                own.clear();
            }
        }
        Ok(batches)
    }

    pub(super) fn clear(&mut self) {
        self.bytes = 0;
        self.parts.iter_mut().for_each(Vec::clear);
    }
}
