//! The record batch, format version 2: what the broker reads and writes of it, by position.
//!
//! Layout: <https://kafka.apache.org/documentation/#recordbatch>. Records stay opaque.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::ResponseError;

/// Bytes of a batch before its first record.
pub(crate) const HEADER_BYTES: usize = 61;
const LENGTH_AT: usize = 8;
const LEADER_EPOCH_AT: usize = 12;
const MAGIC_AT: usize = 16;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const LAST_DELTA_AT: usize = 23;
const BASE_TIMESTAMP_AT: usize = 27;
const MAX_TIMESTAMP_AT: usize = 35;
const PRODUCER_ID_AT: usize = 43;
const PRODUCER_EPOCH_AT: usize = 51;
const BASE_SEQUENCE_AT: usize = 53;
const COUNT_AT: usize = 57;
/// The length field counts what comes after it.
const LENGTH_COVERS_FROM: usize = 12;

const COMPRESSION_MASK: i16 = 0x07;
const LOG_APPEND_TIME: i16 = 0x08;
const TRANSACTIONAL: i16 = 0x10;
const CONTROL: i16 = 0x20;

/// What the header of one batch says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the last record minus the offset of the first.
    pub last_offset_delta: i32,
    /// Time of the first record, in milliseconds since 1970.
    pub base_timestamp: i64,
    /// Largest time of a record, in milliseconds since 1970.
    pub max_timestamp: i64,
    /// Id of an idempotent producer, or -1.
    pub producer_id: i64,
    /// Epoch of an idempotent producer, or -1.
    pub producer_epoch: i16,
    /// Sequence number of the first record, or -1.
    pub base_sequence: i32,
    /// Number of records.
    pub count: i32,
    attributes: i16,
}

impl BatchHeader {
    /// Whether the batch belongs to a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether the batch holds a transaction marker instead of records.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// Whether the times are those of the append.
    pub(crate) fn is_log_append_time(&self) -> bool {
        self.attributes & LOG_APPEND_TIME != 0
    }

    /// Number of the compression codec: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd.
    pub(crate) fn codec(&self) -> i16 {
        self.attributes & COMPRESSION_MASK
    }

    /// Sequence number of the last record; sequences wrap to 0 after `i32::MAX`.
    pub(crate) fn last_sequence(&self) -> i32 {
        if self.base_sequence < 0 {
            return -1;
        }
        let last = i64::from(self.base_sequence) + i64::from(self.last_offset_delta);
        (last % (i64::from(i32::MAX) + 1)) as i32
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

/// Reads the header of a batch that was checked before.
pub(crate) fn header(bytes: &[u8]) -> BatchHeader {
    BatchHeader {
        last_offset_delta: i32::from_be_bytes(field(bytes, LAST_DELTA_AT)),
        base_timestamp: i64::from_be_bytes(field(bytes, BASE_TIMESTAMP_AT)),
        max_timestamp: i64::from_be_bytes(field(bytes, MAX_TIMESTAMP_AT)),
        producer_id: i64::from_be_bytes(field(bytes, PRODUCER_ID_AT)),
        producer_epoch: i16::from_be_bytes(field(bytes, PRODUCER_EPOCH_AT)),
        base_sequence: i32::from_be_bytes(field(bytes, BASE_SEQUENCE_AT)),
        count: i32::from_be_bytes(field(bytes, COUNT_AT)),
        attributes: i16::from_be_bytes(field(bytes, ATTRIBUTES_AT)),
    }
}

/// Checks a batch that a producer sent, as a broker does before it appends it.
///
/// # Errors
/// `CorruptMessage` (checksum, an impossible length or format) or `InvalidRecord` (anything else
/// that a producer must not send: not one whole batch, an old format, a control batch).
pub fn check(bytes: &[u8]) -> Result<BatchHeader, ResponseError> {
    if bytes.len() < HEADER_BYTES {
        return Err(ResponseError::InvalidRecord);
    }
    let length = i32::from_be_bytes(field(bytes, LENGTH_AT));
    if length < (HEADER_BYTES - LENGTH_COVERS_FROM) as i32 {
        return Err(ResponseError::CorruptMessage);
    }
    // Less than a batch, or more than one.
    if length as usize + LENGTH_COVERS_FROM != bytes.len() {
        return Err(ResponseError::InvalidRecord);
    }
    match bytes[MAGIC_AT] {
        0 | 1 => return Err(ResponseError::InvalidRecord),
        2 => {}
        _ => return Err(ResponseError::CorruptMessage),
    }
    if crc32c::crc32c(&bytes[ATTRIBUTES_AT..]) != u32::from_be_bytes(field(bytes, CRC_AT)) {
        return Err(ResponseError::CorruptMessage);
    }
    let header = header(bytes);
    let counts = header.count >= 1 && header.last_offset_delta == header.count - 1;
    let sequenced =
        header.producer_id < 0 || header.base_sequence >= 0 && header.producer_epoch >= 0;
    let owned = header.producer_id >= 0 || !header.is_transactional();
    if counts && sequenced && owned && !header.is_control() && header.codec() <= 4 {
        Ok(header)
    } else {
        Err(ResponseError::InvalidRecord)
    }
}

/// The bytes to keep of a checked batch: with its offset, and its time if the log sets it.
pub(crate) fn placed(bytes: &[u8], base_offset: i64, append_time: Option<i64>) -> Bytes {
    let mut out = BytesMut::from(bytes);
    out[..LENGTH_AT].copy_from_slice(&base_offset.to_be_bytes());
    out[LEADER_EPOCH_AT..MAGIC_AT].copy_from_slice(&0_i32.to_be_bytes());
    if let Some(now) = append_time {
        let attributes = header(&out).attributes | LOG_APPEND_TIME;
        out[ATTRIBUTES_AT..LAST_DELTA_AT].copy_from_slice(&attributes.to_be_bytes());
        out[MAX_TIMESTAMP_AT..PRODUCER_ID_AT].copy_from_slice(&now.to_be_bytes());
        let crc = crc32c::crc32c(&out[ATTRIBUTES_AT..]);
        out[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
    }
    out.freeze()
}

/// The marker that ends a transaction in one log: a control batch of one record.
pub(crate) fn marker(offset: i64, now: i64, producer_id: i64, epoch: i16, commit: bool) -> Bytes {
    // length, attributes, time delta, offset delta, key length, key (version, type), value length,
    // value (version, coordinator epoch), number of headers; lengths are zigzag varints.
    const RECORD_BYTES: usize = 17;
    let mut out = BytesMut::with_capacity(HEADER_BYTES + RECORD_BYTES);
    out.put_i64(offset);
    out.put_i32((HEADER_BYTES + RECORD_BYTES - LENGTH_COVERS_FROM) as i32);
    out.put_i32(0);
    out.put_i8(2);
    out.put_u32(0);
    out.put_i16(TRANSACTIONAL | CONTROL);
    out.put_i32(0);
    out.put_i64(now);
    out.put_i64(now);
    out.put_i64(producer_id);
    out.put_i16(epoch);
    out.put_i32(-1);
    out.put_i32(1);
    out.put_slice(&[0x20, 0, 0, 0, 0x08]);
    out.put_i16(0);
    out.put_i16(i16::from(commit));
    out.put_u8(0x0c);
    out.put_i16(0);
    out.put_i32(0);
    out.put_u8(0);
    let crc = crc32c::crc32c(&out[ATTRIBUTES_AT..]);
    out[CRC_AT..ATTRIBUTES_AT].copy_from_slice(&crc.to_be_bytes());
    out.freeze()
}
