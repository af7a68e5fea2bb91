//! What an operator hands out: rows for what takes its results, and keys to be deleted there.

use arrow::array::{ArrayRef, new_null_array};
use arrow::record_batch::RecordBatch;

use crate::error::DataflowError;
use crate::pipeline;
use crate::plan::{Deletion, Emit, Step, WindowAggregate};
use crate::ranked;
use crate::window::WindowKind;

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
            Emit::Final | Emit::Framed(_) => {
                self.push_rows(pipeline::run(&plan.steps, operator, results.into())?.batch);
            }
            Emit::Changes(deletion) => {
                self.delete_absent(plan, deletion, &results)?;
                let (results, steps) = unpacked(plan, results)?;
                let (rows, dropped) = pipeline::run_parted(steps, operator, results)?;
                self.push_rows(rows);
                for results in dropped {
                    self.deletions.push(deleted(deletion, operator, &results)?);
                }
            }
        }
        Ok(())
    }

    /// Deletes the keys of results. Returns what the sink is told.
    pub(super) fn delete(
        &mut self,
        plan: &WindowAggregate,
        deletion: &Deletion,
        results: RecordBatch,
    ) -> Result<&RecordBatch, DataflowError> {
        let (results, _) = unpacked(plan, results)?;
        self.deletions.push(deleted(deletion, &plan.grouping.operator, &results)?);
        Ok(self.deletions.last().expect("just pushed"))
    }

    /// A new life of a key may have fewer rows than the one before it had.
    fn delete_absent(
        &mut self,
        plan: &WindowAggregate,
        deletion: &Deletion,
        results: &RecordBatch,
    ) -> Result<(), DataflowError> {
        let grouping = &plan.grouping;
        let (Some(Step::Unpack { schema }), WindowKind::Life { .. }) =
            (plan.steps.first(), grouping.window)
        else {
            return Ok(());
        };
        let absent = ranked::absent_rows(results, schema, grouping.rows_per_group());
        let absent = absent.map_err(|e| e.at(&grouping.operator))?;
        if absent.num_rows() > 0 {
            self.deletions.push(deleted(deletion, &grouping.operator, &absent)?);
        }
        Ok(())
    }

    pub(super) fn push_rows(&mut self, batch: RecordBatch) {
        if batch.num_rows() > 0 {
            self.rows.push(batch);
        }
    }
}

/// Results as the steps that are left take them.
fn unpacked(
    plan: &WindowAggregate,
    results: RecordBatch,
) -> Result<(RecordBatch, &[Step]), DataflowError> {
    let Some((Step::Unpack { schema }, rest)) = plan.steps.split_first() else {
        return Ok((results, &plan.steps));
    };
    let rows = ranked::unpack_rows(&results, schema);
    Ok((rows.map_err(|e| e.at(&plan.grouping.operator))?, rest))
}

/// The keys of results, as the sink is told to delete them.
fn deleted(
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
