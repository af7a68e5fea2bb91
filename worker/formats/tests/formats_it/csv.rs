//! CSV: what is taken and refused, as tables; that what was written is read again, whatever it is;
//! and the decoder beside the grammar written down byte by byte.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array,
    RecordBatch, StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::util::display::array_value_to_string;
use formats::BadRecordKind::{self, *};
use formats::csv::{CsvDecoder, CsvDialect, CsvEncoder};
use formats::{EventTimeRule, Record};
use protocol::Origin;

use crate::random::Random;

const ROUNDS: usize = 20_000;

fn dialect(fields: usize) -> CsvDialect {
    CsvDialect { delimiter: b',', quote: b'"', null: String::new(), fields }
}

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

fn schema(types: &[DataType]) -> SchemaRef {
    let field = |(i, of): (usize, &DataType)| Field::new(format!("c{i}"), of.clone(), true);
    Arc::new(Schema::new(types.iter().enumerate().map(field).collect::<Vec<_>>()))
}

fn decoder(dialect: &CsvDialect, types: &[DataType]) -> CsvDecoder {
    let places: Vec<Origin> = (0..types.len()).map(Origin::Position).collect();
    CsvDecoder::new(dialect, schema(types), &places, None).unwrap()
}

/// The rows of a record, values separated by `|`; null as such.
fn read(dialect: &CsvDialect, types: &[DataType], record: &[u8]) -> Result<String, BadRecordKind> {
    let mut decoder = decoder(dialect, types);
    let bad = decoder.decode(Record::of_value(record)).map_err(|bad| bad.kind);
    let batch = decoder.finish();
    assert_eq!(batch.num_rows(), usize::from(bad.is_ok()));
    bad.map(|()| row(&batch))
}

fn row(batch: &RecordBatch) -> String {
    let value = |column: &ArrayRef| {
        if column.is_null(0) { "null".into() } else { array_value_to_string(column, 0).unwrap() }
    };
    batch.columns().iter().map(value).collect::<Vec<String>>().join("|")
}

#[test]
fn records_by_rfc_4180_and_what_is_none() {
    let texts = [DataType::Utf8, DataType::Utf8];
    for (record, expected) in [
        ("a,b", Ok("a|b")),
        ("a,b\n", Ok("a|b")),
        ("a,b\r\n", Ok("a|b")),
        ("\"a\",\"b\"", Ok("a|b")),
        ("\"a,b\",\"c\"\"d\"", Ok("a,b|c\"d")),
        ("\"a\r\nb\",\n", Ok("a\r\nb|null")),
        ("\"\"\"\",\"\"", Ok("\"|")),
        (",", Ok("null|null")),
        (" a , b ", Ok(" a | b ")),
        (
            "ü,a long one that takes more than a step",
            Ok("ü|a long one that takes more than a step"),
        ),
        ("a", Err(Malformed)),
        ("", Err(Malformed)),
        ("a,b,c", Err(Malformed)),
        ("a,b,", Err(Malformed)),
        ("a,b\r", Err(Malformed)),
        ("a,b\n\n", Err(Malformed)),
        ("a\nb,c", Err(Malformed)),
        ("a,b\r\nc,d", Err(Malformed)),
        ("a\",b", Err(Malformed)),
        ("a\"b\",c", Err(Malformed)),
        ("\"a,b", Err(Malformed)),
        ("\"a\"b,c", Err(Malformed)),
        ("\"a\" ,b", Err(Malformed)),
        ("a,\"b\"\"", Err(Malformed)),
    ] {
        assert_eq!(
            read(&dialect(2), &texts, record.as_bytes()),
            expected.map(str::to_owned),
            "{record:?}"
        );
    }
    assert_eq!(read(&dialect(2), &texts, b"a,\xff"), Err(InvalidUtf8));
}

