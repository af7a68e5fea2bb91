//! What went wrong, and what the caller can do about it.

/// The caller's next move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Try again later; nothing is damaged.
    Retry,
    /// Bytes are not what was written. Of a run: stop, and name it. Of the local store
    /// ([`StateError::LocalDamaged`]): drop the store and open it again, which deletes it, and
    /// restore from the manifest.
    Corrupt,
    /// The disk is full.
    Full,
    /// The caller broke a rule.
    Bug,
}

/// A failure of state at rest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A run is not the one that the manifest names.
    #[error(
        "the run at bytes {start}..{} of object '{object}' is damaged: checksum {actual:08x} over \
         {found} bytes, expected {expected:08x} over {len}; bring the object back, or restore from \
         another savepoint",
        start + len
    )]
    CorruptRun {
        /// Key of the object.
        object: String,
        /// First byte.
        start: u64,
        /// Bytes it should have.
        len: u64,
        /// Bytes it has.
        found: u64,
        /// Checksum by the manifest.
        expected: u32,
        /// Checksum of what was read.
        actual: u32,
    },
    /// A run whose content is not a run, although its checksum matches.
    #[error("not a run of this format: {0}")]
    UnreadableRun(String),
    /// The local store is damaged. The next open deletes it.
    #[error(
        "the local state in '{dir}' is damaged and will be rebuilt from the last checkpoint: {message}"
    )]
    LocalDamaged {
        /// Its folder.
        dir: String,
        /// What the store said.
        message: String,
    },
    /// No room on the disk.
    #[error("the disk of '{dir}' is full: {message}; raise spec.worker.storage.size")]
    Full {
        /// The folder.
        dir: String,
        /// What the system said.
        message: String,
    },
    /// The system refused, perhaps only now.
    #[error("the local state in '{dir}' cannot be used now: {message}")]
    Unavailable {
        /// The folder.
        dir: String,
        /// What the system said.
        message: String,
    },
    /// A rule of this crate was broken by its caller.
    #[error("bug in the use of the state: {0}")]
    Bug(String),
}

impl StateError {
    /// What to do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::CorruptRun { .. } | Self::UnreadableRun(_) | Self::LocalDamaged { .. } => {
                ErrorKind::Corrupt
            }
            Self::Full { .. } => ErrorKind::Full,
            Self::Unavailable { .. } => ErrorKind::Retry,
            Self::Bug(_) => ErrorKind::Bug,
        }
    }

    pub(crate) fn io(dir: &std::path::Path, error: &std::io::Error) -> Self {
        let (dir, message) = (dir.display().to_string(), error.to_string());
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::Full { dir, message }
            }
            _ => Self::Unavailable { dir, message },
        }
    }
}
