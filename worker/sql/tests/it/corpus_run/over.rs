//! Aggregates over frames by their definition: all rows of a key in order, and for each those that are in its frame.

use std::collections::BTreeMap;

use arrow::record_batch::RecordBatch;
use dataflow::{Frame, Framed};
use datafusion_common::ScalarValue;

use super::naive::{Placed, result};

/// The rows whose time lies before the watermark.
pub(super) fn rows(
    frame: Frame,
    framed: &Framed,
    all: Vec<Placed>,
    watermark: i64,
) -> Option<RecordBatch> {
    let mut by_key: BTreeMap<String, Vec<Placed>> = BTreeMap::new();
    for row in all {
        by_key.entry(format!("{:?}", row.keys)).or_default().push(row);
    }
    let mut columns: Vec<Vec<ScalarValue>> = vec![Vec::new(); framed.schema.fields().len()];
    for mut rows in by_key.into_values() {
        rows.sort_by_key(|row| row.place);
        for at in (0..rows.len()).filter(|at| rows[*at].place.0 < watermark) {
            let own = within(frame, &rows, at);
            let results = framed.calls.iter().map(|call| {
                let column = call.column.unwrap_or(0);
                let values: Vec<&ScalarValue> = own.iter().map(|row| &row.packed[column]).collect();
                result(&call.aggregate, own.len(), &values)
            });
            let values = rows[at].packed.iter().cloned().chain(results);
            columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        }
    }
    if columns[0].is_empty() {
        return None;
    }
    let arrays = columns.into_iter().map(|column| ScalarValue::iter_to_array(column).unwrap());
    Some(RecordBatch::try_new(framed.schema.clone(), arrays.collect()).unwrap())
}

fn within(frame: Frame, rows: &[Placed], at: usize) -> Vec<&Placed> {
    let time = rows[at].place.0;
    match frame {
        Frame::Range { preceding_ms } => {
            rows.iter().filter(|row| (time - preceding_ms..=time).contains(&row.place.0)).collect()
        }
        Frame::Rows { preceding, ttl_ms } => {
            let life = rows[..=at].chunk_by(|a, b| b.place.0 - a.place.0 <= ttl_ms).last().unwrap();
            life[life.len().saturating_sub(preceding as usize + 1)..].iter().collect()
        }
    }
}
