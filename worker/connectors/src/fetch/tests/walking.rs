//! Which records a walk shows.

use lz4_flex::frame::{BlockMode, BlockSize, FrameEncoder, FrameInfo};

use super::made::{Batch, LOG_APPEND_TIME, log, packed, xerial};
use crate::fetch::batch::{Damage, Header, scan};
use crate::fetch::messages::Aborted;
use crate::fetch::unpack::Unpacker;
use crate::fetch::walk::{Walk, Walked};

const UNPACKED_MAX: usize = 1 << 20;

/// All that a walk from `next` shows, in steps of `step` records, and where it ends.
fn walk_by(
    bytes: &[u8],
    aborted: &[Aborted],
    mut next: i64,
    step: usize,
) -> Result<(Vec<(i64, String)>, i64), Damage> {
    let mut unpacker = Unpacker::new(UNPACKED_MAX);
    let mut walk = Walk::new(0..bytes.len(), aborted.to_vec());
    let mut seen = Vec::new();
    loop {
        let before = seen.len();
        let walked = walk.run(bytes, &mut unpacker, &mut next, step, |record| {
            let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
            seen.push((record.offset, value));
        })?;
        assert!(seen.len() - before <= step);
        if walked == Walked::All {
            return Ok((seen, next));
        }
    }
}

fn shown(bytes: &[u8], aborted: &[Aborted], next: i64) -> (Vec<i64>, i64) {
    let whole = walk_by(bytes, aborted, next, usize::MAX).unwrap();
    for step in [1, 2, 3] {
        assert_eq!(walk_by(bytes, aborted, next, step).unwrap(), whole, "steps of {step}");
    }
    (whole.0.into_iter().map(|(offset, _)| offset).collect(), whole.1)
}

#[test]
fn control_batches_are_passed_over_and_the_position_goes_behind_them() {
    let bytes = log(&[
        Batch::transactional(0, 7, &["a", "b"]),
        Batch::marker(2, 7, true),
        Batch::of(3, &["c"]),
        Batch::marker(4, 8, true),
    ]);
    assert_eq!(shown(&bytes, &[], 0), (vec![0, 1, 3], 5));
    assert_eq!(shown(&bytes, &[], 1), (vec![1, 3], 5), "from within a batch");
    assert_eq!(shown(&bytes, &[], 4), (vec![], 5));
}

#[test]
fn aborted_transactions_are_hidden_and_only_they() {
    let bytes = log(&[
        Batch::transactional(0, 7, &["aborted"]),
        Batch::transactional(1, 8, &["committed"]),
        Batch::of(2, &["plain"]),
        // Not of a transaction, though of the same producer.
        Batch { producer: 7, ..Batch::of(3, &["idempotent"]) },
        Batch::transactional(4, 7, &["aborted", "aborted"]),
        Batch::marker(6, 7, false),
        Batch::marker(7, 8, true),
        Batch::transactional(8, 7, &["the next one"]),
        Batch::marker(9, 7, true),
        Batch::transactional(10, 7, &["aborted too"]),
        Batch::marker(11, 7, false),
        Batch::transactional(12, 9, &["begun before the fetch"]),
        Batch::marker(13, 9, false),
    ]);
    let aborted = [(9, -5), (7, 10), (7, 0)];
    assert_eq!(shown(&bytes, &aborted, 0), (vec![1, 2, 3, 8], 14));
    assert_eq!(shown(&bytes, &[], 0).0.len(), 9);
}

#[test]
fn gaps_of_compaction_keep_their_offsets_and_an_emptied_batch_moves_the_position() {
    let kept = Batch {
        last_delta: 9,
        rows: vec![(2, None, Some(b"x")), (5, Some(b"k"), None)],
        ..Batch::of(100, &[])
    };
    let emptied = Batch { last_delta: 4, rows: Vec::new(), ..Batch::of(110, &[]) };
    let bytes = log(&[kept, emptied]);
    assert_eq!(shown(&bytes, &[], 90), (vec![102, 105], 115));
    assert_eq!(shown(&bytes, &[], 103), (vec![105], 115));
    assert_eq!(shown(&bytes, &[], 115), (vec![], 115));
}

#[test]
fn every_compression_unpacks() {
    let text = "repeated ".repeat(500);
    let values = ["first", &text, ""];
    for codec in 0..=4 {
        let batch = Batch::of(5, &values).codec(codec);
        let (seen, next) = walk_by(&batch.bytes(), &[], 0, usize::MAX).unwrap();
        let expected: Vec<_> = (5..).zip(values.map(str::to_owned)).collect();
        assert_eq!((seen, next), (expected, 8), "codec {codec}");
        // Twice with the same buffers, stopped within.
        let two = [batch.bytes(), Batch::of(8, &values).codec(codec).bytes()].concat();
        assert_eq!(shown(&two, &[], 0), ((5..11).collect(), 11), "codec {codec}");
    }
    // Blocks that look back into the ones before, larger and checked blocks.
    let long: Vec<String> = (0..3_000).map(|number| format!("{number} {text}")).collect();
    let long: Vec<&str> = long.iter().map(|text| &text[..200]).collect();
    let batch = Batch::of(0, &long).codec(3);
    for (mode, size) in
        [(BlockMode::Linked, BlockSize::Max64KB), (BlockMode::Independent, BlockSize::Max256KB)]
    {
        let info = FrameInfo::new().block_mode(mode).block_size(size);
        let info = info.block_checksums(true).content_checksum(true);
        let mut out = FrameEncoder::with_frame_info(info, Vec::new());
        std::io::Write::write_all(&mut out, &batch.records()).unwrap();
        let bytes = batch.around(&out.finish().unwrap());
        let (seen, _) = walk_by(&bytes, &[], 0, usize::MAX).unwrap();
        assert!(seen.iter().map(|(_, value)| value.as_str()).eq(long.iter().copied()));
    }
    let java = Batch::of(0, &values).codec(2);
    let bytes = java.around(&xerial(&java.records(), 700));
    assert_eq!(shown(&bytes, &[], 0), (vec![0, 1, 2], 3));
    // Several frames behind each other, and a batch that was emptied.
    let parts = Batch::of(0, &values).codec(4);
    let records = parts.records();
    let (one, two) = (packed(4, &records[..20]), packed(4, &records[20..]));
    assert_eq!(shown(&parts.around(&[one, two].concat()), &[], 0), (vec![0, 1, 2], 3));
    for codec in 1..=4 {
        let emptied = Batch { rows: Vec::new(), ..Batch::of(0, &values).codec(codec) };
        assert_eq!(shown(&emptied.around(&[]), &[], 0), (vec![], 3));
    }
}

