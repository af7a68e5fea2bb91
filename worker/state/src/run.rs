//! The bytes of a run: a header of 32 bytes and an SST.
//!
//! | bytes | what |
//! |---|---|
//! | 0–3 | `SJRN` |
//! | 4 | format version, 1 |
//! | 5 | kind: 1 base, 2 delta |
//! | 6–7 | zero |
//! | 8–23 | the shard's prefix, which every key in the file has |
//! | 24–31 | entries, big-endian |
//!
//! The SST of a base deletes the shard's whole range before its entries, a delta the dead part of
//! each table, and both the shard's identity: so ingesting is one atomic step, and never leaves a
//! copy that claims to be another. The checksum over all bytes lies in the manifest.

use protocol::manifest::{Run, RunKind};

use crate::StateError;
use crate::key::{PREFIX_LEN, ShardPrefix};

const MAGIC: [u8; 4] = *b"SJRN";
const FORMAT: u8 = 1;
pub(crate) const HEADER_LEN: usize = 32;

/// A run as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFile {
    /// Header and SST.
    pub bytes: Vec<u8>,
    /// Changed entries in it, deletions included.
    pub entries: u64,
    /// CRC-32C of the bytes.
    pub crc32c: u32,
    /// Base or delta.
    pub kind: RunKind,
}

/// What a run says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: RunKind,
    pub(crate) prefix: ShardPrefix,
    pub(crate) entries: u64,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4] = FORMAT;
        bytes[5] = match self.kind {
            RunKind::Base => 1,
            RunKind::Delta => 2,
        };
        bytes[8..24].copy_from_slice(&self.prefix.0);
        bytes[24..].copy_from_slice(&self.entries.to_be_bytes());
        bytes
    }

    /// The header and the SST behind it.
    pub(crate) fn read(run: &[u8]) -> Result<(Self, &[u8]), StateError> {
        let unreadable = |why: &str| StateError::UnreadableRun(why.to_owned());
        let (head, sst) =
            run.split_first_chunk::<HEADER_LEN>().ok_or_else(|| unreadable("too short"))?;
        if head[..4] != MAGIC {
            return Err(unreadable("another magic"));
        }
        if head[4] != FORMAT {
            let message = format!("format {}, written by a newer worker image", head[4]);
            return Err(StateError::UnreadableRun(message));
        }
        let kind = match head[5] {
            1 => RunKind::Base,
            2 => RunKind::Delta,
            _ => return Err(unreadable("neither base nor delta")),
        };
        let mut prefix = [0; PREFIX_LEN];
        prefix.copy_from_slice(&head[8..24]);
        let mut entries = [0; 8];
        entries.copy_from_slice(&head[24..]);
        let header =
            Self { kind, prefix: ShardPrefix(prefix), entries: u64::from_be_bytes(entries) };
        Ok((header, sst))
    }
}

/// Whether bytes are the run that a manifest names. Nothing is ingested before.
pub fn verify(run: &Run, bytes: &[u8]) -> Result<(), StateError> {
    let actual = crc32c::crc32c(bytes);
    if bytes.len() as u64 == run.len && actual == run.crc32c {
        return Ok(());
    }
    Err(StateError::CorruptRun {
        object: run.object.clone(),
        start: run.start,
        len: run.len,
        found: bytes.len() as u64,
        expected: run.crc32c,
        actual,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn headers_come_back() {
        let header =
            Header { kind: RunKind::Delta, prefix: ShardPrefix([7; 16]), entries: 1 << 40 };
        let mut bytes = header.encode().to_vec();
        bytes.extend_from_slice(b"sst");
        assert_eq!(Header::read(&bytes), Ok((header, &b"sst"[..])));
        for (at, byte) in [(0, b'X'), (4, 2), (5, 0), (5, 3)] {
            let mut other = bytes.clone();
            other[at] = byte;
            let error = Header::read(&other).expect_err("another header");
            assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
        assert!(Header::read(&bytes[..31]).is_err());
    }

    #[test]
    fn a_damaged_run_is_named() {
        let bytes = b"some bytes of a run".to_vec();
        let run = Run {
            object: "u/runs/g1".to_owned(),
            start: 100,
            len: bytes.len() as u64,
            crc32c: crc32c::crc32c(&bytes),
            kind: RunKind::Base,
            entries: 1,
        };
        assert_eq!(verify(&run, &bytes), Ok(()));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 16;
            let error = verify(&run, &damaged).expect_err("a flipped bit");
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            let text = error.to_string();
            assert!(text.contains("u/runs/g1") && text.contains("100..119"), "{text}");
            assert!(verify(&run, &bytes[..at]).is_err(), "cut at {at}");
        }
    }
}
