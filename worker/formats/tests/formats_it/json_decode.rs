//! What the JSON decoder takes and refuses, as tables.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::util::display::array_value_to_string;
use formats::BadRecordKind::{self, *};
use formats::json::JsonDecoder;
use formats::{EventTimeRule, Record};

fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("+00:00".into()))
}

fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
    let fields: Vec<Field> =
        columns.iter().map(|(name, t)| Field::new(*name, t.clone(), true)).collect();
    Arc::new(Schema::new(fields))
}

/// The one cell of a record with one column `a`: its text, `null`, or why not.
fn cell(data_type: &DataType, record: &str) -> Result<String, BadRecordKind> {
    let mut decoder = JsonDecoder::new(schema(&[("a", data_type.clone())]), None).unwrap();
    decoder.decode(Record::of_value(record.as_bytes())).map_err(|bad| bad.kind)?;
    let batch = decoder.finish();
    if batch.column(0).is_null(0) {
        return Ok("null".to_owned());
    }
    Ok(array_value_to_string(batch.column(0), 0).unwrap())
}

fn check(data_type: &DataType, table: &[(&str, Result<&str, BadRecordKind>)]) {
    for (value, expected) in table {
        let record = format!("{{\"a\":{value}}}");
        let expected = expected.map(str::to_owned);
        assert_eq!(cell(data_type, &record), expected, "{data_type}: {record}");
    }
}

#[test]
fn integers_are_exact() {
    check(
        &DataType::Int64,
        &[
            ("0", Ok("0")),
            ("-0", Ok("0")),
            ("42", Ok("42")),
            ("9223372036854775807", Ok("9223372036854775807")),
            ("-9223372036854775808", Ok("-9223372036854775808")),
            ("9223372036854775808", Err(OutOfRange)),
            ("-9223372036854775809", Err(OutOfRange)),
            ("18446744073709551616", Err(OutOfRange)),
            ("184467440737095516160", Err(OutOfRange)),
            ("1.0", Ok("1")),
            ("1e3", Ok("1000")),
            ("1E+3", Ok("1000")),
            ("1200e-2", Ok("12")),
            ("9007199254740993.000", Ok("9007199254740993")),
            ("9.223372036854775807e18", Ok("9223372036854775807")),
            ("0.000000000000000000000000000001e30", Ok("1")),
            ("100000000000000000000000000000000e-30", Ok("100")),
            ("0e999999999999999999999", Ok("0")),
            ("1e999999999999999999999", Err(OutOfRange)),
            ("1e-999999999999999999999", Err(WrongType)),
            ("1.5", Err(WrongType)),
            ("1e-1", Err(WrongType)),
            ("\"1\"", Err(WrongType)),
            ("true", Err(WrongType)),
            ("[1]", Err(WrongType)),
            ("{}", Err(WrongType)),
            ("null", Ok("null")),
        ],
    );
    check(
        &DataType::Int32,
        &[
            ("2147483647", Ok("2147483647")),
            ("-2147483648", Ok("-2147483648")),
            ("2147483648", Err(OutOfRange)),
            ("2.0", Ok("2")),
            ("2.5", Err(WrongType)),
        ],
    );
}

