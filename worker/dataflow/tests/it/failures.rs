//! What is refused, and how it is named.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, TimestampMillisecondArray};
use arrow::record_batch::RecordBatch;
use dataflow::{DataflowError, EmissionLimit};

use crate::support::*;

fn row(time: i64, quantity: i64) -> Row {
    Row { time, id: Some(1), name: None, quantity: Some(quantity), price: None }
}

#[test]
fn a_sum_out_of_range_names_operator_and_column() {
    let mut shard = shard(&keyed_job(&[("counts.window", WINDOWS[0], Keys::Id)]), 0, 0);
    let error = shard.process_rows(&batch(&[row(1, i64::MAX), row(2, 1)])).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("operator counts.window: sum(quantity) leaves the range of BIGINT"),
        "{text}"
    );
}

#[test]
fn an_average_of_large_numbers_is_exact() {
    let plan = keyed_job(&[("w", WINDOWS[0], Keys::Id)]);
    let mut grouping_plan = (*plan).clone();
    for pipeline in &mut grouping_plan.stages[0].inputs[0].pipelines {
        if let dataflow::End::Window(window) = &mut pipeline.end {
            window.grouping.aggregates.retain(|a| a.name == "avg(quantity)");
            if let dataflow::WindowInput::Rows(columns) = &mut window.input {
                columns.arguments = vec![Some(3)];
            }
        }
    }
    let mut shard = shard(&Arc::new(grouping_plan), 0, 0);
    shard.process_rows(&batch(&[row(1, i64::MAX), row(2, i64::MAX), row(3, -6)])).unwrap();
    shard.process_rows(&batch(&[row(1_000, 0)])).unwrap();
    let mut out = Vec::new();
    emit(&mut shard, &mut out);
    let expected = (2.0 * i64::MAX as f64 - 6.0) / 3.0;
    let found: f64 = out[0].rsplit(" | ").next().unwrap().parse().unwrap();
    assert_eq!(found.to_bits(), expected.to_bits());
}

#[test]
fn rows_without_an_event_time_are_refused() {
    let mut shard = shard(&keyed_job(&[("w", WINDOWS[0], Keys::Id)]), 0, 0);
    let whole = batch(&[row(1, 1)]);
    let mut columns: Vec<ArrayRef> = whole.columns().to_vec();
    columns[0] = Arc::new(TimestampMillisecondArray::from(vec![None]));
    let schema = arrow::datatypes::Schema::new(
        whole
            .schema()
            .fields()
            .iter()
            .map(|f| f.as_ref().clone().with_nullable(true))
            .collect::<Vec<_>>(),
    );
    let without = RecordBatch::try_new(Arc::new(schema), columns).unwrap();
    assert!(matches!(shard.process_rows(&without), Err(DataflowError::Input(_))));
}

#[test]
fn rows_of_another_shape_are_refused() {
    let mut first = shard(&keyed_job(&[("w", WINDOWS[0], Keys::Id)]), 0, 0);
    let column: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let other = RecordBatch::try_from_iter([("a", column)]).unwrap();
    assert!(matches!(first.process_rows(&other), Err(DataflowError::Input(_))));
    assert!(matches!(first.process_partials(&other), Err(DataflowError::Bug(_))));
    let mut second = shard(&exchange_job(WINDOWS[0], Keys::Id), 1, 0);
    assert!(matches!(second.process_partials(&other), Err(DataflowError::Input(_))));
    assert!(matches!(second.process_rows(&other), Err(DataflowError::Bug(_))));
}

#[test]
fn a_muted_replay_must_be_settled() {
    let mut shard = shard(&keyed_job(&[("w", WINDOWS[0], Keys::Id)]), 0, 0);
    shard.set_muted(true);
    let limit = EmissionLimit { rows: 1, bytes: 1 };
    assert!(matches!(shard.boundary(limit), Err(DataflowError::Bug(_))));
    shard.settle(None).unwrap();
    assert!(shard.boundary(limit).is_ok());
}

#[test]
fn damaged_state_is_refused() {
    let plan = keyed_job(&[("w", WINDOWS[2], Keys::NameAndId)]);
    let mut first = shard(&plan, 0, 0);
    first.process_rows(&batch(&[row(1, 1)])).unwrap();
    emit(&mut first, &mut Vec::new());
    let (store, _) = digest(&mut first);
    let ((table, key), value) = store.iter().next().unwrap();
    let table = *table;
    let restore = |table: u16, key: &[u8], value: &[u8]| {
        let mut second = shard(&plan, 0, 0);
        let mapping = second.check_tables(&second.tables()).unwrap();
        second.restore(first.registers(), mapping).unwrap();
        second.restore_entry(table, key, value)
    };
    assert_eq!(restore(table, key, value), Ok(()));
    for end in 0..key.len() {
        assert!(restore(table, &key[..end], value).is_err(), "key cut at {end}");
    }
    for end in 0..value.len() {
        assert!(restore(table, key, &value[..end]).is_err(), "value cut at {end}");
    }
    let longer = [value.as_slice(), &[0]].concat();
    assert!(restore(table, key, &longer).is_err());
    assert!(restore(table ^ 1, key, value).is_err());
}
