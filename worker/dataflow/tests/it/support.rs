//! Plans, rows and batches of the tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use dataflow::{
    Aggregate, ColumnKind, Deletion, Emission, EmissionLimit, Emit, End, ExchangePlan, Function,
    Grouping, Input, JobPlan, KeyColumn, Output, PartialAggregate, Pipeline, RowColumns, Shard,
    SinkPlan, SourcePlan, Stage, StageInput, WindowAggregate, WindowInput, WindowKind,
};
use protocol::{Fingerprint, Log, StageId};

use crate::random::Random;

pub(crate) const DELAY: i64 = 15;
pub(crate) const PARTITIONS: u32 = 3;
pub(crate) const WHOLE: EmissionLimit = EmissionLimit { rows: u64::MAX, bytes: u64::MAX };

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) time: i64,
    pub(crate) id: Option<i64>,
    pub(crate) name: Option<String>,
    pub(crate) quantity: Option<i64>,
    pub(crate) price: Option<f64>,
}

/// Which columns group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Keys {
    None,
    Id,
    NameAndId,
}

pub(crate) const ALL_KEYS: [Keys; 3] = [Keys::None, Keys::Id, Keys::NameAndId];

pub(crate) const WINDOWS: [WindowKind; 9] = [
    WindowKind::Tumble { size_ms: 10, offset_ms: 0 },
    WindowKind::Tumble { size_ms: 10, offset_ms: 3 },
    WindowKind::Hop { size_ms: 20, slide_ms: 5, offset_ms: 0 },
    WindowKind::Hop { size_ms: 10, slide_ms: 4, offset_ms: 1 },
    WindowKind::Hop { size_ms: 60, slide_ms: 2, offset_ms: 0 },
    WindowKind::Hop { size_ms: 10, slide_ms: 10, offset_ms: 0 },
    WindowKind::Cumulate { size_ms: 12, step_ms: 4, offset_ms: 5 },
    WindowKind::Cumulate { size_ms: 60, step_ms: 2, offset_ms: 0 },
    WindowKind::Cumulate { size_ms: 10, step_ms: 10, offset_ms: 0 },
];

/// With sessions, which know no lateness.
pub(crate) const ALL_WINDOWS: [WindowKind; 12] = [
    WINDOWS[0],
    WINDOWS[1],
    WINDOWS[2],
    WINDOWS[3],
    WINDOWS[4],
    WINDOWS[5],
    WINDOWS[6],
    WINDOWS[7],
    WINDOWS[8],
    WindowKind::Session { gap_ms: 1 },
    WindowKind::Session { gap_ms: 4 },
    WindowKind::Session { gap_ms: 25 },
];

pub(crate) fn rows(random: &mut Random, count: usize, exact: bool) -> Vec<Row> {
    let mut now = 1_000;
    let mut rows: Vec<Row> = (0..count)
        .map(|_| {
            now += random.below(4) as i64;
            if random.chance(1) {
                now += 200;
            }
            let back =
                if random.chance(20) { random.below(120) as i64 } else { random.below(6) as i64 };
            let name = random.below(4);
            Row {
                time: now - back,
                id: (!random.chance(5)).then(|| random.below(5) as i64 - 2),
                name: (name > 0).then(|| "n".repeat(name as usize)),
                quantity: (!random.chance(10)).then(|| random.below(100) as i64 - 50),
                price: (!random.chance(10)).then(|| {
                    let steps = random.below(1000) as f64;
                    if exact { steps * 0.25 } else { steps * 0.1 }
                }),
            }
        })
        .collect();
    // Far ahead: everything before it becomes due.
    rows.push(Row { time: now + 100_000, id: Some(99), name: None, quantity: None, price: None });
    rows
}

pub(crate) fn source_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, None), false),
        Field::new("id", DataType::Int64, true),
        Field::new("name", DataType::Utf8, true),
        Field::new("quantity", DataType::Int64, true),
        Field::new("price", DataType::Float64, true),
    ]))
}

pub(crate) fn batch(rows: &[Row]) -> RecordBatch {
    let times: TimestampMillisecondArray = rows.iter().map(|r| Some(r.time)).collect();
    let names: StringArray = rows.iter().map(|r| r.name.as_deref()).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(times),
        Arc::new(rows.iter().map(|r| r.id).collect::<Int64Array>()),
        Arc::new(names),
        Arc::new(rows.iter().map(|r| r.quantity).collect::<Int64Array>()),
        Arc::new(rows.iter().map(|r| r.price).collect::<Float64Array>()),
    ];
    RecordBatch::try_new(source_schema(), columns).unwrap()
}

fn aggregate(function: Function, name: &str, argument: Option<ColumnKind>) -> Aggregate {
    Aggregate { name: name.to_owned(), function, argument }
}

