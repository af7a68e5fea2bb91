//! State is found by operator id and column names.

use std::sync::Arc;

use dataflow::{Aggregate, ColumnKind, End, Function, JobPlan, WindowInput};
use protocol::manifest::TableSchema;

use crate::support::*;

fn tables(windows: &[(&str, dataflow::WindowKind, Keys)]) -> Vec<TableSchema> {
    shard(&keyed_job(windows), 0, 0).tables()
}

/// The window's aggregates changed.
fn with_aggregates(
    plan: &Arc<JobPlan>,
    change: impl Fn(&mut Vec<Aggregate>, &mut Vec<Option<usize>>),
) -> Arc<JobPlan> {
    let mut plan = (**plan).clone();
    for pipeline in &mut plan.stages[0].inputs[0].pipelines {
        if let End::Window(window) = &mut pipeline.end
            && let WindowInput::Rows(columns) = &mut window.input
        {
            change(&mut window.grouping.aggregates, &mut columns.arguments);
        }
    }
    Arc::new(plan)
}

#[test]
fn what_differs_is_said() {
    let plan = keyed_job(&[("w", WINDOWS[0], Keys::Id)]);
    let current = shard(&plan, 0, 0);
    let refused = |stored: &[TableSchema]| current.check_tables(stored).unwrap_err().to_string();
    let cases = [
        (tables(&[("v", WINDOWS[0], Keys::Id)]), "the query no longer has this operator"),
        (
            tables(&[("w", WINDOWS[2], Keys::Id)]),
            "its key was (pane_end HOP(5 ms, 20 ms), first_window_end HOP(5 ms, 20 ms), id BIGINT) and is \
             (window_end TUMBLE(10 ms), id BIGINT)",
        ),
        (tables(&[("w", WINDOWS[0], Keys::None)]), "its key was (window_end TUMBLE(10 ms)) and is"),
    ];
    for (stored, expected) in cases {
        let text = refused(&stored);
        assert!(text.contains(expected), "{text}");
    }
    let mut stored = current.tables();
    stored[0].values[0].type_name = "INT".to_owned();
    assert!(refused(&stored).contains("count(*) was INT and is BIGINT"));
    stored[0].values[0].name = "count(x)".to_owned();
    assert!(refused(&stored).contains("count(x) is gone"));
    let mut stored = current.tables();
    stored[0].values.remove(0);
    assert!(refused(&stored).contains("count(*) is new and cannot start empty"));
}

/// Nothing of its open windows would go out before they change again.
#[test]
fn state_whose_results_went_out_when_windows_ended_is_not_taken_for_changes() {
    let stored = tables(&[("w", WINDOWS[0], Keys::Id)]);
    let mut plan = (*keyed_job(&[("w", WINDOWS[0], Keys::Id)])).clone();
    for pipeline in &mut plan.stages[0].inputs[0].pipelines {
        if let End::Window(window) = &mut pipeline.end {
            window.grouping.changes = true;
        }
    }
    let refused = shard(&Arc::new(plan), 0, 0).check_tables(&stored).unwrap_err().to_string();
    assert!(refused.contains("(window_end TUMBLE(10 ms), id BIGINT) and is"), "{refused}");
    assert!(refused.contains("(window_end TUMBLE(10 ms) changes, id BIGINT)"), "{refused}");
}

#[test]
fn reordered_operators_and_columns_and_an_added_nullable_column_are_taken_over() {
    let old = keyed_job(&[("m", WINDOWS[0], Keys::Id)]);
    let row = |time, q| Row { time, id: Some(4), name: None, quantity: Some(q), price: Some(1.5) };
    let mut first = shard(&old, 0, 0);
    first.process_rows(&batch(&[row(1, 2), row(2, 3)])).unwrap();
    emit(&mut first, &mut Vec::new());
    let (store, _) = digest(&mut first);

    let new = keyed_job(&[("m", WINDOWS[0], Keys::Id), ("a", WINDOWS[0], Keys::Id)]);
    let new = with_aggregates(&new, |aggregates, arguments| {
        aggregates.reverse();
        arguments.reverse();
        let name = "max(quantity)".to_owned();
        let argument = Some(ColumnKind::Int64);
        aggregates.insert(0, Aggregate { name, function: Function::Max, argument });
        arguments.insert(0, Some(3));
    });
    let mut second = shard(&new, 0, 0);
    let mapping = second.check_tables(&first.tables()).unwrap();
    assert!(!mapping.is_identity());
    let number = |shard: &dataflow::Shard| {
        let tables = shard.tables();
        tables.iter().find(|t| t.operator == "m").map(|t| t.table)
    };
    assert_eq!(number(&first), number(&second), "other operators do not renumber");
    second.restore(first.registers(), mapping).unwrap();
    for ((table, key), value) in &store {
        second.restore_entry(*table, key, value).unwrap();
    }
    second.process_rows(&batch(&[row(3, 7), row(1_000, 0)])).unwrap();
    let mut out = Vec::new();
    emit(&mut second, &mut out);
    let of_m: Vec<&String> = out.iter().filter(|row| row.starts_with("0: ")).collect();
    assert_eq!(of_m.len(), 1);
    let values: Vec<&str> = of_m[0].split(" | ").collect();
    // max(quantity) has seen the new row only; the others all three, in reversed order.
    assert_eq!(values[4..11], ["7", "[2, 3, 7]", "3", "1", "0", "7", "null"]);
    assert_eq!(values[11..], ["1.5", "null", "1.5", "4.5", "4.0", "12", "3", "3"]);
}
