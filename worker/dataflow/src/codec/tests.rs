//! Frozen bytes, and what must not decode.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMillisecondArray,
};

use super::*;

const GOLDEN: &str = include_str!("../../golden/key_bytes_v1.txt");

fn sample() -> (Vec<ColumnKind>, Vec<ArrayRef>) {
    let decimals = Decimal128Array::from(vec![None, Some(-150), Some(i128::MAX / 4), Some(0)]);
    let columns: Vec<(ColumnKind, ArrayRef)> = vec![
        (
            ColumnKind::Int64,
            Arc::new(Int64Array::from(vec![None, Some(-1), Some(i64::MAX), Some(7)])),
        ),
        (
            ColumnKind::Int32,
            Arc::new(Int32Array::from(vec![None, Some(-1), Some(i32::MIN), Some(7)])),
        ),
        (
            ColumnKind::Float64,
            Arc::new(Float64Array::from(vec![None, Some(-1.5), Some(-f64::NAN), Some(-0.0)])),
        ),
        (
            ColumnKind::Boolean,
            Arc::new(BooleanArray::from(vec![None, Some(false), Some(true), Some(true)])),
        ),
        (
            ColumnKind::Utf8,
            Arc::new(StringArray::from(vec![None, Some(""), Some("é\u{0}x"), Some("a")])),
        ),
        (
            ColumnKind::Timestamp,
            Arc::new(TimestampMillisecondArray::from(vec![None, Some(-1), Some(0), Some(7)])),
        ),
        (
            ColumnKind::Decimal(38, 2),
            Arc::new(decimals.with_precision_and_scale(38, 2).expect("38 digits are possible")),
        ),
    ];
    columns.into_iter().unzip()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, b| text + &format!("{b:02x}"))
}

#[test]
fn key_bytes_are_frozen() {
    let (kinds, columns) = sample();
    let mut keys = EncodedKeys::default();
    let mut found = Vec::new();
    for (kind, column) in kinds.iter().zip(&columns) {
        keys.encode(&[*kind], std::slice::from_ref(column), 4);
        found.extend((0..4).map(|row| format!("{kind} {}", hex(keys.row(row)))));
    }
    keys.encode(&kinds, &columns, 4);
    found.extend((0..4).map(|row| format!("all {}", hex(keys.row(row)))));
    let golden: Vec<&str> = GOLDEN.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(found, golden);
}

#[test]
fn what_is_encoded_decodes_and_sorts() {
    let (kinds, columns) = sample();
    let mut keys = EncodedKeys::default();
    keys.encode(&kinds, &columns, 4);
    for row in 0..4 {
        let mut rest = keys.row(row);
        let mut again = Vec::new();
        for kind in &kinds {
            let value = take_value(*kind, &mut rest).expect("just encoded");
            put_value(&mut again, *kind, value);
        }
        assert!(rest.is_empty());
        assert_eq!(again, keys.row(row));
    }
    let floats = [f64::NEG_INFINITY, -1.5, -0.5, 0.0, 1e-300, 2.0, f64::INFINITY, f64::NAN];
    assert!(floats.windows(2).all(|w| f64_bytes(w[0]) < f64_bytes(w[1])));
    let negative_zero = [&[VALUE][..], &f64_bytes(-0.0)].concat();
    let read = take_value(ColumnKind::Float64, &mut negative_zero.as_slice());
    assert!(matches!(read, Some(Value::Float(v)) if v.is_sign_negative()), "state keeps every bit");
}

#[test]
fn cut_or_foreign_bytes_do_not_decode() {
    let (kinds, columns) = sample();
    for (kind, column) in kinds.iter().zip(&columns) {
        let mut keys = EncodedKeys::default();
        keys.encode(&[*kind], std::slice::from_ref(column), 4);
        for row in 0..4 {
            let whole = keys.row(row);
            for end in 0..whole.len() {
                assert_eq!(take_value(*kind, &mut &whole[..end]), None, "{kind} cut at {end}");
            }
        }
    }
    assert_eq!(take_value(ColumnKind::Int64, &mut &[2u8, 0, 0][..]), None);
    assert_eq!(take_value(ColumnKind::Boolean, &mut &[1u8, 2][..]), None);
    assert_eq!(take_value(ColumnKind::Utf8, &mut &[1u8, 0, 0, 0, 1, 0xff][..]), None);
}
