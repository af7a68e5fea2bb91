//! The partition that Kafka's Java producer would choose for a key, so that keyed topics written
//! here and there agree.

const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;
const R: u32 = 24;

/// `toPositive(murmur2(key)) % partitions`, as
/// `org.apache.kafka.clients.producer.internals.BuiltInPartitioner`.
///
/// # Panics
/// If `partitions` is 0: a topic has at least one partition.
pub fn java_partition(key: &[u8], partitions: u32) -> u32 {
    assert!(partitions > 0, "a topic has at least one partition");
    (murmur2(key) & 0x7fff_ffff) % partitions
}

/// The 32-bit variant of `MurmurHash` 2 in `org.apache.kafka.common.utils.Utils`.
fn murmur2(data: &[u8]) -> u32 {
    let mut hash = SEED ^ data.len() as u32;
    let (words, rest) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (i, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * i);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of `key hash`: the values that Kafka's own unit test of its Java client holds.
    const GOLDEN: &str = include_str!("../tests/golden/murmur2.txt");

    #[test]
    fn equals_the_java_client() {
        let mut lines = 0;
        for line in GOLDEN.lines().filter(|l| !l.starts_with('#')) {
            let (key, hash) = line.split_once(' ').expect("key and hash");
            let hash: i32 = hash.parse().expect("a Java int");
            assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
            lines += 1;
        }
        assert_eq!(lines, 6);
    }

    #[test]
    fn the_sign_bit_is_dropped_not_negated() {
        assert_eq!(murmur2(b"21") as i32, -973_932_308);
        assert_eq!(java_partition(b"21", 1 << 31), 1_173_551_340);
        assert_eq!(java_partition(b"", 7), (murmur2(b"") & 0x7fff_ffff) % 7);
    }
}
