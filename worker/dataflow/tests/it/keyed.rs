//! Keys without windows: the current result of each, forgotten after a TTL or never, and the first row of each; against
//! their definition, under random batch splits, boundaries, crashes and interleavings.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dataflow::limits::FOREVER_MS;
use dataflow::{
    Aggregate, ColumnKind, DataflowError, EmissionLimit, End, Function, Grouping, JobPlan,
    RowColumns, WindowInput, WindowKind,
};

use crate::exchange::{logs_of, through};
use crate::naive::Naive;
use crate::random::Random;
use crate::restart::with_crashes;
use crate::splits::run;
use crate::support::*;

const LIVES: [WindowKind; 4] = [
    WindowKind::All,
    WindowKind::Life { ttl_ms: 3 },
    WindowKind::Life { ttl_ms: 40 },
    WindowKind::Life { ttl_ms: 200_000 },
];
const TTLS: [i64; 4] = [1, 6, 40, FOREVER_MS];

/// What a sink holds in the end: by key the values beside the times.
fn table(out: &[String], keys: usize) -> BTreeMap<String, String> {
    let mut table = BTreeMap::new();
    for line in out {
        let (deleted, row) = match line.strip_prefix("0: - ") {
            Some(row) => (true, row),
            None => (false, line.strip_prefix("0: ").unwrap()),
        };
        let values: Vec<&str> = row.split(" | ").collect();
        let key = values[..keys].join(" | ");
        if deleted {
            table.remove(&key);
        } else {
            table.insert(key, values[keys + 3..].join(" | "));
        }
    }
    table
}

/// The newest life of each key that is not over.
fn expected(
    kind: WindowKind,
    keys: Keys,
    logs: &[Vec<Row>],
    watermark: i64,
) -> BTreeMap<String, String> {
    let gap = kind.session_gap().unwrap_or(1 << 52);
    let mut naive = Naive::default();
    for rows in logs {
        naive.add(WindowKind::Session { gap_ms: gap }, keys, rows);
    }
    let over: BTreeSet<String> = naive.rows(watermark).into_iter().collect();
    let width = if keys == Keys::Id { 1 } else { 2 };
    let mut newest: BTreeMap<String, (String, String)> = BTreeMap::new();
    for row in naive.rows(1 << 60) {
        let values: Vec<&str> = row.strip_prefix("0: ").unwrap().split(" | ").collect();
        let (key, start) = (values[..width].join(" | "), values[width].to_owned());
        let known = newest.get(&key);
        if known.is_none_or(|(other, _)| *other < start) {
            newest.insert(key, (start, row));
        }
    }
    let open = newest.into_values().map(|(_, row)| row).filter(|row| !over.contains(row));
    table(&open.collect::<Vec<_>>(), width)
}

#[test]
fn the_current_row_of_each_key_is_that_of_the_definition() {
    for (seed, kind) in (0..4).flat_map(|seed| LIVES.map(|kind| (seed, kind))) {
        for (keys, width) in [(Keys::Id, 1), (Keys::NameAndId, 2)] {
            let mut random = Random::new(seed);
            let mut rows = rows(&mut random, 300, true);
            if seed % 2 == 1 {
                // Without the last row, which ends all lives but the longest.
                rows.pop();
            }
            let plan = keyed_job(&[("k", kind, keys)]);
            let mut shard = shard(&plan, 0, 0);
            let mut out = Vec::new();
            run(&mut shard, &rows, &mut random, &mut out);
            let watermark = shard.watermark().unwrap();
            let expected = expected(kind, keys, std::slice::from_ref(&rows), watermark);
            assert!(!expected.is_empty() || seed % 2 == 0);
            let case = format!("seed {seed} {kind} {keys:?}");
            assert_eq!(table(&out, width), expected, "{case}");
            let (out, mut crashed) = with_crashes(&plan, &rows, &mut random);
            assert_eq!(table(&out, width), expected, "crashed, {case}");
            assert_eq!(digest(&mut crashed), digest(&mut shard), "{case}");
        }
    }
}

#[test]
fn two_phases_give_the_same_table_in_any_interleaving() {
    for (seed, kind) in (0..3).flat_map(|seed| LIVES.map(|kind| (seed, kind))) {
        let mut random = Random::new(seed);
        let logs = logs_of(&mut random, 3);
        let plan = exchange_job(kind, Keys::Id);
        let watermark = logs[0].last().unwrap().time - DELAY;
        let expected = expected(kind, Keys::Id, &logs, watermark);
        for _ in 0..3 {
            let (out, late) = through(&plan, &logs, &mut random);
            assert_eq!((table(&out, 1), late), (expected.clone(), 0), "seed {seed} {kind}");
        }
    }
}

