//! Bytes that no broker would send: they may be refused, and must neither panic nor ask for endless memory.

use super::made::{Answered, Batch, fetch_answer, log};
use crate::fetch::messages::{read_api_versions, read_fetch, read_metadata};
use crate::fetch::unpack::Unpacker;
use crate::fetch::walk::{Walk, Walked};
use crate::fetch::wire::Input;

/// A generator that gives the same bytes in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    /// Changes some bytes, or cuts the end off.
    fn spoil(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            bytes[at] = self.next() as u8;
        }
        if self.below(4) == 0 {
            bytes.truncate(self.below(bytes.len()));
        }
    }
}

fn read_everything(bytes: &[u8]) {
    drop(read_fetch(&mut Input::new(bytes)));
    drop(read_metadata(&mut Input::new(bytes)));
    drop(read_api_versions(&mut Input::new(bytes)));
}

/// Walks until the end or the first damage; the number of records.
fn walk(bytes: &[u8], next: i64) -> usize {
    let mut unpacker = Unpacker::new(1 << 16);
    let mut walk = Walk::new(0..bytes.len(), vec![(7, 0)]);
    let (mut position, mut seen, mut last) = (next, 0, next - 1);
    while let Ok(Walked::Enough) = walk.run(bytes, &mut unpacker, &mut position, 3, |record| {
        assert!(record.offset > last, "offsets rise");
        last = record.offset;
        seen += 1;
    }) {}
    assert!(position >= next);
    seen
}

#[test]
fn random_bytes_are_refused() {
    let mut random = Random(0x5EED);
    for round in 0..20_000 {
        let count = random.below(200);
        let mut bytes = random.bytes(count);
        if round % 2 == 0 && count > 16 {
            bytes[16] = 2; // past the first check of a batch
        }
        read_everything(&bytes);
        walk(&bytes, 0);
    }
}

#[test]
fn spoiled_answers_and_batches_are_refused_or_read() {
    let mut random = Random(0xF00D);
    let values = ["one", "two", "three"];
    let batches: Vec<Vec<u8>> = (0..=4)
        .map(|codec| {
            let batch = Batch::of(0, &values).codec(codec);
            log(&[batch, Batch::transactional(3, 7, &["hidden"]), Batch::marker(4, 7, false)])
        })
        .collect();
    let mut seen = 0;
    for round in 0..20_000 {
        let mut records = batches[round % batches.len()].clone();
        if round % 2 == 0 {
            let answer = Answered { aborted: vec![(7, 3)], records, ..Answered::default() };
            let mut bytes = fetch_answer(&[answer.clone(), answer]);
            random.spoil(&mut bytes);
            read_everything(&bytes);
            continue;
        }
        random.spoil(&mut records);
        // With the checksum right again, so that the records themselves are read.
        if records.len() > 61 && round % 4 == 1 {
            let length = i32::from_be_bytes([records[8], records[9], records[10], records[11]]);
            let end = usize::try_from(length).map_or(0, |length| length + 12);
            if (61..=records.len()).contains(&end) {
                let crc = crc32c::crc32c(&records[21..end]);
                records[17..21].copy_from_slice(&crc.to_be_bytes());
            }
        }
        seen += walk(&records, 0);
    }
    assert!(seen > 0, "nothing was ever readable");
}
