//! The column types of keys and state.

use std::fmt;

use arrow::datatypes::{DataType, TimeUnit};

/// A type that keys, arguments and state columns may have. The name is part of stored schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnKind {
    /// BIGINT.
    Int64,
    /// INT.
    Int32,
    /// DOUBLE.
    Float64,
    /// BOOLEAN.
    Boolean,
    /// VARCHAR.
    Utf8,
    /// TIMESTAMP: ms since the epoch, UTC.
    Timestamp,
    /// DECIMAL(precision, scale).
    Decimal(u8, i8),
}

impl ColumnKind {
    /// The kind of an Arrow type, if it is one of ours.
    pub fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Int64 => Self::Int64,
            DataType::Int32 => Self::Int32,
            DataType::Float64 => Self::Float64,
            DataType::Boolean => Self::Boolean,
            DataType::Utf8 => Self::Utf8,
            DataType::Timestamp(TimeUnit::Millisecond, None) => Self::Timestamp,
            DataType::Decimal128(precision, scale) => Self::Decimal(*precision, *scale),
            _ => return None,
        })
    }

    /// The Arrow type.
    pub fn data_type(self) -> DataType {
        match self {
            Self::Int64 => DataType::Int64,
            Self::Int32 => DataType::Int32,
            Self::Float64 => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Utf8 => DataType::Utf8,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Millisecond, None),
            Self::Decimal(precision, scale) => DataType::Decimal128(precision, scale),
        }
    }
}

impl fmt::Display for ColumnKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int64 => f.write_str("BIGINT"),
            Self::Int32 => f.write_str("INT"),
            Self::Float64 => f.write_str("DOUBLE"),
            Self::Boolean => f.write_str("BOOLEAN"),
            Self::Utf8 => f.write_str("VARCHAR"),
            Self::Timestamp => f.write_str("TIMESTAMP"),
            Self::Decimal(precision, scale) => write!(f, "DECIMAL({precision}, {scale})"),
        }
    }
}
