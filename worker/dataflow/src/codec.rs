//! The canonical bytes of column values: of keys (they are hashed, compared and stored) and of stored state. Frozen:
//! `golden/key_bytes_v1.txt`. Per value one tag byte (0 null, 1 value), then numbers big-endian with the sign
//! turned so that they sort as bytes, text with its length as 32 bits big-endian before it.

mod columns;

pub(crate) use columns::{ColumnBuilder, EncodedKeys};

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
    Bytes(&'a [u8]),
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
        (_, Value::Text(v)) => put_bytes(out, v.as_bytes()),
        (_, Value::Bytes(v)) => put_bytes(out, v),
        (_, Value::Null) => put_null(out),
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("a value is far below 4 GiB");
    out.push(VALUE);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
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
        ColumnKind::Utf8 => Value::Text(std::str::from_utf8(take_bytes(input)?).ok()?),
        ColumnKind::Bytes => Value::Bytes(take_bytes(input)?),
        ColumnKind::List(_) => return None,
    })
}

pub(crate) fn i64_of(bytes: [u8; 8]) -> i64 {
    (u64::from_be_bytes(bytes) ^ (1 << 63)) as i64
}

fn take_bytes<'a>(input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = u32::from_be_bytes(take::<4>(input)?) as usize;
    let (bytes, rest) = input.split_at_checked(len)?;
    *input = rest;
    Some(bytes)
}

fn take<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = input.split_first_chunk::<N>()?;
    *input = rest;
    Some(*head)
}

#[cfg(test)]
mod tests;
