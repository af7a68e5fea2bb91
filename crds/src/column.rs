//! Columns of a source and their types.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::names::ColumnName;

/// A column that the query may use. Fields of a record that are not declared are ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = crate::rules::rules(&[
    (
        "[has(self.path), has(self.metadata), has(self.header)].filter(x, x).size() <= 1",
        ONE_ORIGIN,
    ),
    ("!has(self.header) || self.type == 'VARCHAR'", HEADER_TYPE),
    (
        "!has(self.format) || \
         (self.type == 'TIMESTAMP' && !has(self.metadata) && !has(self.header))",
        FORMAT_TYPE,
    ),
    (
        "!has(self.metadata) || (self.metadata == 'key' && self.type == 'VARCHAR') || \
         (self.metadata == 'timestamp' && self.type == 'TIMESTAMP') || \
         (self.metadata == 'processingTime' && self.type == 'TIMESTAMP') || \
         (self.metadata == 'partition' && self.type == 'INT') || \
         (self.metadata == 'offset' && self.type == 'BIGINT')",
        METADATA_TYPES,
    ),
])))]
pub struct Column {
    /// The column's name in SQL and, without `path` and `metadata`, the field's name in the record.
    pub name: ColumnName,
    /// BIGINT, INT, DOUBLE, VARCHAR, BOOLEAN, TIMESTAMP (milliseconds, UTC) or DECIMAL(p,s).
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// Where the field stands in the record, from the outside in: `[bid, price]` is the field
    /// `price` of the object in the field `bid`, `[items, 0]` the first element of the array in the
    /// field `items`.
    #[schemars(length(min = 1, max = 8), extend("x-kubernetes-validations" = crate::rules::rules(&[
        ("string(self[0]) == self[0]", PATH_BEGINS),
    ])))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Vec<PathStep>>,
    /// Takes the value from beside the record's value instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// Takes the last header of this name instead, as text; null without one.
    #[schemars(length(min = 1, max = 255))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// How the instants of a TIMESTAMP are written. Default: RFC 3339 texts and epoch milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<TimestampFormat>,
}

impl Column {
    /// Whether it is when the record was read.
    pub fn is_clock(&self) -> bool {
        self.metadata == Some(Metadata::ProcessingTime)
    }

    /// Whether it is a field of the record's value, not something beside it.
    pub fn is_field(&self) -> bool {
        self.metadata.is_none() && self.header.is_none()
    }
}

/// One step of a path: the name of a field, or the place of an element in an array, from 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a step is a name, or a place in an array from 0 on")]
pub enum PathStep {
    /// The place of an element. Any number is read, so that one that is no place is told of and breaks nothing.
    At(i64),
    /// The name of a field.
    Name(String),
}

/// Places that a path may name.
pub const PLACE_MAX: i64 = 255;

impl JsonSchema for PathStep {
    fn schema_name() -> Cow<'static, str> {
        "PathStep".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "maxLength": 255,
        })
    }
}

/// How instants are written. Digits below the millisecond are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum TimestampFormat {
    /// A text of ISO 8601 with an offset: `Z`, `+01:00`, `+0100` or `+01`.
    Iso8601,
    /// A number of seconds since 1970, with up to nine digits after the point.
    EpochSeconds,
    /// A number of milliseconds since 1970.
    EpochMillis,
    /// A number of microseconds since 1970.
    EpochMicros,
    /// A number of nanoseconds since 1970.
    EpochNanos,
}

/// What is told of a step that leads nowhere.
pub(crate) const PATH_STEPS: &str = "a step is a name, or a place in an array from 0 to 255";
/// What is told of a path into an array that is no field's.
pub(crate) const PATH_BEGINS: &str = "a path begins with the name of a field";
/// What is told where both are written.
pub(crate) const ONE_ORIGIN: &str = "path, metadata and header exclude each other";
/// What is told where a header is no text.
pub(crate) const HEADER_TYPE: &str = "a header is VARCHAR";
/// What is told where a format has nothing to say.
pub(crate) const FORMAT_TYPE: &str = "format is for a TIMESTAMP within the record's value";
/// What is told where the type is another one.
pub(crate) const METADATA_TYPES: &str = "metadata: key is VARCHAR, timestamp and processingTime TIMESTAMP, partition INT, offset BIGINT";

/// Takes the value from beside the record's value: `key` as VARCHAR, `timestamp` as TIMESTAMP,
/// `partition` as INT, `offset` as BIGINT, `processingTime` as TIMESTAMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum Metadata {
    /// The key, as text.
    Key,
    /// The timestamp that Kafka keeps with the record.
    Timestamp,
    /// The partition that the record lies in.
    Partition,
    /// The record's offset in its partition.
    Offset,
    /// When the job read the record. As watermark column it is the clock: windows over it end by
    /// themselves, and no row is late.
    ProcessingTime,
}

impl Metadata {
    /// The type that its column has.
    pub fn column_type(self) -> ColumnType {
        match self {
            Self::Key => ColumnType::Varchar,
            Self::Timestamp | Self::ProcessingTime => ColumnType::Timestamp,
            Self::Partition => ColumnType::Int,
            Self::Offset => ColumnType::BigInt,
        }
    }
}

