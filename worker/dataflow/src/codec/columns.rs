//! Canonical bytes of whole columns, and columns of decoded values.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanBuilder, Decimal128Builder, Float64Builder, Int32Builder,
    Int64Builder, StringBuilder, TimestampMillisecondBuilder,
};
use arrow::datatypes::{
    Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMillisecondType,
};

use super::{NULL, VALUE, Value, canonical, f64_bytes, i32_bytes, i64_bytes, i128_bytes};
use crate::column::ColumnKind;

/// Canonical key bytes of every row of a batch, in one arena that is reused.
#[derive(Debug, Default)]
pub(crate) struct EncodedKeys {
    bytes: Vec<u8>,
    /// Start of each row, then the end of the last.
    starts: Vec<usize>,
    cursor: Vec<usize>,
}

impl EncodedKeys {
    pub(crate) fn row(&self, row: usize) -> &[u8] {
        &self.bytes[self.starts[row]..self.starts[row + 1]]
    }

    /// Column by column: lengths first, then the bytes.
    pub(crate) fn encode(&mut self, kinds: &[ColumnKind], columns: &[ArrayRef], rows: usize) {
        self.cursor.clear();
        self.cursor.resize(rows, 0);
        for (kind, column) in kinds.iter().zip(columns) {
            add_lengths(*kind, column.as_ref(), &mut self.cursor);
        }
        self.starts.clear();
        let mut at = 0;
        for cursor in &mut self.cursor {
            self.starts.push(at);
            at += std::mem::replace(cursor, at);
        }
        self.starts.push(at);
        self.bytes.clear();
        self.bytes.resize(at, NULL);
        for (kind, column) in kinds.iter().zip(columns) {
            write_column(*kind, column.as_ref(), &mut self.cursor, &mut self.bytes);
        }
    }
}

/// The planner takes single values only as keys and arguments.
const NO_KEY: &str = "what holds several values is no key";

fn width(kind: ColumnKind) -> usize {
    match kind {
        ColumnKind::Int64 | ColumnKind::Timestamp | ColumnKind::Float64 => 8,
        ColumnKind::Int32 | ColumnKind::Utf8 => 4,
        ColumnKind::Boolean => 1,
        ColumnKind::Decimal(..) => 16,
        ColumnKind::Bytes | ColumnKind::List(_) => unreachable!("{NO_KEY}"),
    }
}

fn add_lengths(kind: ColumnKind, column: &dyn Array, lengths: &mut [usize]) {
    let fixed = 1 + width(kind);
    if kind == ColumnKind::Utf8 {
        let text = column.as_string::<i32>();
        for (row, length) in lengths.iter_mut().enumerate() {
            let of_value = || fixed + text.value_length(row) as usize;
            *length += if text.is_valid(row) { of_value() } else { 1 };
        }
    } else if column.null_count() == 0 {
        for length in lengths {
            *length += fixed;
        }
    } else {
        for (row, length) in lengths.iter_mut().enumerate() {
            *length += if column.is_valid(row) { fixed } else { 1 };
        }
    }
}

fn write_column(kind: ColumnKind, column: &dyn Array, cursor: &mut [usize], out: &mut [u8]) {
    match kind {
        ColumnKind::Int64 => {
            let values = column.as_primitive::<Int64Type>().values();
            write_fixed(column, cursor, out, |row| i64_bytes(values[row]));
        }
        ColumnKind::Timestamp => {
            let values = column.as_primitive::<TimestampMillisecondType>().values();
            write_fixed(column, cursor, out, |row| i64_bytes(values[row]));
        }
        ColumnKind::Int32 => {
            let values = column.as_primitive::<Int32Type>().values();
            write_fixed(column, cursor, out, |row| i32_bytes(values[row]));
        }
        ColumnKind::Float64 => {
            let values = column.as_primitive::<Float64Type>().values();
            write_fixed(column, cursor, out, |row| f64_bytes(canonical(values[row])));
        }
        ColumnKind::Decimal(..) => {
            let values = column.as_primitive::<Decimal128Type>().values();
            write_fixed(column, cursor, out, |row| i128_bytes(values[row]));
        }
        ColumnKind::Boolean => {
            let values = column.as_boolean();
            write_fixed(column, cursor, out, |row| [u8::from(values.value(row))]);
        }
        ColumnKind::Utf8 => write_text(column, cursor, out),
        ColumnKind::Bytes | ColumnKind::List(_) => unreachable!("{NO_KEY}"),
    }
}

