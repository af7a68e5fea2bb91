//! Records of an exchange topic: rows for the next stage, or words about watermarks (R6).
//!
//! A record is a header of 32 bytes and a body:
//!
//! | bytes | what |
//! |---|---|
//! | 0–3 | `SJXR` |
//! | 4 | format version, 1 |
//! | 5 | kind: 1 rows, 2 watermarks |
//! | 6–7 | zero |
//! | 8–15 | fingerprint of the exchange (format, key, row type), big-endian |
//! | 16–19 | upstream shards; 0 for rows |
//! | 20–23 | rows or entries |
//! | 24–27 | length of the body |
//! | 28–31 | CRC-32C of bytes 0–27 and the body |
//!
//! Integers are big-endian. The body of rows is one Arrow IPC record batch without its schema,
//! which follows from the fingerprint. What was read is never trusted: lengths and places are
//! checked before Arrow sees them.

mod header;
mod rows;
mod watermarks;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use protocol::Fingerprint;
use protocol::registers::UpstreamWatermark;

use crate::UnsupportedSchema;
use header::{Header, Kind};

/// Why rows or watermarks cannot become a record: the caller splits them, or has a bug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot make an exchange record: {0}")]
pub struct Unencodable(pub(crate) String);

/// Why a record of an exchange topic is not one of ours, or not whole. The topic is only written by
/// the job itself: this stops the shard, it is never skipped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadExchange {
    /// Too short, or not our magic.
    #[error("not an exchange record")]
    Foreign,
    /// Written by a newer release.
    #[error("the exchange record has format {0}, unknown to this build; use a newer worker image")]
    NewerFormat(u8),
    /// For another exchange, or another row type of it.
    #[error("the exchange record is for fingerprint {found}, not {expected}")]
    OtherFingerprint {
        /// Of this reader.
        expected: Fingerprint,
        /// Of the record.
        found: Fingerprint,
    },
    /// The checksum does not match.
    #[error("the exchange record is damaged: checksum {actual:08x}, expected {expected:08x}")]
    Damaged {
        /// As written.
        expected: u32,
        /// As computed.
        actual: u32,
    },
    /// The checksum matches, but the content contradicts itself.
    #[error("the exchange record is malformed: {0}")]
    Malformed(String),
}

/// What a record says.
#[derive(Debug, Clone, PartialEq)]
pub enum ExchangeRecord {
    /// Rows in order.
    Rows(RecordBatch),
    /// Words of upstream shards.
    Watermarks {
        /// How many upstream shards there are, by the writer.
        upstream_shards: u32,
        /// The writer's own shards.
        entries: Vec<UpstreamWatermark>,
    },
}

/// Rows of one target partition as one record.
pub fn encode_rows(exchange: &Fingerprint, batch: &RecordBatch) -> Result<Bytes, Unencodable> {
    let body = rows::encode(batch)?;
    Header::new(Kind::Rows, exchange, 0, batch.num_rows())?.with_body(&body)
}

/// Words about watermarks as one record. `upstream_shards` counts all shards of the writing stage.
pub fn encode_watermarks(
    exchange: &Fingerprint,
    upstream_shards: u32,
    entries: &[UpstreamWatermark],
) -> Result<Bytes, Unencodable> {
    let body = watermarks::encode(entries)?;
    Header::new(Kind::Watermarks, exchange, upstream_shards, entries.len())?.with_body(&body)
}

/// Reads the records of one exchange.
pub struct ExchangeDecoder {
    exchange: Fingerprint,
    schema: SchemaRef,
}

impl ExchangeDecoder {
    /// `schema` is that of the rows; types that an exchange does not carry are refused.
    pub fn new(exchange: &Fingerprint, schema: SchemaRef) -> Result<Self, UnsupportedSchema> {
        rows::check(&schema)?;
        Ok(Self { exchange: exchange.clone(), schema })
    }

    /// Reads one record whole, or says why not.
    pub fn decode(&self, record: &[u8]) -> Result<ExchangeRecord, BadExchange> {
        let (header, body) = Header::read(record, &self.exchange)?;
        match header.kind {
            Kind::Rows if header.upstream_shards != 0 => {
                Err(BadExchange::Malformed("rows with a number of upstream shards".to_owned()))
            }
            Kind::Rows => rows::decode(body, &self.schema, header.count).map(ExchangeRecord::Rows),
            Kind::Watermarks => {
                let entries = watermarks::decode(body, header.count)?;
                Ok(ExchangeRecord::Watermarks { upstream_shards: header.upstream_shards, entries })
            }
        }
    }
}