/// The SQL type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ColumnType {
    /// 64-bit signed integer.
    BigInt,
    /// 32-bit signed integer.
    Int,
    /// 64-bit float.
    Double,
    /// UTF-8 text.
    Varchar,
    /// True or false.
    Boolean,
    /// Milliseconds since 1970 in UTC.
    Timestamp,
    /// Exact decimal number.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point, at most `precision`.
        scale: u8,
    },
}

/// What the schema accepts.
pub const PATTERN: &str = "^(BIGINT|INT|DOUBLE|VARCHAR|BOOLEAN|TIMESTAMP|\
     DECIMAL\\(([1-9]|[12][0-9]|3[0-8]), ?([0-9]|[12][0-9]|3[0-8])\\))$";

/// Text that is not a column type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{0}\" is not a column type: use BIGINT, INT, DOUBLE, VARCHAR, BOOLEAN, TIMESTAMP or \
     DECIMAL(p,s) with p from 1 to 38 and s at most p"
)]
pub struct NotAColumnType(String);

impl FromStr for ColumnType {
    type Err = NotAColumnType;

    fn from_str(text: &str) -> Result<Self, NotAColumnType> {
        Ok(match text {
            "BIGINT" => Self::BigInt,
            "INT" => Self::Int,
            "DOUBLE" => Self::Double,
            "VARCHAR" => Self::Varchar,
            "BOOLEAN" => Self::Boolean,
            "TIMESTAMP" => Self::Timestamp,
            _ => decimal(text).ok_or_else(|| NotAColumnType(text.chars().take(32).collect()))?,
        })
    }
}

fn decimal(text: &str) -> Option<ColumnType> {
    let (precision, scale) = text.strip_prefix("DECIMAL(")?.strip_suffix(')')?.split_once(',')?;
    let scale = scale.strip_prefix(' ').unwrap_or(scale);
    let canonical = |text: &str| text == "0" || !text.starts_with(['0', '+']);
    if !canonical(precision) || !canonical(scale) {
        return None;
    }
    let (precision, scale): (u8, u8) = (precision.parse().ok()?, scale.parse().ok()?);
    let valid = (1..=38).contains(&precision) && scale <= precision;
    valid.then_some(ColumnType::Decimal { precision, scale })
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BigInt => f.write_str("BIGINT"),
            Self::Int => f.write_str("INT"),
            Self::Double => f.write_str("DOUBLE"),
            Self::Varchar => f.write_str("VARCHAR"),
            Self::Boolean => f.write_str("BOOLEAN"),
            Self::Timestamp => f.write_str("TIMESTAMP"),
            Self::Decimal { precision, scale } => write!(f, "DECIMAL({precision},{scale})"),
        }
    }
}

impl TryFrom<String> for ColumnType {
    type Error = NotAColumnType;

    fn try_from(text: String) -> Result<Self, NotAColumnType> {
        text.parse()
    }
}

impl From<ColumnType> for String {
    fn from(column_type: ColumnType) -> Self {
        column_type.to_string()
    }
}

impl JsonSchema for ColumnType {
    fn schema_name() -> Cow<'static, str> {
        "ColumnType".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": PATTERN,
            "maxLength": 16,
            "x-kubernetes-validations": [{"rule": scale_rule(), "message": SCALE}],
        })
    }
}

/// What is said of a DECIMAL whose scale is greater than its precision.
const SCALE: &str = "the scale of a DECIMAL is at most its precision";

/// CEL for [`SCALE`]. A pattern, for it costs the API server less than taking the text apart.
fn scale_rule() -> String {
    let mut fits: Vec<String> = (1..10).map(|p| format!("{p}, ?[0-{p}]")).collect();
    fits.extend(["[123][0-9], ?[0-9]", "[23][0-9], ?1[0-9]", "3[0-9], ?2[0-9]"].map(str::to_owned));
    for tens in 1..4 {
        fits.extend((0..10).map(|ones| format!("{tens}{ones}, ?{tens}[0-{ones}]")));
    }
    let fits = fits.join("|");
    format!("!self.startsWith('DECIMAL(') || self.matches('^DECIMAL[(]({fits})[)]$')")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_and_printed() {
        let pattern = regex::Regex::new(PATTERN).expect("the pattern compiles");
        for text in ["BIGINT", "INT", "DOUBLE", "VARCHAR", "BOOLEAN", "TIMESTAMP", "DECIMAL(10,2)"]
        {
            let parsed: ColumnType = text.parse().expect(text);
            assert_eq!(parsed.to_string(), text);
            assert!(pattern.is_match(text), "schema refuses {text}");
        }
        for text in ["bigint", "TEXT", "DECIMAL", "DECIMAL(0,0)", "DECIMAL(39,1)", "DECIMAL(01,1)"]
        {
            assert!(text.parse::<ColumnType>().is_err(), "{text}");
            assert!(!pattern.is_match(text), "schema accepts {text}");
        }
    }

    #[test]
    fn the_schema_compares_precision_and_scale_as_the_parser_does() {
        let rule = scale_rule();
        let fits = rule.split('\'').nth(3).expect("the rule quotes two texts");
        let fits = regex::Regex::new(fits).expect("the pattern compiles");
        for (precision, scale) in (1..=38).flat_map(|p| (0..=38).map(move |s| (p, s))) {
            let text = format!("DECIMAL({precision},{scale})");
            assert_eq!(text.parse::<ColumnType>().is_ok(), fits.is_match(&text), "{text}");
        }
    }
}
