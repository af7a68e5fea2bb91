//! A plan in words: for people, for JSON, and as the text that its fingerprint is of.

use std::fmt;

use arrow::datatypes::SchemaRef;
use dataflow::{
    ColumnKind, Emit, End, Grouping, Input, JobPlan, Output, PartialAggregate, Pipeline, Step,
    WindowAggregate,
};
use protocol::manifest::TableSchema;
use protocol::{Origin, path_text};
use serde::Serialize;

use crate::text::{name, text};

/// What a plan does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// Of everything below.
    pub fingerprint: String,
    /// What is read.
    pub sources: Vec<DescribedSource>,
    /// What happens.
    pub stages: Vec<DescribedStage>,
    /// Internal topics.
    pub exchanges: Vec<DescribedExchange>,
    /// What is written.
    pub sinks: Vec<DescribedSink>,
    /// State tables.
    pub tables: Vec<DescribedTable>,
}

/// A source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribedSource {
    /// Name in the SQL.
    pub name: String,
    /// Kafka topic.
    pub topic: String,
    /// Columns that are decoded, with their types.
    pub columns: Vec<String>,
    /// How records are read beyond that, if it was declared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reading: Option<String>,
    /// Watermark, in words.
    pub watermark: Option<String>,
}

/// A stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribedStage {
    /// Its depth.
    pub id: u32,
    /// What it reads and does.
    pub inputs: Vec<DescribedInput>,
}

/// An input of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribedInput {
    /// `source name` or `exchange id`.
    pub reads: String,
    /// The steps of each pipeline.
    pub pipelines: Vec<Vec<String>>,
}

/// An exchange topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribedExchange {
    /// The operator that it serves.
    pub id: String,
    /// Of format, key and row type.
    pub fingerprint: String,
    /// Partitions.
    pub partitions: u32,
    /// Columns with types.
    pub columns: Vec<String>,
}

/// A sink.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribedSink {
    /// Name in the SQL.
    pub name: String,
    /// Kafka topic.
    pub topic: String,
    /// Columns with types.
    pub columns: Vec<String>,
    /// Columns of the Kafka key.
    pub key: Vec<String>,
}

/// A state table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DescribedTable {
    /// The stage that keeps it.
    pub stage: u32,
    /// Stable operator id.
    pub operator: String,
    /// Key columns with types.
    pub key: Vec<String>,
    /// State columns with types.
    pub values: Vec<String>,
}

/// Describes a plan.
pub fn describe(plan: &JobPlan) -> Description {
    let sources = plan.sources.iter().map(|source| DescribedSource {
        name: source.name.clone(),
        topic: source.topic.clone(),
        columns: columns(&source.schema)
            .into_iter()
            .zip(source.schema.fields())
            .zip(&source.origins)
            .map(|((text, field), origin)| text + &from(field.name(), origin))
            .collect(),
        reading: source.reading.clone(),
        watermark: source.event_time.map(|column| {
            let idle = match source.idle_timeout_ms {
                Some(idle) => format!("idle after {idle} ms"),
                None => "never idle".to_owned(),
            };
            let column = source.schema.field(column).name();
            if source.is_clocked() {
                return format!("{column}, the clock");
            }
            format!("{column} - {} ms, {idle}", source.delay_ms)
        }),
    });
    let exchanges = plan.exchanges.iter().map(|exchange| DescribedExchange {
        id: exchange.id.clone(),
        fingerprint: exchange.fingerprint.to_string(),
        partitions: exchange.partitions,
        columns: columns(&exchange.schema),
    });
    let sinks = plan.sinks.iter().map(|sink| DescribedSink {
        name: sink.name.clone(),
        topic: sink.topic.clone(),
        columns: columns(&sink.schema),
        key: sink.key.iter().map(|key| sink.schema.field(*key).name().clone()).collect(),
    });
    Description {
        fingerprint: plan.fingerprint.to_string(),
        sources: sources.collect(),
        stages: stages(plan),
        exchanges: exchanges.collect(),
        sinks: sinks.collect(),
        tables: tables(plan),
    }
}

