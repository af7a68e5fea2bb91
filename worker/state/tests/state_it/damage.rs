//! A local store is a cache: whatever is wrong with it, it is made anew, and never read as
//! something else.

use std::fs;
use std::path::{Path, PathBuf};

use state::{ErrorKind, LocalStore, StateError};
use tempfile::TempDir;

use crate::{BUDGET_BYTES, changes, entries, key, shard};

/// A store with 2,000 entries of one shard, closed.
fn prepared() -> TempDir {
    let dir = TempDir::new().unwrap();
    let store = LocalStore::open(dir.path(), BUDGET_BYTES).unwrap();
    let shard = shard(0, "t", 0);
    let list: Vec<_> = (0..2_000i64)
        .map(|i| {
            (
                key(i, b"key"),
                Some(i.wrapping_mul(0x9e37_79b9_7f4a_7c15u64 as i64).to_be_bytes().to_vec()),
            )
        })
        .collect();
    let run = store.write_run(&shard, &[changes(0, None, &list)]).unwrap().unwrap();
    store.ingest(&shard, &run.bytes).unwrap();
    store.set_identity(&shard, "m").unwrap();
    drop(store);
    dir
}

fn files(dir: &Path, part: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(dir.join("db"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().contains(part))
        .collect();
    found.sort_by_key(|path| std::cmp::Reverse(fs::metadata(path).unwrap().len()));
    found
}

/// Opens, and reads what is there: either everything as it was, or an error, or an empty store
/// without identity.
fn outcome(dir: &Path) -> &'static str {
    let store = LocalStore::open(dir, BUDGET_BYTES).unwrap();
    let shard = shard(0, "t", 0);
    let identity = store.identity(&shard);
    let found = entries(&store, &shard);
    match (identity, found) {
        (Ok(None), Ok(list)) if list.is_empty() => "empty",
        (Ok(Some(identity)), Ok(list)) if identity == "m" && list.len() == 2_000 => "whole",
        (Err(error), _) | (Ok(_), Err(error)) => {
            assert!(matches!(error, StateError::LocalDamaged { .. }), "{error}");
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            drop(store);
            // The damage is remembered: the next open makes the store anew.
            assert_eq!(outcome(dir), "empty");
            "damaged"
        }
        (identity, found) => panic!("{identity:?} with {} entries", found.unwrap().len()),
    }
}

#[test]
fn an_untouched_store_is_whole() {
    assert_eq!(outcome(prepared().path()), "whole");
}

#[test]
fn flipped_bits_in_data_are_found_when_read() {
    let mut damaged = 0;
    for part in 0..8 {
        let dir = prepared();
        let file = files(dir.path(), ".sst").remove(0);
        let mut bytes = fs::read(&file).unwrap();
        let at = bytes.len() * part / 8 + 11;
        bytes[at] ^= 4;
        fs::write(&file, bytes).unwrap();
        let found = outcome(dir.path());
        damaged += usize::from(found != "whole");
    }
    // A bit may lie in padding or in statistics that nobody reads.
    assert!(damaged >= 5, "{damaged}");
}

#[test]
fn missing_and_cut_files_cost_a_restore() {
    for (part, cut) in [
        (".sst", false),
        (".sst", true),
        ("CURRENT", false),
        ("CURRENT", true),
        ("MANIFEST", false),
        ("MANIFEST", true),
    ] {
        let dir = prepared();
        let file = files(dir.path(), part).remove(0);
        if cut {
            let bytes = fs::read(&file).unwrap();
            fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
        } else {
            fs::remove_file(&file).unwrap();
        }
        let found = outcome(dir.path());
        assert!(["empty", "damaged"].contains(&found), "{part} {cut}: {found}");
    }
}

#[test]
fn another_format_is_made_anew() {
    let dir = prepared();
    fs::write(dir.path().join("FORMAT"), "streamjob state 2\n").unwrap();
    assert_eq!(outcome(dir.path()), "empty");
    let dir = prepared();
    fs::remove_file(dir.path().join("FORMAT")).unwrap();
    assert_eq!(outcome(dir.path()), "empty");
}

#[test]
fn a_store_in_use_is_left_alone() {
    let dir = prepared();
    let first = LocalStore::open(dir.path(), BUDGET_BYTES).unwrap();
    // Whatever is wrong with it: its user is still there.
    fs::write(dir.path().join("DAMAGED"), b"").unwrap();
    let error = LocalStore::open(dir.path(), BUDGET_BYTES).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Retry, "{error}");
    fs::remove_file(dir.path().join("DAMAGED")).unwrap();
    assert_eq!(entries(&first, &shard(0, "t", 0)).unwrap().len(), 2_000);
    drop(first);
    assert_eq!(outcome(dir.path()), "whole");
}

#[test]
fn leftovers_of_a_killed_process_are_removed() {
    let dir = prepared();
    fs::write(dir.path().join("tmp/17"), b"half a file").unwrap();
    fs::create_dir_all(dir.path().join("tmp/18/db")).unwrap();
    assert_eq!(outcome(dir.path()), "whole");
    assert!(fs::read_dir(dir.path().join("tmp")).unwrap().next().is_none());
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = LocalStore::open(&file, BUDGET_BYTES).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Retry);
    assert!(error.to_string().contains(file.to_str().unwrap()));
}
