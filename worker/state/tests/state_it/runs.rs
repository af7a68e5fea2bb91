//! Runs: what they hold, where they go, what they leave behind.

use std::path::Path;

use protocol::ShardId;
use protocol::manifest::RunKind;
use state::{ErrorKind, LocalStore, Pack, StateError, verify};
use tempfile::TempDir;

use crate::{BUDGET_BYTES, changes, entries, key, shard};

fn store(dir: &Path) -> LocalStore {
    LocalStore::open(dir, BUDGET_BYTES).unwrap()
}

#[allow(clippy::unnecessary_wraps)] // entries have optional values
fn some(text: &str) -> Option<Vec<u8>> {
    Some(text.as_bytes().to_vec())
}

/// A delta with one entry per text, at times 0, 1, 2 …
fn delta(store: &LocalStore, shard: &ShardId, texts: &[&str]) -> Vec<u8> {
    let list: Vec<_> =
        texts.iter().enumerate().map(|(i, text)| (key(i as i64, b"k"), some(text))).collect();
    store.write_run(shard, &[changes(0, None, &list)]).unwrap().unwrap().bytes
}

fn values(store: &LocalStore, shard: &ShardId) -> Vec<String> {
    let text = |entry: crate::Entry| String::from_utf8(entry.2).unwrap();
    entries(store, shard).unwrap().into_iter().map(text).collect()
}

#[test]
fn a_run_brings_entries_and_deletions_of_several_tables() {
    let dir = TempDir::new().unwrap();
    let (store, shard) = (store(dir.path()), shard(1, "t", 0));
    let first = [
        changes(7, None, &[(key(1, b"a"), some("7a")), (key(1, b"b"), some("7b"))]),
        changes(2, None, &[(b"short".to_vec(), some("no time")), (key(5, b""), some(""))]),
    ];
    let run = store.write_run(&shard, &first).unwrap().unwrap();
    assert_eq!((run.entries, run.kind), (4, RunKind::Delta));
    store.ingest(&shard, &run.bytes).unwrap();
    let second = [changes(7, None, &[(key(1, b"a"), None), (key(1, b"b"), some("new"))])];
    let run = store.write_run(&shard, &second).unwrap().unwrap();
    store.ingest(&shard, &run.bytes).unwrap();
    let expected = vec![
        (2, b"short".to_vec(), b"no time".to_vec()),
        (2, key(5, b""), b"".to_vec()),
        (7, key(1, b"b"), b"new".to_vec()),
    ];
    assert_eq!(entries(&store, &shard).unwrap(), expected);
}

#[test]
fn nothing_changed_makes_no_run() {
    let dir = TempDir::new().unwrap();
    let (store, shard) = (store(dir.path()), shard(1, "t", 0));
    assert_eq!(store.write_run(&shard, &[]), Ok(None));
    assert_eq!(store.write_run(&shard, &[changes(0, Some(5), &[])]), Ok(None));
    assert_eq!(store.base_run(&shard).unwrap().entries, 0);
    assert!(std::fs::read_dir(dir.path().join("tmp")).unwrap().next().is_none());
}

#[test]
fn floors_free_what_is_dead_and_keep_the_rest() {
    let dir = TempDir::new().unwrap();
    let (store, shard) = (store(dir.path()), shard(1, "t", 0));
    let times = [-5, -1, 0, 3, 9];
    let list: Vec<_> = times.iter().map(|t| (key(*t, b"k"), some(&t.to_string()))).collect();
    let all = [changes(0, None, &list), changes(1, None, &list)];
    let run = store.write_run(&shard, &all).unwrap().unwrap();
    store.ingest(&shard, &run.bytes).unwrap();
    // The floor of the run takes older entries, not those of the run itself.
    let next = [changes(0, Some(0), &[(key(4, b"k"), some("4"))])];
    let run = store.write_run(&shard, &next).unwrap().unwrap();
    store.ingest(&shard, &run.bytes).unwrap();
    assert_eq!(values(&store, &shard), ["0", "3", "4", "9", "-5", "-1", "0", "3", "9"]);
    store.set_identity(&shard, "same").unwrap();
    store.drop_below(&shard, 1, 9).unwrap();
    store.drop_below(&shard, 1, i64::MIN).unwrap();
    assert_eq!(values(&store, &shard), ["0", "3", "4", "9", "9"]);
    assert_eq!(store.identity(&shard).unwrap(), None, "an older manifest may need what is gone");
}

