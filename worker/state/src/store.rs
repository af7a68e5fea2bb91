//! The local copy of a slot's shards.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use dataflow::TableChanges;
use protocol::ShardId;
use protocol::manifest::RunKind;

use crate::StateError;
use crate::folder::{discard, lock, read_behind, remove_dir, wipe};
use crate::key::{self, OWN_TABLE, ShardPrefix};
use crate::limits::IDENTITY_BYTES_MAX;
use crate::restore::Restore;
use crate::rocks::{Db, Fault};
use crate::rocks_files::{self, File};
use crate::run::{Header, RunFile};

/// Of the layout below the store's folder; another one is deleted.
const FORMAT: &str = "streamjob state 1\n";

/// Takes table, key and value of one entry after another.
pub type Visit<'a, E> = dyn FnMut(u16, &[u8], &[u8]) -> Result<(), E> + 'a;

/// A slot's store. All calls may come from any thread.
pub struct LocalStore {
    dir: PathBuf,
    db: Db,
    next_file: AtomicU64,
    /// Released last, when the database is closed.
    _lock: fs::File,
}

impl LocalStore {
    /// Opens the store in `dir`, which is its own. A store that is damaged or of another format is
    /// deleted and made anew, which costs a restore. `budget_bytes` bounds its memory (block cache,
    /// indexes included).
    pub fn open(dir: &Path, budget_bytes: usize) -> Result<Self, StateError> {
        let io = |e: std::io::Error| StateError::io(dir, &e);
        let lock = lock(dir)?;
        let fits = fs::read_to_string(dir.join("FORMAT")).is_ok_and(|format| format == FORMAT);
        if !fits || dir.join("DAMAGED").exists() {
            wipe(dir).map_err(io)?;
        }
        let db = match Db::open(&dir.join("db"), budget_bytes) {
            Ok(db) => db,
            Err(Fault::Damaged(_) | Fault::Refused(_)) => {
                wipe(dir).map_err(io)?;
                Db::open(&dir.join("db"), budget_bytes).map_err(|fault| error(dir, fault))?
            }
            // A full disk, a missing right or a lock says nothing about what lies there.
            Err(fault) => return Err(error(dir, fault)),
        };
        // What lies in `tmp` is from the dead.
        remove_dir(&dir.join("tmp")).map_err(io)?;
        fs::create_dir_all(dir.join("tmp")).map_err(io)?;
        fs::write(dir.join("FORMAT"), FORMAT).map_err(io)?;
        Ok(Self { dir: dir.to_owned(), db, next_file: AtomicU64::new(0), _lock: lock })
    }

    /// One delta: the changed entries and the floors of a shard's tables since its last run. Tables
    /// may come in any order, each once. `None` if no entry changed; floors alone can wait.
    pub fn write_run(
        &self,
        shard: &ShardId,
        changes: &[TableChanges],
    ) -> Result<Option<RunFile>, StateError> {
        let mut tables: Vec<&TableChanges> = changes.iter().collect();
        tables.sort_by_key(|changes| changes.table);
        if tables.windows(2).any(|pair| pair[0].table == pair[1].table) {
            return Err(StateError::Bug("a table came twice in one run".to_owned()));
        }
        if tables.last().is_some_and(|last| last.table == OWN_TABLE) {
            return Err(StateError::Bug(format!("table {OWN_TABLE} is the store's own")));
        }
        if tables.iter().all(|changes| changes.entries.is_empty()) {
            return Ok(None);
        }
        let prefix = ShardPrefix::of(shard);
        self.make_run(prefix, RunKind::Delta, |file| {
            let mut entries = 0;
            for changes in tables {
                if let Some(live_from) = changes.live_from {
                    let floor = prefix.floor(changes.table, live_from);
                    file.delete_range(&prefix.table(changes.table), &floor)?;
                }
                entries += write_entries(file, prefix, changes)?;
            }
            file.delete(&prefix.identity())?;
            Ok::<u64, Fault>(entries)
        })
        .map(Some)
    }

    /// The whole shard as it is in this store, as one run: every delta so far must have been
    /// ingested.
    pub fn base_run(&self, shard: &ShardId) -> Result<RunFile, StateError> {
        self.copy_as_base(ShardPrefix::of(shard), self, ShardPrefix::of(shard))
    }