fn write_fixed<const N: usize>(
    column: &dyn Array,
    cursor: &mut [usize],
    out: &mut [u8],
    bytes_of: impl Fn(usize) -> [u8; N],
) {
    for (row, at) in cursor.iter_mut().enumerate() {
        if column.is_null(row) {
            *at += 1;
        } else {
            out[*at] = VALUE;
            out[*at + 1..*at + 1 + N].copy_from_slice(&bytes_of(row));
            *at += 1 + N;
        }
    }
}

fn write_text(column: &dyn Array, cursor: &mut [usize], out: &mut [u8]) {
    let values = column.as_string::<i32>();
    for (row, at) in cursor.iter_mut().enumerate() {
        if values.is_null(row) {
            *at += 1;
            continue;
        }
        let text = values.value(row).as_bytes();
        out[*at] = VALUE;
        out[*at + 1..*at + 5].copy_from_slice(&(text.len() as u32).to_be_bytes());
        out[*at + 5..*at + 5 + text.len()].copy_from_slice(text);
        *at += 5 + text.len();
    }
}

/// Makes arrays of decoded values.
pub(crate) enum ColumnBuilder {
    Int64(Int64Builder),
    Int32(Int32Builder),
    Float64(Float64Builder),
    Boolean(BooleanBuilder),
    Utf8(StringBuilder),
    Timestamp(TimestampMillisecondBuilder),
    Decimal(Decimal128Builder, u8, i8),
}

impl ColumnBuilder {
    pub(crate) fn new(kind: ColumnKind, rows: usize) -> Self {
        match kind {
            ColumnKind::Int64 => Self::Int64(Int64Builder::with_capacity(rows)),
            ColumnKind::Int32 => Self::Int32(Int32Builder::with_capacity(rows)),
            ColumnKind::Float64 => Self::Float64(Float64Builder::with_capacity(rows)),
            ColumnKind::Boolean => Self::Boolean(BooleanBuilder::with_capacity(rows)),
            ColumnKind::Utf8 => Self::Utf8(StringBuilder::with_capacity(rows, 16 * rows)),
            ColumnKind::Timestamp => {
                Self::Timestamp(TimestampMillisecondBuilder::with_capacity(rows))
            }
            ColumnKind::Decimal(precision, scale) => {
                Self::Decimal(Decimal128Builder::with_capacity(rows), precision, scale)
            }
            ColumnKind::Bytes | ColumnKind::List(_) => unreachable!("{NO_KEY}"),
        }
    }

    /// A value of another kind than the builder's becomes null; [`take_value`] never gives one.
    pub(crate) fn push(&mut self, value: Value<'_>) {
        match (self, value) {
            (Self::Int64(b), Value::Int(v)) => b.append_value(v),
            (Self::Int64(b), _) => b.append_null(),
            (Self::Int32(b), Value::Int(v)) => b.append_value(v as i32),
            (Self::Int32(b), _) => b.append_null(),
            (Self::Float64(b), Value::Float(v)) => b.append_value(v),
            (Self::Float64(b), _) => b.append_null(),
            (Self::Boolean(b), Value::Int(v)) => b.append_value(v != 0),
            (Self::Boolean(b), _) => b.append_null(),
            (Self::Utf8(b), Value::Text(v)) => b.append_value(v),
            (Self::Utf8(b), _) => b.append_null(),
            (Self::Timestamp(b), Value::Int(v)) => b.append_value(v),
            (Self::Timestamp(b), _) => b.append_null(),
            (Self::Decimal(b, ..), Value::Decimal(v)) => b.append_value(v),
            (Self::Decimal(b, ..), _) => b.append_null(),
        }
    }

    pub(crate) fn finish(self) -> ArrayRef {
        match self {
            Self::Int64(mut b) => Arc::new(b.finish()),
            Self::Int32(mut b) => Arc::new(b.finish()),
            Self::Float64(mut b) => Arc::new(b.finish()),
            Self::Boolean(mut b) => Arc::new(b.finish()),
            Self::Utf8(mut b) => Arc::new(b.finish()),
            Self::Timestamp(mut b) => Arc::new(b.finish()),
            Self::Decimal(mut b, precision, scale) => Arc::new(
                b.finish()
                    .with_precision_and_scale(precision, scale)
                    .expect("the planner made a valid precision and scale"),
            ),
        }
    }
}
