//! SST files that are made outside of the store, to be uploaded and ingested.

use std::path::Path;

use rocksdb::{BlockBasedOptions, DBCompressionType, Options, SstFileWriter};

use crate::rocks::Fault;

/// A file being written; keys come in ascending order.
pub(crate) struct File<'a> {
    writer: SstFileWriter<'a>,
}

/// Writes one file and syncs it. It has at least one entry or deletion.
pub(crate) fn write<T, E: From<Fault>>(
    path: &Path,
    body: impl FnOnce(&mut File<'_>) -> Result<T, E>,
) -> Result<T, E> {
    let mut table = BlockBasedOptions::default();
    table.disable_cache();
    let mut options = Options::default();
    options.set_block_based_table_factory(&table);
    options.set_compression_type(DBCompressionType::Lz4);
    let mut file = File { writer: SstFileWriter::create(&options) };
    file.writer.open(path).map_err(Fault::from)?;
    let result = body(&mut file)?;
    file.writer.finish().map_err(Fault::from)?;
    Ok(result)
}

impl File<'_> {
    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        Ok(self.writer.put(key, value)?)
    }

    pub(crate) fn delete(&mut self, key: &[u8]) -> Result<(), Fault> {
        Ok(self.writer.delete(key)?)
    }

    /// Deletes what lies in `from..to` in the store, not in this file.
    pub(crate) fn delete_range(&mut self, from: &[u8], to: &[u8]) -> Result<(), Fault> {
        Ok(self.writer.delete_range(from, to)?)
    }
}
