//! Rows of a sink, comparable.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type};
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;

/// What a sink must hold.
#[derive(Default)]
pub(super) struct Expected {
    pub(super) rows: Vec<String>,
    /// Windows may have fired before with less: other rows are no fault.
    pub(super) refired: bool,
}

impl Expected {
    pub(super) fn check(&self, found: &[String]) -> Result<(), String> {
        let (mut wanted, mut found) = (counts(&self.rows), counts(found));
        wanted.retain(|row, count| {
            let have = found.get_mut(row).map_or(0, std::mem::take);
            *count > have || (*count < have && !self.refired)
        });
        found.retain(|_, count| *count > 0 && !self.refired);
        if wanted.is_empty() && found.is_empty() {
            return Ok(());
        }
        Err(format!("missing or of another number: {wanted:?}\nforeign: {found:?}"))
    }
}

fn counts(rows: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row.as_str()).or_default() += 1;
    }
    counts
}

/// Rows of a batch as text; floats rounded, since what has crossed an exchange is added in another order.
pub(super) fn texts(batch: &RecordBatch) -> Vec<String> {
    let value = |column: &ArrayRef, row: usize| {
        if column.is_null(row) {
            return "null".to_owned();
        }
        match column.data_type() {
            DataType::Float64 => {
                let float = column.as_primitive::<Float64Type>().value(row);
                // No difference between -0 and 0, nor between rounding errors around them.
                format!("{:.7}", if float.abs() < 1e-9 { 0.0 } else { float })
            }
            _ => array_value_to_string(column, row).unwrap(),
        }
    };
    let row = |row| {
        let values = batch.columns().iter().map(|column| value(column, row));
        values.collect::<Vec<_>>().join(" | ")
    };
    (0..batch.num_rows()).map(row).collect()
}
