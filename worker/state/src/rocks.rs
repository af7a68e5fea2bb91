//! The one place that opens a `RocksDB`. Files come in by ingestion only; nothing is ever put.

use std::path::Path;

use rocksdb::{
    BlockBasedOptions, Cache, DB, DBCompressionType, Error, ErrorKind, IngestExternalFileOptions,
    LogLevel, Options, ReadOptions,
};

use crate::limits::{
    BACKGROUND_JOBS, BUDGET_BYTES_MIN, FILE_BYTES, FILES_MAX, FILES_PER_COMPACTION,
    LOG_FILE_BYTES_MAX, LOG_FILES_MAX, OPEN_FILES_MAX, READAHEAD_BYTES, WRITE_BUFFER_BYTES,
};

/// What the library says went wrong, sorted by what to do about it.
#[derive(Debug)]
pub(crate) enum Fault {
    Damaged(String),
    Full(String),
    /// Another process, or another store of this one, has it open.
    Locked(String),
    /// The library refuses the call, or files of another make.
    Refused(String),
    Other(String),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        if message.contains("No space left on device") || message.contains("Disk quota exceeded") {
            return Self::Full(message);
        }
        if message.contains("lock file") || message.contains("lock hold by current process") {
            return Self::Locked(message);
        }
        match error.kind() {
            // A missing or unreadable file of the store, too: what it holds is gone either way.
            ErrorKind::Corruption | ErrorKind::NotFound => Self::Damaged(message),
            ErrorKind::IOError if message.contains("No such file or directory") => {
                Self::Damaged(message)
            }
            ErrorKind::InvalidArgument | ErrorKind::NotSupported => Self::Refused(message),
            _ => Self::Other(message),
        }
    }
}

pub(crate) struct Db {
    db: DB,
}

impl Db {
    /// Opens or creates. `budget_bytes` bounds the block cache, which holds indexes too.
    pub(crate) fn open(dir: &Path, budget_bytes: usize) -> Result<Self, Fault> {
        let cache = Cache::new_lru_cache(budget_bytes.max(BUDGET_BYTES_MIN));
        let mut options = file_options(&cache);
        options.create_if_missing(true);
        options.set_max_open_files(OPEN_FILES_MAX);
        options.set_max_background_jobs(BACKGROUND_JOBS);
        options.set_write_buffer_size(WRITE_BUFFER_BYTES);
        options.set_db_write_buffer_size(2 * WRITE_BUFFER_BYTES);
        options.set_compaction_readahead_size(READAHEAD_BYTES);
        options.set_target_file_size_base(FILE_BYTES);
        options.set_level_zero_file_num_compaction_trigger(FILES_PER_COMPACTION);
        options.set_level_zero_slowdown_writes_trigger(FILES_MAX);
        options.set_level_zero_stop_writes_trigger(FILES_MAX);
        options.set_log_level(LogLevel::Warn);
        options.set_keep_log_file_num(LOG_FILES_MAX);
        options.set_max_log_file_size(LOG_FILE_BYTES_MAX);
        options.set_stats_dump_period_sec(0);
        options.set_stats_persist_period_sec(0);
        options.set_skip_stats_update_on_db_open(true);
        options.set_paranoid_checks(true);
        Ok(Self { db: DB::open(&options, dir)? })
    }

    /// Takes a file over, whole or not at all. It is linked where the file system can.
    pub(crate) fn ingest(&self, file: &Path) -> Result<(), Fault> {
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        Ok(self.db.ingest_external_file_opts(&options, vec![file])?)
    }

    /// Merges everything, and frees what is deleted.
    pub(crate) fn compact(&self) {
        self.db.compact_range(None::<&[u8]>, None::<&[u8]>);
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.db.get(key)?)
    }

    /// Every key of `from..to` with its value, in order, as of now.
    pub(crate) fn scan<E: From<Fault>>(
        &self,
        from: &[u8],
        to: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(from);
        options.set_iterate_upper_bound(to);
        options.set_readahead_size(READAHEAD_BYTES);
        options.set_verify_checksums(true);
        options.fill_cache(false);
        let mut cursor = self.db.raw_iterator_opt(options);
        cursor.seek_to_first();
        while let Some((key, value)) = cursor.item() {
            visit(key, value)?;
            cursor.next();
        }
        // The end, or the place where reading failed: only the status tells.
        cursor.status().map_err(|e| E::from(Fault::from(e)))
    }
}

/// What files made outside and inside of the store have in common.
fn file_options(cache: &Cache) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_cache_index_and_filter_blocks(true);
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    options.set_compression_type(DBCompressionType::Lz4);
    options
}
