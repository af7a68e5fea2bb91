//! A plan evaluated by its definition: steps row by row, windows as lists of rows, aggregates over whole lists.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, TimestampMillisecondType};
use arrow::record_batch::RecordBatch;
use dataflow::{
    Aggregate, Emit, End, Function, Grouping, JobPlan, Output, PartialAggregate, Pipeline,
    RowColumns, Step, WindowAggregate, WindowInput, WindowKind,
};
use datafusion_common::ScalarValue;

use super::input::{Logs, batch};
use super::sink::{Expected, texts};
use super::{over, top};

/// A row in a window.
#[derive(Clone)]
pub(super) struct Placed {
    /// Event time, log, number in the log.
    pub(super) place: (i64, usize, usize),
    pub(super) keys: Vec<ScalarValue>,
    arguments: Vec<Option<ScalarValue>>,
    /// What the argument was packed of, where rows are numbered.
    pub(super) packed: Vec<ScalarValue>,
}

/// By a name: bounds and rows.
type Windows = BTreeMap<String, ((i64, i64), Vec<Placed>)>;

type Sinks = BTreeMap<String, Expected>;

/// What all sinks must hold once every log has been read and its last row has closed all windows.
pub(super) fn run(plan: &Arc<JobPlan>, logs: &Logs) -> Sinks {
    let mut sinks = Sinks::new();
    for sink in &plan.sinks {
        sinks.insert(sink.name.clone(), Expected::default());
    }
    for (source, input) in plan.stages[0].inputs.iter().enumerate() {
        for pipeline in &input.pipelines {
            one_pipeline(plan, &logs.sources[source], (source, pipeline), &mut sinks);
        }
    }
    sinks
}

/// The window that a pipeline ends in, in whichever stage it is, and where its values are.
fn window<'a>(plan: &'a JobPlan, end: &'a End) -> Option<(&'a WindowAggregate, &'a RowColumns)> {
    match end {
        End::Sink(_) => None,
        End::Window(window) => match &window.input {
            WindowInput::Rows(columns) => Some((window, columns)),
            WindowInput::Partials => None,
        },
        End::Partial(partial) => Some((merging(plan, partial), &partial.input)),
    }
}

/// The other phase of a window.
fn merging<'a>(plan: &'a JobPlan, partial: &PartialAggregate) -> &'a WindowAggregate {
    let pipelines = plan.stages[1..].iter().flat_map(|stage| &stage.inputs);
    let ends = pipelines.flat_map(|input| &input.pipelines).map(|pipeline| &pipeline.end);
    let mut merge = ends.filter_map(|end| match end {
        End::Window(window) => Some(window.as_ref()),
        _ => None,
    });
    merge.find(|w| w.grouping.operator == partial.grouping.operator).unwrap()
}

