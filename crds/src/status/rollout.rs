//! What a change of owners cost.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The last change of owners: for how long nobody committed for a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutStatus {
    /// The generation that took over.
    pub generation: u64,
    /// Shards that it took from owners whose end it saw.
    pub shards: u32,
    /// From the last commit of the owner before to the first of this generation: the longest, in milliseconds, by the
    /// clocks of the workers that took over.
    pub gap_max_ms: u64,
    /// The same in the median.
    pub gap_median_ms: u64,
}

impl RolloutStatus {
    /// Sums up the gaps of a generation's shards; none where no gap is known.
    pub fn of(generation: u64, mut gaps_ms: Vec<u64>) -> Option<Self> {
        gaps_ms.sort_unstable();
        let gap_max_ms = *gaps_ms.last()?;
        let shards = u32::try_from(gaps_ms.len()).unwrap_or(u32::MAX);
        Some(Self { generation, shards, gap_max_ms, gap_median_ms: gaps_ms[gaps_ms.len() / 2] })
    }
}

impl std::fmt::Display for RolloutStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "generation {} took over {} shards; nobody committed for {} ms at most, {} ms in the median",
            self.generation, self.shards, self.gap_max_ms, self.gap_median_ms
        )
    }
}

#[cfg(test)]
mod tests {
    use super::RolloutStatus;

    #[test]
    fn the_longest_gap_and_the_one_in_the_middle() {
        assert_eq!(RolloutStatus::of(2, Vec::new()), None);
        for (gaps, want) in [
            (vec![7], (1, 7, 7)),
            (vec![30, 10, 20], (3, 30, 20)),
            (vec![40, 10, 30, 20], (4, 40, 30)),
        ] {
            let found = RolloutStatus::of(2, gaps).unwrap();
            assert_eq!((found.shards, found.gap_max_ms, found.gap_median_ms), want);
        }
    }
}
