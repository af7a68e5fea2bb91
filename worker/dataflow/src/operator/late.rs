//! Late rows on their way to a sink of their own.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMillisecondArray, UInt32Array};
use arrow::compute::take;
use arrow::record_batch::RecordBatch;

use super::data_bytes;
use crate::assign::LateRow;
use crate::error::DataflowError;
use crate::plan::{Grouping, LateRows, WindowAggregate, WindowInput};

/// Late rows since the last boundary.
pub(super) struct LateOutput {
    /// None where they are counted only.
    plan: Option<LateRows>,
    operator: String,
    /// Which watermark has passed them.
    reason: &'static str,
    batches: Vec<RecordBatch>,
    bytes: usize,
}

impl LateOutput {
    /// Of rows that the watermark of their log has passed.
    pub(super) fn of_log(grouping: &Grouping) -> Self {
        Self::new(grouping, "log watermark")
    }

    /// The same where a window reads them, or of rows that the watermark over all logs has passed, after an exchange.
    pub(super) fn of(window: &WindowAggregate) -> Self {
        match window.input {
            WindowInput::Rows(_) => Self::of_log(&window.grouping),
            WindowInput::Partials => Self::new(&window.grouping, "combined watermark"),
        }
    }

    fn new(grouping: &Grouping, reason: &'static str) -> Self {
        let (plan, operator) = (grouping.late.clone(), grouping.operator.clone());
        Self { plan, operator, reason, batches: Vec::new(), bytes: 0 }
    }

    /// Takes late rows of a batch, of which `carried` are the columns to keep. Muted, they went out before.
    pub(super) fn take(
        &mut self,
        rows: &[LateRow],
        carried: &[ArrayRef],
        muted: bool,
    ) -> Result<(), DataflowError> {
        let Some(plan) = self.plan.as_ref().filter(|_| !muted && !rows.is_empty()) else {
            return Ok(());
        };
        let picked = UInt32Array::from_iter_values(rows.iter().map(|late| late.row));
        let mut columns = Vec::with_capacity(carried.len() + 4);
        for column in carried {
            columns.push(take(column.as_ref(), &picked, None).map_err(|e| self.defect(&e))?);
        }
        let starts = rows.iter().map(|late| late.window.0);
        let ends = rows.iter().map(|late| late.window.1);
        let late_by = rows.iter().map(|late| late.watermark - late.window.1);
        let reasons = rows.iter().map(|_| Some(self.reason));
        columns.push(Arc::new(reasons.collect::<StringArray>()));
        columns.push(Arc::new(TimestampMillisecondArray::from_iter_values(starts)));
        columns.push(Arc::new(TimestampMillisecondArray::from_iter_values(ends)));
        columns.push(Arc::new(Int64Array::from_iter_values(late_by)));
        let batch = RecordBatch::try_new(plan.schema(), columns);
        let batch = batch.map_err(|e| self.defect(&e))?;
        self.bytes += data_bytes(&batch);
        self.batches.push(batch);
        Ok(())
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends all rows, with their sink.
    pub(super) fn drain(&mut self, out: &mut Vec<(usize, RecordBatch)>) {
        let Some(plan) = &self.plan else { return };
        self.bytes = 0;
        out.extend(self.batches.drain(..).map(|batch| (plan.sink, batch)));
    }

    pub(super) fn clear(&mut self) {
        self.bytes = 0;
        self.batches.clear();
    }

    fn defect(&self, error: &dyn std::fmt::Display) -> DataflowError {
        DataflowError::Bug(format!("late rows of {}: {error}", self.operator))
    }
}
