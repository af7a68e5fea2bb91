//! Time stamps of single records inside a batch.

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
    let records = match header.codec() {
        NONE => Cow::Borrowed(&bytes[HEADER_BYTES..]),
        LZ4 => match unpack_lz4(&bytes[HEADER_BYTES..]) {
            Some(records) => Cow::Owned(records),
            None => return Some(coarse),
        },
        _ => return Some(coarse),
    };
    let mut rest: &[u8] = &records;
    for _ in 0..header.count {
        let Some((time_delta, offset_delta)) = next_record(&mut rest) else { return Some(coarse) };
        let found = (base_offset + offset_delta, header.base_timestamp + time_delta);
        if found.0 >= from && found.1 >= time {
            return Some(found);
        }
    }
    None
}

fn unpack_lz4(packed: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut reader = lz4_flex::frame::FrameDecoder::new(packed).take(UNPACKED_BYTES_MAX);
    reader.read_to_end(&mut out).ok()?;
    Some(out)
}

/// Time and offset, relative to the batch, of the next record.
fn next_record(rest: &mut &[u8]) -> Option<(i64, i64)> {
    let length = usize::try_from(varint(rest)?).ok()?;
    if length > rest.len() {
        return None;
    }
    let (mut record, after) = rest.split_at(length);
    *rest = after;
    record = record.get(1..)?;
    Some((varint(&mut record)?, varint(&mut record)?))
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
