//! What a schema must satisfy to be read.

use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use protocol::Origin;

use super::EventTimeRule;
use super::metadata::Metadata;
use super::shape::{self, Object};
use crate::UnsupportedSchema;
use crate::limits::JSON_DEPTH_MAX;

/// The objects that hold fields, if every column can be read from where it stands.
pub(crate) fn check_origins(
    schema: &SchemaRef,
    origins: &[Origin],
) -> Result<Vec<Object>, UnsupportedSchema> {
    let refuse = |column: usize, reason: String| {
        let column = schema.fields().get(column).map_or_else(String::new, |f| f.name().clone());
        UnsupportedSchema { format: "json", column, reason }
    };
    if origins.len() != schema.fields().len() {
        let reason =
            format!("{} columns come from {} places", schema.fields().len(), origins.len());
        return Err(refuse(0, reason));
    }
    let mut paths = Vec::new();
    for (column, (field, origin)) in schema.fields().iter().zip(origins).enumerate() {
        match origin {
            Origin::Field(path) if path.is_empty() || path.len() > JSON_DEPTH_MAX as usize => {
                let reason = format!("a path has 1 to {JSON_DEPTH_MAX} names");
                return Err(refuse(column, reason));
            }
            Origin::Field(path) => paths.push((column, path.as_slice())),
            other => {
                if let Some(metadata) = Metadata::of(other) {
                    metadata.check(field)?;
                }
            }
        }
    }
    shape::objects(paths.into_iter()).map_err(|clash| {
        let origin = &origins[clash.column];
        refuse(
            clash.column,
            format!("another column reads {origin}, or one within it or around it"),
        )
    })
}

pub(crate) fn check_event_time(
    schema: &SchemaRef,
    rule: EventTimeRule,
) -> Result<(), UnsupportedSchema> {
    let refuse =
        |column: String, reason: String| UnsupportedSchema { format: "json", column, reason };
    let Some(field) = schema.fields().get(rule.column) else {
        let reason = format!("the schema has {} columns", schema.fields().len());
        return Err(refuse(rule.column.to_string(), reason));
    };
    match field.data_type() {
        DataType::Timestamp(TimeUnit::Millisecond, _) => Ok(()),
        other => {
            let reason = format!("an event time must be a TIMESTAMP in milliseconds, not {other}");
            Err(refuse(field.name().clone(), reason))
        }
    }
}