#[test]
fn values_by_type() {
    let decimal = DataType::Decimal128(10, 2);
    for (of, text, expected) in [
        (DataType::Int64, "-9223372036854775808", Ok("-9223372036854775808")),
        (DataType::Int64, "9223372036854775808", Err(OutOfRange)),
        (DataType::Int64, "\"7\"", Ok("7")),
        (DataType::Int64, "7.0", Ok("7")),
        (DataType::Int64, "7.5", Err(WrongType)),
        (DataType::Int64, " 7", Err(WrongType)),
        (DataType::Int64, "\"\"", Err(WrongType)),
        (DataType::Int64, "true", Err(WrongType)),
        (DataType::Int32, "2147483648", Err(OutOfRange)),
        (DataType::Float64, "1e3", Ok("1000.0")),
        (DataType::Float64, "1e999", Err(OutOfRange)),
        (DataType::Float64, "NaN", Err(WrongType)),
        (DataType::Boolean, "true", Ok("true")),
        (DataType::Boolean, "\"false\"", Ok("false")),
        (DataType::Boolean, "1", Err(WrongType)),
        (decimal.clone(), "12.34", Ok("12.34")),
        (decimal.clone(), "\"-0.1\"", Ok("-0.10")),
        (decimal.clone(), "0.001", Err(OutOfRange)),
        (decimal, "a", Err(WrongType)),
        (instant(), "1500", Ok("1970-01-01T00:00:01.500Z")),
        (instant(), "2026-01-01 00:00:00+01:00", Ok("2025-12-31T23:00:00Z")),
        (instant(), "2026-01-01", Err(WrongType)),
        (DataType::Utf8, "1500", Ok("1500")),
    ] {
        let found = read(&dialect(1), std::slice::from_ref(&of), text.as_bytes());
        assert_eq!(found, expected.map(str::to_owned), "{of} {text:?}");
    }
}

#[test]
fn other_signs_and_another_null() {
    let texts = [DataType::Utf8, DataType::Int64];
    let signs = |delimiter: u8, quote: u8, null: &str| CsvDialect {
        delimiter,
        quote,
        null: null.to_owned(),
        fields: 2,
    };
    for (signs, record, expected) in [
        (signs(b';', b'\'', ""), "'it''s';1", Ok("it's|1")),
        (signs(b';', b'\'', ""), "\"a,b\";1", Ok("\"a,b\"|1")),
        (signs(b'\t', b'"', "\\N"), "\\N\t\\N", Ok("null|null")),
        (signs(b'\t', b'"', "\\N"), "\"\\N\"\t1", Ok("\\N|1")),
        (signs(b'\t', b'"', "\\N"), "\t1", Ok("|1")),
        (signs(b'\t', b'"', "\\N"), "a\t", Err(WrongType)),
        (signs(b'|', b'"', "0"), "0|0", Ok("null|null")),
        (signs(b'|', b'"', "0"), "0|\"0\"", Ok("null|0")),
    ] {
        let found = read(&signs, &texts, record.as_bytes());
        assert_eq!(found, expected.map(str::to_owned), "{record:?}");
    }
    for wrong in [signs(b'"', b'"', ""), signs(b'a', b'"', ""), signs(b',', b'"', "a,b")] {
        assert!(CsvEncoder::new(&wrong, &schema(&texts), vec![]).is_err(), "{wrong:?}");
    }
}

#[test]
fn only_what_is_needed_is_read_and_all_of_it_is_checked() {
    let rule = EventTimeRule { column: 1, max_future_ms: Some(1_000) };
    let places = [Origin::Position(3), Origin::Position(1), Origin::Offset];
    let types = [DataType::Utf8, instant(), DataType::Int64];
    let mut decoder = CsvDecoder::new(&dialect(5), schema(&types), &places, Some(rule)).unwrap();
    let mut take = |text: &str| {
        let record = Record::of_value(text.as_bytes());
        decoder.decode(Record { timestamp_ms: Some(500), offset: 7, ..record }).map_err(|b| b.kind)
    };
    assert_eq!(take("x,1500,no number,name,"), Ok(()));
    assert_eq!(take("x,1501,,name,"), Err(EventTimeTooFarAhead));
    assert_eq!(take("x,,,name,"), Err(MissingEventTime));
    assert_eq!(take("x,1,,name"), Err(Malformed));
    assert_eq!(take("x,1,,name,\"y"), Err(Malformed));
    assert_eq!(
        (decoder.len(), row(&decoder.finish())),
        (1, "name|1970-01-01T00:00:01.500Z|7".into())
    );
    for places in [
        [Origin::Position(5), Origin::Position(1), Origin::Offset],
        [Origin::Position(1), Origin::Position(1), Origin::Offset],
        [Origin::field("a"), Origin::Position(1), Origin::Offset],
    ] {
        assert!(CsvDecoder::new(&dialect(5), schema(&types), &places, None).is_err(), "{places:?}");
    }
}

