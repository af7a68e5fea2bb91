//! The format of a topic, and the one way to its decoder and encoder.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use protocol::Origin;

use crate::csv::{CsvDecoder, CsvDialect, CsvEncoder};
use crate::json::{JsonDecoder, JsonEncoder};
use crate::{BadRecord, EventTimeRule, Record, TimestampFormat, UnsupportedSchema};

/// How the records of a topic are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON object.
    Json,
    /// Fields by position.
    Csv(CsvDialect),
}

/// Takes the key and the value of one record after another.
pub type Out<'a> = dyn FnMut(Option<&[u8]>, &[u8]) + 'a;

/// Reads records into batches of one schema.
pub enum Decoder {
    /// Of JSON.
    Json(Box<JsonDecoder>),
    /// Of CSV.
    Csv(Box<CsvDecoder>),
}

/// Calls the same method of whichever there is.
macro_rules! either {
    ($self:expr, $inner:ident => $call:expr) => {
        match $self {
            Self::Json($inner) => $call,
            Self::Csv($inner) => $call,
        }
    };
}

impl Decoder {
    /// For the columns that a query needs, each from where it stands.
    pub fn new(
        format: &Format,
        schema: SchemaRef,
        origins: &[Origin],
        event_time: Option<EventTimeRule>,
    ) -> Result<Self, UnsupportedSchema> {
        Ok(match format {
            Format::Json => {
                Self::Json(Box::new(JsonDecoder::with_origins(schema, origins, event_time)?))
            }
            Format::Csv(dialect) => {
                Self::Csv(Box::new(CsvDecoder::new(dialect, schema, origins, event_time)?))
            }
        })
    }

    /// From now on the instants of a column are written like this. The batch is empty.
    pub fn set_timestamp_format(&mut self, column: usize, format: TimestampFormat) {
        either!(self, inner => inner.set_timestamp_format(column, format));
    }

    /// Appends the record as one row, or nothing.
    #[inline]
    pub fn decode(&mut self, record: Record<'_>) -> Result<(), BadRecord> {
        either!(self, inner => inner.decode(record))
    }

    /// Rows of the batch so far.
    pub fn len(&self) -> usize {
        either!(self, inner => inner.len())
    }

    /// Whether the batch has no row yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of the batch so far, about. Finish well before 2 GiB.
    pub fn bytes(&self) -> usize {
        either!(self, inner => inner.bytes())
    }

    /// The rows so far as one batch; the decoder begins the next.
    pub fn finish(&mut self) -> RecordBatch {
        either!(self, inner => inner.finish())
    }
}

/// Writes rows as records with key and value.
pub enum Encoder {
    /// As JSON.
    Json(Box<JsonEncoder>),
    /// As CSV.
    Csv(Box<CsvEncoder>),
}

impl Encoder {
    /// For rows of this schema; `key` are the columns that make the Kafka key.
    pub fn new(
        format: &Format,
        schema: &SchemaRef,
        key: Vec<usize>,
    ) -> Result<Self, UnsupportedSchema> {
        Ok(match format {
            Format::Json => Self::Json(Box::new(JsonEncoder::new(schema, key)?)),
            Format::Csv(dialect) => Self::Csv(Box::new(CsvEncoder::new(dialect, schema, key)?)),
        })
    }

    /// For a topic in which a later record replaces an earlier one of its key: every record has one.
    #[must_use]
    pub fn upserting(self, upsert: bool) -> Self {
        match self {
            Self::Json(encoder) => Self::Json(Box::new(encoder.upserting(upsert))),
            Self::Csv(encoder) => Self::Csv(Box::new(encoder.upserting(upsert))),
        }
    }

    /// Hands the key of every row to `out`, in order.
    ///
    /// # Panics
    /// As [`Self::encode`].
    pub fn encode_keys(&mut self, batch: &RecordBatch, out: &mut dyn FnMut(Option<&[u8]>)) {
        either!(self, inner => inner.encode_keys(batch, out));
    }

    /// Hands key and value of every row to `out`, in order.
    ///
    /// # Panics
    /// If the batch has another schema than that of [`Self::new`].
    pub fn encode(&mut self, batch: &RecordBatch, out: &mut Out<'_>) {
        either!(self, inner => inner.encode(batch, out));
    }
}
