//! The exchange hash, version 1. Fixed for ever: it decides which shard owns a key.
//!
//! FNV-1a over the canonical key bytes, 64 bits, followed by the finalizer of `SplitMix64` because FNV's high bits
//! are weak for short keys. Chosen because it is small enough to be rewritten from this page in any language.

/// Written into manifests and status; another version is refused.
pub const HASH_VERSION: u32 = 1;

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Hash of canonical key bytes.
#[inline]
pub fn key_hash_v1(key: &[u8]) -> u64 {
    let mut hash = FNV_OFFSET;
    for byte in key {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME);
    }
    finish(hash)
}

#[inline]
fn finish(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The exchange partition of a key.
///
/// # Panics
/// If `partitions` is 0: an exchange has at least one partition.
#[inline]
pub fn partition_v1(hash: u64, partitions: u32) -> u32 {
    assert!(partitions > 0, "an exchange has at least one partition");
    (hash % u64::from(partitions)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of `hex key, hash, partition of 16`.
    const GOLDEN: &str = include_str!("../golden/hash_v1.txt");

    #[test]
    fn the_hash_is_frozen() {
        let mut lines = 0;
        for line in GOLDEN.lines().filter(|l| !l.starts_with('#')) {
            let mut parts = line.split_whitespace();
            let (key, hash, partition) = (
                parts.next().expect("key"),
                parts.next().expect("hash"),
                parts.next().expect("partition"),
            );
            let key: Vec<u8> = (0..key.trim_start_matches('x').len() / 2)
                .map(|i| u8::from_str_radix(&key[1 + 2 * i..3 + 2 * i], 16).expect("hex"))
                .collect();
            let found = key_hash_v1(&key);
            assert_eq!(format!("{found:016x}"), hash, "{line}");
            assert_eq!(partition_v1(found, 16).to_string(), partition, "{line}");
            lines += 1;
        }
        assert!(lines >= 5);
    }
}