    /// The shard `from` of another store as a base of the shard `to`, through this store's folder.
    pub(crate) fn copy_as_base(
        &self,
        to: ShardPrefix,
        source: &Self,
        from: ShardPrefix,
    ) -> Result<RunFile, StateError> {
        self.make_run(to, RunKind::Base, |file| {
            file.delete_range(&to.0, &to.end())?;
            let mut entries = 0;
            let mut target = to.0.to_vec();
            source.db.scan(&from.0, &from.identity(), |key, value| {
                target.truncate(to.0.len());
                target.extend_from_slice(&key[from.0.len()..]);
                entries += 1;
                file.put(&target, value)
            })?;
            file.delete(&to.identity())?;
            Ok::<u64, Fault>(entries)
        })
    }

    fn make_run(
        &self,
        prefix: ShardPrefix,
        kind: RunKind,
        body: impl FnOnce(&mut File<'_>) -> Result<u64, Fault>,
    ) -> Result<RunFile, StateError> {
        let path = self.temporary();
        let result = rocks_files::write(&path, body).map_err(|fault| self.fault(fault)).and_then(
            |entries| {
                let header = Header { kind, prefix, entries };
                let bytes = read_behind(&path, &header.encode())
                    .map_err(|e| StateError::io(&self.dir, &e))?;
                Ok(RunFile { crc32c: crc32c::crc32c(&bytes), bytes, entries, kind })
            },
        );
        discard(&path);
        result
    }

    /// Takes a run of this shard into the local copy, whole or not at all. A base replaces what was
    /// there. The shard has no identity afterwards. The bytes were verified against the manifest
    /// before.
    pub fn ingest(&self, shard: &ShardId, run: &[u8]) -> Result<(), StateError> {
        let (header, sst) = Header::read(run)?;
        if header.prefix != ShardPrefix::of(shard) {
            let message = format!("the run belongs to another shard than {shard}; use `restore`");
            return Err(StateError::Bug(message));
        }
        self.ingest_sst(sst)
    }

    pub(crate) fn ingest_sst(&self, sst: &[u8]) -> Result<(), StateError> {
        let path = self.temporary();
        let result = fs::write(&path, sst)
            .map_err(|e| StateError::io(&self.dir, &e))
            .and_then(|()| self.db.ingest(&path).map_err(|fault| self.fault(fault)));
        discard(&path);
        result
    }

    /// Begins to bring a shard to what a manifest names: its runs are added in order, then it is
    /// finished.
    pub fn restore(&self, shard: &ShardId) -> Restore<'_> {
        Restore::new(self, ShardPrefix::of(shard))
    }

    /// Frees entries of a table whose time lies below `live_from`: runs carry their floors themselves,
    /// this is for what no run will touch again. The shard has no identity afterwards: an older
    /// manifest may still need what is gone now.
    pub fn drop_below(
        &self,
        shard: &ShardId,
        table: u16,
        live_from: i64,
    ) -> Result<(), StateError> {
        let prefix = ShardPrefix::of(shard);
        self.apply(|file| {
            file.delete_range(&prefix.table(table), &prefix.floor(table, live_from))?;
            file.delete(&prefix.identity())
        })
    }

    /// Forgets a shard: entries and identity.
    pub fn drop_shard(&self, shard: &ShardId) -> Result<(), StateError> {
        self.drop_prefix(ShardPrefix::of(shard))
    }

    pub(crate) fn drop_prefix(&self, prefix: ShardPrefix) -> Result<(), StateError> {
        self.apply(|file| file.delete_range(&prefix.0, &prefix.end()))
    }

    /// Hands every entry of a shard to `visit`, in order of table and key.
    pub fn scan<E: From<StateError>>(
        &self,
        shard: &ShardId,
        visit: &mut Visit<'_, E>,
    ) -> Result<(), E> {
        enum Stop<E> {
            Store(Fault),
            Visitor(E),
        }
        impl<E> From<Fault> for Stop<E> {
            fn from(fault: Fault) -> Self {
                Self::Store(fault)
            }
        }
        let prefix = ShardPrefix::of(shard);
        let scanned = self.db.scan(&prefix.0, &prefix.identity(), |key, value| {
            let short = || Fault::Damaged("a key is too short".to_owned());
            let (table, key) = key::split(key).ok_or_else(short)?;
            visit(table, key, value).map_err(Stop::Visitor)
        });
        scanned.map_err(|stop| match stop {
            Stop::Store(fault) => E::from(self.fault(fault)),
            Stop::Visitor(error) => error,
        })
    }

