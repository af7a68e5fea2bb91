//! The part of a job that the planner of the query reads.

use crds::{Column, ColumnType, Metadata, Sink, Source};
use protocol::{Origin, PathStep};
use sql::{ColumnDef, JobQuery, SinkDef, SourceDef, SqlType};

use super::Job;

impl Job {
    /// The query with so many partitions for each exchange.
    pub fn query(&self, exchange_partitions: u32) -> JobQuery {
        JobQuery {
            sources: self.spec.sources.iter().map(source).collect(),
            sinks: self.spec.sinks.iter().map(sink).collect(),
            sql: self.spec.sql.clone(),
            exchange_partitions,
        }
    }
}

fn source(source: &Source) -> SourceDef {
    let watermark = source.watermark.as_ref();
    let claim = source.partitioned_by.as_ref();
    SourceDef {
        name: source.name.to_string(),
        topic: source.topic.to_string(),
        columns: source
            .columns
            .iter()
            .zip(origins(source))
            .map(|(column, origin)| ColumnDef {
                name: column.name.to_string(),
                sql_type: sql_type(column.column_type),
                origin,
            })
            .collect(),
        reading: super::format::reading(source),
        event_time: watermark.map(|w| w.column.to_string()),
        delay_ms: watermark.map_or(0, |w| w.delay().as_millis() as i64),
        idle_timeout_ms: watermark
            .and_then(crds::WatermarkStrategy::idle_timeout)
            .map(|d| d.as_millis() as u64),
        partitioned_by: claim.map(|columns| columns.iter().map(ToString::to_string).collect()),
    }
}

/// Where the value of every column stands in a record.
pub(crate) fn origins(source: &Source) -> Vec<Origin> {
    let positional = matches!(source.format, crds::Format::Csv(_));
    let mut fields = 0;
    let mut position = |column: &Column| {
        let at = fields;
        fields += usize::from(column.is_field());
        positional.then_some(at)
    };
    source.columns.iter().map(|column| origin(column, position(column))).collect()
}

fn origin(column: &Column, position: Option<usize>) -> Origin {
    if let Some(name) = &column.header {
        return Origin::Header(name.clone());
    }
    match (&column.path, column.metadata) {
        (_, Some(Metadata::Key)) => Origin::Key,
        (_, Some(Metadata::Timestamp)) => Origin::Timestamp,
        (_, Some(Metadata::Partition)) => Origin::Partition,
        (_, Some(Metadata::Offset)) => Origin::Offset,
        (_, Some(Metadata::ProcessingTime)) => Origin::ProcessingTime,
        (Some(path), None) => Origin::Field(path.iter().map(step).collect()),
        (None, None) => match position {
            Some(at) => Origin::Position(at),
            None => Origin::field(column.name.as_str()),
        },
    }
}

fn step(step: &crds::PathStep) -> PathStep {
    match step {
        crds::PathStep::Name(name) => PathStep::Name(name.clone()),
        // Held by `crds::validate`; what is beyond it, the decoder refuses.
        crds::PathStep::At(place) => PathStep::At(u32::try_from(*place).unwrap_or(u32::MAX)),
    }
}

fn sink(sink: &Sink) -> SinkDef {
    SinkDef {
        name: sink.name.to_string(),
        topic: sink.topic.to_string(),
        key: sink.key.iter().map(ToString::to_string).collect(),
    }
}

fn sql_type(column: ColumnType) -> SqlType {
    match column {
        ColumnType::BigInt => SqlType::Bigint,
        ColumnType::Int => SqlType::Int,
        ColumnType::Double => SqlType::Double,
        ColumnType::Varchar => SqlType::Varchar,
        ColumnType::Boolean => SqlType::Boolean,
        ColumnType::Timestamp => SqlType::Timestamp,
        ColumnType::Decimal { precision, scale } => SqlType::Decimal(precision, scale as i8),
    }
}
