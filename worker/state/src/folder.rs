//! The store's folder: `db`, `tmp`, `LOCK`, `FORMAT`, and `DAMAGED` where something was found.

use std::fs::{self, File, TryLockError};
use std::io::Read;
use std::path::Path;

use crate::StateError;
use crate::run::HEADER_LEN;

/// Makes the folder and the caller its only user, for as long as the file is kept. Without it, a
/// process that is about to end could write into what its successor has made anew.
pub(crate) fn lock(dir: &Path) -> Result<File, StateError> {
    let io = |e: std::io::Error| StateError::io(dir, &e);
    fs::create_dir_all(dir).map_err(io)?;
    let file = File::create(dir.join("LOCK")).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(error)) => Err(io(error)),
        Err(TryLockError::WouldBlock) => Err(StateError::Unavailable {
            dir: dir.display().to_string(),
            message: "another process uses it".to_owned(),
        }),
    }
}

/// The header followed by the file's content.
pub(crate) fn read_behind(path: &Path, header: &[u8; HEADER_LEN]) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len() as usize;
    let mut bytes = Vec::with_capacity(HEADER_LEN + len);
    bytes.extend_from_slice(header);
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Everything but the folder itself, which may be a mount point. The mark of damage goes last.
pub(crate) fn wipe(dir: &Path) -> std::io::Result<()> {
    remove_dir(&dir.join("db"))?;
    remove_dir(&dir.join("tmp"))?;
    match fs::remove_file(dir.join("DAMAGED")) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

pub(crate) fn remove_dir(dir: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Ingestion links the file, so the name can always go. What stays is removed by the next open.
pub(crate) fn discard(path: &Path) {
    drop(fs::remove_file(path));
}
