//! Random numbers without state: the same place always has the same number.

/// What a number is drawn for; numbers for different purposes are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The key of a row.
    Key = 1,
    /// The second identity of a row (bidder).
    Other = 2,
    /// The price.
    Price = 3,
    /// How far the row lies behind its place in event time.
    Disorder = 4,
    /// Whether the row comes too late.
    Late = 5,
    /// Whether an optional field is there.
    Optional = 6,
}

/// 64 bits for one purpose of row `n` of a partition. `SplitMix64`'s finalizer over the mixed coordinates.
#[inline]
pub fn draw(seed: u64, partition: u32, n: u64, purpose: Purpose) -> u64 {
    let mut z = seed
        .wrapping_add(u64::from(partition).wrapping_mul(0xd1b5_4a32_d192_ed03))
        .wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))
        .wrapping_add((purpose as u64).wrapping_mul(0x8cb9_2ba7_2f3d_8dd7));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number below `bound`; the bias is below `bound / 2^64`.
#[inline]
pub fn below(random: u64, bound: u64) -> u64 {
    ((u128::from(random) * u128::from(bound)) >> 64) as u64
}

/// A number below `bound`, small ones more often: `bound × u^skew` with `u` uniform in `[0, 1)`.
#[inline]
pub fn skewed_below(random: u64, bound: u64, skew: f64) -> u64 {
    let unit = (random >> 11) as f64 / (1u64 << 53) as f64;
    ((bound as f64 * unit.powf(skew)) as u64).min(bound.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_depend_on_every_coordinate_and_are_frozen() {
        let base = draw(1, 2, 3, Purpose::Key);
        assert_eq!(base, draw(1, 2, 3, Purpose::Key));
        for other in [
            draw(2, 2, 3, Purpose::Key),
            draw(1, 3, 3, Purpose::Key),
            draw(1, 2, 4, Purpose::Key),
            draw(1, 2, 3, Purpose::Price),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn below_stays_below_and_reaches_both_ends() {
        assert_eq!(below(0, 10), 0);
        assert_eq!(below(u64::MAX, 10), 9);
        assert_eq!(skewed_below(0, 10, 3.0), 0);
        assert_eq!(skewed_below(u64::MAX, 10, 3.0), 9);
    }

    #[test]
    fn skew_prefers_small_numbers() {
        let small = |skew| {
            (0..10_000u64)
                .filter(|n| skewed_below(draw(7, 0, *n, Purpose::Key), 1_000, skew) < 100)
                .count()
        };
        let (even, skewed) = (small(1.0), small(3.0));
        assert!((800..1_200).contains(&even), "{even}");
        assert!(skewed > 4_000, "{skewed}");
    }
}
