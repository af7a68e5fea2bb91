use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};

use super::*;
use crate::changes::encode_time;
use crate::limits::FOREVER_MS;

fn table(frame: Frame) -> FrameTable {
    FrameTable::new(frame, vec![ColumnKind::Int64])
}

/// Rows of a key and a time, in the order of the log.
fn add(table: &mut FrameTable, rows: &[(i64, i64)]) {
    let column: ArrayRef = Arc::new(rows.iter().map(|(key, _)| Some(*key)).collect::<Int64Array>());
    let mut keys = BatchKeys::default();
    keys.prepare(&[ColumnKind::Int64], &[column], rows.len());
    let picked: Vec<u32> = (0..rows.len() as u32).collect();
    let numbers = table.resolve(&keys, &picked).expect("there is room");
    for (at, (number, (_, time))) in numbers.iter().zip(rows).enumerate() {
        table.add(*number, (*time, 0, at as i64), &[7]);
    }
}

fn pass(table: &mut FrameTable, watermark: i64) {
    table.hand_out(watermark);
    table.trim(watermark).expect("keys of one kind");
}

/// Times of the rows of a key.
fn times(table: &FrameTable, key: i64) -> Vec<i64> {
    let mut bytes = Vec::new();
    crate::codec::put_i64(&mut bytes, key);
    let mut own = Vec::new();
    for number in 0..table.index.len() as u32 {
        let mut other = Vec::new();
        table.index.put_key(number, &mut other);
        if other == bytes {
            own.extend(table.keys[number as usize].rows.iter().map(|row| row.place.0));
        }
    }
    own
}

#[test]
fn a_range_keeps_what_the_next_rows_reach() {
    let mut table = table(Frame::Range { preceding_ms: 10 });
    add(&mut table, &[(1, 5), (1, 20), (1, 12), (2, 3)]);
    assert_eq!(table.first_waiting(), Some(3));
    assert_eq!(times(&table, 1), [5, 12, 20]);
    pass(&mut table, 13);
    assert_eq!((times(&table, 1), times(&table, 2)), (vec![5, 12, 20], vec![3]));
    // A row at 14 reaches back to 4, and one at 15 to 5.
    pass(&mut table, 14);
    assert_eq!((times(&table, 1), times(&table, 2)), (vec![5, 12, 20], vec![]));
    pass(&mut table, 16);
    assert_eq!(times(&table, 1), [12, 20]);
    pass(&mut table, 31);
    assert_eq!((table.len(), table.memory_bytes() > 0, table.keys.len()), (0, true, 0));
}

#[test]
fn rows_keep_the_last_of_a_life() {
    let mut table = table(Frame::Rows { preceding: 2, ttl_ms: 10 });
    add(&mut table, &[(1, 1), (1, 2), (1, 3), (1, 30)]);
    pass(&mut table, 4);
    assert_eq!(times(&table, 1), [2, 3, 30]);
    assert_eq!(table.frame_start(0, 2), 2, "27 ms later is another life");
    pass(&mut table, 13);
    assert_eq!(times(&table, 1), [2, 3, 30], "a row at 13 belongs to the life");
    pass(&mut table, 14);
    assert_eq!(times(&table, 1), [30]);
    pass(&mut table, 41);
    assert_eq!(table.len(), 0);
}

#[test]
fn without_a_ttl_nothing_goes_but_by_other_rows() {
    let mut table = table(Frame::Rows { preceding: 2, ttl_ms: FOREVER_MS });
    add(&mut table, &[(1, 1), (1, 2), (1, 3)]);
    pass(&mut table, 1_000_000);
    assert_eq!(times(&table, 1), [2, 3]);
}

#[test]
fn changes_are_what_came_and_what_went() {
    let mut table = table(Frame::Rows { preceding: 2, ttl_ms: FOREVER_MS });
    add(&mut table, &[(1, 5), (1, 5), (1, 6), (2, 5)]);
    let entry = |time: i64, key: i64| {
        let mut bytes = encode_time(time + 1).to_vec();
        crate::codec::put_i64(&mut bytes, key);
        bytes
    };
    let changes = table.take_changed();
    let keys: Vec<&Vec<u8>> = changes.keys().collect();
    assert_eq!(keys, [&entry(5, 1), &entry(5, 2), &entry(6, 1)]);
    assert!(changes.values().all(Option::is_some));
    assert!(table.take_changed().is_empty());
    // The first of two rows of one time goes: the entry is written anew with the other.
    pass(&mut table, 7);
    let changes = table.take_changed();
    let written: Vec<bool> = changes.values().map(Option::is_some).collect();
    assert_eq!((changes.keys().collect::<Vec<_>>(), written), (vec![&entry(5, 1)], vec![true]));
    add(&mut table, &[(1, 8), (1, 9)]);
    pass(&mut table, 10);
    let changes = table.take_changed();
    let found: Vec<(&Vec<u8>, bool)> = changes.iter().map(|(k, v)| (k, v.is_some())).collect();
    let (gone, new) = ([entry(5, 1), entry(6, 1)], [entry(8, 1), entry(9, 1)]);
    let expected = [(&gone[0], false), (&gone[1], false), (&new[0], true), (&new[1], true)];
    assert_eq!(found, expected);
}

#[test]
fn keys_without_rows_are_forgotten_and_the_others_stay_as_they_are() {
    let mut table = table(Frame::Rows { preceding: 1, ttl_ms: 5 });
    let many: Vec<(i64, i64)> = (0..3000).map(|key| (key, key)).collect();
    add(&mut table, &many);
    drop(table.take_changed());
    pass(&mut table, 2_000);
    assert_eq!((table.len(), table.keys.len()), (1005, 1005));
    assert_eq!((times(&table, 1_995), times(&table, 1_994)), (vec![1_995], vec![]));
    assert_eq!(table.waiting(2_002).len(), 2);
    assert_eq!(table.take_changed().len(), 1995, "what is gone is deleted");
    add(&mut table, &[(1_994, 2_000), (2_500, 2_400)]);
    assert_eq!((times(&table, 1_994), times(&table, 2_500)), (vec![2_000], vec![2_400, 2_500]));
    assert_eq!(table.take_changed().len(), 2);
    pass(&mut table, 10_000);
    assert_eq!((table.len(), table.keys.len()), (0, 0));
}