pub(crate) fn grouping(operator: &str, window: WindowKind, keys: Keys) -> Grouping {
    let id = KeyColumn { name: "id".to_owned(), kind: ColumnKind::Int64 };
    let name = KeyColumn { name: "name".to_owned(), kind: ColumnKind::Utf8 };
    Grouping {
        changes: matches!(window, WindowKind::All | WindowKind::Life { .. }),
        operator: operator.to_owned(),
        window,
        lateness_ms: 0,
        late: None,
        keys: match keys {
            Keys::None => vec![],
            Keys::Id => vec![id],
            Keys::NameAndId => vec![name, id],
        },
        aggregates: vec![
            aggregate(Function::Count, "count(*)", None),
            aggregate(Function::Count, "count(quantity)", Some(ColumnKind::Int64)),
            aggregate(Function::Sum, "sum(quantity)", Some(ColumnKind::Int64)),
            aggregate(Function::Avg, "avg(quantity)", Some(ColumnKind::Int64)),
            aggregate(Function::Sum, "sum(price)", Some(ColumnKind::Float64)),
            aggregate(Function::Min, "min(price)", Some(ColumnKind::Float64)),
            aggregate(Function::Max, "max(name)", Some(ColumnKind::Utf8)),
            aggregate(Function::Avg, "avg(price)", Some(ColumnKind::Float64)),
            aggregate(Function::FirstValue, "first_value(name)", Some(ColumnKind::Utf8)),
            aggregate(Function::LastValue, "last_value(quantity)", Some(ColumnKind::Int64)),
            aggregate(Function::CountDistinct, "count(DISTINCT name)", Some(ColumnKind::Utf8)),
            aggregate(Function::CountDistinct, "count(DISTINCT price)", Some(ColumnKind::Float64)),
            aggregate(
                Function::ApproxDistinct,
                "approx_distinct(quantity)",
                Some(ColumnKind::Int64),
            ),
            aggregate(
                Function::ArrayAgg { limit: 3 },
                "array_agg(quantity LIMIT 3)",
                Some(ColumnKind::Int64),
            ),
        ],
    }
}

fn row_columns(keys: Keys) -> RowColumns {
    RowColumns {
        event_time: 0,
        keys: match keys {
            Keys::None => vec![],
            Keys::Id => vec![1],
            Keys::NameAndId => vec![2, 1],
        },
        arguments: [&[None][..], &[3, 3, 3, 4, 4, 2, 4, 2, 3, 2, 4, 3, 3].map(Some)].concat(),
        carried: vec![],
    }
}

fn job(stages: Vec<Stage>, exchanges: Vec<ExchangePlan>, groupings: &[Grouping]) -> Arc<JobPlan> {
    let sinks = groupings.iter().map(|grouping| SinkPlan {
        name: grouping.operator.clone(),
        topic: grouping.operator.clone(),
        schema: grouping.result_schema(),
        key: vec![],
        upsert: emit_of(grouping) != Emit::Final,
    });
    Arc::new(JobPlan {
        fingerprint: Fingerprint::from_bits(1),
        sources: vec![SourcePlan {
            name: "s".to_owned(),
            topic: "s".to_owned(),
            schema: source_schema(),
            origins: vec![],
            reading: None,
            event_time: Some(0),
            delay_ms: DELAY,
            idle_timeout_ms: None,
        }],
        exchanges,
        sinks: sinks.collect(),
        stages,
    })
}

/// What no window ends changes.
fn emit_of(grouping: &Grouping) -> Emit {
    if !grouping.changes {
        return Emit::Final;
    }
    let keys = grouping.keys.len();
    let schema = grouping.result_schema();
    let fields: Vec<Field> =
        schema.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect();
    let columns = (0..fields.len()).map(|at| (at < keys).then_some(at)).collect();
    Emit::Changes(Deletion { schema: Arc::new(Schema::new(fields)), columns })
}

/// Complete windows in stage 0, one sink each.
pub(crate) fn keyed_job(windows: &[(&str, WindowKind, Keys)]) -> Arc<JobPlan> {
    let groupings: Vec<Grouping> =
        windows.iter().map(|(operator, window, keys)| grouping(operator, *window, *keys)).collect();
    let pipelines =
        groupings.iter().zip(windows).enumerate().map(|(sink, (grouping, w))| Pipeline {
            steps: vec![],
            end: End::Window(Box::new(WindowAggregate {
                grouping: grouping.clone(),
                input: WindowInput::Rows(row_columns(w.2)),
                steps: vec![],
                output: Output::Sink(sink),
                emit: emit_of(grouping),
            })),
        });
    let input = StageInput { input: Input::Source(0), pipelines: pipelines.collect() };
    job(vec![Stage { id: StageId(0), inputs: vec![input] }], vec![], &groupings)
}

