//! Frozen bytes, their order, and what must not decode.

use std::cmp::Ordering;

use arrow::datatypes::{Field, Schema};

use super::*;

const GOLDEN: &str = include_str!("../../golden/packed_rows_v1.txt");
const ASCENDING: RowOrder = RowOrder { descending: false, nulls_first: true };
const DESCENDING: RowOrder = RowOrder { descending: true, nulls_first: false };

fn columns() -> Vec<ArrayRef> {
    let decimals = Decimal128Array::from(vec![None, Some(-150), Some(7)]);
    vec![
        Arc::new(Int64Array::from(vec![None, Some(-1), Some(i64::MAX)])),
        Arc::new(Int32Array::from(vec![None, Some(i32::MIN), Some(7)])),
        Arc::new(Float64Array::from(vec![None, Some(-0.0), Some(f64::NAN)])),
        Arc::new(BooleanArray::from(vec![None, Some(false), Some(true)])),
        Arc::new(StringArray::from(vec![None, Some("a\u{0}b"), Some("é")])),
        Arc::new(TimestampMillisecondArray::from(vec![None, Some(-1), Some(7)])),
        Arc::new(decimals.with_precision_and_scale(38, 2).expect("38 digits are possible")),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, b| text + &format!("{b:02x}"))
}

fn packed(orders: &[RowOrder], columns: &[ArrayRef]) -> Vec<Vec<u8>> {
    let rows = columns[0].len();
    let packed = pack_rows(orders, columns, rows).expect("columns of single values");
    let packed = packed.as_binary::<i64>();
    (0..rows).map(|row| packed.value(row).to_vec()).collect()
}

#[test]
fn packed_rows_are_frozen() {
    let mut found = Vec::new();
    for column in columns() {
        for order in [ASCENDING, DESCENDING] {
            let rows = packed(&[order], &[column.clone(), column.clone()]);
            let kind = ColumnKind::of(column.data_type()).expect("one of ours");
            let word = if order.descending { "desc" } else { "asc" };
            found.extend(rows.iter().map(|row| format!("{kind} {word} {}", hex(row))));
        }
    }
    let mut stored = Vec::new();
    put_stored(&mut stored, b"orderplacekept", 10);
    found.push(format!("stored {}", hex(&stored)));
    let golden: Vec<&str> = GOLDEN.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(found, golden);
}

#[test]
fn the_bytes_sort_as_the_values_do() {
    let texts = [None, Some(""), Some("\u{0}"), Some("\u{0}\u{0}"), Some("a"), Some("a\u{0}b")];
    let texts = texts.into_iter().chain([Some("a\u{1}"), Some("ab"), Some("b"), Some("é")]);
    let texts: ArrayRef = Arc::new(texts.collect::<StringArray>());
    let floats = [f64::NEG_INFINITY, -1.5, -0.0, 1e-300, 2.0, f64::INFINITY, f64::NAN];
    let floats = std::iter::once(None).chain(floats.into_iter().map(Some));
    let floats: ArrayRef = Arc::new(floats.collect::<Float64Array>());
    let numbers = [None, Some(i64::MIN), Some(-1), Some(0), Some(1), Some(i64::MAX)];
    let numbers: ArrayRef = Arc::new(Int64Array::from(numbers.to_vec()));
    for column in [texts, floats, numbers] {
        for (descending, nulls_first) in
            [(false, true), (false, false), (true, true), (true, false)]
        {
            let order = RowOrder { descending, nulls_first };
            let rows = packed(&[order], std::slice::from_ref(&column));
            let ordering = |row: usize| parts(&rows[row]).expect("just packed").0;
            for (a, b) in (0..rows.len()).flat_map(|a| (0..rows.len()).map(move |b| (a, b))) {
                // The columns ascend, null first.
                let expected = match (a, b) {
                    (0, 0) => Ordering::Equal,
                    (0, _) if nulls_first => Ordering::Less,
                    (0, _) => Ordering::Greater,
                    (_, 0) if nulls_first => Ordering::Greater,
                    (_, 0) => Ordering::Less,
                    (a, b) if descending => b.cmp(&a),
                    (a, b) => a.cmp(&b),
                };
                assert_eq!(ordering(a).cmp(ordering(b)), expected, "{column:?} {a} {b}");
            }
        }
    }
}

