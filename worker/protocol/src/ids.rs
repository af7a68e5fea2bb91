//! Identities. One newtype per idea, so that a slot is never passed for a stage.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// A part of the query between two exchanges. Stage 0 reads the sources.
    StageId(u32)
);
number!(
    /// A processing thread of a generation, counted from 0 over all its workers.
    SlotIndex(u32)
);
number!(
    /// One assignment of shards to slots. Starts at 1 and rises on every rollout; 0 is the planner's.
    Generation(u64)
);
number!(
    /// The commits of a shard, counted from 1 by its owners one after another.
    CommitNumber(u64)
);
number!(
    /// The checkpoints of a slot of a generation; never used twice, named or not (G1).
    CheckpointNumber(u64)
);

impl Generation {
    /// The generation after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl CommitNumber {
    /// The commit after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl CheckpointNumber {
    /// The checkpoint after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// One Kafka partition, source or exchange; the input of exactly one shard per stage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Log {
    /// Topic name.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
}

impl Log {
    /// The log of a partition.
    pub fn new(topic: impl Into<String>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]", self.topic, self.partition)
    }
}

/// Stage × log: the unit of state, order, determinism, ownership and movement.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ShardId {
    /// The stage that reads the log.
    pub stage: StageId,
    /// What it reads.
    pub log: Log,
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.stage, self.log)
    }
}

const HEX_LEN: usize = 16;

/// Why a text is not one of the identities made of 16 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not {HEX_LEN} lower-case hexadecimal digits")]
pub struct NotHex(pub String);

fn checked_hex(text: String) -> Result<String, NotHex> {
    let fits = text.len() == HEX_LEN
        && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if fits { Ok(text) } else { Err(NotHex(text)) }
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// From 64 bits.
            pub fn from_bits(bits: u64) -> Self {
                Self(format!("{bits:016x}"))
            }

            /// The 16 digits.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotHex;
            fn try_from(text: String) -> Result<Self, NotHex> {
                checked_hex(text).map(Self)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

hex_id!(
    /// Drawn once per start of a process (incarnation) or per object; tells own writes from others'.
    Nonce
);
hex_id!(
    /// Of a plan's logic or of an exchange's format, key and row type.
    Fingerprint
);

impl Fingerprint {
    /// The first 64 bits of the SHA-256 of a canonical description.
    pub fn of(description: &[u8]) -> Self {
        use sha2::{Digest, Sha256};
        let digest = Sha256::digest(description);
        let mut bits = [0u8; 8];
        bits.copy_from_slice(&digest[..8]);
        Self::from_bits(u64::from_be_bytes(bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_ids_refuse_what_is_not_sixteen_lower_case_digits() {
        for bad in ["", "0123", "0123456789ABCDEF", "0123456789abcdeg", "0123456789abcdef0"] {
            assert!(Nonce::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        let nonce = Nonce::from_bits(255);
        assert_eq!(nonce.as_str(), "00000000000000ff");
        assert_eq!(Nonce::try_from(nonce.as_str().to_owned()), Ok(nonce));
    }

    #[test]
    fn a_fingerprint_is_frozen() {
        assert_eq!(Fingerprint::of(b"streamjob").as_str(), "a809b55b021ed5c6");
    }

    #[test]
    fn generations_compare_as_numbers() {
        assert!(Generation(10) > Generation(9));
    }
}
