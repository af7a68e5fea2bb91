//! The column types of keys and state.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};

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
    /// Of state columns only: what several values are kept in.
    Bytes,
    /// Of results only: an array.
    List(ListItem),
}

/// A type that the items of an array may have, as in [`ColumnKind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListItem {
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
    /// TIMESTAMP.
    Timestamp,
    /// DECIMAL(precision, scale).
    Decimal(u8, i8),
}

impl ListItem {
    /// The item of that kind; `None` of what is no single value.
    pub fn of(kind: ColumnKind) -> Option<Self> {
        Some(match kind {
            ColumnKind::Int64 => Self::Int64,
            ColumnKind::Int32 => Self::Int32,
            ColumnKind::Float64 => Self::Float64,
            ColumnKind::Boolean => Self::Boolean,
            ColumnKind::Utf8 => Self::Utf8,
            ColumnKind::Timestamp => Self::Timestamp,
            ColumnKind::Decimal(precision, scale) => Self::Decimal(precision, scale),
            ColumnKind::Bytes | ColumnKind::List(_) => return None,
        })
    }

    /// The kind of one item.
    pub fn kind(self) -> ColumnKind {
        match self {
            Self::Int64 => ColumnKind::Int64,
            Self::Int32 => ColumnKind::Int32,
            Self::Float64 => ColumnKind::Float64,
            Self::Boolean => ColumnKind::Boolean,
            Self::Utf8 => ColumnKind::Utf8,
            Self::Timestamp => ColumnKind::Timestamp,
            Self::Decimal(precision, scale) => ColumnKind::Decimal(precision, scale),
        }
    }

    /// The field of the items in an Arrow list.
    pub(crate) fn field(self) -> Arc<Field> {
        Arc::new(Field::new_list_field(self.kind().data_type(), true))
    }
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
            DataType::LargeBinary => Self::Bytes,
            DataType::List(item) => Self::List(ListItem::of(Self::of(item.data_type())?)?),
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
            Self::Bytes => DataType::LargeBinary,
            Self::List(item) => DataType::List(item.field()),
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
            Self::Bytes => f.write_str("BYTES"),
            Self::List(item) => write!(f, "ARRAY<{}>", item.kind()),
        }
    }
}