/// Partial aggregation, exchange, merge.
pub(crate) fn exchange_job(window: WindowKind, keys: Keys) -> Arc<JobPlan> {
    let grouping = grouping("w", window, keys);
    let exchange = ExchangePlan {
        id: "w".to_owned(),
        fingerprint: Fingerprint::from_bits(2),
        schema: grouping.partial_schema(),
        partitions: PARTITIONS,
    };
    let partial = End::Partial(Box::new(PartialAggregate {
        grouping: grouping.clone(),
        input: row_columns(keys),
        exchange: 0,
    }));
    let merge = End::Window(Box::new(WindowAggregate {
        grouping: grouping.clone(),
        input: WindowInput::Partials,
        steps: vec![],
        output: Output::Sink(0),
        emit: emit_of(&grouping),
    }));
    let input = |input, end| StageInput { input, pipelines: vec![Pipeline { steps: vec![], end }] };
    let stages = vec![
        Stage { id: StageId(0), inputs: vec![input(Input::Source(0), partial)] },
        Stage { id: StageId(1), inputs: vec![input(Input::Exchange(0), merge)] },
    ];
    job(stages, vec![exchange], &[grouping])
}

/// The same plan with allowed lateness in all windows.
pub(crate) fn with_lateness(plan: &Arc<JobPlan>, lateness_ms: i64) -> Arc<JobPlan> {
    let mut plan = (**plan).clone();
    let inputs = plan.stages.iter_mut().flat_map(|stage| &mut stage.inputs);
    for pipeline in inputs.flat_map(|input| &mut input.pipelines) {
        match &mut pipeline.end {
            End::Window(window) => window.grouping.lateness_ms = lateness_ms,
            End::Partial(partial) => partial.grouping.lateness_ms = lateness_ms,
            End::Sink(_) => {}
        }
    }
    Arc::new(plan)
}

/// The last row of each window and key: columns up to the last time are what tells rows apart.
pub(crate) fn last_rows(rows: Vec<String>, keys: Keys) -> Vec<String> {
    let keys = match keys {
        Keys::None => 0,
        Keys::Id => 1,
        Keys::NameAndId => 2,
    };
    let mut last = BTreeMap::new();
    for row in rows {
        let identity: Vec<&str> = row.split(" | ").take(keys + 3).collect();
        last.insert(identity.join(" | "), row);
    }
    sorted(last.into_values().collect())
}

pub(crate) fn shard(plan: &Arc<JobPlan>, stage: u32, partition: i32) -> Shard {
    Shard::new(Arc::clone(plan), StageId(stage), 0, Log::new("s", partition)).unwrap()
}

/// Rows of an emission as text, in order, then deletions.
pub(crate) fn sink_rows(emission: &Emission, out: &mut Vec<String>) {
    let rows = emission.sinks.iter().map(|rows| ("", rows));
    let deletions = emission.deletions.iter().map(|rows| ("- ", rows));
    for (mark, (sink, batch)) in rows.chain(deletions) {
        for row in 0..batch.num_rows() {
            let values = batch.columns().iter().map(|column| {
                if column.is_null(row) {
                    "null".to_owned()
                } else {
                    array_value_to_string(column, row).unwrap()
                }
            });
            out.push(format!("{sink}: {mark}{}", values.collect::<Vec<_>>().join(" | ")));
        }
    }
}

pub(crate) fn sorted(mut rows: Vec<String>) -> Vec<String> {
    rows.sort();
    rows
}

/// Whole boundary.
pub(crate) fn emit(shard: &mut Shard, out: &mut Vec<String>) {
    let emission = shard.boundary(WHOLE).unwrap();
    assert_eq!(emission.cut, None, "nothing is cut without a limit");
    sink_rows(&emission, out);
}

/// Stored entries by table and key, as the store would keep them.
pub(crate) type Store = BTreeMap<(u16, Vec<u8>), Vec<u8>>;

pub(crate) fn save(shard: &mut Shard, store: &mut Store) {
    for changes in shard.changes().unwrap() {
        if let Some(live) = changes.live_from {
            let floor = ((live as u64) ^ (1 << 63)).to_be_bytes();
            store.retain(|(table, key), _| *table != changes.table || key[..8] >= floor[..]);
        }
        let mut last: Option<Vec<u8>> = None;
        for (key, value) in changes.entries.iter() {
            assert!(last.is_none_or(|last| *last < *key), "changes are sorted");
            last = Some(key.to_vec());
            match value {
                Some(value) => store.insert((changes.table, key.to_vec()), value.to_vec()),
                None => store.remove(&(changes.table, key.to_vec())),
            };
        }
    }
}

/// The whole state at a boundary, and the registers.
pub(crate) fn digest(shard: &mut Shard) -> (Store, String) {
    shard.mark_all_changed();
    let mut store = Store::new();
    save(shard, &mut store);
    (store, format!("{:?}", shard.registers()))
}
