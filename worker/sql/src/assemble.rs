//! Planned statements to stages: what is read, where state lives, what crosses an exchange.

mod columns;
mod window;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use dataflow::{
    ColumnKind, End, ExchangePlan, Input, JobPlan, Pipeline, SinkPlan, SourcePlan, Stage,
    StageInput, Step,
};
use datafusion_common::DFSchema;
use datafusion_expr::Expr;
use datafusion_sql::sqlparser::tokenizer::Location;
use protocol::{Fingerprint, StageId};

use crate::describe::describe;
use crate::expression::refuse;
use crate::insert::{Insert, LateInsert};
use crate::physical::physical;
use crate::query::{ColumnDef, JobQuery, SourceDef};
use crate::refusal::Refusal;
use crate::relation::Base;
use crate::select::{Body, OutputColumn};

/// A source as far as it is read.
pub(crate) struct ReadSource<'a> {
    declared: &'a SourceDef,
    schema: DFSchema,
    plan: SourcePlan,
    pipelines: Vec<Pipeline>,
}

/// Exchanges and what reads them.
#[derive(Default)]
pub(crate) struct Exchanges {
    plans: Vec<ExchangePlan>,
    /// With their depth.
    readers: Vec<(u32, StageInput)>,
}

pub(crate) fn assemble(
    query: &JobQuery,
    mut inserts: Vec<Insert>,
) -> Result<JobPlan, Vec<Refusal>> {
    // By name, so that the order of declarations and statements does not show in the plan.
    inserts.sort_by(|a, b| query.sinks[a.sink].name.cmp(&query.sinks[b.sink].name));
    let mut sinks: Vec<usize> = (0..query.sinks.len()).collect();
    sinks.sort_by(|a, b| query.sinks[*a].name.cmp(&query.sinks[*b].name));
    let mut sources: Vec<usize> = (0..query.sources.len())
        .filter(|source| inserts.iter().any(|insert| insert.selected.base.source() == *source))
        .collect();
    sources.sort_by(|a, b| query.sources[*a].name.cmp(&query.sources[*b].name));

    let mut reads = Vec::with_capacity(sources.len());
    for source in &sources {
        let own: Vec<&Insert> =
            inserts.iter().filter(|i| i.selected.base.source() == *source).collect();
        reads.push(read_source(&query.sources[*source], &own).map_err(|e| vec![e])?);
    }
    let mut exchanges = Exchanges::default();
    let mut faults = Vec::new();
    for insert in &inserts {
        let Some(place) = sources.iter().position(|s| *s == insert.selected.base.source()) else {
            continue;
        };
        let Some(sink) = sinks.iter().position(|s| *s == insert.sink) else { continue };
        let read = &mut reads[place];
        let late = insert.late.as_ref().and_then(|late| {
            let sink = sinks.iter().position(|s| *s == late.sink)?;
            Some((sink, late))
        });
        match pipeline(query, insert, (sink, late), read, &mut exchanges) {
            Ok(pipeline) => read.pipelines.push(pipeline),
            Err(fault) => faults.push(fault),
        }
    }
    faults.extend(same_numbers(&reads, &exchanges));
    if !faults.is_empty() {
        return Err(faults);
    }
    let sinks = sinks.iter().map(|sink| sink_plan(query, *sink, &inserts)).collect();
    Ok(job_plan(reads, exchanges, sinks))
}

fn job_plan(reads: Vec<ReadSource<'_>>, exchanges: Exchanges, sinks: Vec<SinkPlan>) -> JobPlan {
    let mut inputs = Vec::with_capacity(reads.len());
    let mut sources = Vec::with_capacity(reads.len());
    for (at, read) in reads.into_iter().enumerate() {
        inputs.push(StageInput { input: Input::Source(at), pipelines: read.pipelines });
        sources.push(read.plan);
    }
    let mut stages = vec![Stage { id: StageId(0), inputs }];
    let mut by_depth: BTreeMap<u32, Vec<StageInput>> = BTreeMap::new();
    for (depth, reader) in exchanges.readers {
        by_depth.entry(depth).or_default().push(reader);
    }
    stages.extend(by_depth.into_iter().map(|(id, inputs)| Stage { id: StageId(id), inputs }));
    let exchanges = exchanges.plans;
    let fingerprint = Fingerprint::from_bits(0);
    let mut plan = JobPlan { fingerprint, sources, exchanges, sinks, stages };
    plan.fingerprint = Fingerprint::of(describe(&plan).logic().as_bytes());
    plan
}

