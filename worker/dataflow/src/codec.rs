//! The canonical bytes of column values: of keys (they are hashed, compared and stored) and of stored state. Frozen:
//! `golden/key_bytes_v1.txt`. Per value one tag byte (0 null, 1 value), then numbers big-endian with the sign
//! turned so that they sort as bytes, text with its length as 32 bits big-endian before it.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanBuilder, Decimal128Builder, Float64Builder, Int32Builder,
    Int64Builder, StringBuilder, TimestampMillisecondBuilder,
};
use arrow::datatypes::{
    Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMillisecondType,
};
use std::sync::Arc;

use crate::column::ColumnKind;

const NULL: u8 = 0;
const VALUE: u8 = 1;

/// A decoded value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    /// BIGINT, INT, TIMESTAMP, BOOLEAN.
    Int(i64),
    Float(f64),
    Decimal(i128),
    Text(&'a str),
}

pub(crate) fn put_null(out: &mut Vec<u8>) {
    out.push(NULL);
}

pub(crate) fn put_i64(out: &mut Vec<u8>, value: i64) {
    out.push(VALUE);
    out.extend_from_slice(&i64_bytes(value));
}

pub(crate) fn put_value(out: &mut Vec<u8>, kind: ColumnKind, value: Value<'_>) {
    match (kind, value) {
        (ColumnKind::Int32, Value::Int(v)) => {
            out.push(VALUE);
            out.extend_from_slice(&i32_bytes(v as i32));
        }
        (ColumnKind::Boolean, Value::Int(v)) => out.extend_from_slice(&[VALUE, v as u8]),
        (_, Value::Int(v)) => put_i64(out, v),
        (_, Value::Float(v)) => {
            out.push(VALUE);
            out.extend_from_slice(&f64_bytes(v));
        }
        (_, Value::Decimal(v)) => {
            out.push(VALUE);
            out.extend_from_slice(&i128_bytes(v));
        }
        (_, Value::Text(v)) => {
            out.push(VALUE);
            out.extend_from_slice(&(v.len() as u32).to_be_bytes());
            out.extend_from_slice(v.as_bytes());
        }
        (_, Value::Null) => put_null(out),
    }
}

pub(crate) fn i64_bytes(value: i64) -> [u8; 8] {
    ((value as u64) ^ (1 << 63)).to_be_bytes()
}

fn i32_bytes(value: i32) -> [u8; 4] {
    ((value as u32) ^ (1 << 31)).to_be_bytes()
}

fn i128_bytes(value: i128) -> [u8; 16] {
    ((value as u128) ^ (1 << 127)).to_be_bytes()
}

/// Sorts like `total_cmp` and keeps every bit: restored state equals what was stored. Keys are made
/// [`canonical`] before.
fn f64_bytes(value: f64) -> [u8; 8] {
    let bits = value.to_bits();
    let turned = if bits >> 63 == 1 { !bits } else { bits ^ (1 << 63) };
    turned.to_be_bytes()
}

/// −0 = 0, and all NaN are one value, the greatest.
pub(crate) fn canonical(value: f64) -> f64 {
    if value.is_nan() {
        f64::NAN
    } else if value == 0.0 {
        0.0
    } else {
        value
    }
}

/// Reads one value; `None` if the bytes are not one.
pub(crate) fn take_value<'a>(kind: ColumnKind, input: &mut &'a [u8]) -> Option<Value<'a>> {
    match take::<1>(input)? {
        [NULL] => return Some(Value::Null),
        [VALUE] => {}
        _ => return None,
    }
    Some(match kind {
        ColumnKind::Int64 | ColumnKind::Timestamp => Value::Int(i64_of(take::<8>(input)?)),
        ColumnKind::Int32 => {
            let bits = u32::from_be_bytes(take::<4>(input)?) ^ (1 << 31);
            Value::Int(i64::from(bits as i32))
        }
        ColumnKind::Boolean => match take::<1>(input)? {
            [bit @ (0 | 1)] => Value::Int(i64::from(bit)),
            _ => return None,
        },
        ColumnKind::Float64 => {
            let turned = u64::from_be_bytes(take::<8>(input)?);
            let bits = if turned >> 63 == 1 { turned ^ (1 << 63) } else { !turned };
            Value::Float(f64::from_bits(bits))
        }
        ColumnKind::Decimal(..) => {
            Value::Decimal((u128::from_be_bytes(take::<16>(input)?) ^ (1 << 127)) as i128)
        }
        ColumnKind::Utf8 => {
            let len = u32::from_be_bytes(take::<4>(input)?) as usize;
            let (text, rest) = input.split_at_checked(len)?;
            *input = rest;
            Value::Text(std::str::from_utf8(text).ok()?)
        }
    })
}

pub(crate) fn i64_of(bytes: [u8; 8]) -> i64 {
    (u64::from_be_bytes(bytes) ^ (1 << 63)) as i64
}

fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = input.split_first_chunk::<N>()?;
    *input = rest;
    Some(*head)
}

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

fn width(kind: ColumnKind) -> usize {
    match kind {
        ColumnKind::Int64 | ColumnKind::Timestamp | ColumnKind::Float64 => 8,
        ColumnKind::Int32 | ColumnKind::Utf8 => 4,
        ColumnKind::Boolean => 1,
        ColumnKind::Decimal(..) => 16,
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
        lengths.iter_mut().for_each(|length| *length += fixed);
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
