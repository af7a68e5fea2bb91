//! The stateful ends of pipelines.

mod batches;
mod firing;
mod late;
mod merge_tree;
mod partial;
mod refire;
mod singles;
mod stored;
mod tables;
mod window;

pub(crate) use batches::{check_partials, data_bytes};
pub(crate) use firing::Budget;
pub(crate) use partial::PartialOperator;
pub(crate) use window::WindowOperator;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::TimestampMillisecondType;
use arrow::record_batch::RecordBatch;

use crate::error::DataflowError;
use crate::plan::{Grouping, RowColumns};

/// The values that a window operator needs from rows.
struct RowValues<'a> {
    times: &'a [i64],
    keys: Vec<ArrayRef>,
    arguments: Vec<Option<ArrayRef>>,
    /// What is kept of late rows.
    carried: Vec<ArrayRef>,
}

fn row_values<'a>(
    grouping: &Grouping,
    columns: &RowColumns,
    batch: &'a RecordBatch,
) -> Result<RowValues<'a>, DataflowError> {
    let mismatch =
        |what: &str| DataflowError::Input(format!("operator {}: {what}", grouping.operator));
    let times = batch.columns().get(columns.event_time);
    let times = times.and_then(|c| c.as_primitive_opt::<TimestampMillisecondType>());
    let times = times.ok_or_else(|| mismatch("the event time is not a TIMESTAMP"))?;
    if arrow::array::Array::null_count(times) > 0 {
        return Err(mismatch("a row has no event time"));
    }
    let mut keys = Vec::with_capacity(columns.keys.len());
    for (column, key) in columns.keys.iter().zip(&grouping.keys) {
        let values = batch.columns().get(*column);
        match values.filter(|values| *values.data_type() == key.kind.data_type()) {
            Some(values) => keys.push(values.clone()),
            None => return Err(mismatch(&format!("key {} is not a {}", key.name, key.kind))),
        }
    }
    let mut arguments = Vec::with_capacity(columns.arguments.len());
    for column in &columns.arguments {
        let values = column.map(|column| batch.columns().get(column).cloned());
        arguments.push(match values {
            Some(None) => return Err(mismatch("an argument is missing")),
            other => other.flatten(),
        });
    }
    let mut carried = Vec::with_capacity(columns.carried.len());
    for column in &columns.carried {
        let values = batch.columns().get(*column).cloned();
        carried.push(values.ok_or_else(|| mismatch("a column of late rows is missing"))?);
    }
    Ok(RowValues { times: times.values(), keys, arguments, carried })
}