fn columns(schema: &SchemaRef) -> Vec<String> {
    let column = |column: &str, data_type| match ColumnKind::of(data_type) {
        Some(kind) => format!("{} {kind}", name(column)),
        None => format!("{} {data_type}", name(column)),
    };
    schema.fields().iter().map(|field| column(field.name(), field.data_type())).collect()
}

/// Where a column comes from, if not from the field of its name.
fn from(column: &str, origin: &Origin) -> String {
    let metadata = match origin {
        Origin::Field(_) if origin.is_field(column) => return String::new(),
        Origin::Field(path) => {
            return format!(" FROM {}", path_text(path, name));
        }
        Origin::Position(at) => return format!(" FROM FIELD {}", at + 1),
        Origin::Header(header) => return format!(" FROM HEADER {}", name(header)),
        Origin::Key => "key",
        Origin::Timestamp => "timestamp",
        Origin::Partition => "partition",
        Origin::Offset => "offset",
        Origin::ProcessingTime => "processingTime",
    };
    format!(" METADATA FROM '{metadata}'")
}

fn stages(plan: &JobPlan) -> Vec<DescribedStage> {
    let stages = plan.stages.iter().map(|stage| {
        let inputs = stage.inputs.iter().map(|input| DescribedInput {
            reads: match input.input {
                Input::Source(at) => format!("source {}", plan.sources[at].name),
                Input::Exchange(at) => format!("exchange {}", plan.exchanges[at].id),
            },
            pipelines: input.pipelines.iter().map(|p| pipeline(plan, p)).collect(),
        });
        DescribedStage { id: stage.id.0, inputs: inputs.collect() }
    });
    stages.collect()
}

fn pipeline(plan: &JobPlan, pipeline: &Pipeline) -> Vec<String> {
    let mut steps: Vec<String> = pipeline.steps.iter().map(step).collect();
    match &pipeline.end {
        End::Sink(sink) => steps.push(format!("write {}", plan.sinks[*sink].name)),
        End::Window(window) => {
            steps.push(format!("{} {}", phase(window), grouping(&window.grouping)));
            steps.extend(late(plan, &window.grouping));
            steps.extend(emit(&window.emit));
            steps.extend(window.steps.iter().map(step));
            match &window.output {
                Output::Sink(sink) => steps.push(format!("write {}", plan.sinks[*sink].name)),
                Output::Partial(partial) => steps.extend(first_phase(plan, partial)),
            }
        }
        End::Partial(partial) => steps.extend(first_phase(plan, partial)),
    }
    steps
}

fn emit(emit: &Emit) -> Option<String> {
    match emit {
        Emit::Final => None,
        Emit::Changes(_) => Some("emit changes".to_owned()),
        Emit::Framed(framed) => {
            let calls = framed.calls.iter().map(|call| call.aggregate.name.as_str());
            Some(format!("aggregate over frames ({})", calls.collect::<Vec<_>>().join(", ")))
        }
    }
}

fn first_phase(plan: &JobPlan, partial: &PartialAggregate) -> Vec<String> {
    let alone = partial.grouping.late.is_some() || partial.grouping.window.is_over();
    let what = if alone { "rows for" } else { "partial" };
    let mut steps = vec![format!("{what} {}", grouping(&partial.grouping))];
    steps.extend(late(plan, &partial.grouping));
    steps.push(format!("send to exchange {}", plan.exchanges[partial.exchange].id));
    steps
}

fn late(plan: &JobPlan, grouping: &Grouping) -> Option<String> {
    let late = grouping.late.as_ref()?;
    Some(format!("late rows to {}", plan.sinks[late.sink].name))
}

