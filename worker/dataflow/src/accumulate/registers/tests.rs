//! How good the estimate is, frozen bytes, and what must not decode.

use protocol::hash::key_hash_v1;

use super::*;

const GOLDEN: &str = include_str!("../../../golden/registers_v1.txt");

fn empty() -> Registers {
    let mut registers = Registers::default();
    registers.grow(1);
    registers
}

fn of(values: impl Iterator<Item = u64>) -> Registers {
    let mut registers = empty();
    values.for_each(|value| registers.insert(0, key_hash_v1(&value.to_be_bytes())));
    registers
}

#[test]
fn the_estimate_is_near() {
    for (count, error) in [
        (0u64, 0.0),
        (1, 0.0),
        (10, 0.0),
        (300, 0.01),
        (3_000, 0.02),
        (30_000, 0.02),
        (600_000, 0.025),
    ] {
        for seed in 0..3 {
            let values = (0..count).map(|value| (seed << 40) | value);
            let found = of(values.clone().chain(values)).count(0);
            let off = found.abs_diff(count as i64) as f64;
            assert!(off <= error * count as f64, "{found} of {count}, seed {seed}");
        }
    }
}

#[test]
fn the_bytes_follow_from_the_values_alone() {
    for count in [5u64, 4_000, 4_700, 40_000] {
        let whole = of(0..count);
        assert_eq!(of((0..count).rev()).stored(0), whole.stored(0), "{count}");
        // In parts that overlap, one of them small.
        for middle in [count / 3, count - 1] {
            let mut merged = of(0..middle);
            for part in [of(middle / 2..count), of(0..1), of(0..0)] {
                let stored = part.stored(0);
                assert!(stored.is_empty() || merged.take_stored(0, &stored).is_some());
            }
            assert_eq!(merged.stored(0), whole.stored(0), "{count} at {middle}");
            assert_eq!(merged.held_bytes(), whole.held_bytes());
        }
        let mut restored = empty();
        assert_eq!(restored.take_stored(0, &whole.stored(0)), Some(()));
        assert_eq!(restored.count(0), whole.count(0));
    }
    assert!(of(0..1_000_000).stored(0).len() == REGISTERS + 2);
}

#[test]
fn the_stored_form_is_frozen() {
    let hex = |bytes: &[u8]| bytes.iter().fold(String::new(), |t, b| t + &format!("{b:02x}"));
    let whole = of(0..20_000).stored(0);
    let found = [
        format!("few {}", hex(&of(0..5).stored(0))),
        format!("all {}", hex(&whole[..34])),
        format!("hash of all {:016x}", key_hash_v1(&whole)),
    ];
    let golden: Vec<&str> = GOLDEN.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(found.to_vec(), golden);
}

#[test]
fn cut_or_foreign_bytes_do_not_decode() {
    let few = of(0..5).stored(0);
    let all = of(0..20_000).stored(0);
    // A cut between two registers leaves a shorter list, which is one.
    let cut = (1..few.len()).filter(|end| end % 3 != 2 || *end == 2).map(|end| &few[..end]);
    for bytes in cut.chain([&all[..all.len() - 1], &[2, 0, 0, 0, 1], &[1, 2], &[]]) {
        assert_eq!(empty().take_stored(0, bytes), None, "{} bytes", bytes.len());
    }
    assert_eq!(empty().take_stored(0, &[VERSION, FEW, 0x40, 0, 1]), None, "no such register");
    assert_eq!(empty().take_stored(0, &[VERSION, FEW, 0, 0, RANK_MAX + 1]), None, "no such rank");
    assert_eq!(empty().take_stored(0, &[VERSION, FEW, 0, 0, 0]), None, "a register that is 0");
}
