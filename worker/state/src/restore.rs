//! A shard's chain of runs → its local copy.

use protocol::manifest::RunKind;

use crate::key::ShardPrefix;
use crate::limits::BUDGET_BYTES_MIN;
use crate::run::Header;
use crate::{LocalStore, StateError};

/// A restore under way. Until it is finished the shard has no identity, so a crash in between costs
/// a new one.
///
/// Runs that were written for another shard (of a job that this one was restored from) are gathered
/// in a store of their own and copied once they are all there.
pub struct Restore<'a> {
    store: &'a LocalStore,
    prefix: ShardPrefix,
    runs: usize,
    foreign: Option<Foreign>,
    own_only: bool,
}

struct Foreign {
    store: LocalStore,
    prefix: ShardPrefix,
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // The files are unlinked while open; what stays is removed by the next open of the outer
        // store.
        drop(std::fs::remove_dir_all(self.store.dir()));
    }
}

impl<'a> Restore<'a> {
    pub(crate) fn new(store: &'a LocalStore, prefix: ShardPrefix) -> Self {
        Self { store, prefix, runs: 0, foreign: None, own_only: false }
    }

    /// Refuses a chain of another shard, which only a job restored from a savepoint of another has reason to read.
    #[must_use]
    pub fn own_only(self, own_only: bool) -> Self {
        Self { own_only, ..self }
    }

    /// The next run of the chain, oldest first, verified against the manifest.
    pub fn add(&mut self, run: &[u8]) -> Result<(), StateError> {
        let (header, sst) = Header::read(run)?;
        let expected = if self.runs == 0 { RunKind::Base } else { RunKind::Delta };
        if header.kind != expected {
            let message = format!("run {} of the chain is a {:?}", self.runs, header.kind);
            return Err(StateError::UnreadableRun(message));
        }
        if self.runs == 0 && header.prefix != self.prefix && !self.own_only {
            let dir = self.store.temporary();
            let store = LocalStore::open(&dir, BUDGET_BYTES_MIN)?;
            self.foreign = Some(Foreign { store, prefix: header.prefix });
        }
        let (store, prefix) = match &self.foreign {
            Some(foreign) => (&foreign.store, foreign.prefix),
            None => (self.store, self.prefix),
        };
        if header.prefix != prefix {
            let message = format!("run {} of the chain belongs to another shard", self.runs);
            return Err(StateError::UnreadableRun(message));
        }
        store.ingest_sst(sst)?;
        self.runs += 1;
        Ok(())
    }

    /// All runs are there; without any the shard is empty. The local copy equals `identity` from
    /// here on.
    pub fn finish(self, identity: &str) -> Result<(), StateError> {
        if self.runs == 0 {
            self.store.drop_prefix(self.prefix)?;
        }
        if let Some(foreign) = &self.foreign {
            let base = self.store.copy_as_base(self.prefix, &foreign.store, foreign.prefix)?;
            let (_, sst) = Header::read(&base.bytes)?;
            self.store.ingest_sst(sst)?;
        }
        self.store.put_identities(&[(self.prefix, identity.to_owned())].into())
    }
}
