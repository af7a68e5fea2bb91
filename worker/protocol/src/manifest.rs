//! The object that lists the runs and offsets of a checkpoint. It counts only once a commit names it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{CheckpointNumber, Fingerprint, Generation, Log, Nonce, SlotIndex, StageId};
use crate::registers::ShardRegisters;

/// The format that this build writes; it reads this one and every released one before it.
pub const MANIFEST_FORMAT: u32 = 1;

/// Names a checkpoint of a slot for ever: `g<generation>-s<slot>-c<number>-<nonce>` (G1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ManifestName {
    /// The generation that wrote it.
    pub generation: Generation,
    /// The slot that wrote it.
    pub slot: SlotIndex,
    /// Its number within that slot.
    pub number: CheckpointNumber,
    /// The incarnation that wrote it.
    pub nonce: Nonce,
}

impl fmt::Display for ManifestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "g{}-s{}-c{}-{}", self.generation, self.slot, self.number, self.nonce)
    }
}

/// Why a text is not a manifest's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not the name of a manifest")]
pub struct NotAManifestName(pub String);

impl FromStr for ManifestName {
    type Err = NotAManifestName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let mut parts = text.split('-');
            let name = Self {
                generation: Generation(parts.next()?.strip_prefix('g')?.parse().ok()?),
                slot: SlotIndex(parts.next()?.strip_prefix('s')?.parse().ok()?),
                number: CheckpointNumber(parts.next()?.strip_prefix('c')?.parse().ok()?),
                nonce: Nonce::try_from(parts.next()?.to_owned()).ok()?,
            };
            (parts.next().is_none() && name.to_string() == text).then_some(name)
        };
        parse().ok_or_else(|| NotAManifestName(text.to_owned()))
    }
}

impl TryFrom<String> for ManifestName {
    type Error = NotAManifestName;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ManifestName> for String {
    fn from(name: ManifestName) -> String {
        name.to_string()
    }
}

/// A column of a state table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnSchema {
    /// Stable name.
    pub name: String,
    /// Stable type name, as the planner prints it.
    #[serde(rename = "type")]
    pub type_name: String,
}

/// A state table of a shard, addressed by operator id and column names, never by position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSchema {
    /// Its number in the runs of this manifest.
    pub table: u16,
    /// Stable operator id.
    pub operator: String,
    /// Key columns in order.
    pub key: Vec<ColumnSchema>,
    /// Value columns in order.
    pub values: Vec<ColumnSchema>,
}

/// Whether a run starts a chain or adds to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunKind {
    /// The whole shard.
    Base,
    /// What changed since the run before.
    Delta,
}

/// One sorted file of changed state of one shard: a byte range of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Key of the object below the checkpoint location: a restored job may name runs of the job it came from.
    pub object: String,
    /// First byte.
    pub start: u64,
    /// Bytes.
    pub len: u64,
    /// CRC-32C of the bytes.
    pub crc32c: u32,
    /// Base or delta.
    pub kind: RunKind,
    /// Entries in it.
    pub entries: u64,
}

/// A shard at a commit boundary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardSnapshot {
    /// The shard's stage.
    pub stage: StageId,
    /// The shard's log.
    #[serde(flatten)]
    pub log: Log,
    /// Kafka's id of the topic; another one means that the topic was replaced (S5).
    pub topic_id: String,
    /// Offset of the next record: the state is a function of the log below it.
    pub offset: i64,
    /// Watermarks and counts.
    pub registers: ShardRegisters,
    /// The state tables in the runs.
    pub tables: Vec<TableSchema>,
    /// Base, then deltas, oldest first. Empty: no state.
    pub runs: Vec<Run>,
}

/// All shards of a slot at one commit boundary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`MANIFEST_FORMAT`] of the writer.
    pub format: u32,
    /// Identity of the job.
    pub job_uid: String,
    /// Its own name: a manifest under another key is refused.
    pub name: ManifestName,
    /// The plan whose state this is.
    pub plan_fingerprint: Fingerprint,
    /// Of the exchange hash.
    pub hash_version: u32,
    /// Of the assignment of shards to slots.
    pub assignment_version: u32,
    /// Partitions of each exchange.
    pub exchange_partitions: u32,
    /// Every shard of the slot.
    pub shards: Vec<ShardSnapshot>,
}

/// Why bytes are not the manifest that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadManifest {
    /// Not JSON of this shape, or not whole.
    #[error("manifest {name} does not parse: {why}")]
    Unreadable {
        /// Which one.
        name: String,
        /// The parser's words.
        why: String,
    },
    /// Written by a newer release.
    #[error(
        "manifest {name} has format {found}; this build reads up to {MANIFEST_FORMAT}: use the worker image that wrote it, or a newer one"
    )]
    NewerFormat {
        /// Which one.
        name: String,
        /// Its format.
        found: u32,
    },
    /// Another object lies under this key, or another job's.
    #[error("the object at {name} is manifest {found} of job {job_uid}")]
    Swapped {
        /// What was asked for.
        name: String,
        /// What it calls itself.
        found: String,
        /// Whose it is.
        job_uid: String,
    },
    /// The checksum line does not match the body.
    #[error("manifest {name} is damaged: its checksum does not match its content")]
    Damaged {
        /// Which one.
        name: String,
    },
}

