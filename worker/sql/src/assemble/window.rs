//! Windows, and groups without: complete in stage 0 where the partitioning of the source allows it, else in two phases.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use dataflow::{
    Aggregate, ColumnKind, Emit, End, ExchangePlan, Framed, Grouping, Input, KeyColumn, LateRows,
    Output, PartialAggregate, Pipeline, RowColumns, StageInput, Step, WindowAggregate, WindowInput,
    WindowKind,
};
use datafusion_common::{Column, DFSchema, ScalarValue};
use datafusion_expr::Expr;
use datafusion_sql::sqlparser::tokenizer::Location;
use protocol::Fingerprint;

use super::columns::is_stamped;
use super::{Exchanges, ReadSource, filters, is_column, projection};
use crate::expression::refuse;
use crate::grouped::WindowSelect;
use crate::insert::LateInsert;
use crate::physical::physical;
use crate::query::{JobQuery, SinkDef, SourceDef};
use crate::refusal::Refusal;
use crate::relation::Base;
use crate::select::{Body, OutputColumn, Selected};
use crate::upsert::deletion;

/// Where a statement with windows stands.
pub(super) struct Place<'a> {
    /// Operators are called after it.
    pub(super) sink: &'a SinkDef,
    pub(super) read: &'a ReadSource<'a>,
    pub(super) query: &'a JobQuery,
}

/// A window, what its rows are, and what takes its results.
struct Context<'a> {
    operator: String,
    /// Place of the sink of late rows, and what it gets.
    late: Option<(usize, &'a LateInsert)>,
    base: &'a Base,
    /// Over the columns of the base.
    filters: &'a [Expr],
    /// Of the base.
    schema: &'a DFSchema,
    select: &'a WindowSelect,
    at: Location,
}

/// What happens to the results of a window.
struct After {
    steps: Vec<Step>,
    output: Output,
    emit: Emit,
}

/// Everything from the rows of the source to the sink.
pub(super) fn pipeline(
    place: &Place<'_>,
    selected: &Selected,
    (sink, late): (usize, Option<(usize, &LateInsert)>),
    exchanges: &mut Exchanges,
) -> Result<Pipeline, Refusal> {
    let schema = schema_of(place, &selected.base);
    let select = match &selected.body {
        Body::Window(select) => select,
        Body::Rows(columns) => {
            let mut steps = filters(&selected.filters, schema, selected.at)?;
            steps.push(projection(columns, schema)?);
            let after = After { steps, output: Output::Sink(sink), emit: Emit::Final };
            return of_view(place, &selected.base, after, exchanges);
        }
    };
    let mut steps = Vec::new();
    if let Some(having) = &select.having {
        steps.extend(filters(std::slice::from_ref(having), &select.schema, selected.from_at)?);
    }
    steps.push(projection(&select.columns, &select.schema)?);
    let context = Context {
        operator: format!("{}.{}", place.sink.name, role(select)),
        late,
        base: &selected.base,
        filters: &selected.filters,
        schema,
        select,
        at: selected.from_at,
    };
    let after = After { steps, output: Output::Sink(sink), emit: emit(place.sink, select) };
    let (own, first) = ends(place, &context, after, exchanges)?;
    let mut steps = filters(&selected.filters, schema, selected.at)?;
    steps.push(own);
    match first {
        First::Whole(window) => Ok(Pipeline { steps, end: End::Window(window) }),
        First::Partial(partial) if matches!(selected.base, Base::Source(_)) => {
            Ok(Pipeline { steps, end: End::Partial(partial) })
        }
        First::Partial(partial) => {
            let after = After { steps, output: Output::Partial(partial), emit: Emit::Final };
            of_view(place, &selected.base, after, exchanges)
        }
    }
}

/// What goes out, and when.
fn emit(sink: &SinkDef, select: &WindowSelect) -> Emit {
    if select.is_over() {
        let (schema, calls) = (Arc::clone(select.schema.inner()), select.calls.clone());
        return Emit::Framed(Framed { schema, calls });
    }
    if select.changes { Emit::Changes(deletion(sink, select)) } else { Emit::Final }
}