#[test]
fn what_unpacks_to_too_much_or_to_nothing_is_refused() {
    let bomb = "0".repeat(UNPACKED_MAX + 1);
    for codec in 1..=4 {
        let batch = Batch::of(0, &[&bomb]).codec(codec);
        let error = walk_by(&batch.bytes(), &[], 0, 9).unwrap_err();
        assert!(error.to_string().contains("more than"), "codec {codec}: {error}");
        let small = Batch::of(4, &["some value"]).codec(codec);
        let whole = packed(codec, &small.records());
        for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
            let damaged = walk_by(&small.around(&whole[..cut]), &[], 0, 9);
            assert!(damaged.is_err(), "codec {codec} cut to {cut}: {damaged:?}");
        }
    }
    for codec in 5..=7 {
        let unknown = Batch::of(0, &["x"]);
        let bytes = Batch { attributes: codec, ..unknown.clone() }.around(&unknown.records());
        assert!(matches!(walk_by(&bytes, &[], 0, 9), Err(Damage::Packed { .. })));
    }
}

#[test]
fn damage_is_named_and_what_lies_before_it_is_shown() {
    let good = Batch::of(0, &["a", "b"]).bytes();
    let next = Batch::of(2, &["c"]).bytes();
    let flipped = |at: usize| {
        let mut bytes = [good.clone(), next.clone()].concat();
        bytes[good.len() + at] ^= 0x40;
        bytes
    };
    for (at, expected) in
        [(66, "checksum"), (16, "format"), (8, ""), (23, "checksum"), (40, "checksum")]
    {
        let bytes = flipped(at);
        let mut seen = 0;
        let mut position = 0;
        let mut walk = Walk::new(0..bytes.len(), Vec::new());
        let mut unpacker = Unpacker::new(UNPACKED_MAX);
        let walked = walk.run(&bytes, &mut unpacker, &mut position, 9, |_| seen += 1);
        assert_eq!((seen, position), (2, 2), "byte {at}");
        match walked {
            // An impossible length looks as if the rest had not come.
            Ok(_) => assert_eq!(expected, "", "byte {at}"),
            Err(damage) => assert!(damage.to_string().contains(expected), "byte {at}: {damage}"),
        }
    }
    let count = Batch { rows: Vec::new(), ..Batch::of(0, &["a"]) };
    let more = Batch { last_delta: 3, ..Batch::of(0, &["a", "b", "c", "d"]) };
    let bytes = more.around(&Batch::of(0, &["a"]).records());
    assert!(matches!(walk_by(&bytes, &[], 0, 9), Err(Damage::Impossible { .. })));
    assert_eq!(shown(&count.bytes(), &[], 0), (vec![], 1));
}

#[test]
fn an_old_format_is_refused_by_name() {
    let mut bytes = Batch::of(40, &["a"]).bytes();
    bytes[16] = 1;
    let error = walk_by(&bytes, &[], 0, 9).unwrap_err();
    assert_eq!(error, Damage::Format { offset: 40, magic: 1 });
    assert!(error.is_permanent());
    assert_eq!(scan(&bytes), (crate::fetch::batch::Scan::default(), Some(error)));
}

#[test]
fn a_cut_batch_at_the_end_is_left_for_the_next_fetch() {
    let first = Batch::of(0, &["a"]).bytes();
    let second = Batch::of(1, &["b", "c"]).bytes();
    for cut in 0..second.len() {
        let bytes = [&first[..], &second[..cut]].concat();
        let (found, damage) = scan(&bytes);
        assert_eq!((found.whole, found.last, damage), (first.len(), Some((1, 7)), None));
        assert_eq!(shown(&bytes[..found.whole], &[], 0), (vec![0], 1));
    }
}

#[test]
fn times_are_the_producers_or_the_logs() {
    let batch = Batch::of(0, &["a", "b"]);
    let times = |bytes: &[u8]| {
        let header = Header::read(bytes).unwrap().unwrap();
        let mut records = crate::fetch::batch::Records::new(&header, 61, bytes.len());
        let mut times = Vec::new();
        while let Some(record) = records.next(bytes).unwrap() {
            times.push(record.timestamp_ms);
        }
        times
    };
    assert_eq!(times(&batch.bytes()), [Some(1_000), Some(1_010)]);
    assert_eq!(times(&batch.codec(LOG_APPEND_TIME).bytes()), [Some(9_000); 2]);
}