/// The plan with what the first row has in three columns.
pub(crate) fn with_first_rows(plan: &Arc<JobPlan>) -> Arc<JobPlan> {
    let mut plan = (**plan).clone();
    let first = |name: &str, kind| Aggregate {
        name: format!("first_row({name})"),
        function: Function::FirstRow,
        argument: Some(kind),
    };
    let change = |grouping: &mut Grouping, input: Option<&mut RowColumns>| {
        grouping.aggregates = vec![
            first("name", ColumnKind::Utf8),
            first("quantity", ColumnKind::Int64),
            first("price", ColumnKind::Float64),
        ];
        if let Some(input) = input {
            input.arguments = [2, 3, 4].map(Some).to_vec();
        }
        (grouping.result_schema(), grouping.partial_schema())
    };
    let inputs = plan.stages.iter_mut().flat_map(|stage| &mut stage.inputs);
    for pipeline in inputs.flat_map(|input| &mut input.pipelines) {
        let (result, partial) = match &mut pipeline.end {
            End::Window(window) => match &mut window.input {
                WindowInput::Rows(input) => change(&mut window.grouping, Some(input)),
                WindowInput::Partials => change(&mut window.grouping, None),
            },
            End::Partial(partial) => change(&mut partial.grouping, Some(&mut partial.input)),
            End::Sink(_) => continue,
        };
        plan.sinks[0].schema = result;
        plan.exchanges.iter_mut().for_each(|exchange| exchange.schema = partial.clone());
    }
    Arc::new(plan)
}

/// A row with its time, log and place in it.
type Placed<'a> = (i64, usize, usize, &'a Row);

/// The first rows of the lives that have started by then, and how many rows are late.
fn firsts(ttl: i64, logs: &[Vec<Row>], watermark: i64) -> (Vec<String>, u64) {
    let mut by_id: BTreeMap<Option<i64>, Vec<Placed<'_>>> = BTreeMap::new();
    let mut late = 0;
    for (log, rows) in logs.iter().enumerate() {
        let mut maximum: Option<i64> = None;
        for (place, row) in rows.iter().enumerate() {
            if maximum.is_some_and(|maximum| row.time <= maximum - DELAY) {
                late += 1;
            } else {
                by_id.entry(row.id).or_default().push((row.time, log, place, row));
            }
            maximum = maximum.max(Some(row.time));
        }
    }
    let mut out = Vec::new();
    for mut rows in by_id.into_values() {
        rows.sort_by_key(|(time, log, place, _)| (*time, *log, *place));
        for life in rows.chunk_by(|a, b| b.0 - a.0 <= ttl) {
            let (time, _, _, row) = life[0];
            if time <= watermark {
                let price = row.price.map(|price| format!("{price:?}"));
                out.push(first_text(row.id, row.name.as_deref(), row.quantity, price));
            }
        }
    }
    out.sort();
    (out, late)
}

fn first_text(
    id: Option<i64>,
    name: Option<&str>,
    quantity: Option<i64>,
    price: Option<String>,
) -> String {
    let text = |value: Option<String>| value.unwrap_or("null".to_owned());
    let values = [
        text(id.map(|id| id.to_string())),
        text(name.map(str::to_owned)),
        text(quantity.map(|quantity| quantity.to_string())),
        text(price),
    ];
    values.join(" | ")
}

/// Rows without their times.
pub(crate) fn without_times(out: &[String]) -> Vec<String> {
    let row = |line: &String| {
        let values: Vec<&str> = line.strip_prefix("0: ").unwrap().split(" | ").collect();
        [&values[..1], &values[4..]].concat().join(" | ")
    };
    sorted(out.iter().map(row).collect())
}

