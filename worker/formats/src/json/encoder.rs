//! Rows → records with key and value.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::writers::{self, Style, Writer};
use crate::UnsupportedSchema;
use crate::format::Out;

/// Writes rows as JSON objects, all fields always there, in the schema's order.
///
/// Instants are RFC 3339 in UTC with milliseconds, decimals are numbers with all their digits, what
/// JSON cannot say (NaN, infinities) is `null`.
pub struct JsonEncoder {
    /// `{"first":`, `,"second":` …
    prefixes: Vec<Vec<u8>>,
    key: Vec<usize>,
    /// Every record has a key.
    upsert: bool,
    value_bytes: Vec<u8>,
    key_bytes: Vec<u8>,
}

impl JsonEncoder {
    /// `key` are the columns that make the Kafka key. One column: its value as plain text, null →
    /// no key. Several: a JSON array of their values. None: no key.
    pub fn new(schema: &SchemaRef, key: Vec<usize>) -> Result<Self, UnsupportedSchema> {
        let mut prefixes = Vec::with_capacity(schema.fields().len());
        for (i, field) in schema.fields().iter().enumerate() {
            writers::check(super::NAME, field)?;
            let mut prefix = vec![if i == 0 { b'{' } else { b',' }];
            serde_json::to_writer(&mut prefix, field.name())
                .expect("a text is written into memory");
            prefix.push(b':');
            prefixes.push(prefix);
        }
        if let Some(outside) = key.iter().find(|column| **column >= prefixes.len()) {
            return Err(UnsupportedSchema {
                format: super::NAME,
                column: outside.to_string(),
                reason: format!("a key column must be one of the {} columns", prefixes.len()),
            });
        }
        let (value_bytes, key_bytes) = (Vec::new(), Vec::new());
        Ok(Self { prefixes, key, upsert: false, value_bytes, key_bytes })
    }

    /// For a topic in which a later record replaces an earlier one of its key: a key of one column that is null is
    /// `[null]`, so that every record has a key.
    #[must_use]
    pub fn upserting(self, upsert: bool) -> Self {
        Self { upsert, ..self }
    }

    /// Hands the key of every row to `out`, in order. Only the columns of the key are looked at.
    ///
    /// # Panics
    /// As [`Self::encode`].
    pub fn encode_keys(&mut self, batch: &RecordBatch, out: &mut dyn FnMut(Option<&[u8]>)) {
        assert_eq!(batch.num_columns(), self.prefixes.len(), "the batch has the encoder's schema");
        let columns: Vec<Writer<'_>> = batch.columns().iter().map(Writer::new).collect();
        for row in 0..batch.num_rows() {
            let keyed = self.write_key(&columns, row);
            out(keyed.then_some(&self.key_bytes));
        }
    }

    /// Hands key and value of every row to `out`, in order. The batch has the schema of
    /// [`Self::new`].
    ///
    /// # Panics
    /// If it has another one.
    pub fn encode(&mut self, batch: &RecordBatch, out: &mut Out<'_>) {
        assert_eq!(batch.num_columns(), self.prefixes.len(), "the batch has the encoder's schema");
        let columns: Vec<Writer<'_>> = batch.columns().iter().map(Writer::new).collect();
        for row in 0..batch.num_rows() {
            self.value_bytes.clear();
            for (prefix, column) in self.prefixes.iter().zip(&columns) {
                self.value_bytes.extend_from_slice(prefix);
                column.write(row, Style::Json, &mut self.value_bytes);
            }
            self.value_bytes.extend_from_slice(if columns.is_empty() { b"{}" } else { b"}" });
            let keyed = self.write_key(&columns, row);
            out(keyed.then_some(&self.key_bytes), &self.value_bytes);
        }
    }

    /// Whether the row has a key; it is in `key_bytes` then.
    fn write_key(&mut self, columns: &[Writer<'_>], row: usize) -> bool {
        self.key_bytes.clear();
        match self.key.as_slice() {
            [] => false,
            [only] => columns[*only].write_key(row, self.upsert, &mut self.key_bytes),
            several => {
                for (i, column) in several.iter().enumerate() {
                    self.key_bytes.push(if i == 0 { b'[' } else { b',' });
                    columns[*column].write(row, Style::Json, &mut self.key_bytes);
                }
                self.key_bytes.push(b']');
                true
            }
        }
    }
}
