//! Exchange records: frozen, and safe against every kind of damage.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Decimal128Array, Float64Array, Int64Array, RecordBatch,
    RecordBatchOptions, StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use formats::exchange::{
    BadExchange, ExchangeDecoder, ExchangeRecord, encode_rows, encode_watermarks,
};
use protocol::registers::UpstreamWatermark;
use protocol::{Fingerprint, StageId};

use crate::random::Random;

const ROWS: &str = include_str!("../golden/exchange_rows_v1.hex");
const WATERMARKS: &str = include_str!("../golden/exchange_watermarks_v1.hex");

fn fingerprint() -> Fingerprint {
    Fingerprint::from_bits(0x0123_4567_89ab_cdef)
}

fn sample() -> RecordBatch {
    let decimal = Decimal128Array::from(vec![Some(1), None, Some(-3)])
        .with_precision_and_scale(12, 3)
        .unwrap();
    let instants = TimestampMillisecondArray::from(vec![10, 20, 30]).with_timezone("UTC");
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("window_end", Arc::new(instants), false),
        ("key", Arc::new(StringArray::from(vec![Some("a"), Some("longer ü"), None])), true),
        ("count", Arc::new(Int64Array::from(vec![1, 2, 3])), false),
        ("sum", Arc::new(Float64Array::from(vec![Some(0.5), None, Some(f64::MAX)])), true),
        ("flag", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])), true),
        (
            "raw",
            Arc::new(BinaryArray::from_opt_vec(vec![Some(b"\x00\xff"), None, Some(b"")])),
            true,
        ),
        ("price", Arc::new(decimal), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn watermarks() -> Vec<UpstreamWatermark> {
    let entry = |partition, watermark, idle, drained| UpstreamWatermark {
        stage: StageId(0),
        topic: "clicks".to_owned(),
        partition,
        watermark,
        idle,
        drained,
    };
    vec![
        entry(0, Some(-5), false, None),
        entry(1, None, true, None),
        entry(2, Some(i64::MAX), false, Some(7)),
    ]
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn decoder() -> ExchangeDecoder {
    ExchangeDecoder::new(&fingerprint(), sample().schema()).unwrap()
}

#[test]
fn the_released_format_stays_readable() {
    if std::env::var_os("STREAMJOB_WRITE_GOLDEN").is_some() {
        let write = |name: &str, bytes: &[u8]| {
            let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap();
            let text: String = bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect();
            std::fs::write(format!("tests/golden/{name}"), text + "\n").unwrap();
        };
        write("exchange_rows_v1.hex", &encode_rows(&fingerprint(), &sample()).unwrap());
        let record = encode_watermarks(&fingerprint(), 4, &watermarks()).unwrap();
        write("exchange_watermarks_v1.hex", &record);
        return;
    }
    assert_eq!(decoder().decode(&hex(ROWS)), Ok(ExchangeRecord::Rows(sample())));
    let expected = ExchangeRecord::Watermarks { upstream_shards: 4, entries: watermarks() };
    assert_eq!(decoder().decode(&hex(WATERMARKS)), Ok(expected));
    let written = encode_watermarks(&fingerprint(), 4, &watermarks()).unwrap();
    assert_eq!(written, hex(WATERMARKS));
    let rows = encode_rows(&fingerprint(), &sample()).unwrap();
    assert_eq!(rows[..24], hex(ROWS)[..24], "the header; the Arrow body may be laid out anew");
}

#[test]
fn slices_and_empty_batches_survive() {
    let batch = sample();
    for (offset, len) in [(0, 3), (1, 2), (2, 1), (1, 1), (0, 0)] {
        let slice = batch.slice(offset, len);
        let record = encode_rows(&fingerprint(), &slice).unwrap();
        assert_eq!(decoder().decode(&record), Ok(ExchangeRecord::Rows(slice)), "{offset} {len}");
    }
    let schema: SchemaRef = Arc::new(Schema::empty());
    let options = RecordBatchOptions::new().with_row_count(Some(5));
    let no_columns = RecordBatch::try_new_with_options(schema.clone(), vec![], &options).unwrap();
    let record = encode_rows(&fingerprint(), &no_columns).unwrap();
    let decoder = ExchangeDecoder::new(&fingerprint(), schema).unwrap();
    assert_eq!(decoder.decode(&record), Ok(ExchangeRecord::Rows(no_columns)));
    let none = encode_watermarks(&fingerprint(), 0, &[]).unwrap();
    let expected = ExchangeRecord::Watermarks { upstream_shards: 0, entries: vec![] };
    assert_eq!(decoder.decode(&none), Ok(expected));
}

#[test]
fn records_of_others_are_named() {
    let record = encode_rows(&fingerprint(), &sample()).unwrap().to_vec();
    let other = ExchangeDecoder::new(&Fingerprint::from_bits(1), sample().schema()).unwrap();
    assert!(matches!(other.decode(&record), Err(BadExchange::OtherFingerprint { .. })));
    let changed = |at: usize, byte: u8| {
        let mut record = record.clone();
        record[at] = byte;
        decoder().decode(&record)
    };
    assert_eq!(changed(0, b'X'), Err(BadExchange::Foreign));
    assert_eq!(changed(4, 2), Err(BadExchange::NewerFormat(2)));
    assert!(matches!(changed(5, 2), Err(BadExchange::Damaged { .. })));
    assert_eq!(decoder().decode(b""), Err(BadExchange::Foreign));
    assert_eq!(decoder().decode(b"{\"json\":true}"), Err(BadExchange::Foreign));
}

/// Makes the checksum right again, so that the layers below are reached.
fn seal(record: &mut [u8]) {
    let checksum = crc32c::crc32c_append(crc32c::crc32c(&record[..28]), &record[32..]);
    record[28..32].copy_from_slice(&checksum.to_be_bytes());
}

#[test]
fn every_flipped_bit_and_every_cut_is_found() {
    for record in [
        encode_rows(&fingerprint(), &sample()).unwrap(),
        encode_watermarks(&fingerprint(), 4, &watermarks()).unwrap(),
    ] {
        for at in 0..record.len() {
            for bit in 0..8 {
                let mut damaged = record.to_vec();
                damaged[at] ^= 1 << bit;
                assert!(decoder().decode(&damaged).is_err(), "bit {bit} of byte {at}");
            }
            assert!(decoder().decode(&record[..at]).is_err(), "cut at {at}");
        }
        let mut longer = record.to_vec();
        longer.push(0);
        assert!(decoder().decode(&longer).is_err());
    }
}

#[test]
fn a_hostile_record_with_a_right_checksum_is_read_whole_or_refused() {
    let mut random = Random::new(3);
    let (mut read, mut refused) = (0, 0);
    let originals = [
        encode_rows(&fingerprint(), &sample()).unwrap(),
        encode_watermarks(&fingerprint(), 4, &watermarks()).unwrap(),
    ];
    for _ in 0..40_000 {
        let mut record = random.pick(&originals).to_vec();
        let mut body = record.split_off(32);
        if random.one_in(3) {
            let at = 8 + random.below(20);
            record[at] = random.next() as u8;
        }
        random.damage(&mut body);
        if !random.one_in(4) {
            record[24..28].copy_from_slice(&(body.len() as u32).to_be_bytes());
        }
        record.extend_from_slice(&body);
        seal(&mut record);
        match decoder().decode(&record) {
            Ok(ExchangeRecord::Rows(batch)) => {
                read += 1;
                assert_eq!(batch.schema(), sample().schema());
                for column in batch.columns() {
                    column.to_data().validate_full().expect("only valid arrays come out");
                }
            }
            Ok(ExchangeRecord::Watermarks { .. }) => read += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(read > 100 && refused > 1_000, "{read} {refused}");
}

#[test]
fn types_that_do_not_cross_are_refused() {
    let list = DataType::new_list(DataType::Int64, true);
    for data_type in [list, DataType::Utf8View, DataType::Null] {
        let schema = Arc::new(Schema::new(vec![Field::new("a", data_type, true)]));
        assert!(ExchangeDecoder::new(&fingerprint(), schema.clone()).is_err());
        let batch = RecordBatch::new_empty(schema);
        assert!(encode_rows(&fingerprint(), &batch).is_err());
    }
}
