//! The stateless steps over a batch.

use std::borrow::Cow;

use arrow::array::{Array, AsArray, BooleanArray};
use arrow::compute::{filter_record_batch, not, prep_null_mask_filter};
use arrow::record_batch::RecordBatch;

use crate::error::DataflowError;
use crate::plan::Step;
use crate::ranked;

/// Rows on their way, each with the watermark of its log before it (empty where nothing needs it).
pub(crate) struct Flow<'a> {
    pub(crate) batch: RecordBatch,
    pub(crate) before: Cow<'a, [i64]>,
    /// Number of each row in its log (empty where nothing depends on order).
    pub(crate) positions: Cow<'a, [i64]>,
}

impl From<RecordBatch> for Flow<'_> {
    fn from(batch: RecordBatch) -> Self {
        Self { batch, before: Cow::Borrowed(&[]), positions: Cow::Borrowed(&[]) }
    }
}

/// Runs the steps in order. `operator` names where they belong, for errors.
pub(crate) fn run<'a>(
    steps: &[Step],
    operator: &str,
    mut flow: Flow<'a>,
) -> Result<Flow<'a>, DataflowError> {
    for step in steps {
        if flow.batch.num_rows() == 0 {
            // The schema of an empty batch does not matter: nobody takes rows from it.
            return Ok(flow);
        }
        flow = match step {
            Step::Filter(predicate) => filter(predicate.as_ref(), operator, flow)?,
            Step::Project { exprs, schema } => {
                let columns = exprs
                    .iter()
                    .map(|expr| expr.evaluate(&flow.batch)?.into_array(flow.batch.num_rows()))
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|e| failed(operator, &e))?;
                let batch = RecordBatch::try_new(schema.clone(), columns)
                    .map_err(|e| failed(operator, &e))?;
                Flow { batch, ..flow }
            }
            Step::Unpack { schema } => {
                ranked::unpack_rows(&flow.batch, schema).map_err(|e| e.at(operator))?.into()
            }
        };
    }
    Ok(flow)
}

/// Runs the steps on results. Gives what comes out, and the rows that a filter before the first projection dropped.
pub(crate) fn run_parted(
    steps: &[Step],
    operator: &str,
    mut batch: RecordBatch,
) -> Result<(RecordBatch, Vec<RecordBatch>), DataflowError> {
    let mut dropped = Vec::new();
    let mut rest = steps;
    while let [Step::Filter(predicate), others @ ..] = rest {
        let mut kept = condition(predicate.as_ref(), operator, &batch)?;
        if kept.null_count() > 0 {
            kept = prep_null_mask_filter(&kept);
        }
        if kept.true_count() < batch.num_rows() {
            let gone = not(&kept).map_err(|e| failed(operator, &e))?;
            let picked = |mask| filter_record_batch(&batch, mask).map_err(|e| failed(operator, &e));
            dropped.push(picked(&gone)?);
            batch = picked(&kept)?;
        }
        rest = others;
    }
    Ok((run(rest, operator, batch.into())?.batch, dropped))
}

fn condition(
    predicate: &dyn datafusion_physical_expr::PhysicalExpr,
    operator: &str,
    batch: &RecordBatch,
) -> Result<BooleanArray, DataflowError> {
    let kept = predicate
        .evaluate(batch)
        .and_then(|value| value.into_array(batch.num_rows()))
        .map_err(|e| failed(operator, &e))?;
    kept.as_boolean_opt()
        .cloned()
        .ok_or_else(|| DataflowError::Bug(format!("operator {operator}: a filter is not BOOLEAN")))
}

fn filter<'a>(
    predicate: &dyn datafusion_physical_expr::PhysicalExpr,
    operator: &str,
    flow: Flow<'a>,
) -> Result<Flow<'a>, DataflowError> {
    let rows = flow.batch.num_rows();
    let kept = condition(predicate, operator, &flow.batch)?;
    let keeps = |row: usize| kept.is_valid(row) && kept.value(row);
    if kept.null_count() == 0 && kept.true_count() == rows {
        return Ok(flow);
    }
    let batch = filter_record_batch(&flow.batch, &kept).map_err(|e| failed(operator, &e))?;
    let kept_of = |all: &[i64]| -> Cow<'a, [i64]> {
        let rows = all.iter().enumerate().filter(|(row, _)| keeps(*row));
        Cow::Owned(rows.map(|(_, value)| *value).collect())
    };
    let (before, positions) = (kept_of(&flow.before), kept_of(&flow.positions));
    debug_assert!(before.is_empty() || before.len() == true_rows(&kept), "watermarks go along");
    Ok(Flow { batch, before, positions })
}

fn true_rows(kept: &BooleanArray) -> usize {
    kept.iter().filter(|value| *value == Some(true)).count()
}

fn failed(operator: &str, error: &dyn std::fmt::Display) -> DataflowError {
    let text = error.to_string();
    // Evaluators append a long trace; the first line says what is wrong.
    let message = text.lines().next().unwrap_or_default().to_owned();
    DataflowError::Expression { operator: operator.to_owned(), message }
}