fn text(random: &mut Random) -> String {
    let pieces =
        ["a", "0", "\"", "\"\"", ",", ";", "'", "\r", "\n", "\r\n", " ", "\\N", "ü", "\t", "null"];
    (0..random.below(6)).map(|_| *random.pick(&pieces)).collect()
}

/// Rows of every type, some of them null.
fn rows(random: &mut Random) -> RecordBatch {
    const ROWS: usize = 4;
    fn some<T>(random: &mut Random, draw: impl Fn(&mut Random) -> T) -> Vec<Option<T>> {
        (0..ROWS).map(|_| (!random.one_in(4)).then(|| draw(random))).collect()
    }
    let integer = |random: &mut Random| random.next() as i64 >> random.below(64);
    let decimals = some(random, |random| i128::from(random.next() as i64 >> 10));
    let instants = some(random, |random| (random.next() % 10_000_000_000_000) as i64);
    let columns: [ArrayRef; 6] = [
        Arc::new(StringArray::from(some(random, text))),
        Arc::new(Int64Array::from(some(random, integer))),
        Arc::new(Int32Array::from(some(random, |random| random.next() as i32))),
        Arc::new(BooleanArray::from(some(random, |random| random.one_in(2)))),
        Arc::new(Decimal128Array::from(decimals).with_precision_and_scale(38, 7).unwrap()),
        Arc::new(TimestampMillisecondArray::from(instants).with_timezone("UTC")),
    ];
    let double = some(random, |random| f64::from_bits(random.next()));
    let double = double.into_iter().map(|value| value.filter(|value| value.is_finite()));
    let double: ArrayRef = Arc::new(Float64Array::from(double.collect::<Vec<_>>()));
    let columns: Vec<(String, ArrayRef, bool)> = columns
        .into_iter()
        .chain([double])
        .enumerate()
        .map(|(i, column)| (format!("c{i}"), column, true))
        .collect();
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn some_dialect(random: &mut Random, fields: usize) -> CsvDialect {
    let (delimiter, quote) =
        *random.pick(&[(b',', b'"'), (b';', b'\''), (b'\t', b'"'), (b'-', b'.')]);
    let nulls: &[&str] =
        if quote == b'.' { &["", "null"] } else { &["", "\\N", "null", "0", "true"] };
    CsvDialect { delimiter, quote, null: (*random.pick::<&str>(nulls)).to_owned(), fields }
}

#[test]
fn what_was_written_is_read_again() {
    let mut random = Random::new(4180);
    for round in 0..ROUNDS / 20 {
        let batch = rows(&mut random);
        let dialect = some_dialect(&mut random, batch.num_columns());
        let types: Vec<DataType> =
            batch.schema().fields().iter().map(|f| f.data_type().clone()).collect();
        let mut encoder = CsvEncoder::new(&dialect, &batch.schema(), vec![]).unwrap();
        let mut decoder = decoder(&dialect, &types);
        encoder.encode(&batch, &mut |key, value| {
            assert_eq!(key, None);
            let ended = [value, *random.pick::<&[u8]>(&[b"", b"\n", b"\r\n"])].concat();
            decoder.decode(Record::of_value(&ended)).unwrap();
        });
        assert_eq!(decoder.finish(), batch, "round {round}: {dialect:?}");
    }
}

/// The fields of a line by the grammar, a byte at a time; each with whether it was quoted.
fn by_the_grammar(line: &[u8], dialect: &CsvDialect) -> Option<Vec<(Vec<u8>, bool)>> {
    #[derive(PartialEq)]
    enum At {
        Begin,
        Plain,
        Quoted,
        Closed,
    }
    let line = line.strip_suffix(b"\n").map_or(line, |l| l.strip_suffix(b"\r").unwrap_or(l));
    let mut fields = vec![(Vec::new(), false)];
    let mut at = At::Begin;
    for byte in line {
        let (field, quoted) = fields.last_mut().unwrap();
        at = match at {
            At::Quoted if *byte == dialect.quote => At::Closed,
            At::Quoted => {
                field.push(*byte);
                At::Quoted
            }
            At::Closed if *byte == dialect.quote => {
                field.push(*byte);
                At::Quoted
            }
            At::Begin if *byte == dialect.quote => {
                *quoted = true;
                At::Quoted
            }
            _ if *byte == dialect.delimiter => {
                fields.push((Vec::new(), false));
                At::Begin
            }
            At::Closed => return None,
            _ if *byte == dialect.quote || matches!(byte, b'\r' | b'\n') => return None,
            _ => {
                field.push(*byte);
                At::Plain
            }
        };
    }
    (at != At::Quoted).then_some(fields)
}

#[test]
fn the_decoder_follows_the_grammar() {
    let mut random = Random::new(7);
    let (mut good, mut bad) = (0, 0);
    for _ in 0..ROUNDS {
        let dialect = some_dialect(&mut random, 3);
        let mut record = Vec::new();
        for i in 0..random.below(3) + 2 {
            if i > 0 {
                record.push(dialect.delimiter);
            }
            let text = text(&mut random);
            if random.one_in(2) {
                record.push(dialect.quote);
                let sign = char::from(dialect.quote).to_string();
                record.extend_from_slice(text.replace(&sign, &sign.repeat(2)).as_bytes());
                record.push(dialect.quote);
            } else {
                record.extend_from_slice(text.as_bytes());
            }
        }
        if random.one_in(3) {
            random.damage(&mut record);
        }
        let mut decoder = decoder(&dialect, &[DataType::Utf8, DataType::Utf8, DataType::Utf8]);
        let taken = decoder.decode(Record::of_value(&record)).is_ok();
        let expected = by_the_grammar(&record, &dialect)
            .filter(|fields| fields.len() == 3 && std::str::from_utf8(&record).is_ok());
        assert_eq!(taken, expected.is_some(), "{dialect:?} {:?}", String::from_utf8_lossy(&record));
        let batch = decoder.finish();
        for (column, (field, quoted)) in batch.columns().iter().zip(expected.unwrap_or_default()) {
            let column = column.as_string::<i32>();
            let null = !quoted && field == dialect.null.as_bytes();
            let found = (!column.is_null(0)).then(|| column.value(0).as_bytes());
            assert_eq!(found, (!null).then_some(&*field), "{record:?}");
        }
        if taken { good += 1 } else { bad += 1 }
    }
    assert!(good > ROUNDS / 20 && bad > ROUNDS / 20, "{good} good, {bad} bad");
}

#[test]
fn keys_are_plain_alone_and_a_line_together() {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("t", Arc::new(StringArray::from(vec![Some("a,b"), Some(""), None]))),
        ("i", Arc::new(Int64Array::from(vec![Some(1), None, None]))),
        ("f", Arc::new(Float64Array::from(vec![Some(1.5), Some(f64::NAN), None]))),
    ];
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)))
            .unwrap();
    let encoder = |key: &[usize], upsert: bool| {
        let encoder = CsvEncoder::new(&dialect(0), &batch.schema(), key.to_vec()).unwrap();
        encoder.upserting(upsert)
    };
    let written = |key: &[usize]| {
        let mut encoder = encoder(key, false);
        let mut out = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        encoder.encode(&batch, &mut |key, value| out.push((key.map(text), text(value))));
        out
    };
    let line = |key: Option<&str>, value: &str| (key.map(str::to_owned), value.to_owned());
    let values = ["\"a,b\",1,1.5", "\"\",,", ",,"];
    let of = |keys: [Option<&str>; 3]| -> Vec<_> {
        keys.into_iter().zip(values).map(|(key, value)| line(key, value)).collect()
    };
    assert_eq!(written(&[]), of([None, None, None]));
    assert_eq!(written(&[0]), of([Some("a,b"), Some(""), None]));
    assert_eq!(written(&[2]), of([Some("1.5"), Some("null"), None]));
    assert_eq!(written(&[0, 1]), of([Some("\"a,b\",1"), Some("\"\","), Some(",")]));
    let mut keys = Vec::new();
    encoder(&[1], true).encode_keys(&batch, &mut |key| keys.push(key.map(<[u8]>::to_vec)));
    assert_eq!(keys, [&b"1"[..], b"[null]", b"[null]"].map(|key| Some(key.to_vec())));
}

#[test]
fn arrays_are_refused() {
    let item = Field::new("item", DataType::Int64, true);
    let schema = schema(&[DataType::List(Arc::new(item))]);
    let refusal = CsvEncoder::new(&dialect(0), &schema, vec![]).err().unwrap();
    assert_eq!(
        refusal.to_string(),
        "csv cannot hold the column 'c0': a field holds one value, not an array; use JSON for it"
    );
}
