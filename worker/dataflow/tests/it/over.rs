//! Aggregates over frames against a naive evaluation: neither batch splits nor boundaries, cuts or restarts show, in
//! sums of DOUBLE neither.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use dataflow::limits::FOREVER_MS;
use dataflow::{
    Aggregate, ColumnKind, EmissionLimit, Emit, End, Frame, FrameCall, Framed, Function, JobPlan,
    RowColumns, Shard, WindowInput, WindowKind, pack_rows,
};

use crate::random::Random;
use crate::support::*;

const FRAMES: [Frame; 5] = [
    Frame::Rows { preceding: 3, ttl_ms: FOREVER_MS },
    Frame::Rows { preceding: 20, ttl_ms: 9 },
    Frame::Rows { preceding: 1, ttl_ms: 40 },
    Frame::Range { preceding_ms: 0 },
    Frame::Range { preceding_ms: 12 },
];

/// Time, id, and the row packed: time, id, price.
fn packed(rows: &[Row]) -> RecordBatch {
    let rows = batch(rows);
    let columns: Vec<ArrayRef> = [0, 1, 4].map(|column| rows.column(column).clone()).to_vec();
    let packed = pack_rows(&[], &columns, rows.num_rows()).unwrap();
    let columns = vec![rows.column(0).clone(), rows.column(1).clone(), packed];
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn schema() -> SchemaRef {
    let fields = source_schema().fields().iter().take(2).cloned().collect::<Vec<_>>();
    let packed = Arc::new(Field::new("packed", DataType::LargeBinary, true));
    Arc::new(Schema::new([fields, vec![packed]].concat()))
}

fn job(frame: Frame) -> Arc<JobPlan> {
    let kind = WindowKind::Over(frame);
    let mut plan = (*keyed_job(&[("w", kind, Keys::Id)])).clone();
    plan.sources[0].schema = schema();
    let End::Window(window) = &mut plan.stages[0].inputs[0].pipelines[0].end else { panic!() };
    window.grouping.aggregates = vec![Aggregate {
        name: "rows".to_owned(),
        function: Function::Top { limit: u32::MAX, by_place: true },
        argument: Some(ColumnKind::Bytes),
    }];
    let input = RowColumns { keys: vec![1], arguments: vec![Some(2)], ..RowColumns::default() };
    window.input = WindowInput::Rows(input);
    let call = |name: &str, function, argument, column| FrameCall {
        aggregate: Aggregate { name: name.to_owned(), function, argument },
        column,
    };
    let price = Some(ColumnKind::Float64);
    let calls = vec![
        call("count", Function::Count, None, None),
        call("sum", Function::Sum, price, Some(2)),
        call("max", Function::Max, price, Some(2)),
        call("last", Function::LastValue, price, Some(2)),
    ];
    let source = source_schema();
    let kept = [0, 1, 4].map(|column| source.field(column).clone().with_nullable(true));
    let results = ["sum", "max", "last"].map(|name| Field::new(name, DataType::Float64, true));
    let count = Field::new("count", DataType::Int64, true);
    let fields: Vec<Field> = kept.into_iter().chain([count]).chain(results).collect();
    let schema = Arc::new(Schema::new(fields));
    window.emit = Emit::Framed(Framed { schema: schema.clone(), calls });
    plan.sinks[0].schema = schema;
    Arc::new(plan)
}

/// By the definition: what goes out of these rows, and how many are late.
fn naive(frame: Frame, rows: &[Row]) -> (Vec<String>, u64) {
    let mut maximum: Option<i64> = None;
    let mut on_time: Vec<(usize, &Row)> = Vec::new();
    let mut late = 0;
    for (place, row) in rows.iter().enumerate() {
        if maximum.is_some_and(|maximum| row.time < maximum - DELAY) {
            late += 1;
        } else {
            on_time.push((place, row));
        }
        maximum = maximum.max(Some(row.time));
    }
    let watermark = maximum.unwrap() - DELAY;
    on_time.sort_by_key(|(place, row)| (row.time, *place));
    let mut out = Vec::new();
    for (place, row) in on_time.iter().filter(|(_, row)| row.time < watermark) {
        let own: Vec<(usize, &Row)> =
            on_time.iter().filter(|(_, other)| other.id == row.id).copied().collect();
        let at = own.iter().position(|(other, _)| other == place).unwrap();
        let frame: Vec<&Row> = match frame {
            Frame::Range { preceding_ms } => {
                let reached = row.time - preceding_ms..=row.time;
                own.iter().map(|(_, o)| *o).filter(|o| reached.contains(&o.time)).collect()
            }
            Frame::Rows { preceding, ttl_ms } => {
                let mut start = at;
                while at - start < preceding as usize
                    && start > 0
                    && own[start].1.time - own[start - 1].1.time <= ttl_ms
                {
                    start -= 1;
                }
                own[start..=at].iter().map(|(_, other)| *other).collect()
            }
        };
        let prices: Vec<f64> = frame.iter().filter_map(|row| row.price).collect();
        let text =
            |value: Option<f64>| value.map_or("null".to_owned(), |value| format!("{value:?}"));
        let sum = prices.iter().copied().reduce(|a, b| a + b);
        let max = prices.iter().copied().reduce(f64::max);
        let id = row.id.map_or("null".to_owned(), |id| id.to_string());
        out.push(format!(
            "{} {id} {} {} {} {} {}",
            row.time,
            text(row.price),
            frame.len(),
            text(sum),
            text(max),
            text(prices.last().copied())
        ));
    }
    (out, late)
}

/// The rows of an emission, as `naive` shows them.
fn shown(rows: &[String]) -> Vec<String> {
    let row = |row: &String| {
        let values = row.strip_prefix("0: ").unwrap().split(" | ").enumerate();
        let values = values.map(|(at, value)| match at {
            0 => time_of(value).to_string(),
            _ => value.to_owned(),
        });
        values.collect::<Vec<_>>().join(" ")
    };
    rows.iter().map(row).collect()
}

/// `1970-01-01T00:00:01.234` in ms.
fn time_of(text: &str) -> i64 {
    let (_, clock) = text.split_once('T').unwrap();
    let parts: Vec<&str> = clock.split(':').collect();
    let (seconds, millis) = parts[2].split_once('.').unwrap_or((parts[2], "0"));
    let number = |text: &str| text.parse::<i64>().unwrap();
    let millis = number(&format!("{millis:0<3}"));
    ((number(parts[0]) * 60 + number(parts[1])) * 60 + number(seconds)) * 1000 + millis
}

/// Another process, with what was stored at this boundary.
fn restored(plan: &Arc<JobPlan>, shard: &Shard, store: &Store) -> Shard {
    let mut again = crate::support::shard(plan, 0, 0);
    let mapping = again.check_tables(&again.tables()).unwrap();
    assert!(mapping.is_identity());
    again.restore(shard.registers(), mapping).unwrap();
    for ((table, key), value) in store {
        again.restore_entry(*table, key, value).unwrap();
    }
    again
}

/// Feeds rows in random batches, with boundaries, snapshots of what changed and restarts at random.
fn feed(plan: &Arc<JobPlan>, rows: &[Row], random: &mut Random) -> (Vec<String>, Store, Shard) {
    let (mut shard, mut out, mut store) = (shard(plan, 0, 0), Vec::new(), Store::new());
    let mut rest = rows;
    while !rest.is_empty() {
        let count = (1 + random.below(40) as usize).min(rest.len());
        shard.process_rows(&packed(&rest[..count])).unwrap();
        rest = &rest[count..];
        if random.chance(40) {
            emit(&mut shard, &mut out);
            if random.chance(60) {
                save(&mut shard, &mut store);
                if random.chance(40) {
                    shard = restored(plan, &shard, &store);
                }
            }
        }
    }
    emit(&mut shard, &mut out);
    save(&mut shard, &mut store);
    (out, store, shard)
}

#[test]
fn frames_are_those_of_the_definition_however_rows_come() {
    for (seed, frame) in (0..).zip(FRAMES) {
        let plan = job(frame);
        let mut random = Random::new(seed);
        let rows = rows(&mut random, 500, false);
        let (expected, late) = naive(frame, &rows);
        assert!(late > 0 && expected.len() > 300, "{late} late, {} rows", expected.len());
        let mut outs = Vec::new();
        for _ in 0..4 {
            let (out, store, mut shard) = feed(&plan, &rows, &mut random);
            assert_eq!(sorted(shown(&out)), sorted(expected.clone()), "{frame}");
            assert_eq!(shard.registers().late_rows.get("w"), Some(&late), "{frame}");
            let whole = digest(&mut shard).0;
            assert_eq!(store, whole, "what changed adds up to the state: {frame}");
            outs.push((out, store));
        }
        assert!(outs.iter().all(|other| *other == outs[0]), "{frame}");
    }
}

#[test]
fn state_goes_when_no_row_can_reach_it() {
    for (frame, left) in FRAMES.into_iter().zip([true, false, false, false, false]) {
        let plan = job(frame);
        let mut random = Random::new(3);
        let rows = rows(&mut random, 300, false);
        // The last row is far ahead of all others.
        let (_, store, shard) = feed(&plan, &rows, &mut random);
        let entries = shard.state_rows()[0].1;
        assert_eq!(store.len() > 1, left, "{frame}: {} entries, {entries} rows", store.len());
        assert!(store.len() <= 6 * 3 + 1, "{frame}: {} entries", store.len());
    }
}

#[test]
fn an_emission_is_cut_between_keys_and_goes_on_there() {
    for frame in FRAMES {
        let plan = job(frame);
        let mut random = Random::new(5);
        let rows = rows(&mut random, 300, true);
        let (early, late) = rows.split_at(150);
        let (mut whole, mut out, mut store) = (shard(&plan, 0, 0), Vec::new(), Store::new());
        whole.process_rows(&packed(early)).unwrap();
        emit(&mut whole, &mut out);
        save(&mut whole, &mut store);
        let snapshot = restored(&plan, &whole, &store);
        out.clear();
        whole.process_rows(&packed(late)).unwrap();
        emit(&mut whole, &mut out);
        let mut cut = snapshot;
        cut.process_rows(&packed(late)).unwrap();
        let (mut parts, mut found) = (0, Vec::new());
        loop {
            let emission = cut.boundary(EmissionLimit { rows: 2, bytes: u64::MAX }).unwrap();
            assert!(emission.rows() > 0, "every emission makes progress");
            sink_rows(&emission, &mut found);
            parts += 1;
            let Some(cursor) = emission.cut else { break };
            if random.chance(60) {
                continue;
            }
            // Another process: the snapshot, the log behind it, and the cursor.
            let mut other = shard(&plan, 0, 0);
            other.process_rows(&packed(early)).unwrap();
            emit(&mut other, &mut Vec::new());
            let mut other = restored(&plan, &other, &store);
            other.set_muted(random.chance(50));
            other.process_rows(&packed(late)).unwrap();
            other.settle(Some(cursor)).unwrap();
            cut = other;
        }
        assert!(parts > 10, "{parts} parts");
        assert_eq!(found, out, "{frame}");
        assert_eq!(digest(&mut cut), digest(&mut whole), "{frame}");
    }
}

#[test]
fn an_idle_log_hands_its_last_row_out() {
    let row = |time| Row { time, id: Some(1), name: None, quantity: None, price: None };
    let mut shard = shard(&job(FRAMES[0]), 0, 0);
    shard.process_rows(&packed(&[row(1_000), row(1_007)])).unwrap();
    let mut out = Vec::new();
    emit(&mut shard, &mut out);
    assert_eq!((out.len(), shard.waits_until()), (0, Some(1_008)));
    let registers = shard.advanced(&"g1-s0-c1-00000000000000aa".parse().unwrap()).unwrap();
    shard.advance(registers);
    emit(&mut shard, &mut out);
    assert_eq!((out.len(), shard.waits_until()), (2, None));
}
