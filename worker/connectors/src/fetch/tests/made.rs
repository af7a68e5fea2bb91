//! Batches and answers as a broker would send them.

use std::io::Write as _;

use formats::varint;

use crate::fetch::messages::{Aborted, TopicId};
use crate::fetch::wire::Output;

pub(super) const TRANSACTIONAL: i16 = 0x10;
pub(super) const CONTROL: i16 = 0x20;
pub(super) const LOG_APPEND_TIME: i16 = 0x08;

/// A record: offset delta, key, value.
type Row<'a> = (i32, Option<&'a [u8]>, Option<&'a [u8]>);

/// A batch to be written.
#[derive(Clone)]
pub(super) struct Batch<'a> {
    pub(super) base: i64,
    pub(super) producer: i64,
    pub(super) attributes: i16,
    pub(super) last_delta: i32,
    pub(super) rows: Vec<Row<'a>>,
}

fn sized(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    varint::push(bytes.map_or(-1, |bytes| bytes.len() as i64), out);
    out.extend_from_slice(bytes.unwrap_or_default());
}

/// Packs bytes as Kafka's clients do.
pub(super) fn packed(codec: i16, bytes: &[u8]) -> Vec<u8> {
    match codec & 0x07 {
        0 => bytes.to_vec(),
        1 => {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        2 => snap::raw::Encoder::new().compress_vec(bytes).unwrap(),
        3 => {
            let mut out = lz4_flex::frame::FrameEncoder::new(Vec::new());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        }
        4 => zstd::stream::encode_all(bytes, 1).unwrap(),
        other => panic!("codec {other}"),
    }
}

/// Java's framing of snappy, in blocks of `size`.
pub(super) fn xerial(bytes: &[u8], size: usize) -> Vec<u8> {
    let mut out = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01".to_vec();
    for block in bytes.chunks(size) {
        let block = snap::raw::Encoder::new().compress_vec(block).unwrap();
        out.extend_from_slice(&(block.len() as i32).to_be_bytes());
        out.extend_from_slice(&block);
    }
    out
}

impl<'a> Batch<'a> {
    /// Values behind each other.
    pub(super) fn of(base: i64, values: &[&'a str]) -> Self {
        let rows = values.iter().enumerate();
        let rows: Vec<Row<'a>> = rows.map(|(n, v)| (n as i32, None, Some(v.as_bytes()))).collect();
        Self { base, producer: -1, attributes: 0, last_delta: rows.len() as i32 - 1, rows }
    }

    pub(super) fn transactional(base: i64, producer: i64, values: &[&'a str]) -> Self {
        Self { producer, attributes: TRANSACTIONAL, ..Self::of(base, values) }
    }

    pub(super) fn marker(base: i64, producer: i64, commit: bool) -> Self {
        let key: &[u8] = if commit { &[0, 0, 0, 1] } else { &[0, 0, 0, 0] };
        let rows = vec![(0, Some(key), Some(&[0_u8; 6][..]))];
        let attributes = TRANSACTIONAL | CONTROL;
        Self { base, producer, attributes, last_delta: 0, rows }
    }

    pub(super) fn codec(mut self, codec: i16) -> Self {
        self.attributes |= codec;
        self
    }

    pub(super) fn records(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (delta, key, value) in &self.rows {
            let mut record = vec![0];
            varint::push(i64::from(*delta) * 10, &mut record);
            varint::push(i64::from(*delta), &mut record);
            sized(&mut record, *key);
            sized(&mut record, *value);
            varint::push(0, &mut record);
            varint::push(record.len() as i64, &mut out);
            out.extend_from_slice(&record);
        }
        out
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.around(&packed(self.attributes, &self.records()))
    }

    /// The header around records that are packed already.
    pub(super) fn around(&self, records: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend_from_slice(&self.attributes.to_be_bytes());
        body.extend_from_slice(&self.last_delta.to_be_bytes());
        body.extend_from_slice(&1_000_i64.to_be_bytes());
        body.extend_from_slice(&9_000_i64.to_be_bytes());
        body.extend_from_slice(&self.producer.to_be_bytes());
        body.extend_from_slice(&0_i16.to_be_bytes());
        body.extend_from_slice(&0_i32.to_be_bytes());
        body.extend_from_slice(&(self.rows.len() as i32).to_be_bytes());
        body.extend_from_slice(records);
        let mut out = Vec::new();
        out.extend_from_slice(&self.base.to_be_bytes());
        out.extend_from_slice(&(body.len() as i32 + 9).to_be_bytes());
        out.extend_from_slice(&7_i32.to_be_bytes());
        out.push(2);
        out.extend_from_slice(&crc32c::crc32c(&body).to_be_bytes());
        out.extend_from_slice(&body);
        out
    }
}

/// Several batches behind each other.
pub(super) fn log(batches: &[Batch<'_>]) -> Vec<u8> {
    batches.iter().flat_map(Batch::bytes).collect()
}

/// One partition of an answer.
#[derive(Clone, Default)]
pub(super) struct Answered {
    pub(super) topic: TopicId,
    pub(super) partition: i32,
    pub(super) error: i16,
    pub(super) high_watermark: i64,
    pub(super) last_stable: i64,
    pub(super) aborted: Vec<Aborted>,
    pub(super) diverges_at: Option<i64>,
    pub(super) records: Vec<u8>,
}

/// The body of an answer to a fetch.
pub(super) fn fetch_answer(partitions: &[Answered]) -> Vec<u8> {
    let mut out = Output::default();
    out.i32(0);
    out.i16(0);
    out.i32(0);
    out.compact_array(partitions.len());
    for partition in partitions {
        out.raw(&partition.topic);
        out.compact_array(1);
        out.i32(partition.partition);
        out.i16(partition.error);
        out.i64(partition.high_watermark);
        out.i64(partition.last_stable);
        out.i64(0);
        out.compact_array(partition.aborted.len());
        for (producer, first) in &partition.aborted {
            out.i64(*producer);
            out.i64(*first);
            out.no_tags();
        }
        out.i32(-1);
        out.compact_array(partition.records.len());
        out.raw(&partition.records);
        match partition.diverges_at {
            None => out.no_tags(),
            Some(end) => {
                out.unsigned_varint(1);
                out.unsigned_varint(0);
                out.unsigned_varint(13);
                out.i32(3);
                out.i64(end);
                out.no_tags();
            }
        }
        out.no_tags();
    }
    out.no_tags();
    out.into_frame().split_off(4)
}