#[test]
fn the_first_row_of_each_life_comes_once_whatever_the_splits_and_crashes() {
    for (seed, ttl_ms) in (0..8).flat_map(|seed| TTLS.map(|ttl| (seed, ttl))) {
        let mut random = Random::new(seed);
        let rows = rows(&mut random, 300, true);
        let plan = with_first_rows(&keyed_job(&[("f", WindowKind::First { ttl_ms }, Keys::Id)]));
        let mut shard = shard(&plan, 0, 0);
        let mut out = Vec::new();
        run(&mut shard, &rows, &mut random, &mut out);
        let (expected, late) =
            firsts(ttl_ms, std::slice::from_ref(&rows), shard.watermark().unwrap());
        let case = format!("seed {seed} ttl {ttl_ms}");
        assert!(expected.len() > 4, "{case}");
        assert_eq!(without_times(&out), expected, "{case}");
        assert_eq!(shard.registers().late_rows.get("f").copied().unwrap_or(0), late, "{case}");
        let (out, mut crashed) = with_crashes(&plan, &rows, &mut random);
        assert_eq!(without_times(&out), expected, "crashed, {case}");
        assert_eq!(digest(&mut crashed), digest(&mut shard), "{case}");
    }
}

#[test]
fn the_first_row_over_all_logs_does_not_depend_on_their_interleaving() {
    for (seed, ttl_ms) in (0..3).flat_map(|seed| TTLS.map(|ttl| (seed, ttl))) {
        let mut random = Random::new(seed);
        let logs = logs_of(&mut random, 3);
        let plan = with_first_rows(&exchange_job(WindowKind::First { ttl_ms }, Keys::Id));
        let (expected, _) = firsts(ttl_ms, &logs, logs[0].last().unwrap().time - DELAY);
        for _ in 0..3 {
            let (out, late) = through(&plan, &logs, &mut random);
            assert_eq!((without_times(&out), late), (expected.clone(), 0), "seed {seed} {ttl_ms}");
        }
    }
}

fn row(time: i64, id: i64) -> Row {
    Row { time, id: Some(id), name: None, quantity: Some(1), price: None }
}

#[test]
fn what_a_ttl_ends_is_deleted_in_parts_and_leaves_nothing() {
    let plan = keyed_job(&[("k", WindowKind::Life { ttl_ms: 10 }, Keys::Id)]);
    let mut shard = shard(&plan, 0, 0);
    let rows: Vec<Row> = (0..50).map(|id| row(100, id)).collect();
    shard.process_rows(&batch(&rows)).unwrap();
    let mut out = Vec::new();
    emit(&mut shard, &mut out);
    assert_eq!((out.len(), digest(&mut shard).0.len()), (50, 50));
    // The watermark passes the end of all of them, and they are more than a transaction holds.
    shard.process_rows(&batch(&[row(1_000, 99)])).unwrap();
    let mut parts = 0;
    loop {
        let emission = shard.boundary(EmissionLimit { rows: 7, bytes: u64::MAX }).unwrap();
        assert!(emission.rows() <= 7);
        sink_rows(&emission, &mut out);
        parts += 1;
        let Some(cursor) = emission.cut else { break };
        assert_eq!(cursor.window_end, 120, "the watermark that ends them");
        assert!(matches!(shard.process_rows(&batch(&[row(1, 1)])), Err(DataflowError::Bug(_))));
    }
    assert_eq!(parts, 8, "one row and fifty deletions");
    assert_eq!(table(&out, 1).into_keys().collect::<Vec<_>>(), ["99"]);
    assert_eq!(digest(&mut shard).0.len(), 1);
}

#[test]
fn a_checkpoint_writes_the_keys_that_changed() {
    for kind in LIVES {
        let mut shard = shard(&keyed_job(&[("k", kind, Keys::Id)]), 0, 0);
        shard.process_rows(&batch(&[row(1, 1), row(2, 2), row(3, 1)])).unwrap();
        emit(&mut shard, &mut Vec::new());
        assert_eq!(shard.changes().unwrap()[0].entries.len(), 2, "{kind}");
        shard.process_rows(&batch(&[row(2, 2)])).unwrap();
        let mut out = Vec::new();
        emit(&mut shard, &mut out);
        assert_eq!((out.len(), shard.changes().unwrap()[0].entries.len()), (1, 1), "{kind}");
    }
}

#[test]
fn many_keys_with_changes_are_a_reason_to_commit() {
    for kind in LIVES {
        let mut shard = shard(&keyed_job(&[("k", kind, Keys::Id)]), 0, 0);
        shard.process_rows(&batch(&(0..500).map(|id| row(1, id)).collect::<Vec<_>>())).unwrap();
        assert!(shard.pending_output_bytes() > 500 * 50, "{kind}");
        emit(&mut shard, &mut Vec::new());
        assert_eq!(shard.pending_output_bytes(), 0, "{kind}");
    }
}
