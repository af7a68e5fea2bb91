//! What a schema must satisfy to be read.

use arrow::datatypes::SchemaRef;
use protocol::{Origin, PathStep};

use super::shape::{self, Object};
use crate::UnsupportedSchema;
use crate::limits::{ELEMENT_MAX, JSON_DEPTH_MAX};

/// The record is an object; what is looked for in an array is found by a table.
fn is_way(path: &[PathStep]) -> bool {
    let known = |step: &PathStep| !matches!(step, PathStep::At(place) if *place > ELEMENT_MAX);
    matches!(path.first(), Some(PathStep::Name(_))) && path.iter().all(known)
}

/// The objects that hold fields, if every field can be read from where it stands.
pub(crate) fn check_fields(
    schema: &SchemaRef,
    origins: &[Origin],
) -> Result<Vec<Object>, UnsupportedSchema> {
    let refuse = |column: usize, reason: String| {
        let column = schema.field(column).name().clone();
        UnsupportedSchema { format: super::NAME, column, reason }
    };
    let mut paths = Vec::new();
    for (column, origin) in origins.iter().enumerate() {
        match origin {
            Origin::Field(path) if path.is_empty() || path.len() > JSON_DEPTH_MAX as usize => {
                let reason = format!("a path has 1 to {JSON_DEPTH_MAX} steps");
                return Err(refuse(column, reason));
            }
            Origin::Field(path) if !is_way(path) => {
                let reason = format!(
                    "a path begins with a name, and takes elements of arrays up to {ELEMENT_MAX}"
                );
                return Err(refuse(column, reason));
            }
            Origin::Field(path) => paths.push((column, path.as_slice())),
            Origin::Position(_) => {
                return Err(refuse(column, "its fields have names, not positions".to_owned()));
            }
            Origin::Key
            | Origin::Header(_)
            | Origin::Timestamp
            | Origin::Partition
            | Origin::Offset
            | Origin::ProcessingTime => {}
        }
    }
    shape::objects(paths.into_iter()).map_err(|clash| {
        let origin = &origins[clash.column];
        refuse(
            clash.column,
            format!(
                "another column reads {origin}, or one within it or around it, or takes an array of it for an object"
            ),
        )
    })
}