/// Operators whose table numbers fall together: 1 in 65,536 for two.
fn same_numbers(reads: &[ReadSource<'_>], exchanges: &Exchanges) -> Option<Refusal> {
    let merging = exchanges.readers.iter().flat_map(|(_, reader)| &reader.pipelines);
    let pipelines = reads.iter().flat_map(|read| &read.pipelines).chain(merging);
    let mut known: BTreeMap<u16, &str> = BTreeMap::new();
    for pipeline in pipelines {
        let End::Window(window) = &pipeline.end else { continue };
        let operator = window.grouping.operator.as_str();
        if let Some(other) = known.insert(window.grouping.table_number(), operator) {
            let message = format!("the state of {operator} and of {other} would have one number");
            return Some(Refusal::declared(message, "rename one of the sinks"));
        }
    }
    None
}

fn read_source<'a>(
    declared: &'a SourceDef,
    inserts: &[&Insert],
) -> Result<ReadSource<'a>, Refusal> {
    let needed = columns::needed(declared, inserts);
    let columns: Vec<&ColumnDef> =
        declared.columns.iter().filter(|column| needed.contains(&column.name)).collect();
    let fields: Vec<Field> = columns
        .iter()
        .map(|column| {
            let event_time = declared.event_time.as_ref() == Some(&column.name);
            Field::new(&column.name, column.sql_type.kind().data_type(), !event_time)
        })
        .collect();
    let event_time = declared.event_time.as_ref();
    let event_time = event_time.and_then(|time| fields.iter().position(|f| f.name() == time));
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let df_schema = DFSchema::try_from(Arc::clone(&schema))
        .map_err(|e| Refusal::declared(e.strip_backtrace(), ""))?;
    let clocked = declared.is_clocked();
    let plan = SourcePlan {
        name: declared.name.clone(),
        topic: declared.topic.clone(),
        schema,
        origins: columns.iter().map(|column| column.origin.clone()).collect(),
        reading: declared.reading.clone(),
        event_time,
        // Further rows may have the time at which the clock stands.
        delay_ms: if clocked { 1 } else { declared.delay_ms },
        idle_timeout_ms: declared.idle_timeout_ms.filter(|_| !clocked),
    };
    Ok(ReadSource { declared, schema: df_schema, plan, pipelines: Vec::new() })
}

fn pipeline(
    query: &JobQuery,
    insert: &Insert,
    (sink, late): (usize, Option<(usize, &LateInsert)>),
    read: &ReadSource<'_>,
    exchanges: &mut Exchanges,
) -> Result<Pipeline, Refusal> {
    let selected = &insert.selected;
    if matches!((&selected.base, &selected.body), (Base::Source(_), Body::Rows(_))) {
        let mut steps = filters(&selected.filters, &read.schema, selected.at)?;
        if let Body::Rows(columns) = &selected.body {
            steps.push(projection(columns, &read.schema)?);
        }
        return Ok(Pipeline { steps, end: End::Sink(sink) });
    }
    let place = window::Place { sink: &query.sinks[insert.sink], read, query };
    window::pipeline(&place, selected, (sink, late), exchanges)
}

fn filters(filters: &[Expr], schema: &DFSchema, at: Location) -> Result<Vec<Step>, Refusal> {
    let made = filters.iter().map(|filter| physical(filter, schema).map(Step::Filter));
    made.map(|step| step.map_err(|e| refuse(at, &e))).collect()
}

/// The step that makes the columns of a sink.
fn projection(columns: &[OutputColumn], schema: &DFSchema) -> Result<Step, Refusal> {
    let mut exprs = Vec::with_capacity(columns.len());
    for column in columns {
        exprs.push(physical(&column.expr, schema).map_err(|e| refuse(column.at, &e))?);
    }
    let named = columns.iter().map(|column| (column.name.as_str(), column.kind));
    Ok(Step::Project { exprs, schema: sink_schema(named) })
}

pub(crate) fn sink_schema<'a>(columns: impl Iterator<Item = (&'a str, ColumnKind)>) -> SchemaRef {
    let field = |(name, kind): (&str, ColumnKind)| Field::new(name, kind.data_type(), true);
    Arc::new(Schema::new(columns.map(field).collect::<Vec<_>>()))
}

fn sink_plan(query: &JobQuery, sink: usize, inserts: &[Insert]) -> SinkPlan {
    let declared = &query.sinks[sink];
    let first = inserts.iter().flat_map(Insert::writes).find(|written| written.sink == sink);
    let schema = sink_schema(first.into_iter().flat_map(|written| written.columns));
    let key = declared.key.iter().filter_map(|key| schema.index_of(key).ok()).collect();
    let upsert = inserts.iter().any(|insert| insert.sink == sink && insert.changes().is_some());
    SinkPlan { name: declared.name.clone(), topic: declared.topic.clone(), schema, key, upsert }
}

fn is_column(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Column(column) if column.name == name)
}
