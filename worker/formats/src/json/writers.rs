//! One column's values as JSON, or as plain text for a Kafka key.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, LargeStringArray, ListArray,
    PrimitiveArray, StringArray, StringViewArray,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Field, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit, TimestampMillisecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use serde::Serialize;

use crate::UnsupportedSchema;
use crate::values::timestamp::write_rfc3339;

const DAY_MS: i64 = 86_400_000;

/// Whether the type can be written at all; checked once, when the plan is known.
pub(crate) fn check(format: &'static str, field: &Field) -> Result<(), UnsupportedSchema> {
    let item = match field.data_type() {
        DataType::List(item) => item.data_type(),
        other => other,
    };
    let written = matches!(
        item,
        DataType::Boolean
            | DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32
            | DataType::UInt64
            | DataType::Float32
            | DataType::Float64
            | DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Date32
            | DataType::Timestamp(TimeUnit::Millisecond, _)
            | DataType::Decimal128(_, _)
    );
    if written {
        return Ok(());
    }
    Err(UnsupportedSchema {
        format,
        column: field.name().clone(),
        reason: format!("the type {} is not written; cast it", field.data_type()),
    })
}

/// A column of one batch, its type resolved.
pub(crate) enum Writer<'a> {
    Boolean(&'a BooleanArray),
    Int8(&'a PrimitiveArray<Int8Type>),
    Int16(&'a PrimitiveArray<Int16Type>),
    Int32(&'a PrimitiveArray<Int32Type>),
    Int64(&'a PrimitiveArray<Int64Type>),
    UInt8(&'a PrimitiveArray<UInt8Type>),
    UInt16(&'a PrimitiveArray<UInt16Type>),
    UInt32(&'a PrimitiveArray<UInt32Type>),
    UInt64(&'a PrimitiveArray<UInt64Type>),
    Float32(&'a PrimitiveArray<Float32Type>),
    Float64(&'a PrimitiveArray<Float64Type>),
    Utf8(&'a StringArray),
    LargeUtf8(&'a LargeStringArray),
    Utf8View(&'a StringViewArray),
    Date(&'a PrimitiveArray<Date32Type>),
    Timestamp(&'a PrimitiveArray<TimestampMillisecondType>),
    Decimal(&'a Decimal128Array),
    List(&'a ListArray, Box<Writer<'a>>),
}

/// How texts and instants are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Quoted and escaped.
    Json,
    /// As they are.
    Plain,
}

impl<'a> Writer<'a> {
    /// # Panics
    /// If the type was not accepted by [`check`].
    pub(crate) fn new(array: &'a ArrayRef) -> Self {
        match array.data_type() {
            DataType::Boolean => Self::Boolean(array.as_boolean()),
            DataType::Int8 => Self::Int8(array.as_primitive()),
            DataType::Int16 => Self::Int16(array.as_primitive()),
            DataType::Int32 => Self::Int32(array.as_primitive()),
            DataType::Int64 => Self::Int64(array.as_primitive()),
            DataType::UInt8 => Self::UInt8(array.as_primitive()),
            DataType::UInt16 => Self::UInt16(array.as_primitive()),
            DataType::UInt32 => Self::UInt32(array.as_primitive()),
            DataType::UInt64 => Self::UInt64(array.as_primitive()),
            DataType::Float32 => Self::Float32(array.as_primitive()),
            DataType::Float64 => Self::Float64(array.as_primitive()),
            DataType::LargeUtf8 => Self::LargeUtf8(array.as_string()),
            DataType::Utf8View => Self::Utf8View(array.as_string_view()),
            DataType::Date32 => Self::Date(array.as_primitive()),
            DataType::Timestamp(_, _) => Self::Timestamp(array.as_primitive()),
            DataType::Decimal128(_, _) => Self::Decimal(array.as_primitive::<Decimal128Type>()),
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                Self::List(list, Box::new(Self::new(list.values())))
            }
            _ => Self::Utf8(array.as_string()),
        }
    }

    pub(crate) fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Boolean(a) => a.is_null(row),
            Self::Int8(a) => a.is_null(row),
            Self::Int16(a) => a.is_null(row),
            Self::Int32(a) => a.is_null(row),
            Self::Int64(a) => a.is_null(row),
            Self::UInt8(a) => a.is_null(row),
            Self::UInt16(a) => a.is_null(row),
            Self::UInt32(a) => a.is_null(row),
            Self::UInt64(a) => a.is_null(row),
            Self::Float32(a) => a.is_null(row),
            Self::Float64(a) => a.is_null(row),
            Self::Utf8(a) => a.is_null(row),
            Self::LargeUtf8(a) => a.is_null(row),
            Self::Utf8View(a) => a.is_null(row),
            Self::Date(a) => a.is_null(row),
            Self::Timestamp(a) => a.is_null(row),
            Self::Decimal(a) => a.is_null(row),
            Self::List(a, _) => a.is_null(row),
        }
    }

    /// Null, or a float that no text of a number stands for.
    pub(crate) fn is_absent(&self, row: usize) -> bool {
        self.is_null(row)
            || match self {
                Self::Float32(a) => !a.value(row).is_finite(),
                Self::Float64(a) => !a.value(row).is_finite(),
                _ => false,
            }
    }

    /// Appends the value as the whole key of a record. Is there one? Where every record has one and
    /// values differ by their keys, null is `[null]`, and a text that begins with a bracket stands
    /// in brackets, quoted: no other does.
    pub(crate) fn write_key(&self, row: usize, always: bool, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        if !self.is_null(row) {
            self.write(row, Style::Plain, out);
            if !always || out.get(start) != Some(&b'[') {
                return true;
            }
            out.truncate(start);
        }
        if always {
            out.push(b'[');
            self.write(row, Style::Json, out);
            out.push(b']');
        }
        always
    }

    /// Appends one value; null as `null`.
    pub(crate) fn write(&self, row: usize, style: Style, out: &mut Vec<u8>) {
        if self.is_null(row) {
            out.extend_from_slice(b"null");
            return;
        }
        match self {
            Self::Boolean(a) => scalar(a.value(row), out),
            Self::Int8(a) => number(a, row, out),
            Self::Int16(a) => number(a, row, out),
            Self::Int32(a) => number(a, row, out),
            Self::Int64(a) => number(a, row, out),
            Self::UInt8(a) => number(a, row, out),
            Self::UInt16(a) => number(a, row, out),
            Self::UInt32(a) => number(a, row, out),
            Self::UInt64(a) => number(a, row, out),
            Self::Float32(a) => number(a, row, out),
            Self::Float64(a) => number(a, row, out),
            Self::Utf8(a) => text(a.value(row), style, out),
            Self::LargeUtf8(a) => text(a.value(row), style, out),
            Self::Utf8View(a) => text(a.value(row), style, out),
            Self::Date(a) => date(a.value(row), style, out),
            Self::Timestamp(a) => {
                quoted(style, out, |out| write_rfc3339(a.value(row), out));
            }
            // Digits without an exponent: a JSON number that loses nothing.
            Self::Decimal(a) => out.extend_from_slice(a.value_as_string(row).as_bytes()),
            Self::List(a, items) => list(a, items, row, out),
        }
    }
}

fn list(array: &ListArray, items: &Writer<'_>, row: usize, out: &mut Vec<u8>) {
    let offsets = array.value_offsets();
    out.push(b'[');
    for item in offsets[row]..offsets[row + 1] {
        if item > offsets[row] {
            out.push(b',');
        }
        items.write(item as usize, Style::Json, out);
    }
    out.push(b']');
}

fn scalar(value: impl Serialize, out: &mut Vec<u8>) {
    // NaN and infinities, which JSON lacks, are written as null by the library.
    serde_json::to_writer(out, &value).expect("a scalar is written into memory");
}

fn number<T: ArrowPrimitiveType<Native: Serialize>>(
    array: &PrimitiveArray<T>,
    row: usize,
    out: &mut Vec<u8>,
) {
    scalar(array.value(row), out);
}

fn text(value: &str, style: Style, out: &mut Vec<u8>) {
    match style {
        Style::Json => scalar(value, out),
        Style::Plain => out.extend_from_slice(value.as_bytes()),
    }
}

fn quoted(style: Style, out: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) {
    let quote: &[u8] = if style == Style::Json { b"\"" } else { b"" };
    out.extend_from_slice(quote);
    body(out);
    out.extend_from_slice(quote);
}

/// `YYYY-MM-DD`: an instant without its time.
fn date(days: i32, style: Style, out: &mut Vec<u8>) {
    quoted(style, out, |out| {
        write_rfc3339(i64::from(days) * DAY_MS, out);
        out.truncate(out.len() - "T00:00:00.000Z".len());
    });
}