fn one_pipeline(
    plan: &JobPlan,
    logs: &[Vec<super::input::Row>],
    (source, pipeline): (usize, &Pipeline),
    sinks: &mut Sinks,
) {
    let declared = &plan.sources[source];
    let found = window(plan, &pipeline.end);
    let mut windows = Windows::new();
    // By log.
    let mut closed = Vec::new();
    for (log, rows) in logs.iter().enumerate() {
        let mut maximum: Option<i64> = None;
        for (number, row) in rows.iter().enumerate() {
            let watermark = maximum.map(|time| time - declared.delay_ms);
            let whole = batch(&declared.schema, std::slice::from_ref(row));
            if declared.event_time.is_some() {
                maximum = maximum.max(Some(row.time));
            }
            let packed = top::unpacked(&pipeline.steps, whole.clone()).pop();
            let rows = steps(&pipeline.steps, whole);
            if rows.num_rows() == 0 {
                continue;
            }
            let Some((window, columns)) = found else {
                let End::Sink(sink) = pipeline.end else { panic!("no other end") };
                expected(plan, sinks, sink).rows.extend(texts(&rows));
                continue;
            };
            let open = open_windows(&window.grouping, row.time, watermark);
            if open.is_empty() {
                late(plan, sinks, (window, columns), &rows, (row.time, watermark.unwrap()));
            }
            let time = if declared.event_time.is_some() { row.time } else { 0 };
            let packed = packed.unwrap_or_default();
            place(&mut windows, &open, &placed(columns, &rows, (time, log, number), packed));
        }
        closed.push(maximum.map_or(i64::MIN, |time| time - declared.delay_ms));
    }
    if let Some((window, _)) = found {
        let watermark = closed.iter().copied().max().unwrap();
        if window.emit == Emit::Final {
            close(plan, window, windows, watermark, sinks);
        } else {
            let Output::Sink(sink) = window.output else { panic!("others go to a sink") };
            let rows = match (&window.emit, window.grouping.window) {
                (Emit::Framed(framed), WindowKind::Over(frame)) => {
                    let all = windows.into_values().flat_map(|(_, rows)| rows).collect();
                    let rows = over::rows(frame, framed, all, watermark);
                    rows.map(|rows| steps(&window.steps, rows))
                }
                _ => handed_out(window, &current(window, windows, &closed)),
            };
            expected(plan, sinks, sink).rows.extend(rows.iter().flat_map(texts));
        }
    }
}

/// What there is at the end: every window, or of every key its newest life if that is not over. `closed`: the watermark
/// of each log.
fn current(
    window: &WindowAggregate,
    windows: Windows,
    closed: &[i64],
) -> Vec<((i64, i64), Vec<Placed>)> {
    let all: Vec<((i64, i64), Vec<Placed>)> = windows.into_values().collect();
    let Some(gap) = window.grouping.window.session_gap() else { return all };
    let mut newest: BTreeMap<String, ((i64, i64), Vec<Placed>)> = BTreeMap::new();
    for life in sessions(all, gap) {
        let key = format!("{:?}", life.1[0].keys);
        if newest.get(&key).is_none_or(|other| other.0 < life.0) {
            newest.insert(key, life);
        }
    }
    let open = newest.into_values().filter(|((_, end), rows)| {
        let watermark = match window.input {
            WindowInput::Rows(_) => closed[rows[0].place.1],
            WindowInput::Partials => *closed.iter().max().unwrap(),
        };
        end + gap > watermark
    });
    open.collect()
}

fn place(windows: &mut Windows, open: &[(i64, i64)], row: &Placed) {
    for (start, end) in open {
        let name = format!("{start} {end} {:?}", row.keys);
        let (_, rows) = windows.entry(name).or_insert_with(|| ((*start, *end), Vec::new()));
        rows.push(row.clone());
    }
}

/// The windows that end by then, into a sink or into the windows over them.
fn close(
    plan: &JobPlan,
    window: &WindowAggregate,
    windows: Windows,
    mut closed: i64,
    sinks: &mut Sinks,
) {
    let mut all: Vec<((i64, i64), Vec<Placed>)> = windows.into_values().collect();
    if let Some(gap) = window.grouping.window.session_gap() {
        all = sessions(all, gap);
        closed -= gap;
    }
    match window.grouping.window {
        WindowKind::First { ttl_ms } => all.retain(|((start, _), _)| *start <= closed + ttl_ms),
        _ => all.retain(|((_, end), _)| *end <= closed),
    }
    let rows = handed_out(window, &all);
    match &window.output {
        Output::Sink(sink) => {
            let sink = expected(plan, sinks, *sink);
            sink.refired |= window.grouping.lateness_ms > 0;
            sink.rows.extend(rows.iter().flat_map(texts));
        }
        Output::Partial(next) => {
            let mut windows = Windows::new();
            let mut packed = packed_results(window, &all).into_iter();
            for at in 0..rows.as_ref().map_or(0, RecordBatch::num_rows) {
                let Some(row) = rows.as_ref().map(|rows| rows.slice(at, 1)) else { continue };
                let times = row.column(next.input.event_time);
                let time = times.as_primitive::<TimestampMillisecondType>().value(0);
                // A result of a window is late for no other.
                let open = windows_of(next.grouping.window, time);
                let packed = packed.next().unwrap_or_default();
                place(&mut windows, &open, &placed(&next.input, &row, (time, 0, at), packed));
            }
            close(plan, merging(plan, next), windows, closed, sinks);
        }
    }
}

