//! Numbered rows by their definition: all rows of a window sorted by their values, and the first taken.

use std::cmp::Ordering;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use dataflow::{Function, Grouping, Step};
use datafusion_common::ScalarValue;
use datafusion_physical_expr::ScalarFunctionExpr;

use super::naive::{Placed, steps};

/// What the rows that come out of the steps were packed of: what orders them, then what is kept.
pub(super) fn unpacked(all: &[Step], rows: RecordBatch) -> Vec<Vec<ScalarValue>> {
    let Some((Step::Project { exprs, .. }, before)) = all.split_last() else { return Vec::new() };
    let calls = exprs.iter().filter_map(|e| e.downcast_ref::<ScalarFunctionExpr>());
    let mut packed = calls.filter(|call| call.name() == "packed");
    let Some(call) = packed.next() else { return Vec::new() };
    let rows = steps(before, rows);
    let row = |at: usize| {
        let row = rows.slice(at, 1);
        let values = call.args().iter().map(|arg| arg.evaluate(&row).unwrap());
        let values = values.map(|value| value.into_array(1).unwrap());
        values.map(|array| ScalarValue::try_from_array(&array, 0).unwrap()).collect()
    };
    (0..rows.num_rows()).map(row).collect()
}

/// `descending`, `nulls first` of each column that orders, as the aggregate's name says.
fn orders(name: &str) -> Vec<(bool, bool)> {
    let (_, orders) = name.split_once(" BY ").unwrap();
    let (orders, _) = orders.split_once(": ").unwrap();
    let order = |text: &str| {
        let descending = text.contains(" DESC");
        let usual = !descending;
        (descending, text.ends_with(" NULLS FIRST") || usual && !text.ends_with(" NULLS LAST"))
    };
    orders.split(", ").map(order).collect()
}

fn compare(a: &ScalarValue, b: &ScalarValue, (descending, nulls_first): (bool, bool)) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) if nulls_first => Ordering::Less,
        (true, false) => Ordering::Greater,
        (false, true) if nulls_first => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) if descending => b.partial_cmp(a).unwrap(),
        (false, false) => a.partial_cmp(b).unwrap(),
    }
}

/// The numbered rows of these windows.
pub(super) fn rows(
    grouping: &Grouping,
    schema: &SchemaRef,
    windows: &[((i64, i64), Vec<Placed>)],
) -> RecordBatch {
    let [aggregate] = grouping.aggregates.as_slice() else { panic!("one aggregate") };
    let Function::Top { limit, by_place } = aggregate.function else { panic!("rows are packed") };
    let orders = orders(&aggregate.name);
    let kept = schema.fields().len() - grouping.keys.len() - 4;
    let mut columns: Vec<Vec<ScalarValue>> = vec![Vec::new(); schema.fields().len()];
    for ((start, end), rows) in windows {
        let mut rows: Vec<&Placed> = rows.iter().collect();
        let kept_of = |row: &Placed| row.packed[row.packed.len() - kept..].to_vec();
        rows.sort_by(|a, b| {
            let values = orders.iter().zip(a.packed.iter().zip(&b.packed));
            let ordered = values.map(|(order, (a, b))| compare(a, b, *order));
            let place = || a.place.cmp(&b.place);
            let whole = || {
                let (a, b) = (kept_of(a), kept_of(b));
                let pairs = a.iter().zip(&b).map(|(a, b)| compare(a, b, (false, true)));
                pairs.fold(Ordering::Equal, Ordering::then)
            };
            let tie = if by_place { place() } else { whole() };
            ordered.fold(Ordering::Equal, Ordering::then).then(tie)
        });
        for (at, row) in rows.into_iter().take(limit as usize).enumerate() {
            let time = |ms| ScalarValue::TimestampMillisecond(Some(ms), None);
            let number = ScalarValue::from(at as i64 + 1);
            let fixed = [time(*start), time(*end), time(end - 1), number];
            let values = row.keys.iter().cloned().chain(fixed).chain(kept_of(row));
            columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        }
    }
    let arrays = columns.into_iter().map(|column| ScalarValue::iter_to_array(column).unwrap());
    RecordBatch::try_new(schema.clone(), arrays.collect()).unwrap()
}
