//! What the input looks like: one `Recipe`, from which every row follows.

use super::random::{Purpose, below, draw, skewed_below};

/// The kind of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shape {
    /// `{auction, bidder, price, channel, event_time (ms), ref}`, all numbers whole.
    Bids,
    /// `{user_id, event_time (RFC 3339), price, url?, ref}`, price with two decimals.
    Clicks,
    /// The rows of `Bids` as Nexmark wraps them: `{event_type, person, auction, bid: {auction, …, dateTime (ms)}}`.
    Nexmark,
}

/// One row of input. `price` is in cents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Auction or user.
    pub key: u64,
    /// Bidder; unused for clicks.
    pub other: u64,
    /// In cents.
    pub price: u64,
    /// Milliseconds since 1970 in UTC.
    pub event_time: i64,
    /// Whether an optional field is there.
    pub optional: bool,
}

/// All that decides about the rows.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Kind of rows.
    pub shape: Shape,
    /// Another seed, another input.
    pub seed: u64,
    /// Number of logs.
    pub partitions: u32,
    /// Event time of row 0, ms.
    pub start: i64,
    /// Rows per second of event time, per partition.
    pub density: u64,
    /// A row lies at most this far behind its place, ms.
    pub disorder: i64,
    /// Rows per million that come too late for every window.
    pub late_per_million: u64,
    /// How far behind those rows lie, ms: more than the watermark's delay + the largest window + the disorder.
    pub late_by: i64,
    /// Number of distinct keys over all partitions.
    pub keys: u64,
    /// 1.0 = even; larger = few keys have most rows.
    pub skew: f64,
    /// Equal keys lie in one partition.
    pub keyed: bool,
}

/// 2026-01-01T00:00:00Z, the default start of event time.
pub const START: i64 = 1_767_225_600_000;

impl Recipe {
    /// A plain input: 1,000 keys, 1,000 rows per second of event time, 2 s of disorder, nothing late.
    pub fn plain(shape: Shape, seed: u64, partitions: u32) -> Self {
        Self {
            shape,
            seed,
            partitions,
            start: START,
            density: 1_000,
            disorder: 2_000,
            late_per_million: 0,
            late_by: 60_000,
            keys: 1_000,
            skew: 1.0,
            keyed: true,
        }
    }

    /// Row `n` of a partition.
    pub fn row(&self, partition: u32, n: u64) -> Row {
        let random = |purpose| draw(self.seed, partition, n, purpose);
        let late = below(random(Purpose::Late), 1_000_000) < self.late_per_million;
        let behind = below(random(Purpose::Disorder), self.disorder.max(0) as u64 + 1) as i64;
        let behind = if late { behind + self.late_by } else { behind };
        Row {
            key: self.key(partition, random(Purpose::Key)),
            other: below(random(Purpose::Other), 100_000),
            price: 1 + below(random(Purpose::Price), 1_000_000),
            event_time: self.place(n) - behind,
            optional: random(Purpose::Optional).is_multiple_of(3),
        }
    }

    /// The row that ends a log of `rows` rows: later than everything before it by `beyond` ms or more, so that every
    /// window of theirs closes when `beyond` ≥ the watermark's delay + the largest window.
    pub fn closing_row(&self, partition: u32, rows: u64, beyond: i64) -> Row {
        let row = self.row(partition, rows);
        Row { event_time: self.place(rows) + beyond + 1, ..row }
    }

    /// Where row `n` would lie without disorder.
    fn place(&self, n: u64) -> i64 {
        self.start + ((u128::from(n) * 1_000) / u128::from(self.density.max(1))) as i64
    }

    fn key(&self, partition: u32, random: u64) -> u64 {
        let partitions = u64::from(self.partitions);
        if !self.keyed {
            return skewed_below(random, self.keys, self.skew);
        }
        let own = (self.keys + partitions - 1 - u64::from(partition)) / partitions;
        skewed_below(random, own.max(1), self.skew) * partitions + u64::from(partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyed_input_keeps_a_key_in_one_partition_and_uses_all_keys() {
        let recipe = Recipe { keys: 10, ..Recipe::plain(Shape::Bids, 3, 4) };
        let mut seen = std::collections::BTreeMap::new();
        for partition in 0..4 {
            for n in 0..1_000 {
                let key = recipe.row(partition, n).key;
                assert_eq!(*seen.entry(key).or_insert(partition), partition, "key {key}");
            }
        }
        assert_eq!(seen.keys().copied().collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn rows_are_at_most_the_disorder_behind_unless_late() {
        let recipe = Recipe { late_per_million: 50_000, ..Recipe::plain(Shape::Bids, 5, 1) };
        let mut late = 0;
        for n in 0..20_000 {
            let behind = recipe.place(n) - recipe.row(0, n).event_time;
            if behind > recipe.disorder {
                assert!(behind >= recipe.late_by);
                late += 1;
            }
        }
        assert!((700..1_300).contains(&late), "{late}");
    }

    #[test]
    fn the_closing_row_lies_beyond_all_others() {
        let recipe = Recipe::plain(Shape::Clicks, 9, 2);
        let latest = (0..5_000).map(|n| recipe.row(1, n).event_time).max().expect("rows");
        assert!(recipe.closing_row(1, 5_000, 15_000).event_time > latest + 15_000);
    }
}
