//! All runs of a slot's checkpoint as one object.

use bytes::Bytes;
use protocol::manifest::Run;

use crate::RunFile;

/// Gathers runs one after another; each is addressed by its byte range.
pub struct Pack {
    object: String,
    bytes: Vec<u8>,
}

impl Pack {
    /// For the object of that key below the checkpoint location.
    pub fn new(object: impl Into<String>) -> Self {
        Self { object: object.into(), bytes: Vec::new() }
    }

    /// Appends a run; what the manifest says about it.
    pub fn add(&mut self, run: &RunFile) -> Run {
        let start = self.bytes.len() as u64;
        self.bytes.extend_from_slice(&run.bytes);
        Run {
            object: self.object.clone(),
            start,
            len: run.bytes.len() as u64,
            crc32c: run.crc32c,
            kind: run.kind,
            entries: run.entries,
        }
    }

    /// Whether there is nothing to upload.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The object.
    pub fn finish(self) -> Bytes {
        self.bytes.into()
    }
}