fn expected<'a>(plan: &JobPlan, sinks: &'a mut Sinks, sink: usize) -> &'a mut Expected {
    sinks.get_mut(&plan.sinks[sink].name).unwrap()
}

/// The results of windows before the steps, and the steps.
fn unpacked_results<'a>(
    window: &'a WindowAggregate,
    windows: &[((i64, i64), Vec<Placed>)],
) -> Option<(RecordBatch, &'a [Step])> {
    if windows.is_empty() {
        return None;
    }
    Some(match window.steps.split_first() {
        Some((Step::Unpack { schema }, rest)) => {
            (top::rows(&window.grouping, schema, windows), rest)
        }
        _ => (results(&window.grouping, windows), &window.steps),
    })
}

fn handed_out(
    window: &WindowAggregate,
    windows: &[((i64, i64), Vec<Placed>)],
) -> Option<RecordBatch> {
    let (rows, rest) = unpacked_results(window, windows)?;
    Some(steps(rest, rows))
}

/// What the rows that are handed out were packed of.
fn packed_results(
    window: &WindowAggregate,
    windows: &[((i64, i64), Vec<Placed>)],
) -> Vec<Vec<ScalarValue>> {
    let found = unpacked_results(window, windows);
    found.map_or_else(Vec::new, |(rows, rest)| top::unpacked(rest, rows))
}

pub(super) fn steps(steps: &[Step], mut rows: RecordBatch) -> RecordBatch {
    for step in steps {
        if rows.num_rows() == 0 {
            return rows;
        }
        let values = |expr: &Arc<dyn datafusion_physical_expr::PhysicalExpr>| {
            expr.evaluate(&rows).unwrap().into_array(rows.num_rows()).unwrap()
        };
        rows = match step {
            Step::Filter(condition) => {
                let kept = values(condition);
                let kept: BooleanArray =
                    kept.as_boolean().iter().map(|kept| Some(kept == Some(true))).collect();
                filter_record_batch(&rows, &kept).unwrap()
            }
            Step::Project { exprs, schema } => {
                let columns = exprs.iter().map(values).collect();
                RecordBatch::try_new(schema.clone(), columns).unwrap()
            }
            Step::Unpack { .. } => panic!("rows are unpacked before the other steps"),
        };
    }
    rows
}

/// Starts and ends of all windows of a time, ends ascending.
fn windows_of(kind: WindowKind, time: i64) -> Vec<(i64, i64)> {
    let (size, slide, offset) = match kind {
        WindowKind::Session { gap_ms: gap } | WindowKind::Life { ttl_ms: gap } => {
            return vec![(time, time + gap)];
        }
        WindowKind::First { .. } => return vec![(time, time)],
        WindowKind::Over(_) => return vec![(time, time + 1)],
        WindowKind::All => return vec![(0, i64::MAX - 1)],
        WindowKind::Tumble { size_ms, offset_ms } => (size_ms, size_ms, offset_ms),
        WindowKind::Hop { size_ms, slide_ms, offset_ms } => (size_ms, slide_ms, offset_ms),
        WindowKind::Cumulate { size_ms, step_ms, offset_ms } => {
            let start = time - (time - offset_ms).rem_euclid(size_ms);
            let ends = (1..=size_ms / step_ms).map(|steps| start + steps * step_ms);
            return ends.filter(|end| *end > time).map(|end| (start, end)).collect();
        }
    };
    let last = time - (time - offset).rem_euclid(slide);
    let mut windows = Vec::new();
    let mut start = last;
    while start + size > time {
        windows.push((start, start + size));
        start -= slide;
    }
    windows.reverse();
    windows
}

