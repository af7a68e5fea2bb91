//! Sinks: Kafka topics that the query writes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::format::Format;
use crate::names::{ColumnName, RelationName, TopicName};

/// A topic that results are written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sink {
    /// The table's name in the SQL.
    pub name: RelationName,
    /// The topic.
    pub topic: TopicName,
    /// How a record is encoded.
    pub format: Format,
    /// The columns that make the record's key; rows with equal keys go to one partition.
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<ColumnName>,
}