#[test]
fn doubles_are_the_nearest() {
    for text in [
        "0",
        "-0.0",
        "1",
        "1.5",
        "12345.67",
        "0.1",
        "1e22",
        "1e23",
        "9007199254740993",
        "1e-400",
        "4.9e-324",
        "1.7976931348623157e308",
        "123456789012345678901234567890",
        "0.30000000000000004",
        "8.41e+21",
        "2.2250738585072011e-308",
        "1000000000000000000000000000000e-30",
    ] {
        let mut decoder = JsonDecoder::new(schema(&[("a", DataType::Float64)]), None).unwrap();
        decoder.decode(Record::of_value(format!("{{\"a\":{text}}}").as_bytes())).unwrap();
        let batch = decoder.finish();
        let found = batch.column(0).as_primitive::<arrow::datatypes::Float64Type>().value(0);
        assert_eq!(found.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
    }
    check(
        &DataType::Float64,
        &[
            ("1e400", Err(OutOfRange)),
            ("-1.8e308", Err(OutOfRange)),
            ("\"1\"", Err(WrongType)),
            ("null", Ok("null")),
            ("NaN", Err(Malformed)),
            ("Infinity", Err(Malformed)),
        ],
    );
}

#[test]
fn decimals_lose_nothing() {
    check(
        &DataType::Decimal128(10, 2),
        &[
            ("123.45", Ok("123.45")),
            ("-123.4", Ok("-123.40")),
            ("123.4500", Ok("123.45")),
            ("1e2", Ok("100.00")),
            ("\"123.45\"", Ok("123.45")),
            ("123.456", Err(OutOfRange)),
            ("99999999.99", Ok("99999999.99")),
            ("100000000.00", Err(OutOfRange)),
            ("\"1x\"", Err(WrongType)),
            ("\"\"", Err(WrongType)),
            ("\" 1\"", Err(WrongType)),
            ("true", Err(WrongType)),
        ],
    );
    check(
        &DataType::Decimal128(38, 0),
        &[
            (
                "99999999999999999999999999999999999999",
                Ok("99999999999999999999999999999999999999"),
            ),
            ("100000000000000000000000000000000000000", Err(OutOfRange)),
        ],
    );
}

#[test]
fn texts_are_unescaped() {
    check(
        &DataType::Utf8,
        &[
            (r#""""#, Ok("")),
            (r#""plain""#, Ok("plain")),
            (r#""grüße""#, Ok("grüße")),
            (r#""a\"b\\c\/d""#, Ok("a\"b\\c/d")),
            (r#""\b\f\n\r\t""#, Ok("\u{8}\u{c}\n\r\t")),
            (r#""\u0041\u00e9\u20AC""#, Ok("Aé€")),
            (r#""\ud83d\ude00!""#, Ok("😀!")),
            (r#""\u0000""#, Ok("\0")),
            (
                r#""a long text of more than eight bytes, \u0041nd on""#,
                Ok("a long text of more than eight bytes, And on"),
            ),
            (r#""\ud83d""#, Err(WrongType)),
            (r#""\ude00""#, Err(WrongType)),
            (r#""\ud83d\u0041""#, Err(WrongType)),
            (r#""\ud83dx""#, Err(WrongType)),
            (r#""\x""#, Err(Malformed)),
            (r#""\u12g4""#, Err(Malformed)),
            ("\"a\nb\"", Err(Malformed)),
            ("\"open", Err(Malformed)),
            ("\"open\\", Err(Malformed)),
            ("\"open\\u00", Err(Malformed)),
            ("7", Err(WrongType)),
            ("{\"b\":[]}", Err(WrongType)),
        ],
    );
    check(
        &DataType::Boolean,
        &[
            ("true", Ok("true")),
            ("false", Ok("false")),
            ("\"true\"", Err(WrongType)),
            ("1", Err(WrongType)),
            ("tru", Err(Malformed)),
            ("True", Err(Malformed)),
        ],
    );
}

#[test]
fn instants_come_as_texts_or_milliseconds() {
    check(
        &timestamp(),
        &[
            ("1700000000000", Ok("2023-11-14T22:13:20Z")),
            ("1.7e12", Ok("2023-11-14T22:13:20Z")),
            ("-1", Ok("1969-12-31T23:59:59.999Z")),
            ("\"2023-11-14T22:13:20Z\"", Ok("2023-11-14T22:13:20Z")),
            ("\"2023-11-14T23:13:20.1239+01:00\"", Ok("2023-11-14T22:13:20.123Z")),
            ("\"2023\\u002d11-14T22:13:20Z\"", Ok("2023-11-14T22:13:20Z")),
            ("253402300799999", Ok("9999-12-31T23:59:59.999Z")),
            ("253402300800000", Err(OutOfRange)),
            ("-62135596800001", Err(OutOfRange)),
            ("1.5", Err(WrongType)),
            ("\"yesterday\"", Err(WrongType)),
            ("\"2023-11-14T22:13:20\"", Err(WrongType)),
            ("true", Err(WrongType)),
            ("null", Ok("null")),
        ],
    );
}

#[test]
fn the_grammar_is_that_of_rfc_8259() {
    let deep = |levels: usize| format!("{{\"x\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
    let deep_objects =
        |levels: usize| format!("{{\"x\":{}0{}}}", "{\"y\":".repeat(levels), "}".repeat(levels));
    let cases: Vec<(String, Result<&str, BadRecordKind>)> = [
        ("{}", Ok("null")),
        (" \t\r\n{ \"a\" : 1 , \"b\" : [ ] } \n", Ok("1")),
        ("{\"a\":1,\"a\":2}", Ok("2")),
        ("{\"a\":\"x\",\"a\":2}", Ok("2")),
        ("{\"a\":2,\"a\":null}", Ok("null")),
        ("{\"a\":2,\"a\":\"x\"}", Err(WrongType)),
        ("{\"\\u0061\":3}", Ok("3")),
        ("{\"A\":3}", Ok("null")),
        ("{\"a \":3,\"\":4}", Ok("null")),
        ("{\"\\ud800\":1,\"a\":3}", Ok("3")),
        ("{\"b\":\"\\ud800\",\"a\":3}", Ok("3")),
        ("{\"b\":1e999,\"a\":3}", Ok("3")),
        ("{\"b\":{\"a\":1},\"a\":3}", Ok("3")),
        ("{\"b\":[{\"a\":[1,2,{}]},[],\"]\"],\"a\":3}", Ok("3")),
        ("{\"a\":3,}", Err(Malformed)),
        ("{,\"a\":3}", Err(Malformed)),
        ("{\"a\":3 \"b\":4}", Err(Malformed)),
        ("{\"a\"3}", Err(Malformed)),
        ("{\"a\":}", Err(Malformed)),
        ("{\"a\":3", Err(Malformed)),
        ("{\"a\":3}}", Err(Malformed)),
        ("{\"a\":3} x", Err(Malformed)),
        ("{\"a\":3}{\"a\":4}", Err(Malformed)),
        ("{a:3}", Err(Malformed)),
        ("{'a':3}", Err(Malformed)),
        ("{\"a\":03}", Err(Malformed)),
        ("{\"a\":-}", Err(Malformed)),
        ("{\"a\":+3}", Err(Malformed)),
        ("{\"a\":.5}", Err(Malformed)),
        ("{\"a\":5.}", Err(Malformed)),
        ("{\"a\":5e}", Err(Malformed)),
        ("{\"a\":5e+}", Err(Malformed)),
        ("{\"a\":0x1}", Err(Malformed)),
        ("{\"a\":1_0}", Err(Malformed)),
        ("{\"a\":nul}", Err(Malformed)),
        ("{\"b\":[1,],\"a\":3}", Err(Malformed)),
        ("{\"b\":[1 2],\"a\":3}", Err(Malformed)),
        ("{\"b\":[1},\"a\":3}", Err(Malformed)),
        ("{\"b\":{\"c\":1],\"a\":3}", Err(Malformed)),
        ("{\"b\":{\"c\",1},\"a\":3}", Err(Malformed)),
        ("{\"b\":{1:1},\"a\":3}", Err(Malformed)),
        ("{\"b\":[01],\"a\":3}", Err(Malformed)),
        ("{\"b\":\"\\q\",\"a\":3}", Err(Malformed)),
        ("{/* */\"a\":3}", Err(Malformed)),
        ("{\"a\":3}\0", Err(Malformed)),
        ("", Err(NotAnObject)),
        ("  ", Err(NotAnObject)),
        ("null", Err(NotAnObject)),
        ("[{\"a\":3}]", Err(NotAnObject)),
        ("3", Err(NotAnObject)),
        ("\u{feff}{\"a\":3}", Err(NotAnObject)),
    ]
    .map(|(record, expected)| (record.to_owned(), expected))
    .into_iter()
    .chain([
        (deep(63), Ok("null")),
        (deep(64), Err(TooDeep)),
        (deep(100_000), Err(TooDeep)),
        (deep_objects(63), Ok("null")),
        (deep_objects(64), Err(TooDeep)),
    ])
    .collect();
    for (record, expected) in cases {
        let found = cell(&DataType::Int64, &record);
        assert_eq!(found, expected.map(str::to_owned), "{record:.60}");
    }
}

#[test]
fn bytes_that_are_not_utf8_are_refused_wherever_they_are() {
    let mut decoder = JsonDecoder::new(schema(&[("a", DataType::Utf8)]), None).unwrap();
    for record in [
        &b"{\"a\":\"\xff\"}"[..],
        b"{\"b\":\"\xc3\"}",
        b"{\"\x80\":1}",
        b"\xff\xfe{}",
        b"{\"a\":\"\xed\xa0\x80\"}",
        b"{\"b\":\"a text of more than eight bytes\xc3\"}",
        b"{\"a\":1}\xff",
        b"{\"\\n\xff\":1}",
    ] {
        assert_eq!(
            decoder.decode(Record::of_value(record)).unwrap_err().kind,
            InvalidUtf8,
            "{record:?}"
        );
    }
    assert_eq!(decoder.len(), 0);
}

#[test]
fn a_message_says_where_but_not_what() {
    let mut decoder = JsonDecoder::new(schema(&[("a", DataType::Int64)]), None).unwrap();
    let mut message =
        |record: &str| decoder.decode(Record::of_value(record.as_bytes())).unwrap_err().to_string();
    assert_eq!(message("{\"a\":\"secret\"}"), "WrongType: field 'a': expected an integer");
    assert_eq!(message("{\"a\":1;"), "Malformed: expected ',' or '}' at byte 6");
    assert_eq!(
        message("{\"b\":\"a\nsecret\"}"),
        "Malformed: a control character must be escaped at byte 7"
    );
}

#[test]
fn a_bad_record_leaves_no_trace_in_any_column() {
    let columns = [
        ("t", DataType::Utf8),
        ("i", DataType::Int64),
        ("j", DataType::Int32),
        ("f", DataType::Float64),
        ("b", DataType::Boolean),
        ("s", timestamp()),
        ("d", DataType::Decimal128(10, 2)),
        ("z", DataType::Int64),
    ];
    let good =
        "{\"t\":\"\\u0041b\",\"i\":1,\"j\":2,\"f\":3.5,\"b\":true,\"s\":4,\"d\":5.25,\"z\":6}";
    let bad = "{\"t\":\"xyz\",\"i\":9,\"j\":9,\"f\":9,\"b\":false,\"s\":9,\"d\":9,\"z\":\"bad\"}";
    let nulls = "{\"z\":\"bad\"}";
    let run = |records: &[&str]| -> (RecordBatch, usize) {
        let mut decoder = JsonDecoder::new(schema(&columns), None).unwrap();
        let refused = records
            .iter()
            .filter(|r| decoder.decode(Record::of_value(r.as_bytes())).is_err())
            .count();
        (decoder.finish(), refused)
    };
    let (clean, _) = run(&[good, "{}", good]);
    let (mixed, refused) = run(&[bad, good, nulls, bad, "{}", "{\"i\":1", good, nulls]);
    assert_eq!(refused, 5);
    assert_eq!(clean, mixed);
    let text = mixed.column(0).as_string::<i32>();
    assert_eq!(text.value(0), "Ab");
    assert_eq!(text.values().len(), 4, "nothing of the bad rows lies between the good ones");
}

#[test]
fn the_event_time_must_be_there_and_not_far_ahead() {
    let columns = schema(&[("a", DataType::Int64), ("ts", timestamp())]);
    let rule = EventTimeRule { column: 1, max_future_ms: Some(1000) };
    let mut decoder = JsonDecoder::new(columns.clone(), Some(rule)).unwrap();
    let mut kind = |record: Option<&str>, kafka: Option<i64>| {
        let payload = record.map(str::as_bytes);
        let record = Record { payload, timestamp_ms: kafka, ..Record::default() };
        decoder.decode(record).map_err(|bad| bad.kind)
    };
    assert_eq!(kind(Some("{\"a\":1,\"ts\":6000}"), Some(5000)), Ok(()));
    assert_eq!(kind(Some("{\"a\":1,\"ts\":6001}"), Some(5000)), Err(EventTimeTooFarAhead));
    assert_eq!(kind(Some("{\"a\":1,\"ts\":6001}"), None), Ok(()));
    assert_eq!(kind(Some("{\"a\":1,\"ts\":6001}"), Some(i64::MAX)), Ok(()));
    assert_eq!(kind(Some("{\"a\":1,\"ts\":-6001}"), Some(i64::MIN)), Err(EventTimeTooFarAhead));
    assert_eq!(kind(Some("{\"a\":1}"), Some(5000)), Err(MissingEventTime));
    assert_eq!(kind(Some("{\"a\":1,\"ts\":null}"), Some(5000)), Err(MissingEventTime));
    assert_eq!(kind(None, Some(5000)), Err(NullPayload));
    let batch = decoder.finish();
    assert_eq!(batch.num_rows(), 3);
    assert_eq!(batch.column(1).null_count(), 0);

    let unchecked = EventTimeRule { column: 1, max_future_ms: None };
    let mut decoder = JsonDecoder::new(columns.clone(), Some(unchecked)).unwrap();
    let record = Record { timestamp_ms: Some(0), ..Record::of_value(b"{\"ts\":600000000}") };
    decoder.decode(record).unwrap();
    let not_a_time = EventTimeRule { column: 0, max_future_ms: None };
    assert!(JsonDecoder::new(columns.clone(), Some(not_a_time)).is_err());
    assert!(
        JsonDecoder::new(columns, Some(EventTimeRule { column: 2, max_future_ms: None })).is_err()
    );
}

#[test]
fn any_order_of_fields_gives_the_same_rows() {
    let columns =
        schema(&[("a", DataType::Int64), ("b", DataType::Utf8), ("c", DataType::Boolean)]);
    let mut decoder = JsonDecoder::new(columns, None).unwrap();
    let fields = [
        "\"a\":7",
        "\"x\":[1,{}]",
        "\"b\":\"t\"",
        "\"\\u0063\":true",
        "\"y\":\"\\\"\"",
        "\"ab\":0",
    ];
    let mut random = crate::random::Random::new(1);
    let mut order: Vec<usize> = (0..fields.len()).collect();
    for _ in 0..500 {
        let (i, j) = (random.below(fields.len()), random.below(fields.len()));
        order.swap(i, j);
        let body: Vec<&str> = order
            .iter()
            .filter(|i| [0, 2, 3].contains(*i) || !random.one_in(3))
            .map(|i| fields[*i])
            .collect();
        decoder.decode(Record::of_value(format!("{{{}}}", body.join(",")).as_bytes())).unwrap();
    }
    let batch = decoder.finish();
    for row in 0..500 {
        let cells: Vec<String> =
            batch.columns().iter().map(|c| array_value_to_string(c, row).unwrap()).collect();
        assert_eq!(cells, ["7", "t", "true"]);
    }
}

#[test]
fn schemas_that_cannot_work_are_refused() {
    for (columns, column) in [
        (vec![("a", DataType::Binary)], "a"),
        (vec![("a", DataType::Decimal128(10, -2))], "a"),
        (vec![("a", DataType::Timestamp(TimeUnit::Nanosecond, None))], "a"),
        (vec![("a", DataType::Int64), ("a", DataType::Int64)], "a"),
    ] {
        assert_eq!(JsonDecoder::new(schema(&columns), None).err().unwrap().column, column);
    }
    let strict = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, false)]));
    let mut decoder = JsonDecoder::new(strict, None).unwrap();
    assert_eq!(decoder.decode(Record::of_value(b"{}")).unwrap_err().kind, MissingField);
}

#[test]
fn a_schema_without_columns_counts_rows() {
    let mut decoder = JsonDecoder::new(schema(&[]), None).unwrap();
    decoder.decode(Record::of_value(b"{\"a\":1}")).unwrap();
    decoder.decode(Record::of_value(b"{}")).unwrap();
    assert!(decoder.decode(Record::of_value(b"{")).is_err());
    assert_eq!((decoder.len(), decoder.finish().num_rows()), (2, 2));
    assert!(decoder.is_empty());
}

#[test]
fn bytes_grow_with_rows_and_texts() {
    let mut decoder =
        JsonDecoder::new(schema(&[("a", DataType::Int64), ("b", DataType::Utf8)]), None).unwrap();
    assert_eq!(decoder.bytes(), 0);
    decoder.decode(Record::of_value(b"{\"a\":1,\"b\":\"four\"}")).unwrap();
    assert_eq!(decoder.bytes(), 8 + 4 + 4);
    decoder.finish();
    assert_eq!(decoder.bytes(), 0);
}
