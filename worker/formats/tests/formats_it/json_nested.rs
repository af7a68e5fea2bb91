//! Fields in objects within the record, and columns that stand beside the record's value.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, TimeUnit};
use arrow::util::display::array_value_to_string;
use formats::BadRecordKind::{self, *};
use formats::json::JsonDecoder;
use formats::{EventTimeRule, Headers, Record};
use protocol::{Origin, PathStep};
use serde_json::Value;

use crate::json_differential::object;
use crate::random::Random;

fn path(text: &str) -> Origin {
    let step = |step: &str| step.parse().map_or_else(|_| step.into(), PathStep::At);
    Origin::Field(text.split('.').map(step).collect())
}

fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
    let fields: Vec<Field> =
        columns.iter().map(|(name, t)| Field::new(*name, t.clone(), true)).collect();
    Arc::new(Schema::new(fields))
}

/// Two columns of one object, one of an object within it, one of the record.
fn decoder() -> JsonDecoder {
    let columns = [
        ("id", DataType::Int64),
        ("who", DataType::Utf8),
        ("deep", DataType::Float64),
        ("kind", DataType::Int64),
    ];
    let origins = [path("bid.id"), path("bid.who"), path("bid.more.deep"), path("kind")];
    JsonDecoder::with_origins(schema(&columns), &origins, None).unwrap()
}

fn cells(batch: &RecordBatch, row: usize) -> Vec<String> {
    let cell = |column: &Arc<dyn Array>| {
        if column.is_null(row) {
            "-".to_owned()
        } else {
            array_value_to_string(column, row).unwrap()
        }
    };
    batch.columns().iter().map(cell).collect()
}

