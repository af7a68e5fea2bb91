//! Single records inside a batch: their times and keys.

use std::borrow::Cow;
use std::io::Read;

use super::batch::{self, HEADER_BYTES};
use crate::limits::UNPACKED_BYTES_MAX;

const NONE: i16 = 0;
const LZ4: i16 = 3;

/// The first record of a batch at or after `time` and not before offset `from`: its offset and
/// time.
///
/// Records that are packed with gzip, snappy or zstd are not unpacked: the batch then counts as if
/// its first readable record had the batch's largest time. A reader that seeks there reads a little
/// too early, never late.
pub(crate) fn first_at_or_after(
    bytes: &[u8],
    base_offset: i64,
    from: i64,
    time: i64,
) -> Option<(i64, i64)> {
    let header = batch::header(bytes);
    if header.max_timestamp < time {
        return None;
    }
    let coarse = (base_offset.max(from), header.max_timestamp);
    if header.is_log_append_time() || header.is_control() {
        return (base_offset + i64::from(header.last_offset_delta) >= from).then_some(coarse);
    }
    let Some(records) = unpacked(bytes) else { return Some(coarse) };
    let mut rest: &[u8] = &records;
    for _ in 0..header.count {
        let Some(record) = next_record(&mut rest) else { return Some(coarse) };
        let time_found = header.base_timestamp + record.time_delta;
        let found = (base_offset + record.offset_delta, time_found);
        if found.0 >= from && found.1 >= time {
            return Some(found);
        }
    }
    None
}

/// Whether a record without a key is seen; not for packed records, as above.
pub(crate) fn lacks_a_key(bytes: &[u8]) -> bool {
    let Some(records) = unpacked(bytes) else { return false };
    let mut rest: &[u8] = &records;
    (0..batch::header(bytes).count)
        .any(|_| next_record(&mut rest).is_none_or(|record| !record.has_key))
}

/// The records, if they are plain or packed with lz4.
fn unpacked(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    let packed = &bytes[HEADER_BYTES..];
    match batch::header(bytes).codec() {
        NONE => Some(Cow::Borrowed(packed)),
        LZ4 => {
            let mut out = Vec::new();
            let mut reader = lz4_flex::frame::FrameDecoder::new(packed).take(UNPACKED_BYTES_MAX);
            reader.read_to_end(&mut out).ok()?;
            Some(Cow::Owned(out))
        }
        _ => None,
    }
}

/// What is read of a record; time and offset are relative to the batch.
struct Record {
    time_delta: i64,
    offset_delta: i64,
    has_key: bool,
}

fn next_record(rest: &mut &[u8]) -> Option<Record> {
    let length = usize::try_from(varint(rest)?).ok()?;
    if length > rest.len() {
        return None;
    }
    let (mut record, after) = rest.split_at(length);
    *rest = after;
    record = record.get(1..)?;
    let time_delta = varint(&mut record)?;
    let offset_delta = varint(&mut record)?;
    Some(Record { time_delta, offset_delta, has_key: varint(&mut record)? >= 0 })
}

/// A zigzag varint of up to ten bytes.
fn varint(rest: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..70).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Some((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::varint;

    #[test]
    fn varints_read_as_zigzag() {
        let cases: [(&[u8], i64); 5] = [
            (&[0], 0),
            (&[1], -1),
            (&[2], 1),
            (&[0xac, 0x02], 150),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], i64::MIN),
        ];
        for (mut bytes, expected) in cases {
            assert_eq!(varint(&mut bytes), Some(expected));
            assert!(bytes.is_empty());
        }
        assert_eq!(varint(&mut [0x80_u8].as_slice()), None);
    }
}
