//! Late rows on their way to a sink of their own.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMillisecondArray, UInt32Array};
use arrow::compute::take;
use arrow::record_batch::RecordBatch;

use super::data_bytes;
use crate::assign::LateRow;
use crate::error::DataflowError;
use crate::plan::{Grouping, LateRows};

/// Which watermark has passed a row.
#[derive(Clone, Copy)]
pub(super) enum Reason {
    /// That of the log that the row was in.
    Log,
    /// That over all logs, after an exchange.
    Combined,
}

impl Reason {
    fn text(self) -> &'static str {
        match self {
            Self::Log => "log watermark",
            Self::Combined => "combined watermark",
        }
    }
}

/// Late rows since the last boundary.
pub(super) struct LateOutput {
    plan: LateRows,
    operator: String,
    reason: Reason,
    batches: Vec<RecordBatch>,
    bytes: usize,
}

impl LateOutput {
    /// None where late rows are counted only.
    pub(super) fn of(grouping: &Grouping, reason: Reason) -> Option<Self> {
        let plan = grouping.late.clone()?;
        let operator = grouping.operator.clone();
        Some(Self { plan, operator, reason, batches: Vec::new(), bytes: 0 })
    }

    /// Takes late rows of a batch, of which `carried` are the columns to keep.
    pub(super) fn take(
        &mut self,
        rows: &[LateRow],
        carried: &[ArrayRef],
    ) -> Result<(), DataflowError> {
        if rows.is_empty() {
            return Ok(());
        }
        let picked = UInt32Array::from_iter_values(rows.iter().map(|late| late.row));
        let mut columns = Vec::with_capacity(carried.len() + 4);
        for column in carried {
            columns.push(take(column.as_ref(), &picked, None).map_err(|e| self.defect(&e))?);
        }
        let starts = rows.iter().map(|late| late.window.0);
        let ends = rows.iter().map(|late| late.window.1);
        let late_by = rows.iter().map(|late| late.watermark - late.window.1);
        let reasons = rows.iter().map(|_| Some(self.reason.text()));
        columns.push(Arc::new(reasons.collect::<StringArray>()));
        columns.push(Arc::new(TimestampMillisecondArray::from_iter_values(starts)));
        columns.push(Arc::new(TimestampMillisecondArray::from_iter_values(ends)));
        columns.push(Arc::new(Int64Array::from_iter_values(late_by)));
        let batch = RecordBatch::try_new(self.plan.schema(), columns);
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
        self.bytes = 0;
        out.extend(self.batches.drain(..).map(|batch| (self.plan.sink, batch)));
    }

    pub(super) fn clear(&mut self) {
        self.bytes = 0;
        self.batches.clear();
    }

    fn defect(&self, error: &dyn std::fmt::Display) -> DataflowError {
        DataflowError::Bug(format!("late rows of {}: {error}", self.operator))
    }
}