fn open_windows(grouping: &Grouping, time: i64, watermark: Option<i64>) -> Vec<(i64, i64)> {
    let mut windows = windows_of(grouping.window, time);
    windows.retain(|(_, end)| watermark.is_none_or(|w| end + grouping.lateness_ms > w));
    windows
}

fn late(
    plan: &JobPlan,
    sinks: &mut Sinks,
    (window, columns): (&WindowAggregate, &RowColumns),
    rows: &RecordBatch,
    (time, watermark): (i64, i64),
) {
    let Some(late) = &window.grouping.late else { return };
    let (start, end) = windows_of(window.grouping.window, time).pop().unwrap();
    let mut values: Vec<ArrayRef> =
        columns.carried.iter().map(|column| rows.column(*column).clone()).collect();
    let time = |ms| ScalarValue::TimestampMillisecond(Some(ms), None);
    let added = [
        ScalarValue::from("log watermark"),
        time(start),
        time(end),
        ScalarValue::from(watermark - end),
    ];
    values.extend(added.iter().map(|value| value.to_array().unwrap()));
    let row = RecordBatch::try_new(late.schema(), values).unwrap();
    expected(plan, sinks, late.sink).rows.extend(texts(&row));
}

fn placed(
    columns: &RowColumns,
    rows: &RecordBatch,
    place: (i64, usize, usize),
    packed: Vec<ScalarValue>,
) -> Placed {
    let times = rows.column(columns.event_time).as_primitive::<TimestampMillisecondType>();
    assert_eq!(times.value(0), place.0);
    let value = |column: usize| ScalarValue::try_from_array(rows.column(column), 0).unwrap();
    Placed {
        place,
        keys: columns.keys.iter().map(|column| value(*column)).collect(),
        arguments: columns.arguments.iter().map(|column| column.map(value)).collect(),
        packed,
    }
}

/// Windows of single rows joined where they touch.
fn sessions(single: Vec<((i64, i64), Vec<Placed>)>, gap: i64) -> Vec<((i64, i64), Vec<Placed>)> {
    let mut by_key: BTreeMap<String, Vec<Placed>> = BTreeMap::new();
    for row in single.into_iter().flat_map(|(_, rows)| rows) {
        by_key.entry(format!("{:?}", row.keys)).or_default().push(row);
    }
    let mut sessions = Vec::new();
    for mut rows in by_key.into_values() {
        rows.sort_by_key(|row| row.place);
        for session in rows.chunk_by(|a, b| b.place.0 - a.place.0 <= gap) {
            let end = session.last().unwrap().place.0 + gap;
            sessions.push(((session[0].place.0, end), session.to_vec()));
        }
    }
    sessions
}

/// Rows of the windows, as the result of the operator.
fn results(grouping: &Grouping, windows: &[((i64, i64), Vec<Placed>)]) -> RecordBatch {
    let mut columns: Vec<Vec<ScalarValue>> =
        vec![Vec::new(); grouping.result_schema().fields().len()];
    for ((start, end), rows) in windows {
        let mut values = rows[0].keys.clone();
        let time = |ms| ScalarValue::TimestampMillisecond(Some(ms), None);
        values.extend([time(*start), time(*end), time(end - 1)]);
        let mut rows: Vec<&Placed> = rows.iter().collect();
        rows.sort_by_key(|row| row.place);
        for (at, aggregate) in grouping.aggregates.iter().enumerate() {
            let all: Vec<&ScalarValue> =
                rows.iter().filter_map(|row| row.arguments[at].as_ref()).collect();
            values.push(result(aggregate, rows.len(), &all));
        }
        for (column, value) in columns.iter_mut().zip(values) {
            column.push(value);
        }
    }
    let arrays = columns.into_iter().map(|column| ScalarValue::iter_to_array(column).unwrap());
    RecordBatch::try_new(grouping.result_schema(), arrays.collect()).unwrap()
}