    /// Notes what the local copy of a shard equals, such as the name of a manifest. On disk when it
    /// returns; the next ingested run takes it away.
    pub fn set_identity(&self, shard: &ShardId, identity: &str) -> Result<(), StateError> {
        self.set_identities(&[(shard, identity)])
    }

    /// The same for all shards of a checkpoint, in one step.
    pub fn set_identities(&self, identities: &[(&ShardId, &str)]) -> Result<(), StateError> {
        let of =
            |(shard, identity): &(&ShardId, &str)| (ShardPrefix::of(shard), (*identity).to_owned());
        let sorted: BTreeMap<ShardPrefix, String> = identities.iter().map(of).collect();
        self.put_identities(&sorted)
    }

    pub(crate) fn put_identities(
        &self,
        identities: &BTreeMap<ShardPrefix, String>,
    ) -> Result<(), StateError> {
        if identities.values().any(|identity| identity.len() > IDENTITY_BYTES_MAX) {
            let message = format!("an identity of more than {IDENTITY_BYTES_MAX} bytes");
            return Err(StateError::Bug(message));
        }
        if identities.is_empty() {
            return Ok(());
        }
        self.apply(|file| {
            let mut entries = identities.iter();
            entries.try_for_each(|(prefix, text)| file.put(&prefix.identity(), text.as_bytes()))
        })
    }

    /// What the local copy of a shard equals; `None` if nobody knows.
    pub fn identity(&self, shard: &ShardId) -> Result<Option<String>, StateError> {
        let found = self.db.get(&ShardPrefix::of(shard).identity());
        let found = found.map_err(|fault| self.fault(fault))?;
        // What is not text was not written by us, so nobody knows.
        Ok(found.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// One small file, ingested at once.
    fn apply(
        &self,
        body: impl FnOnce(&mut File<'_>) -> Result<(), Fault>,
    ) -> Result<(), StateError> {
        let path = self.temporary();
        let result = rocks_files::write(&path, body).and_then(|()| self.db.ingest(&path));
        discard(&path);
        result.map_err(|fault| self.fault(fault))
    }

    /// Frees the disk space of what was deleted or replaced, now. It costs a rewrite of the store;
    /// without this call it happens by itself after [`crate::limits::FILES_PER_COMPACTION`]
    /// ingested files.
    pub fn compact(&self) {
        self.db.compact();
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// A path that no other call uses.
    pub(crate) fn temporary(&self) -> PathBuf {
        let number = self.next_file.fetch_add(1, Ordering::Relaxed);
        self.dir.join("tmp").join(number.to_string())
    }

    /// A damaged store is marked, so that the next open deletes it.
    pub(crate) fn fault(&self, fault: Fault) -> StateError {
        if matches!(fault, Fault::Damaged(_)) {
            drop(fs::write(self.dir.join("DAMAGED"), b""));
        }
        error(&self.dir, fault)
    }
}

fn write_entries(
    file: &mut File<'_>,
    prefix: ShardPrefix,
    changes: &TableChanges,
) -> Result<u64, Fault> {
    let mut target = prefix.table(changes.table);
    let start = target.len();
    for (key, value) in changes.entries.iter() {
        target.truncate(start);
        target.extend_from_slice(key);
        match value {
            Some(value) => file.put(&target, value)?,
            None => file.delete(&target)?,
        }
    }
    Ok(changes.entries.len() as u64)
}

fn error(dir: &Path, fault: Fault) -> StateError {
    let dir = dir.display().to_string();
    match fault {
        Fault::Damaged(message) => StateError::LocalDamaged { dir, message },
        Fault::Full(message) => StateError::Full { dir, message },
        Fault::Refused(message) => StateError::Bug(message),
        Fault::Locked(message) | Fault::Other(message) => StateError::Unavailable { dir, message },
    }
}
