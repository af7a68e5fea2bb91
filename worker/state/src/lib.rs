//! State at rest: the local copy in `RocksDB`, and the runs that checkpoints consist of.
//!
//! - A **run** is one sorted file of one shard: everything (base) or what changed since the run
//!   before (delta). It is made once, uploaded as it is, and ingested as it is wherever the shard
//!   goes.
//! - The **local store** of a slot is a cache of its shards. It is reused after a restart only for
//!   shards whose [`LocalStore::identity`] is what the commit point names; whatever is wrong with
//!   it, it is deleted.
//!
//! Every write is one ingested file. So there is no write-ahead log and no write buffer to lose:
//! what a call returned from is on disk, whole, and what it did not return from is either there
//! whole or not at all.
#![warn(missing_docs)]

pub mod chain;
mod error;
mod folder;
mod key;
pub mod limits;
mod pack;
mod restore;
mod rocks;
mod rocks_files;
mod run;
mod store;

pub use error::{ErrorKind, StateError};
pub use pack::Pack;
pub use restore::Restore;
pub use run::{RunFile, verify};
pub use store::{LocalStore, Visit};
