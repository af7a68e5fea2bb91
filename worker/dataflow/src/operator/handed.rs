//! What an operator hands out: rows for what takes its results, and keys to be deleted there.

use arrow::array::{ArrayRef, new_null_array};
use arrow::record_batch::RecordBatch;

use crate::error::DataflowError;
use crate::pipeline;
use crate::plan::{Deletion, Emit, WindowAggregate};

/// Rows and deletions, each in order. No key is in both but one whose state is gone: it is deleted after its row.
#[derive(Default)]
pub(crate) struct Handed {
    pub(crate) rows: Vec<RecordBatch>,
    pub(crate) deletions: Vec<RecordBatch>,
}

impl Handed {
    /// Takes results through the steps of the plan.
    pub(super) fn take(
        &mut self,
        plan: &WindowAggregate,
        results: RecordBatch,
    ) -> Result<(), DataflowError> {
        let operator = &plan.grouping.operator;
        match &plan.emit {
            Emit::Final => {
                self.push_rows(pipeline::run(&plan.steps, operator, results.into())?.batch);
            }
            Emit::Changes(deletion) => {
                let (rows, dropped) = pipeline::run_parted(&plan.steps, operator, results)?;
                self.push_rows(rows);
                for results in dropped {
                    self.deletions.push(deleted(deletion, operator, &results)?);
                }
            }
        }
        Ok(())
    }

    pub(super) fn push_rows(&mut self, batch: RecordBatch) {
        if batch.num_rows() > 0 {
            self.rows.push(batch);
        }
    }
}

/// The keys of results, as the sink is told to delete them.
pub(super) fn deleted(
    deletion: &Deletion,
    operator: &str,
    results: &RecordBatch,
) -> Result<RecordBatch, DataflowError> {
    let fields = deletion.schema.fields().iter().zip(&deletion.columns);
    let columns = fields.map(|(field, column)| -> ArrayRef {
        match column.and_then(|column| results.columns().get(column)) {
            Some(values) => values.clone(),
            None => new_null_array(field.data_type(), results.num_rows()),
        }
    });
    RecordBatch::try_new(deletion.schema.clone(), columns.collect())
        .map_err(|e| DataflowError::Bug(format!("deletions of {operator}: {e}")))
}
