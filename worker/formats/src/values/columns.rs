//! One growing Arrow column: takes tokens, keeps typed values.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, BooleanBufferBuilder, Decimal128Array, Float64Array, Int32Array,
    Int64Array, NullBufferBuilder, StringArray, TimestampMillisecondArray,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, TimeUnit};

use super::timestamp::{TimestampFormat, in_range, parse_iso8601, parse_rfc3339};
use crate::json::cursor::{Cursor, Text, Token};
use crate::json::number::{Number, NumberFault};
use crate::json::text::{LoneSurrogate, unescape};
use crate::limits::TEXT_COLUMN_BYTES_MAX;
use crate::{BadRecordKind, UnsupportedSchema};

/// Why a token is not a value of a column: its class and what was expected.
pub(crate) type Misfit = (BadRecordKind, &'static str);

enum Values {
    Int64(Vec<i64>),
    Int32(Vec<i32>),
    Float64(Vec<f64>),
    Boolean(BooleanBufferBuilder),
    Text {
        offsets: Vec<i32>,
        bytes: Vec<u8>,
    },
    Timestamp {
        values: Vec<i64>,
        zone: Option<Arc<str>>,
    },
    /// Instants that are written in one declared way.
    Declared {
        values: Vec<i64>,
        zone: Option<Arc<str>>,
        format: TimestampFormat,
    },
    Decimal {
        values: Vec<i128>,
        precision: u8,
        scale: i8,
    },
}

pub(crate) struct Column {
    values: Values,
    nulls: NullBufferBuilder,
    /// For texts with escapes that become something else.
    scratch: Vec<u8>,
}

const WRONG: BadRecordKind = BadRecordKind::WrongType;
const RANGE: BadRecordKind = BadRecordKind::OutOfRange;
/// On the way to the field lies no object.
const MISPLACED: Misfit =
    (WRONG, "an object or an array at every step but the last, as the path says");

impl Column {
    pub(crate) fn new(format: &'static str, field: &Field) -> Result<Self, UnsupportedSchema> {
        Ok(Self {
            values: Values::new(format, field, 0)?,
            nulls: NullBufferBuilder::new(0),
            scratch: Vec::new(),
        })
    }

    /// From now on instants are written like this.
    pub(crate) fn set_timestamp_format(&mut self, field: &Field, format: TimestampFormat) {
        if let Ok(values) = Values::new("", field, 0) {
            self.values = values.declared(Some(format));
        }
    }

    fn timestamp_format(&self) -> Option<TimestampFormat> {
        match &self.values {
            Values::Declared { format, .. } => Some(*format),
            _ => None,
        }
    }

    /// Bytes per row beside texts.
    pub(crate) fn width(&self) -> usize {
        match &self.values {
            Values::Int64(_)
            | Values::Float64(_)
            | Values::Timestamp { .. }
            | Values::Declared { .. } => 8,
            Values::Int32(_) | Values::Text { .. } => 4,
            Values::Boolean(_) => 1,
            Values::Decimal { .. } => 16,
        }
    }

    pub(crate) fn is_text(&self) -> bool {
        matches!(self.values, Values::Text { .. })
    }

    pub(crate) fn text_bytes(&self) -> usize {
        match &self.values {
            Values::Text { bytes, .. } => bytes.len(),
            _ => 0,
        }
    }

    /// The instant in the last row of a timestamp column.
    pub(crate) fn last_instant(&self) -> Option<i64> {
        match &self.values {
            Values::Timestamp { values, .. } | Values::Declared { values, .. } => {
                values.last().copied()
            }
            _ => None,
        }
    }

    pub(crate) fn push_null(&mut self) {
        match &mut self.values {
            Values::Int64(values)
            | Values::Timestamp { values, .. }
            | Values::Declared { values, .. } => values.push(0),
            Values::Int32(values) => values.push(0),
            Values::Float64(values) => values.push(0.0),
            Values::Boolean(values) => values.append(false),
            Values::Text { offsets, bytes } => offsets.push(bytes.len() as i32),
            Values::Decimal { values, .. } => values.push(0),
        }
        self.nulls.append_null();
    }

    /// Appends a value; what was not appended whole is taken back by [`Self::truncate`].
    #[expect(clippy::inline_always, reason = "once per value of a record, where a call shows")]
    #[inline(always)]
    pub(crate) fn push(&mut self, token: Token, record: &[u8]) -> Result<(), Misfit> {
        let plain = match (&mut self.values, token) {
            (Values::Int64(values), Token::Number(n)) => n.plain_integer().map(|v| values.push(v)),
            (Values::Float64(values), Token::Number(n)) => n.plain_double().map(|v| values.push(v)),
            (Values::Timestamp { values, .. }, Token::Number(n)) => {
                n.plain_integer().filter(|ms| in_range(*ms)).map(|ms| values.push(ms))
            }
            _ => None,
        };
        if plain.is_some() {
            self.nulls.append_non_null();
            return Ok(());
        }
        self.push_any(&token, record)
    }

    #[inline(never)]
    fn push_any(&mut self, token: &Token, record: &[u8]) -> Result<(), Misfit> {
        match (&mut self.values, token) {
            (Values::Int64(values), Token::Number(n)) => {
                values.push(n.integer(record).map_err(integer_misfit)?);
            }
            (Values::Int64(values), Token::Integer(value)) => values.push(*value),
            (Values::Int32(values), Token::Integer(value)) => {
                values.push(i32::try_from(*value).map_err(|_| (RANGE, "an integer of 32 bits"))?);
            }
            (Values::Int32(values), Token::Number(n)) => {
                let value = n.integer(record).map_err(integer_misfit)?;
                values.push(i32::try_from(value).map_err(|_| (RANGE, "an integer of 32 bits"))?);
            }
            (Values::Float64(values), Token::Number(n)) => {
                values.push(n.double(record).map_err(|_| (RANGE, "a number that a DOUBLE holds"))?);
            }
            (Values::Boolean(values), Token::Bool(value)) => values.append(*value),
            (Values::Text { offsets, bytes }, Token::Text(text)) => {
                push_text(*text, record, bytes)?;
                offsets.push(bytes.len() as i32);
            }
            (Values::Timestamp { values, .. }, token) => {
                values.push(instant(token, record, &mut self.scratch)?);
            }
            (Values::Declared { values, format, .. }, token) => {
                values.push(declared_instant(*format, token, record, &mut self.scratch)?);
            }
            (Values::Decimal { values, precision, scale }, Token::Number(n)) => {
                values.push(n.decimal(record, *precision, *scale).map_err(decimal_misfit)?);
            }
            (Values::Decimal { values, precision, scale }, Token::Text(text)) => {
                let (number, raw) = quoted_number(*text, record)?;
                values.push(number.decimal(raw, *precision, *scale).map_err(decimal_misfit)?);
            }
            (_, Token::Misplaced) => return Err(MISPLACED),
            (values, _) => return Err((WRONG, values.expected())),
        }
        self.nulls.append_non_null();
        Ok(())
    }

    /// Appends what a text stands for, the column's type decides: a text, `true` or `false`, a
    /// number as JSON writes it, an instant as a text or a number.
    #[inline]
    pub(crate) fn push_text(&mut self, text: &[u8]) -> Result<(), Misfit> {
        let whole = Token::Text(Text { start: 0, end: text.len(), escaped: false });
        let token = match &self.values {
            Values::Text { .. } => whole,
            Values::Boolean(_) => match text {
                b"true" => Token::Bool(true),
                b"false" => Token::Bool(false),
                _ => whole,
            },
            _ => whole_number(text).map_or(whole, Token::Number),
        };
        self.push(token, text)
    }

    /// Back to so many rows: the row of a bad record goes, the rows before it stay.
    pub(crate) fn truncate(&mut self, rows: usize) {
        match &mut self.values {
            Values::Int64(values)
            | Values::Timestamp { values, .. }
            | Values::Declared { values, .. } => values.truncate(rows),
            Values::Int32(values) => values.truncate(rows),
            Values::Float64(values) => values.truncate(rows),
            Values::Boolean(values) => values.truncate(rows),
            Values::Text { offsets, bytes } => {
                offsets.truncate(rows + 1);
                bytes.truncate(offsets.last().map_or(0, |end| *end as usize));
            }
            Values::Decimal { values, .. } => values.truncate(rows),
        }
        self.nulls.truncate(rows);
    }

    /// The rows as an array; the column is empty afterwards, with room for as many again.
    pub(crate) fn finish(&mut self, field: &Field) -> ArrayRef {
        let rows = self.nulls.len();
        let fresh = Values::new("", field, rows).expect("the field was accepted before");
        let fresh = fresh.declared(self.timestamp_format());
        let nulls = self.nulls.finish();
        match std::mem::replace(&mut self.values, fresh) {
            Values::Int64(values) => Arc::new(Int64Array::new(values.into(), nulls)),
            Values::Int32(values) => Arc::new(Int32Array::new(values.into(), nulls)),
            Values::Float64(values) => Arc::new(Float64Array::new(values.into(), nulls)),
            Values::Boolean(mut values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
            Values::Text { offsets, bytes } => {
                if let Values::Text { bytes: fresh, .. } = &mut self.values {
                    fresh.reserve(bytes.len());
                }
                let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                Arc::new(StringArray::new(offsets, Buffer::from_vec(bytes), nulls))
            }
            Values::Timestamp { values, zone } | Values::Declared { values, zone, .. } => {
                let array = TimestampMillisecondArray::new(values.into(), nulls);
                Arc::new(array.with_timezone_opt(zone))
            }
            Values::Decimal { values, precision, scale } => Arc::new(
                Decimal128Array::new(values.into(), nulls)
                    .with_precision_and_scale(precision, scale)
                    .expect("the planner's type is a type"),
            ),
        }
    }
}

impl Values {
    fn new(format: &'static str, field: &Field, rows: usize) -> Result<Self, UnsupportedSchema> {
        Ok(match field.data_type() {
            DataType::Int64 => Self::Int64(Vec::with_capacity(rows)),
            DataType::Int32 => Self::Int32(Vec::with_capacity(rows)),
            DataType::Float64 => Self::Float64(Vec::with_capacity(rows)),
            DataType::Boolean => Self::Boolean(BooleanBufferBuilder::new(rows)),
            DataType::Utf8 => {
                let mut offsets = Vec::with_capacity(rows + 1);
                offsets.push(0);
                Self::Text { offsets, bytes: Vec::new() }
            }
            DataType::Timestamp(TimeUnit::Millisecond, zone) => {
                Self::Timestamp { values: Vec::with_capacity(rows), zone: zone.clone() }
            }
            DataType::Decimal128(precision, scale) if *scale >= 0 => Self::Decimal {
                values: Vec::with_capacity(rows),
                precision: *precision,
                scale: *scale,
            },
            other => {
                return Err(UnsupportedSchema {
                    format,
                    column: field.name().clone(),
                    reason: format!(
                        "the type {other} is not read; use BIGINT, INT, DOUBLE, VARCHAR, \
                         BOOLEAN, TIMESTAMP or DECIMAL"
                    ),
                });
            }
        })
    }

    fn declared(self, format: Option<TimestampFormat>) -> Self {
        match (self, format) {
            (Self::Timestamp { values, zone }, Some(format)) => {
                Self::Declared { values, zone, format }
            }
            (other, _) => other,
        }
    }

    fn expected(&self) -> &'static str {
        match self {
            Self::Int64(_) | Self::Int32(_) => "an integer",
            Self::Float64(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::Text { .. } => "a text",
            Self::Timestamp { .. } => "an RFC 3339 text or epoch milliseconds",
            Self::Declared { format, .. } => format.expected(),
            Self::Decimal { .. } => "a number or a text that holds one",
        }
    }
}

fn integer_misfit(fault: NumberFault) -> Misfit {
    match fault {
        NumberFault::NotIntegral => (WRONG, "an integer"),
        NumberFault::OutOfRange => (RANGE, "an integer of 64 bits"),
    }
}

fn decimal_misfit(_: NumberFault) -> Misfit {
    (RANGE, "a number with no more digits than the DECIMAL has")
}

/// # Panics
/// If the batch was not finished in time: the caller watches `JsonDecoder::bytes`.
fn push_text(text: Text, record: &[u8], bytes: &mut Vec<u8>) -> Result<(), Misfit> {
    let raw = &record[text.start..text.end];
    assert!(bytes.len() + raw.len() <= TEXT_COLUMN_BYTES_MAX, "the batch was not finished in time");
    if !text.escaped {
        bytes.extend_from_slice(raw);
        return Ok(());
    }
    unescape(raw, bytes).map_err(|LoneSurrogate| (WRONG, "a text without half surrogate pairs"))
}

const YEARS: Misfit = (RANGE, "an instant of the years 1 to 9999");

fn instant(token: &Token, record: &[u8], scratch: &mut Vec<u8>) -> Result<i64, Misfit> {
    let checked = |ms| if in_range(ms) { Ok(ms) } else { Err(YEARS) };
    match token {
        Token::Number(number) => checked(number.integer(record).map_err(|fault| match fault {
            NumberFault::NotIntegral => (WRONG, "epoch milliseconds without a fraction"),
            NumberFault::OutOfRange => YEARS,
        })?),
        Token::Integer(ms) => checked(*ms),
        Token::Text(text) => {
            let mut raw = &record[text.start..text.end];
            if text.escaped {
                scratch.clear();
                unescape(raw, scratch).map_err(|LoneSurrogate| (WRONG, "an RFC 3339 text"))?;
                raw = scratch;
            }
            parse_rfc3339(raw).ok_or((WRONG, "an RFC 3339 text with an offset, years 1 to 9999"))
        }
        Token::Misplaced => Err(MISPLACED),
        _ => Err((WRONG, "an RFC 3339 text or epoch milliseconds")),
    }
}

/// An instant in the one way that was declared.
fn declared_instant(
    format: TimestampFormat,
    token: &Token,
    record: &[u8],
    scratch: &mut Vec<u8>,
) -> Result<i64, Misfit> {
    let wrong = (WRONG, format.expected());
    let Some(places) = format.places() else {
        let Token::Text(text) = token else {
            return Err(if matches!(token, Token::Misplaced) { MISPLACED } else { wrong });
        };
        let mut raw = &record[text.start..text.end];
        if text.escaped {
            scratch.clear();
            unescape(raw, scratch).map_err(|LoneSurrogate| wrong)?;
            raw = scratch;
        }
        return parse_iso8601(raw).ok_or(wrong);
    };
    // Nanoseconds, whatever the unit: 38 digits hold them for any number of 64 bits.
    let nanoseconds = match token {
        Token::Integer(value) => i128::from(*value) * 10_i128.pow(u32::from(places)),
        Token::Number(number) => {
            number.decimal(record, 38, places as i8).map_err(|fault| match fault {
                NumberFault::NotIntegral => wrong,
                NumberFault::OutOfRange => YEARS,
            })?
        }
        Token::Misplaced => return Err(MISPLACED),
        _ => return Err(wrong),
    };
    let ms = i64::try_from(nanoseconds.div_euclid(1_000_000)).map_err(|_| YEARS)?;
    if in_range(ms) { Ok(ms) } else { Err(YEARS) }
}

/// A text that is a JSON number and nothing else, for types that lose nothing.
fn quoted_number(text: Text, record: &[u8]) -> Result<(Number, &[u8]), Misfit> {
    let raw = &record[text.start..text.end];
    match whole_number(raw) {
        Some(number) if !text.escaped => Ok((number, raw)),
        _ => Err((WRONG, "a number or a text that holds one")),
    }
}

/// The number that these bytes write, if they do.
#[inline]
fn whole_number(bytes: &[u8]) -> Option<Number> {
    let mut cursor = Cursor::new(bytes);
    let number = cursor.number().ok()?;
    (cursor.pos == bytes.len()).then_some(number)
}
