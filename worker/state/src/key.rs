//! Keys of the store: shard, table, key of the entry.
//!
//! The shard comes first as 16 bytes that follow from its identity alone, so they are the same in
//! every slot and a run's file can be ingested wherever the shard goes: stage (u32), partition
//! (i32), and the first 8 bytes of the SHA-256 of the topic, integers big-endian. Then the table
//! (u16, big-endian), then the entry's key.

use protocol::ShardId;
use sha2::{Digest, Sha256};

pub(crate) const PREFIX_LEN: usize = 16;
const TABLE_LEN: usize = 2;
/// Table of what the store notes for itself; no operator gets it.
pub(crate) const OWN_TABLE: u16 = u16::MAX;

/// The shard's part of every key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ShardPrefix(pub(crate) [u8; PREFIX_LEN]);

impl ShardPrefix {
    pub(crate) fn of(shard: &ShardId) -> Self {
        let mut prefix = [0; PREFIX_LEN];
        prefix[..4].copy_from_slice(&shard.stage.0.to_be_bytes());
        prefix[4..8].copy_from_slice(&shard.log.partition.to_be_bytes());
        prefix[8..].copy_from_slice(&Sha256::digest(shard.log.topic.as_bytes())[..8]);
        Self(prefix)
    }

    /// First key behind those of the shard.
    pub(crate) fn end(self) -> Vec<u8> {
        let next = u128::from_be_bytes(self.0).checked_add(1);
        // No stage has the number 2^32 - 1, so there always is a next prefix.
        next.expect("a stage below the last").to_be_bytes().to_vec()
    }

    /// Start of a table.
    pub(crate) fn table(self, table: u16) -> Vec<u8> {
        let mut key = Vec::with_capacity(PREFIX_LEN + TABLE_LEN + 48);
        key.extend_from_slice(&self.0);
        key.extend_from_slice(&table.to_be_bytes());
        key
    }

    /// First key of a table that is not dead: keys begin with their time, order-preserving and
    /// big-endian.
    pub(crate) fn floor(self, table: u16, live_from: i64) -> Vec<u8> {
        let mut key = self.table(table);
        key.extend_from_slice(&(live_from as u64 ^ 1 << 63).to_be_bytes());
        key
    }

    /// Where the shard's identity lies.
    pub(crate) fn identity(self) -> Vec<u8> {
        self.table(OWN_TABLE)
    }
}

/// Table and entry key of a key of the store.
pub(crate) fn split(key: &[u8]) -> Option<(u16, &[u8])> {
    let (table, rest) = key.get(PREFIX_LEN..)?.split_first_chunk::<TABLE_LEN>()?;
    Some((u16::from_be_bytes(*table), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{Log, StageId};

    fn prefix(stage: u32, topic: &str, partition: i32) -> ShardPrefix {
        ShardPrefix::of(&ShardId { stage: StageId(stage), log: Log::new(topic, partition) })
    }

    #[test]
    fn the_prefix_is_frozen() {
        let bits = u128::from_be_bytes(prefix(1, "clicks", 3).0);
        assert_eq!(bits, 0x0000_0001_0000_0003_72b4_0fb1_5eda_cca3);
    }

    #[test]
    fn shards_differ_by_every_part() {
        let all = [prefix(0, "a", 0), prefix(1, "a", 0), prefix(0, "a", 1), prefix(0, "b", 0)];
        for (i, one) in all.iter().enumerate() {
            assert!(all.iter().skip(i + 1).all(|other| one != other));
        }
    }

    #[test]
    fn the_end_lies_behind_every_key_and_before_the_next_shard() {
        let shard = prefix(0, "a", -1);
        let mut last = shard.table(u16::MAX);
        last.extend_from_slice(&[0xff; 64]);
        assert!(last < shard.end());
        assert!(shard.end().as_slice() <= ShardPrefix([0xff; 16]).0.as_slice());
    }

    #[test]
    fn floors_sort_like_times() {
        let shard = prefix(0, "a", 0);
        let floors: Vec<_> =
            [i64::MIN, -1, 0, 1, i64::MAX].iter().map(|t| shard.floor(2, *t)).collect();
        assert!(floors.is_sorted());
        assert!(shard.table(2) <= floors[0] && floors[4] < shard.table(3));
    }
}
