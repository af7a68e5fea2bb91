//! The first rows of windows: neither batch splits nor boundaries nor where a snapshot was taken show in them.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use dataflow::{
    Aggregate, ColumnKind, EmissionLimit, End, Function, JobPlan, RowColumns, RowOrder, Step,
    WindowInput, WindowKind, pack_rows,
};

use crate::random::Random;
use crate::support::*;

const LIMIT: u32 = 3;

/// Time, id, and the row packed: by price down, then name; quantity is kept.
fn packed(rows: &[Row]) -> RecordBatch {
    let rows = batch(rows);
    let orders = [
        RowOrder { descending: true, nulls_first: false },
        RowOrder { descending: false, nulls_first: true },
    ];
    let columns: Vec<ArrayRef> = [4, 2, 3].map(|column| rows.column(column).clone()).to_vec();
    let packed = pack_rows(&orders, &columns, rows.num_rows()).unwrap();
    let columns = vec![rows.column(0).clone(), rows.column(1).clone(), packed];
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn schema() -> SchemaRef {
    let fields = source_schema().fields().iter().take(2).cloned().collect::<Vec<_>>();
    let packed = Arc::new(Field::new("packed", DataType::LargeBinary, true));
    Arc::new(Schema::new([fields, vec![packed]].concat()))
}

fn job(window: WindowKind) -> Arc<JobPlan> {
    let mut plan = (*keyed_job(&[("w", window, Keys::Id)])).clone();
    plan.sources[0].schema = schema();
    let End::Window(window) = &mut plan.stages[0].inputs[0].pipelines[0].end else { panic!() };
    window.grouping.aggregates = vec![Aggregate {
        name: "top".to_owned(),
        function: Function::Top { limit: LIMIT, by_place: true },
        argument: Some(ColumnKind::Bytes),
    }];
    let input = RowColumns { keys: vec![1], arguments: vec![Some(2)], ..RowColumns::default() };
    window.input = WindowInput::Rows(input);
    let mut fields: Vec<Field> = window.grouping.result_schema().fields()[..4]
        .iter()
        .map(|field| field.as_ref().clone())
        .collect();
    fields.push(Field::new("number", DataType::Int64, true));
    fields.push(Field::new("quantity", DataType::Int64, true));
    let schema = Arc::new(Schema::new(fields));
    window.steps = vec![Step::Unpack { schema: schema.clone() }];
    plan.sinks[0].schema = schema;
    Arc::new(plan)
}

fn feed(shard: &mut dataflow::Shard, rows: &[Row], random: &mut Random, out: &mut Vec<String>) {
    let mut rest = rows;
    while !rest.is_empty() {
        let count = (1 + random.below(40) as usize).min(rest.len());
        shard.process_rows(&packed(&rest[..count])).unwrap();
        rest = &rest[count..];
        if random.chance(30) {
            emit(shard, out);
        }
    }
    emit(shard, out);
}

#[test]
fn neither_splits_nor_restarts_show_in_the_first_rows() {
    for (seed, window) in (0..).zip(ALL_WINDOWS) {
        let plan = job(window);
        let mut random = Random::new(seed);
        let mut rows = rows(&mut random, 400, false);
        let last = rows.split_off(rows.len() - 1);
        let ends: Vec<_> = (0..4)
            .map(|_| {
                let (mut whole, mut out) = (shard(&plan, 0, 0), Vec::new());
                feed(&mut whole, &rows, &mut random, &mut out);
                let (store, registers) = digest(&mut whole);
                let mut again = shard(&plan, 0, 0);
                let mapping = again.check_tables(&again.tables()).unwrap();
                again.restore(whole.registers(), mapping).unwrap();
                for ((table, key), value) in &store {
                    again.restore_entry(*table, key, value).unwrap();
                }
                feed(&mut again, &last, &mut random, &mut out);
                (store, registers, sorted(out))
            })
            .collect();
        assert!(!ends[0].0.is_empty(), "windows are open");
        assert!(ends[0].2.len() > 100, "{window}: {} rows", ends[0].2.len());
        assert!(ends.iter().all(|end| *end == ends[0]), "{window}");
    }
}

#[test]
fn an_emission_is_cut_between_groups_and_goes_on_there() {
    let plan = job(WINDOWS[0]);
    let mut random = Random::new(5);
    let rows = rows(&mut random, 300, true);
    let (mut whole, mut out) = (shard(&plan, 0, 0), Vec::new());
    whole.process_rows(&packed(&rows)).unwrap();
    emit(&mut whole, &mut out);
    let mut cut = shard(&plan, 0, 0);
    cut.process_rows(&packed(&rows)).unwrap();
    let (mut parts, mut found) = (0, Vec::new());
    loop {
        let emission = cut.boundary(EmissionLimit { rows: 4, bytes: u64::MAX }).unwrap();
        assert!(emission.rows() < 4 + u64::from(LIMIT), "{} rows", emission.rows());
        sink_rows(&emission, &mut found);
        parts += 1;
        let Some(cursor) = emission.cut else { break };
        // Another process, which has the log and the cursor alone.
        let mut other = shard(&plan, 0, 0);
        other.set_muted(true);
        other.process_rows(&packed(&rows)).unwrap();
        other.settle(Some(cursor)).unwrap();
        cut = other;
    }
    assert!(parts > 10, "{parts} parts");
    assert_eq!(found, out);
}