fn phase(window: &WindowAggregate) -> &'static str {
    match window.input {
        dataflow::WindowInput::Rows(_) => "window",
        dataflow::WindowInput::Partials => "merge",
    }
}

fn step(step: &Step) -> String {
    match step {
        Step::Filter(predicate) => format!("filter {}", text(predicate.as_ref())),
        Step::Project { exprs, schema } => {
            let columns = exprs.iter().zip(schema.fields()).map(|(expr, field)| {
                let text = text(expr.as_ref());
                let column = name(field.name());
                if text == column { text } else { format!("{text} AS {column}") }
            });
            format!("project {}", columns.collect::<Vec<_>>().join(", "))
        }
        Step::Unpack { .. } => "unpack rows".to_owned(),
    }
}

fn grouping(grouping: &Grouping) -> String {
    let keys: Vec<&str> = grouping.keys.iter().map(|key| key.name.as_str()).collect();
    let aggregates: Vec<&str> = grouping.aggregates.iter().map(|a| a.name.as_str()).collect();
    let lateness = match grouping.lateness_ms {
        0 => String::new(),
        lateness => format!(" lateness {lateness} ms"),
    };
    format!(
        "{} {}{lateness} keys ({}) aggregates ({})",
        grouping.operator,
        grouping.window,
        keys.join(", "),
        aggregates.join(", ")
    )
}

fn tables(plan: &JobPlan) -> Vec<DescribedTable> {
    let mut tables = Vec::new();
    for stage in &plan.stages {
        for pipeline in stage.inputs.iter().flat_map(|input| &input.pipelines) {
            if let End::Window(window) = &pipeline.end {
                let TableSchema { operator, key, values, .. } = window.grouping.table_schema();
                let text = |columns: Vec<protocol::manifest::ColumnSchema>| {
                    columns.into_iter().map(|c| format!("{} {}", c.name, c.type_name)).collect()
                };
                let (key, values) = (text(key), text(values));
                tables.push(DescribedTable { stage: stage.id.0, operator, key, values });
            }
        }
    }
    tables
}

impl Description {
    /// Everything but the fingerprint.
    pub(crate) fn logic(&self) -> String {
        Self { fingerprint: String::new(), ..self.clone() }.to_string()
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.fingerprint.is_empty() {
            writeln!(f, "plan {}", self.fingerprint)?;
        }
        for source in &self.sources {
            let DescribedSource { name, topic, columns, reading, watermark } = source;
            writeln!(f, "source {name} (topic {topic}): {}", columns.join(", "))?;
            if let Some(reading) = reading {
                writeln!(f, "  {reading}")?;
            }
            if let Some(watermark) = watermark {
                writeln!(f, "  watermark {watermark}")?;
            }
        }
        for stage in &self.stages {
            for input in &stage.inputs {
                writeln!(f, "stage {} reads {}", stage.id, input.reads)?;
                for pipeline in &input.pipelines {
                    for (at, step) in pipeline.iter().enumerate() {
                        writeln!(f, "  {} {step}", if at == 0 { "-" } else { " " })?;
                    }
                }
            }
        }
        for exchange in &self.exchanges {
            let DescribedExchange { id, fingerprint, partitions, columns } = exchange;
            writeln!(
                f,
                "exchange {id} ({partitions} partitions, {fingerprint}): {}",
                columns.join(", ")
            )?;
        }
        for table in &self.tables {
            let DescribedTable { stage, operator, key, values } = table;
            let (key, values) = (key.join(", "), values.join(", "));
            writeln!(f, "state of {operator} in stage {stage}: ({key}) -> ({values})")?;
        }
        for sink in &self.sinks {
            let DescribedSink { name, topic, columns, key } = sink;
            write!(f, "sink {name} (topic {topic}): {}", columns.join(", "))?;
            writeln!(
                f,
                "{}",
                if key.is_empty() { String::new() } else { format!(" key ({})", key.join(", ")) }
            )?;
        }
        Ok(())
    }
}