#[test]
fn a_base_replaces_everything_and_only_in_its_shard() {
    let dir = TempDir::new().unwrap();
    let (one, other) = (shard(1, "t", 0), shard(1, "t", 1));
    let first = store(&dir.path().join("first"));
    first.ingest(&one, &delta(&first, &one, &["a", "b"])).unwrap();
    let base = first.base_run(&one).unwrap();
    assert_eq!((base.entries, base.kind), (2, RunKind::Base));
    let second = store(&dir.path().join("second"));
    second.ingest(&one, &delta(&second, &one, &["old", "old", "old"])).unwrap();
    second.ingest(&other, &delta(&second, &other, &["kept"])).unwrap();
    second.ingest(&one, &base.bytes).unwrap();
    assert_eq!(values(&second, &one), ["a", "b"]);
    assert_eq!(values(&second, &other), ["kept"]);
    second.drop_shard(&one).unwrap();
    for _ in 0..2 {
        assert_eq!(values(&second, &one), [""; 0]);
        assert_eq!(values(&second, &other), ["kept"]);
        second.compact();
    }
}

#[test]
fn an_identity_survives_a_restart_and_no_ingest() {
    let dir = TempDir::new().unwrap();
    let (one, other) = (shard(0, "t", 0), shard(0, "t", 1));
    let first = store(dir.path());
    assert_eq!(first.identity(&one), Ok(None));
    let run = delta(&first, &one, &["a"]);
    first.ingest(&one, &run).unwrap();
    first.set_identity(&one, "g1-s0-c1").unwrap();
    first.set_identity(&other, "g1-s0-c1").unwrap();
    drop(first);
    let second = store(dir.path());
    assert_eq!(second.identity(&one).unwrap().as_deref(), Some("g1-s0-c1"));
    assert_eq!(values(&second, &one), ["a"]);
    second.ingest(&one, &run).unwrap();
    assert_eq!(second.identity(&one), Ok(None));
    assert_eq!(second.identity(&other).unwrap().as_deref(), Some("g1-s0-c1"));
    second.set_identity(&one, "g1-s0-c2").unwrap();
    second.ingest(&one, &second.base_run(&one).unwrap().bytes).unwrap();
    assert_eq!(second.identity(&one), Ok(None));
    second.drop_shard(&other).unwrap();
    assert_eq!(second.identity(&other), Ok(None));
    assert!(second.set_identity(&one, &"x".repeat(2000)).is_err());
}

#[test]
fn a_chain_is_restored_over_whatever_was_there() {
    let dir = TempDir::new().unwrap();
    let (source, target) = (store(&dir.path().join("a")), store(&dir.path().join("b")));
    let shard = shard(2, "t", 3);
    source.ingest(&shard, &delta(&source, &shard, &["a", "b", "c"])).unwrap();
    let base = source.base_run(&shard).unwrap().bytes;
    let gone = [changes(0, Some(1), &[(key(1, b"k"), None), (key(7, b"k"), some("d"))])];
    let second = source.write_run(&shard, &gone).unwrap().unwrap().bytes;
    target.ingest(&shard, &delta(&target, &shard, &["x"; 9])).unwrap();
    let mut restore = target.restore(&shard);
    restore.add(&base).unwrap();
    restore.add(&second).unwrap();
    restore.finish("m").unwrap();
    assert_eq!(values(&target, &shard), ["c", "d"]);
    assert_eq!(target.identity(&shard).unwrap().as_deref(), Some("m"));
    // A chain without runs is an empty shard.
    target.restore(&shard).finish("empty").unwrap();
    assert_eq!(values(&target, &shard), [""; 0]);
    assert_eq!(target.identity(&shard).unwrap().as_deref(), Some("empty"));
}

#[test]
fn a_chain_of_another_job_is_restored_for_the_own_shard() {
    let dir = TempDir::new().unwrap();
    let (source, target) = (store(&dir.path().join("a")), store(&dir.path().join("b")));
    let (theirs, ours) = (shard(1, "streamjob.u-1.x.w.0", 3), shard(1, "streamjob.u-2.x.w.0", 3));
    source.ingest(&theirs, &delta(&source, &theirs, &["a", "b", "c"])).unwrap();
    let base = source.base_run(&theirs).unwrap().bytes;
    let next = [changes(0, None, &[(key(0, b"k"), None), (key(7, b"k"), some("d"))])];
    let second = source.write_run(&theirs, &next).unwrap().unwrap().bytes;
    target.ingest(&ours, &delta(&target, &ours, &["x"; 9])).unwrap();
    target.ingest(&theirs, &delta(&target, &theirs, &["untouched"])).unwrap();
    let direct = target.ingest(&ours, &base).unwrap_err();
    assert_eq!(direct.kind(), ErrorKind::Bug);
    let mut restore = target.restore(&ours);
    restore.add(&base).unwrap();
    restore.add(&second).unwrap();
    restore.finish("m").unwrap();
    assert_eq!(values(&target, &ours), ["b", "c", "d"]);
    assert_eq!(values(&target, &theirs), ["untouched"]);
    assert_eq!(target.identity(&ours).unwrap().as_deref(), Some("m"));
    assert!(std::fs::read_dir(dir.path().join("b/tmp")).unwrap().next().is_none());
}

