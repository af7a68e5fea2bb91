//! Rows → records with key and value.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};

use super::{CsvDialect, NAME};
use crate::UnsupportedSchema;
use crate::format::Out;
use crate::json::writers::{self, Style, Writer};

/// Writes rows as lines without a line break, all columns in the schema's order.
///
/// Numbers are as in JSON, instants RFC 3339 in UTC with milliseconds. What is no number (NaN,
/// infinities) is null. A field is quoted where it would be read as something else.
pub struct CsvEncoder {
    dialect: CsvDialect,
    columns: usize,
    key: Vec<usize>,
    /// Every record has a key.
    upsert: bool,
    value_bytes: Vec<u8>,
    key_bytes: Vec<u8>,
    scratch: Vec<u8>,
}

impl CsvEncoder {
    /// `key` are the columns that make the Kafka key. One column: its value as plain text, null →
    /// no key. Several: a line of their values. None: no key.
    pub fn new(
        dialect: &CsvDialect,
        schema: &SchemaRef,
        key: Vec<usize>,
    ) -> Result<Self, UnsupportedSchema> {
        dialect.check()?;
        let refuse = |column: String, reason: &str| UnsupportedSchema {
            format: NAME,
            column,
            reason: reason.to_owned(),
        };
        for field in schema.fields() {
            if matches!(field.data_type(), DataType::List(_)) {
                let reason = "a field holds one value, not an array; use JSON for it";
                return Err(refuse(field.name().clone(), reason));
            }
            writers::check(NAME, field)?;
        }
        let columns = schema.fields().len();
        if let Some(outside) = key.iter().find(|column| **column >= columns) {
            return Err(refuse(outside.to_string(), "a key column must be one of the columns"));
        }
        Ok(Self {
            dialect: dialect.clone(),
            columns,
            key,
            upsert: false,
            value_bytes: Vec::new(),
            key_bytes: Vec::new(),
            scratch: Vec::new(),
        })
    }

    /// For a topic in which a later record replaces an earlier one of its key: a key of one column that is null is
    /// `[null]`, as beside JSON, so that every record has a key.
    #[must_use]
    pub fn upserting(self, upsert: bool) -> Self {
        Self { upsert, ..self }
    }

    /// Hands the key of every row to `out`, in order. Only the columns of the key are looked at.
    ///
    /// # Panics
    /// As [`Self::encode`].
    pub fn encode_keys(&mut self, batch: &RecordBatch, out: &mut dyn FnMut(Option<&[u8]>)) {
        assert_eq!(batch.num_columns(), self.columns, "the batch has the encoder's schema");
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
        assert_eq!(batch.num_columns(), self.columns, "the batch has the encoder's schema");
        let columns: Vec<Writer<'_>> = batch.columns().iter().map(Writer::new).collect();
        for row in 0..batch.num_rows() {
            self.value_bytes.clear();
            for (i, column) in columns.iter().enumerate() {
                if i > 0 {
                    self.value_bytes.push(self.dialect.delimiter);
                }
                field(&self.dialect, column, row, &mut self.value_bytes, &mut self.scratch);
            }
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
                    if i > 0 {
                        self.key_bytes.push(self.dialect.delimiter);
                    }
                    let column = &columns[*column];
                    field(&self.dialect, column, row, &mut self.key_bytes, &mut self.scratch);
                }
                true
            }
        }
    }
}

/// Appends one value so that it is read again as what it is.
fn field(
    dialect: &CsvDialect,
    column: &Writer<'_>,
    row: usize,
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
) {
    let start = out.len();
    if column.is_absent(row) {
        out.extend_from_slice(dialect.null.as_bytes());
        return;
    }
    column.write(row, Style::Plain, out);
    let written = &out[start..];
    let (delimiter, quote) = (dialect.delimiter, dialect.quote);
    let special = |byte: &u8| *byte == delimiter || *byte == quote || matches!(byte, b'\n' | b'\r');
    if written != dialect.null.as_bytes() && !written.iter().any(special) {
        return;
    }
    scratch.clear();
    scratch.extend_from_slice(written);
    out.truncate(start);
    out.push(quote);
    for byte in &*scratch {
        out.push(*byte);
        if *byte == quote {
            out.push(quote);
        }
    }
    out.push(quote);
}
