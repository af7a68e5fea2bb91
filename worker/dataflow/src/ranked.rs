//! Rows as bytes, for those that are the first of a window in some order: what orders a row, in bytes that sort so, and
//! what is kept of it. Both are part of exchange records and of stored state. Frozen: `golden/packed_rows_v1.txt`.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array,
    LargeBinaryArray, LargeBinaryBuilder, StringArray, TimestampMillisecondArray, UInt32Array,
    new_null_array,
};
use arrow::compute::take;
use arrow::datatypes::{
    Decimal128Type, Float64Type, Int32Type, Int64Type, SchemaRef, TimestampMillisecondType,
};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use crate::codec::{ColumnBuilder, Value, canonical, put_value, take_value};
use crate::column::ColumnKind;
use crate::error::DataflowError;

/// Before the values of which no other bytes are part.
const TEXT_END: [u8; 2] = [0, 0];
/// In place of a zero byte within a text.
const TEXT_ZERO: [u8; 2] = [0, 0xff];
const NULL_FIRST: u8 = 0;
const NULL_LAST: u8 = 2;

/// How rows are ordered by a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowOrder {
    /// The greatest comes first.
    pub descending: bool,
    /// Null comes before all values, else after them.
    pub nulls_first: bool,
}

/// Packs rows of single values: the first columns order them, one for each of `orders`, the others are kept. `None`: a
/// column is missing, or holds something else.
pub fn pack_rows(orders: &[RowOrder], columns: &[ArrayRef], rows: usize) -> Option<ArrayRef> {
    let cells: Vec<Cells<'_>> = columns.iter().map(Cells::of).collect::<Option<_>>()?;
    let (ordering, kept) = cells.split_at_checked(orders.len())?;
    if columns.iter().any(|column| column.len() != rows) {
        return None;
    }
    let mut packed = LargeBinaryBuilder::with_capacity(rows, 32 * rows);
    let mut bytes = Vec::new();
    for row in 0..rows {
        bytes.clear();
        bytes.extend_from_slice(&[0; 4]);
        for (cells, order) in ordering.iter().zip(orders) {
            put_ordering(&mut bytes, cells, row, *order);
        }
        let length = u32::try_from(bytes.len() - 4).expect("a row is far below 4 GiB");
        bytes[..4].copy_from_slice(&length.to_be_bytes());
        for cells in kept {
            put_value(&mut bytes, cells.kind(), cells.value(row));
        }
        packed.append_value(&bytes);
    }
    Some(Arc::new(packed.finish()))
}

