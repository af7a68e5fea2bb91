//! Columns whose values stand in the Kafka record beside its value.

use arrow::datatypes::{DataType, Field, TimeUnit};
use protocol::Origin;

use super::columns::{Column, Misfit};
use crate::json::cursor::{Text, Token};
use crate::{BadRecordKind, Record, UnsupportedSchema};

/// What is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metadata {
    Key,
    Timestamp,
    Partition,
    Offset,
}

impl Metadata {
    /// None: a field of the value.
    pub(crate) fn of(origin: &Origin) -> Option<Self> {
        match origin {
            Origin::Field(_) | Origin::Position(_) => None,
            Origin::Key => Some(Self::Key),
            Origin::Timestamp => Some(Self::Timestamp),
            Origin::Partition => Some(Self::Partition),
            Origin::Offset => Some(Self::Offset),
        }
    }

    /// Whether the column has the type for it.
    pub(crate) fn check(
        self,
        format: &'static str,
        field: &Field,
    ) -> Result<(), UnsupportedSchema> {
        let (fits, name) = match (self, field.data_type()) {
            (Self::Key, found) => (*found == DataType::Utf8, "VARCHAR"),
            (Self::Partition, found) => (*found == DataType::Int32, "INT"),
            (Self::Offset, found) => (*found == DataType::Int64, "BIGINT"),
            (Self::Timestamp, found) => {
                let fits = matches!(found, DataType::Timestamp(TimeUnit::Millisecond, _));
                (fits, "TIMESTAMP")
            }
        };
        if fits {
            return Ok(());
        }
        Err(UnsupportedSchema {
            format,
            column: field.name().clone(),
            reason: format!("its metadata is a {name}, not {}", field.data_type()),
        })
    }

    /// Appends the value; `false`: there is none, and nothing was appended.
    pub(crate) fn push(self, record: &Record<'_>, column: &mut Column) -> Result<bool, Misfit> {
        let (token, raw) = match self {
            Self::Key => {
                let Some(key) = record.key else { return Ok(false) };
                if std::str::from_utf8(key).is_err() {
                    return Err((BadRecordKind::InvalidUtf8, "UTF-8"));
                }
                (Token::Text(Text { start: 0, end: key.len(), escaped: false }), key)
            }
            Self::Timestamp => match record.timestamp_ms {
                Some(ms) => (Token::Integer(ms), &[][..]),
                None => return Ok(false),
            },
            Self::Partition => (Token::Integer(i64::from(record.partition)), &[][..]),
            Self::Offset => (Token::Integer(record.offset), &[][..]),
        };
        column.push(token, raw).map(|()| true)
    }
}
