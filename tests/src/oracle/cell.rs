//! One value of a row, comparable between the oracle and a JSON record.

use std::fmt;
use std::hash::{Hash, Hasher};

use anyhow::{Context as _, bail};
use arrow::array::{Array, AsArray as _};
use arrow::datatypes::{
    DataType, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMillisecondType, UInt64Type,
};

/// A value. Timestamps are milliseconds since 1970 in UTC.
#[derive(Clone, Debug)]
pub enum Cell {
    /// SQL's NULL.
    Null,
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// A text.
    Text(Box<str>),
    /// A truth value.
    Bool(bool),
    /// A point in time, ms.
    Time(i64),
}

/// Two floats that differ by less than this share are the same value: sums that crossed an exchange are added in
/// another order.
const FLOAT_TOLERANCE: f64 = 1e-9;

impl Cell {
    /// Some value of an Arrow type.
    pub fn of_type(data_type: &DataType) -> anyhow::Result<Self> {
        Ok(match data_type {
            DataType::Int64 | DataType::Int32 | DataType::UInt64 => Self::Int(0),
            DataType::Float64 => Self::Float(0.0),
            DataType::Utf8 | DataType::Utf8View => Self::Text("".into()),
            DataType::Boolean => Self::Bool(false),
            DataType::Timestamp(TimeUnit::Millisecond, _) => Self::Time(0),
            other => bail!("the oracle does not compare columns of type {other}"),
        })
    }

    /// The value at `row` of an Arrow column.
    pub fn of_array(array: &dyn Array, row: usize) -> anyhow::Result<Self> {
        if array.is_null(row) {
            return Ok(Self::Null);
        }
        Ok(match array.data_type() {
            DataType::Int64 => Self::Int(array.as_primitive::<Int64Type>().value(row)),
            DataType::Int32 => Self::Int(array.as_primitive::<Int32Type>().value(row).into()),
            DataType::UInt64 => {
                Self::Int(i64::try_from(array.as_primitive::<UInt64Type>().value(row))?)
            }
            DataType::Float64 => Self::Float(array.as_primitive::<Float64Type>().value(row)),
            DataType::Utf8 => Self::Text(array.as_string::<i32>().value(row).into()),
            DataType::Utf8View => Self::Text(array.as_string_view().value(row).into()),
            DataType::Boolean => Self::Bool(array.as_boolean().value(row)),
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                Self::Time(array.as_primitive::<TimestampMillisecondType>().value(row))
            }
            other => bail!("the oracle does not compare columns of type {other}"),
        })
    }

    /// A JSON value as a value of the same type as `like`.
    pub fn of_json(json: &serde_json::Value, like: &Self) -> anyhow::Result<Self> {
        use serde_json::Value;
        Ok(match (json, like) {
            (Value::Null, _) => Self::Null,
            (Value::Number(number), Self::Float(_)) => {
                Self::Float(number.as_f64().context("a number that is no double")?)
            }
            (Value::Number(number), _) => match number.as_i64() {
                Some(whole) => Self::Int(whole),
                None => Self::Float(number.as_f64().context("a number that is no double")?),
            },
            (Value::String(text), Self::Time(_)) => Self::Time(
                text.parse::<jiff::Timestamp>()
                    .with_context(|| format!("'{text}' is no RFC 3339 time"))?
                    .as_millisecond(),
            ),
            (Value::String(text), _) => Self::Text(text.as_str().into()),
            (Value::Bool(truth), _) => Self::Bool(*truth),
            (Value::Array(_) | Value::Object(_), _) => bail!("a nested value: {json}"),
        })
    }

    /// Equal up to the rounding of floats.
    pub fn matches(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => {
                a.to_bits() == b.to_bits()
                    || (a - b).abs() <= FLOAT_TOLERANCE * a.abs().max(b.abs())
            }
            _ => self == other,
        }
    }
}

impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Int(a), Self::Int(b)) | (Self::Time(a), Self::Time(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Cell {}

impl Hash for Cell {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Self::Null => {}
            Self::Int(whole) | Self::Time(whole) => whole.hash(state),
            Self::Float(float) => float.to_bits().hash(state),
            Self::Text(text) => text.hash(state),
            Self::Bool(truth) => truth.hash(state),
        }
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Int(whole) => whole.fmt(f),
            Self::Float(float) => float.fmt(f),
            Self::Text(text) => write!(f, "'{text}'"),
            Self::Bool(truth) => truth.fmt(f),
            Self::Time(ms) => match jiff::Timestamp::from_millisecond(*ms) {
                Ok(time) => time.fmt(f),
                Err(_) => write!(f, "{ms} ms"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_takes_the_type_of_the_oracle() {
        let time = Cell::Time(0);
        let read = |json: serde_json::Value, like: &Cell| Cell::of_json(&json, like);
        assert_eq!(
            read(json!("2026-01-01T00:00:10Z"), &time).expect("a time"),
            Cell::Time(1_767_225_610_000)
        );
        assert_eq!(read(json!(3), &Cell::Float(0.0)).expect("a number"), Cell::Float(3.0));
        assert_eq!(read(json!(3), &Cell::Int(0)).expect("a number"), Cell::Int(3));
        assert!(read(json!("yesterday"), &time).is_err());
        assert!(read(json!([1]), &Cell::Int(0)).is_err());
    }

    #[test]
    fn only_floats_may_differ_and_only_by_rounding() {
        assert!(Cell::Float(0.1 + 0.2).matches(&Cell::Float(0.3)));
        assert!(!Cell::Float(0.3).matches(&Cell::Float(0.300_001)));
        assert!(!Cell::Int(1).matches(&Cell::Int(2)));
        assert!(!Cell::Int(1).matches(&Cell::Float(1.0)));
        assert!(!Cell::Null.matches(&Cell::Int(0)));
    }
}