#[test]
fn elements_are_taken_out_of_arrays() {
    let columns = [
        ("second", DataType::Int64),
        ("price", DataType::Float64),
        ("inner", DataType::Int64),
        ("kind", DataType::Int64),
    ];
    let origins = [path("n.1"), path("items.0.price"), path("m.1.0"), path("kind")];
    let table: &[(&str, Result<&str, BadRecordKind>)] = &[
        (
            r#"{"n":[1,2,3],"items":[{"price":2.5},{"price":9}],"m":[[1],[7,8]],"kind":1}"#,
            Ok("2 2.5 7 1"),
        ),
        (
            r#" { "n" : [ "a" , 2 ] , "items" : [ { "x" : [ 1 ] , "price" : 1 } ] } "#,
            Ok("2 1.0 - -"),
        ),
        // Too short: there is no such element.
        (r#"{"n":[1],"items":[],"m":[[]],"kind":1}"#, Ok("- - - 1")),
        (r#"{"n":[1,null],"items":[null],"m":[null,null]}"#, Ok("- - - -")),
        (r#"{"n":null,"items":null}"#, Ok("- - - -")),
        (r#"{"kind":1}"#, Ok("- - - 1")),
        (r#"{"n":[1,2],"n":[3]}"#, Ok("- - - -")),
        (r#"{"items":[{"price":1,"price":2}],"items":[{"price":3},4]}"#, Ok("- 3.0 - -")),
        (r#"{"n":5}"#, Err(WrongType)),
        (r#"{"n":{"1":2}}"#, Err(WrongType)),
        (r#"{"items":[[1]]}"#, Err(WrongType)),
        (r#"{"m":[1,2]}"#, Err(WrongType)),
        (r#"{"n":[1,"2"]}"#, Err(WrongType)),
        (r#"{"n":[1,[2]]}"#, Err(WrongType)),
        (r#"{"n":[1,2}"#, Err(Malformed)),
        (r#"{"n":[1,2,]}"#, Err(Malformed)),
        (r#"{"n":[1 2]}"#, Err(Malformed)),
        (r#"{"n":[,2]}"#, Err(Malformed)),
        (r#"{"n":[1,2"#, Err(Malformed)),
    ];
    for (record, expected) in table {
        let mut decoder = JsonDecoder::with_origins(schema(&columns), &origins, None).unwrap();
        // Beside what was learned from it, and from one of another shape.
        for other in [record, &table[0].0, record, record] {
            drop(decoder.decode(Record::of_value(other.as_bytes())));
        }
        decoder.finish();
        let read = decoder.decode(Record::of_value(record.as_bytes()));
        let found = read.map(|()| cells(&decoder.finish(), 0).join(" ")).map_err(|bad| bad.kind);
        assert_eq!(found, expected.map(str::to_owned), "{record}");
    }
}

#[test]
fn paths_that_no_record_can_have_are_refused() {
    let two = schema(&[("a", DataType::Int64), ("b", DataType::Int64)]);
    let refused = |one: &str, other: &str| {
        JsonDecoder::with_origins(Arc::clone(&two), &[path(one), path(other)], None).is_err()
    };
    assert!(!refused("x.0", "x.1"));
    assert!(refused("x.0", "x.0"));
    assert!(refused("x.0", "x.a"), "an array and an object");
    assert!(refused("x.0", "x.0.a"));
    assert!(refused("x.0", "x"));
    assert!(refused("x.256", "y"), "too far");
    assert!(refused("0.x", "y"), "a record is an object");
}

#[test]
fn fields_are_taken_out_of_objects() {
    let table: &[(&str, Result<&str, BadRecordKind>)] = &[
        (r#"{"kind":1,"bid":{"id":7,"who":"ann","more":{"deep":2.5}}}"#, Ok("7 ann 2.5 1")),
        (r#"{"bid":{"more":{"deep":1,"id":9},"who":"\u0061","id":8},"kind":2}"#, Ok("8 a 1.0 2")),
        (r#" { "bid" : { "id" : 7 , "x" : { "id" : 1 } } , "id" : 3 } "#, Ok("7 - - -")),
        (r#"{"kind":1}"#, Ok("- - - 1")),
        (r#"{"bid":null,"kind":1}"#, Ok("- - - 1")),
        (r#"{"bid":{},"kind":1}"#, Ok("- - - 1")),
        (r#"{"bid":{"id":null,"more":null},"kind":1}"#, Ok("- - - 1")),
        (r#"{"person":{"id":5,"more":{"deep":3}},"kind":1}"#, Ok("- - - 1")),
        // Of a repeated field the last value counts, and nothing of the others.
        (r#"{"bid":{"id":1,"who":"a"},"bid":{"id":2}}"#, Ok("2 - - -")),
        (r#"{"bid":{"id":1,"more":{"deep":1}},"bid":null}"#, Ok("- - - -")),
        (r#"{"bid":{"id":1,"more":{"deep":1},"more":{}}}"#, Ok("1 - - -")),
        (r#"{"bid":5,"bid":{"id":2}}"#, Ok("2 - - -")),
        (r#"{"bid":{"id":2},"bid":5}"#, Err(WrongType)),
        (r#"{"bid":5}"#, Err(WrongType)),
        (r#"{"bid":[{"id":1}]}"#, Err(WrongType)),
        (r#"{"bid":"{}"}"#, Err(WrongType)),
        (r#"{"bid":{"more":true}}"#, Err(WrongType)),
        (r#"{"bid":{"id":{}}}"#, Err(WrongType)),
        (r#"{"bid":{"id":1}"#, Err(Malformed)),
        (r#"{"bid":{"id":1,}}"#, Err(Malformed)),
        (r#"{"bid":{"id":1]}"#, Err(Malformed)),
        (r#"{"bid":{"id":1}}}"#, Err(Malformed)),
    ];
    for (record, expected) in table {
        let mut decoder = decoder();
        // What is learned from one record does not change the next.
        for _ in 0..3 {
            let found = decoder.decode(Record::of_value(record.as_bytes())).map_err(|b| b.kind);
            assert_eq!(found, expected.map(|_| ()), "{record}");
        }
        let batch = decoder.finish();
        assert_eq!(batch.num_rows(), if expected.is_ok() { 3 } else { 0 });
        for row in 0..batch.num_rows() {
            assert_eq!(cells(&batch, row).join(" "), expected.unwrap(), "{record}");
        }
    }
}

#[test]
fn refusals_name_the_path() {
    let mut decoder = decoder();
    let mut refused =
        |record: &str| decoder.decode(Record::of_value(record.as_bytes())).unwrap_err().to_string();
    assert_eq!(refused(r#"{"bid":{"id":"x"}}"#), "WrongType: field 'bid.id': expected an integer");
    assert_eq!(
        refused(r#"{"bid":{"more":1}}"#),
        "WrongType: field 'bid.more.deep': expected an object or an array at every step but the last, as the path says"
    );
}

#[test]
fn depth_is_bounded_within_objects_too() {
    let mut decoder = decoder();
    let mut judge = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        let record = format!(r#"{{"bid":{{"more":{{"x":{open}{close}}}}}}}"#);
        decoder.decode(Record::of_value(record.as_bytes())).map_err(|bad| bad.kind)
    };
    // The record and two objects are open.
    assert_eq!(judge(61), Ok(()));
    assert_eq!(judge(62), Err(TooDeep));
}

/// By the other library: every document as a tree, the path walked.
fn expected(document: &Value, path: &[&str]) -> Result<Value, ()> {
    let mut at = document;
    for name in path {
        match at {
            Value::Object(fields) => at = fields.get(*name).unwrap_or(&Value::Null),
            Value::Null => return Ok(Value::Null),
            _ => return Err(()),
        }
    }
    Ok(at.clone())
}

#[test]
fn random_documents_give_the_rows_of_the_other_library() {
    let columns = schema(&[
        ("a", DataType::Utf8),
        ("b", DataType::Boolean),
        ("c", DataType::Utf8),
        ("d", DataType::Boolean),
    ]);
    let paths: [&[&str]; 4] = [&["t"], &["x", "b"], &["x", "y", "t"], &["y", "b"]];
    let origins = paths.map(|names| path(&names.join(".")));
    let mut decoder = JsonDecoder::with_origins(columns, &origins, None).unwrap();
    let mut random = Random::new(23);
    let (mut kept, mut refused, mut values) = (Vec::new(), 0, 0);
    for _ in 0..30_000 {
        let mut document = String::new();
        object(&mut random, 0, &mut document);
        let tree: Value = serde_json::from_str(&document).unwrap();
        let row: Vec<_> = paths.iter().map(|path| expected(&tree, path)).collect();
        let fits = row.iter().enumerate().all(|(column, cell)| {
            let text = column % 2 == 0;
            cell.as_ref()
                .is_ok_and(|v| v.is_null() || v.is_string() == text && v.is_boolean() != text)
        });
        let found = decoder.decode(Record::of_value(document.as_bytes()));
        assert_eq!(found.is_ok(), fits, "{found:?} {document}");
        if fits {
            kept.push((row, document));
        } else {
            refused += 1;
        }
    }
    let batch = decoder.finish();
    for (row, (cells, document)) in kept.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            let array = batch.column(column);
            let found = match array.data_type() {
                _ if array.is_null(row) => Value::Null,
                DataType::Boolean => array.as_boolean().value(row).into(),
                _ => array.as_string::<i32>().value(row).into(),
            };
            assert_eq!(Ok(&found), cell.as_ref(), "{document}");
            values += usize::from(!found.is_null() && column > 0);
        }
    }
    assert!(
        kept.len() > 3_000 && refused > 3_000 && values > 30,
        "{} {refused} {values}",
        kept.len()
    );
}

#[test]
fn columns_of_the_record_around_the_value() {
    let instant = DataType::Timestamp(TimeUnit::Millisecond, None);
    let columns = schema(&[
        ("key", DataType::Utf8),
        ("price", DataType::Float64),
        ("at", instant.clone()),
        ("partition", DataType::Int32),
        ("offset", DataType::Int64),
        ("trace", DataType::Utf8),
        ("read", instant),
    ]);
    let origins = [
        Origin::Key,
        path("price"),
        Origin::Timestamp,
        Origin::Partition,
        Origin::Offset,
        Origin::Header("trace".to_owned()),
        Origin::ProcessingTime,
    ];
    let (mut headers, mut wrong) = (Vec::new(), Vec::new());
    let name = "trace".as_bytes();
    Headers::lay_out(
        [(name, Some(&b"1"[..])), (name, Some(&b"two"[..]))].into_iter(),
        &mut headers,
    );
    Headers::lay_out([(name, Some(&b"\xff"[..]))].into_iter(), &mut wrong);
    let rule = EventTimeRule { column: 2, max_future_ms: Some(0) };
    let mut decoder = JsonDecoder::with_origins(columns, &origins, Some(rule)).unwrap();
    let record = Record {
        payload: Some(br#"{"price":1.5,"key":"no"}"#),
        key: Some("kéy".as_bytes()),
        timestamp_ms: Some(1000),
        partition: 3,
        offset: 1 << 40,
        headers: Headers::new(&headers),
        read_ms: Some(2000),
    };
    decoder.decode(record).unwrap();
    decoder.decode(Record { key: None, read_ms: None, ..record }).unwrap();
    let bare = Record { headers: Headers::default(), ..record };
    decoder.decode(Record { key: Some(b""), offset: 0, ..bare }).unwrap();
    let mut refused = |record: Record<'_>| decoder.decode(record).unwrap_err().to_string();
    let refusals = [
        (Record { key: Some(b"\xff"), ..record }, "InvalidUtf8: the record's key: expected UTF-8"),
        (
            Record { timestamp_ms: None, ..record },
            "MissingEventTime: the record's timestamp: expected an event time, which is missing or null",
        ),
        (
            Record { timestamp_ms: Some(i64::MAX), ..record },
            "OutOfRange: the record's timestamp: expected an instant of the years 1 to 9999",
        ),
        (
            Record { headers: Headers::new(&wrong), ..record },
            "InvalidUtf8: header 'trace': expected UTF-8",
        ),
        (
            Record { headers: Headers::new(&headers[..5]), ..record },
            "Malformed: header 'trace': expected headers that are laid out as such",
        ),
        (Record { payload: None, ..record }, "NullPayload: the record has no value"),
    ];
    for (record, expected) in refusals {
        assert_eq!(refused(record), expected);
    }
    let batch = decoder.finish();
    assert_eq!(batch.num_rows(), 3);
    let first =
        ["kéy", "1.5", "1970-01-01T00:00:01", "3", "1099511627776", "two", "1970-01-01T00:00:02"];
    assert_eq!(cells(&batch, 0), first);
    assert_eq!(cells(&batch, 2)[5], "-");
    assert_eq!(cells(&batch, 1)[0], "-");
    assert_eq!(cells(&batch, 1)[6], "-");
    assert_eq!(cells(&batch, 2)[0], "");
    assert_eq!(batch.column(4).as_primitive::<Int64Type>().value(2), 0);
}

#[test]
fn columns_that_cannot_be_read_are_refused() {
    let refused = |columns: &[(&str, DataType)], origins: &[Origin]| {
        JsonDecoder::with_origins(schema(columns), origins, None).err().map(|e| e.column)
    };
    let two = [("a", DataType::Int64), ("b", DataType::Int64)];
    for (one, other) in [("x", "x"), ("x", "x.y"), ("x.y", "x"), ("x.y.z", "x.y")] {
        assert_eq!(refused(&two, &[path(one), path(other)]).as_deref(), Some("b"), "{one} {other}");
    }
    assert_eq!(refused(&two, &[path("x.y"), path("x.z")]), None);
    assert_eq!(refused(&two, &[path("x.y"), path("y.x")]), None);
    assert!(refused(&two, &[path("x")]).is_some());
    assert!(refused(&two, &[path("x"), Origin::Field(vec![])]).is_some());
    assert!(refused(&two, &[path("x"), Origin::Field(vec!["x".into(); 65])]).is_some());
    assert!(refused(&two, &[path("x"), Origin::Key]).is_some());
    assert!(refused(&two, &[path("x"), Origin::Header("y".to_owned())]).is_some());
    assert!(refused(&two, &[path("x"), Origin::Position(1)]).is_some());
    assert!(refused(&two, &[path("x"), Origin::Partition]).is_some());
    assert!(refused(&two, &[path("x"), Origin::Timestamp]).is_some());
    assert_eq!(refused(&two, &[path("x"), Origin::Offset]), None);
}
