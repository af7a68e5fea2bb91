//! Every bound of the state, named.

/// Longest chain of a shard: a restore reads so many byte ranges.
pub const CHAIN_RUNS_MAX: usize = 64;
/// Deltas below this sum never ask for a new base, however small the base is.
pub const CHAIN_DELTA_BYTES_MIN: u64 = 1 << 20;
/// A new base is written when the deltas weigh this many times the base.
pub const CHAIN_DELTAS_PER_BASE: u64 = 2;
/// Files that one store keeps open. A worker has a store per slot, and a pod's limit is often
/// 20,000 or less.
pub const OPEN_FILES_MAX: i32 = 256;
/// Smallest memory budget of a store, bytes.
pub const BUDGET_BYTES_MIN: usize = 2 << 20;
/// `RocksDB`'s write buffer. Nothing is written through it; the library wants one.
pub const WRITE_BUFFER_BYTES: usize = 64 << 10;
/// Ingested files that wait before they are merged. Nothing is looked up key by key, so merging
/// early would only rewrite the whole state again and again.
pub const FILES_PER_COMPACTION: i32 = 100;
/// Where `RocksDB` would slow writers down. There are none.
pub const FILES_MAX: i32 = 1 << 20;
/// Background threads that compact.
pub const BACKGROUND_JOBS: i32 = 2;
/// Read ahead of scans and compactions, bytes.
pub const READAHEAD_BYTES: usize = 256 << 10;
/// Size that compaction aims its files at, bytes.
pub const FILE_BYTES: u64 = 32 << 20;
/// Log files that `RocksDB` keeps beside its data, and the size of each.
pub const LOG_FILES_MAX: usize = 2;
/// See [`LOG_FILES_MAX`].
pub const LOG_FILE_BYTES_MAX: usize = 1 << 20;
/// Longest identity of a shard's local copy, bytes.
pub const IDENTITY_BYTES_MAX: usize = 1024;