/// The windows of a view, and what comes before them.
fn of_view(
    place: &Place<'_>,
    base: &Base,
    after: After,
    exchanges: &mut Exchanges,
) -> Result<Pipeline, Refusal> {
    let Some(view) = base.view() else {
        return Err(Refusal::declared("a window has no rows", "report this with the SQL"));
    };
    let schema = schema_of(place, &view.base);
    let context = Context {
        operator: format!("{}.{}.{}", place.sink.name, view.name, role(&view.select)),
        late: None,
        base: &view.base,
        filters: &view.filters,
        schema,
        select: &view.select,
        at: view.at,
    };
    let (own, first) = ends(place, &context, after, exchanges)?;
    let mut steps = filters(&view.filters, schema, view.at)?;
    steps.push(own);
    match first {
        First::Whole(window) => Ok(Pipeline { steps, end: End::Window(window) }),
        First::Partial(partial) if matches!(view.base, Base::Source(_)) => {
            Ok(Pipeline { steps, end: End::Partial(partial) })
        }
        First::Partial(partial) => {
            let after = After { steps, output: Output::Partial(partial), emit: Emit::Final };
            of_view(place, &view.base, after, exchanges)
        }
    }
}

fn schema_of<'a>(place: &'a Place<'_>, base: &'a Base) -> &'a DFSchema {
    match base {
        Base::Source(_) => &place.read.schema,
        Base::Window(view) => &view.select.schema,
    }
}

/// Packed results are unpacked before everything else.
fn unpacked(select: &WindowSelect, mut after: After) -> After {
    if select.is_top() {
        after.steps.insert(0, Step::Unpack { schema: Arc::clone(select.schema.inner()) });
    }
    after
}

/// What takes the rows of a window first.
enum First {
    Whole(Box<WindowAggregate>),
    Partial(Box<PartialAggregate>),
}

/// The step that makes keys and arguments, and what takes them.
fn ends(
    place: &Place<'_>,
    context: &Context<'_>,
    after: After,
    exchanges: &mut Exchanges,
) -> Result<(Step, First), Refusal> {
    let select = context.select;
    let grouping = Grouping {
        operator: context.operator.clone(),
        window: select.window,
        lateness_ms: select.lateness_ms,
        changes: select.changes,
        keys: select.keys.iter().map(|(key, _)| key.clone()).collect(),
        aggregates: select.aggregates.iter().map(|call| call.aggregate.clone()).collect(),
        late: context.late.map(|(sink, late)| late_rows(sink, late)),
    };
    grouping
        .check_lateness()
        .map_err(|why| Refusal::at(context.at, why, "use a longer slide or step"))?;
    let (step, input) = arguments(place, context)?;
    let After { steps, output, emit } = unpacked(select, after);
    if matches!(emit, Emit::Changes(_)) {
        let instead =
            if select.is_top() { "take fewer rows" } else { "use a longer slide or step" };
        grouping.check_changes().map_err(|why| Refusal::at(context.at, why, instead))?;
    }
    let whole = WindowAggregate {
        steps,
        grouping: grouping.clone(),
        input: WindowInput::Rows(input.clone()),
        output,
        emit,
    };
    let declared = place.read.declared;
    if keyed(declared, context) {
        return Ok((step, First::Whole(Box::new(whole))));
    }
    let exchange = exchanges.plans.len();
    exchanges.plans.push(ExchangePlan {
        id: context.operator.clone(),
        fingerprint: exchange_fingerprint(&grouping, declared.is_clocked()),
        schema: grouping.partial_schema(),
        partitions: place.query.exchange_partitions,
    });
    let merge = WindowAggregate { input: WindowInput::Partials, ..whole };
    let pipeline = Pipeline { steps: Vec::new(), end: End::Window(Box::new(merge)) };
    let reader = StageInput { input: Input::Exchange(exchange), pipelines: vec![pipeline] };
    exchanges.readers.push((depth(declared, context.base), reader));
    Ok((step, First::Partial(Box::new(PartialAggregate { grouping, input, exchange }))))
}

/// The stage that reads an exchange of rows of this base: one beyond the one that makes them.
fn depth(declared: &SourceDef, base: &Base) -> u32 {
    match base.view() {
        None => 1,
        Some(view) if claimed(declared, &view.base, &view.filters, &view.select) => 1,
        Some(view) => 1 + depth(declared, &view.base),
    }
}

/// The claim covers the keys: all rows of a key lie in one partition.
fn keyed(declared: &SourceDef, context: &Context<'_>) -> bool {
    claimed(declared, context.base, context.filters, context.select)
}

fn claimed(declared: &SourceDef, base: &Base, filters: &[Expr], select: &WindowSelect) -> bool {
    matches!(base, Base::Source(_))
        && !is_stamped(declared, filters, select)
        && declared.partitioned_by.as_ref().is_some_and(|columns| {
            let is_key =
                |column: &String| select.keys.iter().any(|(_, key)| is_column(key, column));
            columns.iter().all(is_key)
        })
}