#[test]
fn a_chain_that_is_none_is_refused() {
    let dir = TempDir::new().unwrap();
    let (store, one, other) = (store(dir.path()), shard(1, "t", 0), shard(1, "t", 1));
    let run = delta(&store, &one, &["a"]);
    let base = store.base_run(&one).unwrap().bytes;
    let foreign = delta(&store, &other, &["a"]);
    let refused = |runs: &[&Vec<u8>]| {
        let mut restore = store.restore(&one);
        let error = runs.iter().find_map(|run| restore.add(run).err()).unwrap();
        assert!(matches!(error, StateError::UnreadableRun(_)), "{error}");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    };
    refused(&[&run]);
    refused(&[&base, &base]);
    refused(&[&base, &foreign]);
    refused(&[&base, &b"SJRN".to_vec()]);
    assert_eq!(store.identity(&one), Ok(None));
}

#[test]
fn callers_that_break_a_rule_are_told() {
    let dir = TempDir::new().unwrap();
    let (store, shard) = (store(dir.path()), shard(1, "t", 0));
    let one = |table| changes(table, None, &[(key(0, b""), some("v"))]);
    let unsorted = [(key(1, b""), some("v")), (key(0, b""), some("v"))];
    for list in [vec![one(1), one(1)], vec![one(u16::MAX)], vec![changes(0, None, &unsorted)]] {
        assert_eq!(store.write_run(&shard, &list).unwrap_err().kind(), ErrorKind::Bug);
    }
}

#[test]
fn packed_runs_are_found_by_their_ranges() {
    let dir = TempDir::new().unwrap();
    let store = store(dir.path());
    let shards = [shard(0, "t", 0), shard(0, "t", 1), shard(1, "x", 0)];
    let mut pack = Pack::new("u-1/runs/g1-s0-c1");
    assert!(pack.is_empty());
    let mut runs = Vec::new();
    for (i, shard) in shards.iter().enumerate() {
        let list = [changes(0, None, &[(key(0, b"k"), some(&i.to_string()))])];
        runs.push(pack.add(&store.write_run(shard, &list).unwrap().unwrap()));
    }
    let object = pack.finish();
    let end: u64 = runs.iter().map(|run| run.len).sum();
    assert_eq!(end, object.len() as u64);
    for (i, (run, shard)) in runs.iter().zip(&shards).enumerate() {
        let bytes = &object[run.start as usize..(run.start + run.len) as usize];
        verify(run, bytes).unwrap();
        store.ingest(shard, bytes).unwrap();
        assert_eq!(values(&store, shard), [i.to_string()]);
        let shifted = &object[..run.len as usize];
        assert_eq!(verify(run, shifted).is_ok(), run.start == 0);
    }
}

#[test]
fn many_threads_may_use_one_store() {
    let dir = TempDir::new().unwrap();
    let store = store(dir.path());
    std::thread::scope(|scope| {
        for partition in 0..4 {
            let store = &store;
            scope.spawn(move || {
                let shard = shard(0, "t", partition);
                for round in 0..10 {
                    store.ingest(&shard, &delta(store, &shard, &[&round.to_string()])).unwrap();
                    store.set_identity(&shard, &round.to_string()).unwrap();
                }
            });
        }
    });
    for partition in 0..4 {
        let shard = shard(0, "t", partition);
        assert_eq!(values(&store, &shard), ["9"]);
        assert_eq!(store.identity(&shard).unwrap().as_deref(), Some("9"));
    }
}

#[test]
fn released_runs_stay_readable() {
    let golden = "tests/golden/run_v1.bin";
    let dir = TempDir::new().unwrap();
    let (store, shard) = (store(dir.path()), shard(1, "clicks", 3));
    if std::env::var_os("STREAMJOB_WRITE_GOLDEN").is_some() {
        store.ingest(&shard, &delta(&store, &shard, &["a", "b", "c"])).unwrap();
        std::fs::write(golden, store.base_run(&shard).unwrap().bytes).unwrap();
        return;
    }
    let mut restore = store.restore(&shard);
    restore.add(&std::fs::read(golden).unwrap()).unwrap();
    restore.finish("golden").unwrap();
    assert_eq!(values(&store, &shard), ["a", "b", "c"]);
}
