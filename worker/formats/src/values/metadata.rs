//! Columns whose values stand in the Kafka record beside its value.

use arrow::datatypes::{DataType, Field, TimeUnit};
use protocol::Origin;

use super::columns::{Column, Misfit};
use crate::json::cursor::{Text, Token};
use crate::{BadRecordKind, Record, UnsupportedSchema};

/// What is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Metadata {
    Key,
    Header(String),
    Timestamp,
    Partition,
    Offset,
    ProcessingTime,
}

impl Metadata {
    /// None: a field of the value.
    pub(crate) fn of(origin: &Origin) -> Option<Self> {
        match origin {
            Origin::Field(_) | Origin::Position(_) => None,
            Origin::Key => Some(Self::Key),
            Origin::Header(name) => Some(Self::Header(name.clone())),
            Origin::Timestamp => Some(Self::Timestamp),
            Origin::Partition => Some(Self::Partition),
            Origin::Offset => Some(Self::Offset),
            Origin::ProcessingTime => Some(Self::ProcessingTime),
        }
    }

    /// Whether the column has the type for it.
    pub(crate) fn check(
        &self,
        format: &'static str,
        field: &Field,
    ) -> Result<(), UnsupportedSchema> {
        let (fits, name) = match (self, field.data_type()) {
            (Self::Key | Self::Header(_), found) => (*found == DataType::Utf8, "VARCHAR"),
            (Self::Partition, found) => (*found == DataType::Int32, "INT"),
            (Self::Offset, found) => (*found == DataType::Int64, "BIGINT"),
            (Self::Timestamp | Self::ProcessingTime, found) => {
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
    pub(crate) fn push(&self, record: &Record<'_>, column: &mut Column) -> Result<bool, Misfit> {
        let number = match self {
            Self::Key => return push_text(record.key, column),
            Self::Header(name) => {
                let Ok(value) = record.headers.last(name) else {
                    return Err((BadRecordKind::Malformed, "headers that are laid out as such"));
                };
                return push_text(value, column);
            }
            Self::Timestamp | Self::ProcessingTime => {
                let stamped = matches!(self, Self::ProcessingTime);
                match if stamped { record.read_ms } else { record.timestamp_ms } {
                    Some(ms) => ms,
                    None => return Ok(false),
                }
            }
            Self::Partition => i64::from(record.partition),
            Self::Offset => record.offset,
        };
        column.push(Token::Integer(number), &[]).map(|()| true)
    }
}

fn push_text(text: Option<&[u8]>, column: &mut Column) -> Result<bool, Misfit> {
    let Some(text) = text else { return Ok(false) };
    if std::str::from_utf8(text).is_err() {
        return Err((BadRecordKind::InvalidUtf8, "UTF-8"));
    }
    let whole = Token::Text(Text { start: 0, end: text.len(), escaped: false });
    column.push(whole, text).map(|()| true)
}
