//! What a window in stage 0 costs per row: `cargo run --example window_cost -p streamjob-dataflow`.
#![allow(clippy::disallowed_methods, reason = "it measures time")]

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray, TimestampMillisecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use dataflow::{
    Aggregate, ColumnKind, EmissionLimit, Emit, End, ExchangePlan, Function, Grouping, Input,
    JobPlan, KeyColumn, Output, PartialAggregate, Pipeline, RowColumns, Shard, SinkPlan,
    SourcePlan, Stage, StageInput, WindowAggregate, WindowInput, WindowKind,
};
use protocol::{Fingerprint, Log, StageId};

const BATCH_ROWS: usize = 8192;
const ROWS: usize = 6_000_000;
/// Rows per millisecond of event time.
const RATE: usize = 1000;
const TUMBLE: WindowKind = WindowKind::Tumble { size_ms: 1000, offset_ms: 0 };
const HOP: WindowKind = WindowKind::Hop { size_ms: 1000, slide_ms: 10, offset_ms: 0 };

fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, None), false),
        Field::new("id", DataType::Int64, true),
        Field::new("name", DataType::Utf8, true),
        Field::new("price", DataType::Float64, true),
    ]))
}

fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

fn batches(keys: u64, text: bool) -> Vec<RecordBatch> {
    let mut state = 88_172_645_463_325_252;
    (0..ROWS / BATCH_ROWS)
        .map(|batch| {
            let start = batch * BATCH_ROWS;
            let times = (start..start + BATCH_ROWS).map(|row| {
                // Up to 4 ms out of order.
                Some((row / RATE) as i64 - (next(&mut state) % 5) as i64)
            });
            let times: TimestampMillisecondArray = times.collect();
            let ids: Vec<i64> = (0..BATCH_ROWS).map(|_| (next(&mut state) % keys) as i64).collect();
            let names: StringArray = ids
                .iter()
                .map(|id| Some(if text { format!("user-{id:08}") } else { String::new() }))
                .collect();
            let prices = (0..BATCH_ROWS).map(|_| Some((next(&mut state) % 1000) as f64));
            let columns: Vec<ArrayRef> = vec![
                Arc::new(times),
                Arc::new(Int64Array::from(ids)),
                Arc::new(names),
                Arc::new(prices.collect::<Float64Array>()),
            ];
            RecordBatch::try_new(schema(), columns).expect("columns fit the schema")
        })
        .collect()
}

/// Time on the CPU where the system tells it, so that other programs do not show; else time that passed.
fn now(origin: Instant) -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let on_cpu = text.split_whitespace().next().and_then(|nanos| nanos.parse().ok());
    on_cpu.map_or_else(|| origin.elapsed(), Duration::from_nanos)
}

/// Count and maximum of the price by key.
fn plan(window: WindowKind, text: bool, partial: bool) -> Arc<JobPlan> {
    let aggregate =
        |function, name: &str, argument| Aggregate { name: name.to_owned(), function, argument };
    let kind = if text { ColumnKind::Utf8 } else { ColumnKind::Int64 };
    let grouping = Grouping {
        changes: false,
        lateness_ms: 0,
        late: None,
        operator: "w".to_owned(),
        window,
        keys: vec![KeyColumn { name: "key".to_owned(), kind }],
        aggregates: vec![
            aggregate(Function::Count, "count(*)", None),
            aggregate(Function::Max, "max(price)", Some(ColumnKind::Float64)),
        ],
    };
    let input = RowColumns {
        event_time: 0,
        keys: vec![if text { 2 } else { 1 }],
        arguments: vec![None, Some(3)],
        carried: vec![],
    };
    let sink = SinkPlan {
        name: "w".to_owned(),
        topic: "w".to_owned(),
        schema: grouping.result_schema(),
        key: vec![],
        upsert: false,
    };
    let exchange = ExchangePlan {
        id: "w".to_owned(),
        fingerprint: Fingerprint::from_bits(0),
        schema: grouping.partial_schema(),
        partitions: 16,
    };
    let end = if partial {
        End::Partial(Box::new(PartialAggregate { grouping, input, exchange: 0 }))
    } else {
        let input = WindowInput::Rows(input);
        End::Window(Box::new(WindowAggregate {
            grouping,
            input,
            steps: vec![],
            output: Output::Sink(0),
            emit: Emit::Final,
        }))
    };
    let input =
        StageInput { input: Input::Source(0), pipelines: vec![Pipeline { steps: vec![], end }] };
    Arc::new(JobPlan {
        fingerprint: Fingerprint::from_bits(0),
        sources: vec![SourcePlan {
            name: "s".to_owned(),
            topic: "s".to_owned(),
            schema: schema(),
            origins: vec![],
            reading: None,
            event_time: Some(0),
            delay_ms: 4,
            idle_timeout_ms: None,
        }],
        exchanges: vec![exchange],
        sinks: vec![sink],
        stages: vec![Stage { id: StageId(0), inputs: vec![input] }],
    })
}

fn measure(name: &str, window: WindowKind, keys: u64, text: bool, partial: bool) {
    let batches = batches(keys, text);
    let mut shard = Shard::new(plan(window, text, partial), StageId(0), 0, Log::new("s", 0))
        .expect("the plan is valid");
    let limit = EmissionLimit { rows: u64::MAX, bytes: u64::MAX };
    let origin = Instant::now();
    let (mut rows, mut emitted) = (0usize, 0u64);
    let (mut processing, mut emitting) = (Duration::ZERO, Duration::ZERO);
    for (at, batch) in batches.iter().enumerate() {
        let start = now(origin);
        shard.process_rows(batch).expect("rows fit the plan");
        processing += now(origin).saturating_sub(start);
        rows += batch.num_rows();
        // A commit every 64 batches: at 2 M rows/s that is every quarter of a second.
        if at % 64 == 63 {
            let start = now(origin);
            emitted += shard.boundary(limit).expect("an emission").rows();
            emitting += now(origin).saturating_sub(start);
        }
    }
    let line = format!(
        "{name:<34} {keys:>9} keys: {:>6.1} ns/row in, {:>6.1} ns/row out ({emitted} rows, {:.0} ns each), {} MiB",
        processing.as_nanos() as f64 / rows as f64,
        emitting.as_nanos() as f64 / rows as f64,
        emitting.as_nanos() as f64 / emitted.max(1) as f64,
        shard.memory_bytes() >> 20,
    );
    writeln!(std::io::stdout(), "{line}").expect("standard output is open");
}

fn main() {
    for keys in [1_000, 100_000, 1_000_000] {
        measure("tumble, BIGINT key", TUMBLE, keys, false, false);
        measure("tumble, VARCHAR key", TUMBLE, keys, true, false);
        measure("tumble, BIGINT key, partial", TUMBLE, keys, false, true);
    }
    measure("hop of 100 panes, BIGINT key", HOP, 1_000, false, false);
    measure("hop of 100 panes, BIGINT key", HOP, 20_000, false, false);
}