/// What orders a packed row, and what is kept of it.
pub(crate) fn parts(packed: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = packed.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

fn put_ordering(out: &mut Vec<u8>, cells: &Cells<'_>, row: usize, order: RowOrder) {
    let start = out.len();
    match cells.value(row) {
        Value::Null => {
            out.push(if order.nulls_first { NULL_FIRST } else { NULL_LAST });
            return;
        }
        Value::Text(text) => {
            out.push(1);
            for byte in text.bytes() {
                if byte == 0 {
                    out.extend_from_slice(&TEXT_ZERO);
                } else {
                    out.push(byte);
                }
            }
            out.extend_from_slice(&TEXT_END);
        }
        Value::Float(value) => put_value(out, cells.kind(), Value::Float(canonical(value))),
        value => put_value(out, cells.kind(), value),
    }
    if order.descending {
        out[start + 1..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

/// A kept row in stored bytes: how many bytes it takes, where its kept part begins, and the bytes.
pub(crate) fn put_stored(out: &mut Vec<u8>, bytes: &[u8], kept_at: u32) {
    let length = u32::try_from(bytes.len()).expect("a row is far below 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&kept_at.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// The reverse; `None` if the bytes do not begin with one.
pub(crate) fn take_stored<'a>(stored: &mut &'a [u8]) -> Option<(&'a [u8], usize)> {
    let (length, rest) = stored.split_first_chunk::<4>()?;
    let (kept_at, rest) = rest.split_first_chunk::<4>()?;
    let (bytes, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    let kept_at = u32::from_be_bytes(*kept_at) as usize;
    *stored = rest;
    (kept_at <= bytes.len()).then_some((bytes, kept_at))
}

/// Why results are not unpacked.
pub(crate) enum Fault {
    /// What was kept is not what the schema says.
    Damaged,
    Arrow(ArrowError),
}

impl Fault {
    pub(crate) fn at(&self, operator: &str) -> DataflowError {
        let operator = operator.to_owned();
        match self {
            Self::Damaged => {
                let message = "a kept row does not decode".to_owned();
                DataflowError::Corrupt { operator, message }
            }
            Self::Arrow(error) => DataflowError::Bug(format!("rows of {operator}: {error}")),
        }
    }
}

/// Results with their packed rows, taken apart.
struct Results<'a> {
    others: &'a [ArrayRef],
    packed: &'a LargeBinaryArray,
    /// What is kept of a row.
    kinds: Vec<ColumnKind>,
}

impl<'a> Results<'a> {
    fn of(batch: &'a RecordBatch, schema: &SchemaRef) -> Result<Self, Fault> {
        let (packed, others) = batch.columns().split_last().ok_or(Fault::Damaged)?;
        let packed = packed.as_binary_opt::<i64>().ok_or(Fault::Damaged)?;
        let fields = schema.fields().get(others.len() + 1..).ok_or(Fault::Damaged)?;
        let kinds = fields.iter().map(|field| ColumnKind::of(field.data_type()));
        let kinds = kinds.collect::<Option<Vec<_>>>().ok_or(Fault::Damaged)?;
        Ok(Self { others, packed, kinds })
    }

    /// What is stored of each result, with its place.
    fn stored(&self) -> impl Iterator<Item = (u32, &'a [u8])> {
        let packed = self.packed;
        (0..packed.len()).map(move |row| {
            (row as u32, if packed.is_valid(row) { packed.value(row) } else { &[] })
        })
    }

    /// Rows of that schema: of which result each is, its number, and what is kept.
    fn rows(
        &self,
        schema: &SchemaRef,
        numbered: (Vec<u32>, Vec<i64>),
        kept: impl Iterator<Item = ArrayRef>,
    ) -> Result<RecordBatch, Fault> {
        let (rows, numbers) = (UInt32Array::from(numbered.0), numbered.1);
        let others = self.others.iter().map(|column| take(column.as_ref(), &rows, None));
        let mut columns = others.collect::<Result<Vec<_>, _>>().map_err(Fault::Arrow)?;
        columns.push(Arc::new(Int64Array::from(numbers)));
        columns.extend(kept);
        RecordBatch::try_new(schema.clone(), columns).map_err(Fault::Arrow)
    }
}

/// One row for each that the last column has stored, see [`Step::Unpack`](crate::Step).
pub(crate) fn unpack_rows(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, Fault> {
    let results = Results::of(batch, schema)?;
    let mut kept: Vec<ColumnBuilder> =
        results.kinds.iter().map(|kind| ColumnBuilder::new(*kind, batch.num_rows())).collect();
    let (mut rows, mut numbers) = (Vec::new(), Vec::new());
    for (row, mut stored) in results.stored() {
        let mut number = 0i64;
        while !stored.is_empty() {
            let (bytes, kept_at) = take_stored(&mut stored).ok_or(Fault::Damaged)?;
            let mut values = &bytes[kept_at..];
            for (kind, column) in results.kinds.iter().zip(&mut kept) {
                column.push(take_value(*kind, &mut values).ok_or(Fault::Damaged)?);
            }
            number += 1;
            rows.push(row);
            numbers.push(number);
        }
    }
    results.rows(schema, (rows, numbers), kept.into_iter().map(ColumnBuilder::finish))
}

/// The rows up to a number that the last column has not stored, with nothing kept of them.
pub(crate) fn absent_rows(
    batch: &RecordBatch,
    schema: &SchemaRef,
    limit: usize,
) -> Result<RecordBatch, Fault> {
    let results = Results::of(batch, schema)?;
    let (mut rows, mut numbers) = (Vec::new(), Vec::new());
    for (row, mut stored) in results.stored() {
        let mut present = 0;
        while !stored.is_empty() {
            take_stored(&mut stored).ok_or(Fault::Damaged)?;
            present += 1;
        }
        for number in present + 1..=limit {
            rows.push(row);
            numbers.push(number as i64);
        }
    }
    let absent = rows.len();
    let kept = results.kinds.iter().map(|kind| new_null_array(&kind.data_type(), absent));
    results.rows(schema, (rows, numbers), kept)
}

/// A column of single values.
enum Cells<'a> {
    Int64(&'a Int64Array),
    Int32(&'a Int32Array),
    Float64(&'a Float64Array),
    Boolean(&'a BooleanArray),
    Utf8(&'a StringArray),
    Timestamp(&'a TimestampMillisecondArray),
    Decimal(&'a Decimal128Array, ColumnKind),
}

impl<'a> Cells<'a> {
    fn of(column: &'a ArrayRef) -> Option<Self> {
        Some(match ColumnKind::of(column.data_type())? {
            ColumnKind::Int64 => Self::Int64(column.as_primitive_opt::<Int64Type>()?),
            ColumnKind::Int32 => Self::Int32(column.as_primitive_opt::<Int32Type>()?),
            ColumnKind::Float64 => Self::Float64(column.as_primitive_opt::<Float64Type>()?),
            ColumnKind::Boolean => Self::Boolean(column.as_boolean_opt()?),
            ColumnKind::Utf8 => Self::Utf8(column.as_string_opt::<i32>()?),
            ColumnKind::Timestamp => {
                Self::Timestamp(column.as_primitive_opt::<TimestampMillisecondType>()?)
            }
            kind @ ColumnKind::Decimal(..) => {
                Self::Decimal(column.as_primitive_opt::<Decimal128Type>()?, kind)
            }
            ColumnKind::Bytes | ColumnKind::List(_) => return None,
        })
    }

    fn kind(&self) -> ColumnKind {
        match self {
            Self::Int64(_) => ColumnKind::Int64,
            Self::Int32(_) => ColumnKind::Int32,
            Self::Float64(_) => ColumnKind::Float64,
            Self::Boolean(_) => ColumnKind::Boolean,
            Self::Utf8(_) => ColumnKind::Utf8,
            Self::Timestamp(_) => ColumnKind::Timestamp,
            Self::Decimal(_, kind) => *kind,
        }
    }

    fn value(&self, row: usize) -> Value<'a> {
        let array: &dyn Array = match self {
            Self::Int64(array) => *array,
            Self::Int32(array) => *array,
            Self::Float64(array) => *array,
            Self::Boolean(array) => *array,
            Self::Utf8(array) => *array,
            Self::Timestamp(array) => *array,
            Self::Decimal(array, _) => *array,
        };
        if array.is_null(row) {
            return Value::Null;
        }
        match self {
            Self::Int64(array) => Value::Int(array.value(row)),
            Self::Int32(array) => Value::Int(array.value(row).into()),
            Self::Float64(array) => Value::Float(array.value(row)),
            Self::Boolean(array) => Value::Int(array.value(row).into()),
            Self::Utf8(array) => Value::Text(array.value(row)),
            Self::Timestamp(array) => Value::Int(array.value(row)),
            Self::Decimal(array, _) => Value::Decimal(array.value(row)),
        }
    }
}

#[cfg(test)]
mod tests;