/// `all`: the arguments of the rows in order.
pub(super) fn result(aggregate: &Aggregate, rows: usize, all: &[&ScalarValue]) -> ScalarValue {
    let values: Vec<&ScalarValue> = all.iter().copied().filter(|value| !value.is_null()).collect();
    let kind: DataType = aggregate.result_kind().unwrap().data_type();
    let null = ScalarValue::try_from(&kind).unwrap();
    let floats = || values.iter().map(|value| float(value)).collect::<Vec<f64>>();
    let distinct = || values.iter().map(|value| format!("{value:?}")).collect::<BTreeSet<_>>();
    match aggregate.function {
        Function::Count if aggregate.argument.is_none() => ScalarValue::from(rows as i64),
        Function::Count => ScalarValue::from(values.len() as i64),
        // As few values as here do not share a register, so the estimate is exact.
        Function::CountDistinct | Function::ApproxDistinct => {
            ScalarValue::from(distinct().len() as i64)
        }
        Function::FirstRow => all[0].clone(),
        Function::LastRow => all[all.len() - 1].clone(),
        _ if values.is_empty() => null,
        Function::Sum => sum(&values, &kind),
        Function::Min | Function::Max => {
            let max = aggregate.function == Function::Max;
            let better = |a: &ScalarValue, b: &ScalarValue| if max { a > b } else { a < b };
            let best = values.iter().copied().reduce(|a, b| if better(b, a) { b } else { a });
            best.unwrap().clone()
        }
        Function::Avg => ScalarValue::from(floats().iter().sum::<f64>() / values.len() as f64),
        Function::Variance { sample } => variance(&floats(), sample, false),
        Function::Deviation { sample } => variance(&floats(), sample, true),
        Function::FirstValue => values[0].clone(),
        Function::LastValue => values[values.len() - 1].clone(),
        Function::Top { .. } => panic!("its rows are numbered apart"),
        Function::ArrayAgg { limit } => {
            let items: Vec<ScalarValue> =
                values.iter().take(limit as usize).map(|value| (*value).clone()).collect();
            ScalarValue::List(ScalarValue::new_list(&items, &items[0].data_type(), true))
        }
    }
}

fn float(value: &ScalarValue) -> f64 {
    match value {
        ScalarValue::Int64(Some(value)) => *value as f64,
        ScalarValue::Float64(Some(value)) => *value,
        other => panic!("no number: {other:?}"),
    }
}

fn sum(values: &[&ScalarValue], kind: &DataType) -> ScalarValue {
    match kind {
        DataType::Float64 => ScalarValue::from(values.iter().map(|v| float(v)).sum::<f64>()),
        DataType::Int64 => {
            let whole = values.iter().map(|value| match value {
                ScalarValue::Int64(Some(value)) => *value,
                other => panic!("no whole number: {other:?}"),
            });
            ScalarValue::from(whole.sum::<i64>())
        }
        DataType::Decimal128(precision, scale) => {
            let cents = values.iter().map(|value| match value {
                ScalarValue::Decimal128(Some(value), _, _) => *value,
                other => panic!("no decimal: {other:?}"),
            });
            ScalarValue::Decimal128(Some(cents.sum()), *precision, *scale)
        }
        other => panic!("a sum of type {other}"),
    }
}

fn variance(values: &[f64], sample: bool, root: bool) -> ScalarValue {
    let divisor = values.len() as f64 - f64::from(u8::from(sample));
    if divisor <= 0.0 {
        return ScalarValue::Float64(None);
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / divisor;
    ScalarValue::from(if root { variance.sqrt() } else { variance })
}