/// Event time, keys, arguments.
fn arguments(place: &Place<'_>, context: &Context<'_>) -> Result<(Step, RowColumns), Refusal> {
    let make = |expr: &Expr| physical(expr, context.schema).map_err(|e| refuse(context.at, &e));
    let (time, name) = event_time(place, context)?;
    let mut exprs = vec![make(&time)?];
    let mut fields = vec![Field::new(name, ColumnKind::Timestamp.data_type(), false)];
    let mut input = RowColumns::default();
    for (key, expr) in &context.select.keys {
        input.keys.push(exprs.len());
        exprs.push(make(expr)?);
        fields.push(Field::new(&key.name, key.kind.data_type(), true));
    }
    let mut made: Vec<(&Expr, usize)> = Vec::new();
    for call in &context.select.aggregates {
        let place = match (&call.argument, call.aggregate.argument) {
            (Some(expr), Some(kind)) => {
                if let Some((_, at)) = made.iter().find(|(other, _)| *other == expr) {
                    Some(*at)
                } else {
                    made.push((expr, exprs.len()));
                    exprs.push(make(expr)?);
                    let name = format!("__argument_{}", input.arguments.len());
                    fields.push(Field::new(name, kind.data_type(), true));
                    Some(exprs.len() - 1)
                }
            }
            _ => None,
        };
        input.arguments.push(place);
    }
    for column in context.late.iter().flat_map(|(_, late)| &late.columns) {
        input.carried.push(exprs.len());
        exprs.push(make(&column.expr)?);
        let name = format!("__late_{}", column.name);
        fields.push(Field::new(name, column.kind.data_type(), true));
    }
    let schema = Arc::new(Schema::new(fields));
    Ok((Step::Project { exprs, schema }, input))
}

/// The event time and its name. Rows without one have one time; then nothing may depend on it.
fn event_time<'a>(place: &'a Place<'_>, context: &Context<'_>) -> Result<(Expr, &'a str), Refusal> {
    if let Some(time) = context.base.event_time(place.query) {
        return Ok((Expr::Column(Column::new_unqualified(time)), time));
    }
    let ordered =
        context.select.aggregates.iter().find(|call| call.aggregate.function.is_ordered());
    let message = match (context.select.window, ordered) {
        (WindowKind::All, None) => {
            let constant = ScalarValue::TimestampMillisecond(Some(0), None);
            return Ok((Expr::Literal(constant, None), "__event_time"));
        }
        (WindowKind::All, Some(call)) => {
            format!("{} is by event time, and the source has no watermark", call.aggregate.name)
        }
        _ => "STATE TTL is in event time, and the source has no watermark".to_owned(),
    };
    Err(Refusal::at(context.at, message, "declare watermark.column on the source"))
}

/// What the operator is called in the plan.
fn role(select: &WindowSelect) -> &'static str {
    match select.window {
        _ if select.is_top() => "top",
        WindowKind::All | WindowKind::Life { .. } => "group",
        WindowKind::First { .. } => "first",
        WindowKind::Over(_) => "over",
        _ => "window",
    }
}

fn late_rows(sink: usize, late: &LateInsert) -> LateRows {
    let column = |c: &OutputColumn| KeyColumn { name: c.name.clone(), kind: c.kind };
    LateRows { sink, columns: late.columns.iter().map(column).collect() }
}

/// Of format, key and row type: a successor reads these records only if they mean the same to it.
fn exchange_fingerprint(grouping: &Grouping, clocked: bool) -> Fingerprint {
    let mut lines = vec![
        "exchange 1".to_owned(),
        format!("hash {}", protocol::hash::HASH_VERSION),
        format!("operator {}", grouping.operator),
        format!("window {}", grouping.window),
    ];
    for key in &grouping.keys {
        lines.push(format!("key {} {}", key.name, key.kind));
    }
    for Aggregate { name, argument, .. } in &grouping.aggregates {
        let kind = argument.map_or("*".to_owned(), |kind| kind.to_string());
        lines.push(format!("aggregate {name} {kind}"));
    }
    for field in grouping.partial_schema().fields() {
        lines.push(format!("column {} {}", field.name(), field.data_type()));
    }
    // Rows of one kind of time are late by the watermark of the other.
    lines.extend(clocked.then(|| "time of processing".to_owned()));
    let text = lines.join("\n") + "\n";
    Fingerprint::of(text.as_bytes())
}
