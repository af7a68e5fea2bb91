//! What the JSON encoder writes.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int32Array,
    Int64Array, LargeStringArray, ListBuilder, RecordBatch, StringArray, StringBuilder,
    StringViewArray, TimestampMillisecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Schema};
use formats::Record;
use formats::json::{JsonDecoder, JsonEncoder};

const GOLDEN: &str = include_str!("../golden/json_encoded_v1.txt");

fn sample() -> RecordBatch {
    let decimal = Decimal128Array::from(vec![Some(12_345), Some(-5), None])
        .with_precision_and_scale(10, 2)
        .unwrap();
    let instants = TimestampMillisecondArray::from(vec![Some(1_700_000_000_123), Some(-1), None])
        .with_timezone("UTC");
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("i", Arc::new(Int64Array::from(vec![Some(i64::MIN), Some(0), None]))),
        ("j", Arc::new(Int32Array::from(vec![Some(-7), Some(7), None]))),
        ("u", Arc::new(UInt64Array::from(vec![Some(u64::MAX), Some(0), None]))),
        ("f", Arc::new(Float64Array::from(vec![Some(789.0), Some(f64::NAN), None]))),
        ("g", Arc::new(Float32Array::from(vec![Some(0.1), Some(f32::INFINITY), None]))),
        ("t", Arc::new(StringArray::from(vec![Some("a\"b\\c\n\u{1}ü😀"), Some(""), None]))),
        ("l", Arc::new(LargeStringArray::from(vec![Some("large"), Some(""), None]))),
        ("v", Arc::new(StringViewArray::from(vec![Some("view"), Some(""), None]))),
        ("b", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))),
        ("ts", Arc::new(instants)),
        ("day", Arc::new(Date32Array::from(vec![Some(19_675), Some(-1), None]))),
        ("d", Arc::new(decimal)),
        ("na\"me", Arc::new(Int64Array::from(vec![1, 2, 3]))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true)))
        .unwrap()
}

fn encoded(batch: &RecordBatch, key: &[usize]) -> Vec<(Option<String>, String)> {
    let mut encoder = JsonEncoder::new(&batch.schema(), key.to_vec()).unwrap();
    let mut out = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    encoder.encode(batch, &mut |key, value| out.push((key.map(text), text(value))));
    out
}

#[test]
fn the_text_is_frozen() {
    let lines: Vec<String> = encoded(&sample(), &[]).into_iter().map(|(_, value)| value).collect();
    assert_eq!(lines, GOLDEN.lines().collect::<Vec<_>>());
}

#[test]
fn lists_are_arrays_of_what_their_items_are() {
    let mut builder = ListBuilder::new(StringBuilder::new());
    builder.append_value([Some("a\"b"), None]);
    builder.append_value(Vec::<Option<&str>>::new());
    builder.append_null();
    let list: ArrayRef = Arc::new(builder.finish());
    let batch = RecordBatch::try_from_iter_with_nullable([("l", list, true)]).unwrap();
    let values: Vec<String> = encoded(&batch, &[]).into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, [r#"{"l":["a\"b",null]}"#, r#"{"l":[]}"#, r#"{"l":null}"#]);
}

#[test]
fn every_value_is_json_with_all_fields() {
    for (_, value) in encoded(&sample(), &[]) {
        let parsed: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(&value).unwrap();
        assert_eq!(parsed.len(), 13);
    }
}

#[test]
fn keys_are_plain_alone_and_json_together() {
    let keys = |key: &[usize]| -> Vec<Option<String>> {
        encoded(&sample(), key).into_iter().map(|(key, _)| key).collect()
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(keys(&[]), [None, None, None]);
    assert_eq!(keys(&[0]), [some("-9223372036854775808"), some("0"), None]);
    assert_eq!(keys(&[5]), [some("a\"b\\c\n\u{1}ü😀"), some(""), None]);
    assert_eq!(
        keys(&[9]),
        [some("2023-11-14T22:13:20.123Z"), some("1969-12-31T23:59:59.999Z"), None]
    );
    assert_eq!(keys(&[3]), [some("789.0"), some("null"), None]);
    assert_eq!(
        keys(&[6, 9, 1]),
        [
            some("[\"large\",\"2023-11-14T22:13:20.123Z\",-7]"),
            some("[\"\",\"1969-12-31T23:59:59.999Z\",7]"),
            some("[null,null,null]"),
        ]
    );
}

#[test]
fn where_later_records_replace_earlier_ones_every_record_has_a_key() {
    let batch = sample();
    let keys = |key: &[usize], upsert: bool| -> Vec<Option<String>> {
        let encoder = JsonEncoder::new(&batch.schema(), key.to_vec()).unwrap();
        let mut encoder = encoder.upserting(upsert);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (mut of_rows, mut alone) = (Vec::new(), Vec::new());
        encoder.encode(&batch, &mut |key, _| of_rows.push(key.map(text)));
        encoder.encode_keys(&batch, &mut |key| alone.push(key.map(text)));
        assert_eq!(of_rows, alone, "a deletion finds its row");
        alone
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(keys(&[0], false), [some("-9223372036854775808"), some("0"), None]);
    assert_eq!(keys(&[0], true), [some("-9223372036854775808"), some("0"), some("[null]")]);
    assert_eq!(keys(&[0, 5], true), keys(&[0, 5], false));
}

#[test]
fn no_two_values_have_one_key_where_a_later_record_replaces_an_earlier_one() {
    let values = [None, Some("null"), Some("[null]"), Some("[\"[null]\"]"), Some(""), Some("a[")];
    let names: ArrayRef = Arc::new(StringArray::from(values.to_vec()));
    let batch = RecordBatch::try_from_iter_with_nullable([("name", names, true)]).unwrap();
    let mut keys = Vec::new();
    JsonEncoder::new(&batch.schema(), vec![0]).unwrap().upserting(true).encode_keys(
        &batch,
        &mut |key| {
            keys.push(String::from_utf8(key.unwrap().to_vec()).unwrap());
        },
    );
    let wanted = ["[null]", "null", "[\"[null]\"]", "[\"[\\\"[null]\\\"]\"]", "", "a["];
    assert_eq!(keys, wanted);
}

#[test]
fn what_was_written_is_read_again() {
    let batch = sample().project(&[0, 1, 5, 8, 9, 11]).unwrap();
    let mut decoder = JsonDecoder::new(batch.schema(), None).unwrap();
    for (_, value) in encoded(&batch, &[]) {
        decoder.decode(Record::of_value(value.as_bytes())).unwrap();
    }
    assert_eq!(decoder.finish(), batch);
}

#[test]
fn schemas_that_cannot_be_written_are_refused() {
    let binary = Arc::new(Schema::new(vec![Field::new("raw", DataType::Binary, true)]));
    assert_eq!(JsonEncoder::new(&binary, vec![]).err().unwrap().column, "raw");
    let one = Arc::new(Schema::new(vec![Field::new("a", DataType::Int64, true)]));
    assert!(JsonEncoder::new(&one, vec![1]).is_err());
}

#[test]
fn rows_without_columns_are_empty_objects() {
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(1));
    let schema = Arc::new(Schema::empty());
    let batch = RecordBatch::try_new_with_options(schema, vec![], &options).unwrap();
    assert_eq!(encoded(&batch, &[]), [(None, "{}".to_owned())]);
}