fn schema(kept: &[ArrayRef]) -> SchemaRef {
    let mut fields = vec![
        Field::new("key", ColumnKind::Int64.data_type(), true),
        Field::new("number", ColumnKind::Int64.data_type(), true),
    ];
    fields.extend(kept.iter().map(|column| Field::new("kept", column.data_type().clone(), true)));
    Arc::new(Schema::new(fields))
}

/// Results with the rows of each key, stored.
fn results(stored: Vec<Option<Vec<u8>>>) -> RecordBatch {
    let keys: ArrayRef = Arc::new(Int64Array::from_iter_values(0..stored.len() as i64));
    let mut packed = LargeBinaryBuilder::new();
    for stored in stored {
        packed.append_option(stored);
    }
    let packed: ArrayRef = Arc::new(packed.finish());
    RecordBatch::try_from_iter_with_nullable([("key", keys, true), ("rows", packed, true)])
        .expect("columns of one length")
}

fn stored(rows: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for row in rows {
        let (ordering, kept) = parts(row).expect("just packed");
        put_stored(&mut out, &[ordering, kept].concat(), ordering.len() as u32);
    }
    out
}

#[test]
fn rows_come_back_numbered_beside_their_key() {
    let kept = columns();
    let all: Vec<ArrayRef> = [vec![kept[0].clone()], kept.clone()].concat();
    let rows = packed(&[DESCENDING], &all);
    let batch = results(vec![Some(stored(&rows)), None, Some(stored(&rows[2..]))]);
    let schema = schema(&kept);
    let found = unpack_rows(&batch, &schema).unwrap_or_else(|_| panic!("what was packed"));
    let numbers =
        |column: usize| found.column(column).as_primitive::<Int64Type>().values().to_vec();
    assert_eq!(numbers(0), [0, 0, 0, 2]);
    assert_eq!(numbers(1), [1, 2, 3, 1]);
    for (at, column) in kept.iter().enumerate() {
        let again = found.column(at + 2).slice(0, 3);
        // Compared by their text: NaN equals nothing.
        assert_eq!(format!("{again:?}"), format!("{column:?}"));
    }
}

#[test]
fn the_numbers_that_have_no_row_are_told() {
    let kept = columns();
    let all: Vec<ArrayRef> = [vec![kept[0].clone()], kept.clone()].concat();
    let rows = packed(&[DESCENDING], &all);
    let batch = results(vec![Some(stored(&rows)), None, Some(stored(&rows[2..]))]);
    let found = absent_rows(&batch, &schema(&kept), 3).unwrap_or_else(|_| panic!("stored rows"));
    let numbers =
        |column: usize| found.column(column).as_primitive::<Int64Type>().values().to_vec();
    assert_eq!((numbers(0), numbers(1)), (vec![1, 1, 1, 2, 2], vec![1, 2, 3, 2, 3]));
    assert!(found.columns()[2..].iter().all(|column| column.null_count() == 5));
}

#[test]
fn cut_or_foreign_rows_do_not_decode() {
    let kept = columns();
    let all: Vec<ArrayRef> = [vec![kept[0].clone()], kept.clone()].concat();
    let rows = packed(&[ASCENDING], &all);
    let whole = stored(&rows[1..2]);
    for end in 1..whole.len() {
        let batch = results(vec![Some(whole[..end].to_vec())]);
        assert!(matches!(unpack_rows(&batch, &schema(&kept)), Err(Fault::Damaged)), "cut at {end}");
    }
    let lists: ArrayRef = Arc::new(LargeBinaryBuilder::new().finish());
    assert!(pack_rows(&[ASCENDING], &[lists], 0).is_none());
    assert!(pack_rows(&[ASCENDING], &[], 0).is_none());
    assert!(pack_rows(&[ASCENDING], &kept, 2).is_none());
}
