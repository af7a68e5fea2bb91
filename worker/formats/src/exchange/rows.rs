//! Rows as one Arrow IPC record batch: length of the message, message, padding to 64, buffers.

use std::collections::HashMap;

use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::ipc::reader::read_record_batch;
use arrow::ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions};
use arrow::ipc::{MetadataVersion, root_as_message};

use super::{BadExchange, Unencodable};
use crate::UnsupportedSchema;
use crate::limits::EXCHANGE_ROWS_MAX;

/// Types without children, dictionaries or variadic buffers: what partial rows consist of.
pub(super) fn check(schema: &SchemaRef) -> Result<(), UnsupportedSchema> {
    for field in schema.fields() {
        if buffers_of(field.data_type()).is_none() {
            return Err(UnsupportedSchema {
                format: "exchange",
                column: field.name().clone(),
                reason: format!("the type {} does not cross an exchange", field.data_type()),
            });
        }
    }
    Ok(())
}

/// IPC buffers of a column, validity included.
fn buffers_of(data_type: &DataType) -> Option<usize> {
    Some(1 + widths(data_type)?.len())
}

/// Bytes of an element in each buffer of a column behind its validity.
fn widths(data_type: &DataType) -> Option<Vec<usize>> {
    match data_type {
        DataType::Utf8 | DataType::Binary => Some(vec![4, 1]),
        DataType::LargeUtf8 | DataType::LargeBinary => Some(vec![8, 1]),
        DataType::Boolean => Some(vec![1]),
        other => other.primitive_width().map(|width| vec![width]),
    }
}

pub(super) fn encode(batch: &RecordBatch) -> Result<Vec<u8>, Unencodable> {
    if batch.num_rows() > EXCHANGE_ROWS_MAX {
        return Err(Unencodable(format!(
            "{} rows, more than {EXCHANGE_ROWS_MAX}",
            batch.num_rows()
        )));
    }
    let unencodable = |e: arrow::error::ArrowError| Unencodable(e.to_string());
    check(&batch.schema()).map_err(|e| Unencodable(e.to_string()))?;
    let options = IpcWriteOptions::try_new(8, false, MetadataVersion::V5).map_err(unencodable)?;
    let (dictionaries, encoded) = IpcDataGenerator::default()
        .encode(batch, &mut DictionaryTracker::new(true), &options, &mut IpcWriteContext::default())
        .map_err(unencodable)?;
    debug_assert!(dictionaries.is_empty(), "such types were refused");
    let mut body = Vec::with_capacity(4 + encoded.ipc_message.len() + encoded.arrow_data.len());
    body.extend_from_slice(&(encoded.ipc_message.len() as u32).to_be_bytes());
    body.extend_from_slice(&encoded.ipc_message);
    body.extend_from_slice(&encoded.arrow_data);
    Ok(body)
}

fn malformed(why: impl Into<String>) -> BadExchange {
    BadExchange::Malformed(why.into())
}

pub(super) fn decode(
    body: &[u8],
    schema: &SchemaRef,
    rows: u32,
) -> Result<RecordBatch, BadExchange> {
    if rows as usize > EXCHANGE_ROWS_MAX {
        return Err(malformed(format!("{rows} rows")));
    }
    let (len, rest) = body.split_first_chunk::<4>().ok_or_else(|| malformed("no message"))?;
    let len = u32::from_be_bytes(*len) as usize;
    let (message, data) = rest.split_at_checked(len).ok_or_else(|| malformed("short message"))?;
    let message = root_as_message(message).map_err(|e| malformed(e.to_string()))?;
    let batch = message.header_as_record_batch().ok_or_else(|| malformed("not a batch"))?;
    let version = message.version();
    if version != MetadataVersion::V5 {
        return Err(malformed("not Arrow metadata version 5"));
    }
    check_layout(&batch, schema, rows, data.len())?;
    // Copied once, into memory that is aligned as Arrow wants it.
    let data = Buffer::from(data);
    read_record_batch(&data, batch, schema.clone(), &HashMap::new(), None, &version)
        .map_err(|e| malformed(e.to_string()))
}

/// Everything that the Arrow reader takes for granted. Contents (offsets, UTF-8, null counts) it
/// checks itself.
fn check_layout(
    batch: &arrow::ipc::RecordBatch<'_>,
    schema: &SchemaRef,
    rows: u32,
    data_len: usize,
) -> Result<(), BadExchange> {
    let variadic = batch.variadicBufferCounts().is_some_and(|counts| !counts.is_empty());
    if batch.compression().is_some() || variadic || batch.length() != i64::from(rows) {
        return Err(malformed("compressed, variadic or of another length than the header says"));
    }
    let nodes = batch.nodes().ok_or_else(|| malformed("no nodes"))?;
    let buffers = batch.buffers().ok_or_else(|| malformed("no buffers"))?;
    let fields = schema.fields();
    let wanted: usize = fields.iter().filter_map(|f| buffers_of(f.data_type())).sum();
    if nodes.len() != fields.len() || buffers.len() != wanted {
        return Err(malformed("another number of columns or buffers than the schema has"));
    }
    for buffer in buffers {
        let (offset, len) = (usize::try_from(buffer.offset()), usize::try_from(buffer.length()));
        let end = offset.ok().zip(len.ok()).and_then(|(offset, len)| offset.checked_add(len));
        if end.is_none_or(|end| end > data_len) {
            return Err(malformed("a buffer lies outside the record"));
        }
    }
    let mut validity = 0;
    for (field, node) in fields.iter().zip(nodes) {
        let nulls = node.null_count();
        if node.length() != i64::from(rows) || nulls < 0 || nulls > node.length() {
            return Err(malformed(format!("column '{}' has another length", field.name())));
        }
        if nulls > 0 && buffers.get(validity).length() < i64::from(rows.div_ceil(8)) {
            return Err(malformed(format!("column '{}' lacks validity bits", field.name())));
        }
        for (n, width) in widths(field.data_type()).unwrap_or_default().into_iter().enumerate() {
            let buffer = buffers.get(validity + 1 + n);
            // Wide values are aligned to 8 bytes, and there is no half of one.
            let (offset, len) = (buffer.offset() as usize, buffer.length() as usize);
            if !offset.is_multiple_of(width.min(8)) || !len.is_multiple_of(width) {
                return Err(malformed(format!("column '{}' is not aligned", field.name())));
            }
        }
        validity += buffers_of(field.data_type()).unwrap_or_default();
    }
    Ok(())
}