impl Manifest {
    /// JSON followed by a line with the SHA-256 of the JSON.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("a manifest has no value that JSON lacks");
        let digest = digest_of(&bytes);
        bytes.push(b'\n');
        bytes.extend_from_slice(digest.as_bytes());
        bytes
    }

    /// Reads the manifest of that name and job; anything else is refused.
    pub fn decode(bytes: &[u8], name: &ManifestName, job_uid: &str) -> Result<Self, BadManifest> {
        let asked = name.to_string();
        let damaged = || BadManifest::Damaged { name: asked.clone() };
        let split = bytes.iter().rposition(|b| *b == b'\n').ok_or_else(damaged)?;
        let (body, digest) = (&bytes[..split], &bytes[split + 1..]);
        if digest_of(body).as_bytes() != digest {
            return Err(damaged());
        }
        let unreadable = |e: serde_json::Error| BadManifest::Unreadable {
            name: asked.clone(),
            why: e.to_string(),
        };
        let probe: FormatOnly = serde_json::from_slice(body).map_err(unreadable)?;
        if probe.format > MANIFEST_FORMAT {
            return Err(BadManifest::NewerFormat { name: asked, found: probe.format });
        }
        let manifest: Self = serde_json::from_slice(body).map_err(unreadable)?;
        if manifest.name != *name || manifest.job_uid != job_uid {
            return Err(BadManifest::Swapped {
                name: asked,
                found: manifest.name.to_string(),
                job_uid: manifest.job_uid,
            });
        }
        Ok(manifest)
    }

    /// The snapshot of a shard, if this checkpoint covers it.
    pub fn shard(&self, stage: StageId, log: &Log) -> Option<&ShardSnapshot> {
        self.shards.iter().find(|s| s.stage == stage && s.log == *log)
    }
}

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

fn digest_of(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes everything");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOLDEN: &str = include_str!("../golden/manifest_v1.json");

    fn name() -> ManifestName {
        "g2-s1-c3-00000000000000aa".parse().expect("a name")
    }

    fn sample() -> Manifest {
        let column = |name: &str, type_name: &str| ColumnSchema {
            name: name.to_owned(),
            type_name: type_name.to_owned(),
        };
        let mut registers = ShardRegisters { upstream_shards: 4, rows: 10, ..Default::default() };
        registers.late_rows.insert("counts.window".to_owned(), 2);
        Manifest {
            format: MANIFEST_FORMAT,
            job_uid: "u-1".to_owned(),
            name: name(),
            plan_fingerprint: Fingerprint::from_bits(9),
            hash_version: 1,
            assignment_version: 1,
            exchange_partitions: 16,
            shards: vec![ShardSnapshot {
                stage: StageId(1),
                log: Log::new("streamjob.u-1.x.counts.window.0000000000000007", 3),
                topic_id: "AAAA".to_owned(),
                offset: 42,
                registers,
                tables: vec![TableSchema {
                    table: 0,
                    operator: "counts.window".to_owned(),
                    key: vec![column("user_id", "BIGINT")],
                    values: vec![column("count", "BIGINT")],
                }],
                runs: vec![Run {
                    object: "u-1/runs/g2-s1-c3-00000000000000aa".to_owned(),
                    start: 0,
                    len: 1024,
                    crc32c: 7,
                    kind: RunKind::Base,
                    entries: 12,
                }],
            }],
        }
    }

    #[test]
    fn the_format_is_frozen() {
        assert_eq!(String::from_utf8(sample().encode()).expect("text"), GOLDEN.trim_end());
        let read = Manifest::decode(GOLDEN.trim_end().as_bytes(), &name(), "u-1");
        assert_eq!(read, Ok(sample()));
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let bytes = sample().encode();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(Manifest::decode(&damaged, &name(), "u-1").is_err(), "bit at {at}");
            assert!(Manifest::decode(&bytes[..at], &name(), "u-1").is_err(), "cut at {at}");
        }
    }

    #[test]
    fn another_jobs_or_another_manifest_is_refused() {
        let bytes = sample().encode();
        let other = "g2-s0-c3-00000000000000aa".parse().expect("a name");
        assert!(matches!(
            Manifest::decode(&bytes, &other, "u-1"),
            Err(BadManifest::Swapped { .. })
        ));
        assert!(matches!(
            Manifest::decode(&bytes, &name(), "u-2"),
            Err(BadManifest::Swapped { .. })
        ));
    }

    #[test]
    fn a_newer_format_is_named() {
        let mut newer = sample();
        newer.format = MANIFEST_FORMAT + 1;
        assert!(matches!(
            Manifest::decode(&newer.encode(), &name(), "u-1"),
            Err(BadManifest::NewerFormat { .. })
        ));
    }
}
