//! The header of an exchange record.

use bytes::Bytes;
use protocol::Fingerprint;

use super::{BadExchange, Unencodable};
use crate::limits::EXCHANGE_BYTES_MAX;

const MAGIC: [u8; 4] = *b"SJXR";
const FORMAT: u8 = 1;
const LEN: usize = 32;
const CHECKSUM_AT: usize = 28;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rows = 1,
    Watermarks = 2,
}

pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) upstream_shards: u32,
    /// Rows or entries.
    pub(super) count: u32,
    exchange: u64,
}

fn bits(fingerprint: &Fingerprint) -> u64 {
    u64::from_str_radix(fingerprint.as_str(), 16).expect("a fingerprint is 16 hexadecimal digits")
}

impl Header {
    pub(super) fn new(
        kind: Kind,
        exchange: &Fingerprint,
        upstream_shards: u32,
        count: usize,
    ) -> Result<Self, Unencodable> {
        let count = u32::try_from(count).map_err(|_| Unencodable(format!("{count} rows")))?;
        Ok(Self { kind, upstream_shards, count, exchange: bits(exchange) })
    }

    pub(super) fn with_body(&self, body: &[u8]) -> Result<Bytes, Unencodable> {
        if body.len() > EXCHANGE_BYTES_MAX - LEN {
            return Err(Unencodable(format!(
                "{} bytes, more than {EXCHANGE_BYTES_MAX}",
                body.len()
            )));
        }
        let mut record = Vec::with_capacity(LEN + body.len());
        record.extend_from_slice(&MAGIC);
        record.extend_from_slice(&[FORMAT, self.kind as u8, 0, 0]);
        record.extend_from_slice(&self.exchange.to_be_bytes());
        record.extend_from_slice(&self.upstream_shards.to_be_bytes());
        record.extend_from_slice(&self.count.to_be_bytes());
        record.extend_from_slice(&(body.len() as u32).to_be_bytes());
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&record), body);
        record.extend_from_slice(&checksum.to_be_bytes());
        record.extend_from_slice(body);
        debug_assert_eq!(record.len(), LEN + body.len());
        Ok(record.into())
    }

    /// The header and the body behind it, the checksum checked.
    pub(super) fn read<'a>(
        record: &'a [u8],
        expected: &Fingerprint,
    ) -> Result<(Self, &'a [u8]), BadExchange> {
        let (head, body) = record.split_first_chunk::<LEN>().ok_or(BadExchange::Foreign)?;
        if head[..4] != MAGIC {
            return Err(BadExchange::Foreign);
        }
        if head[4] != FORMAT {
            return Err(BadExchange::NewerFormat(head[4]));
        }
        let word =
            |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let written = word(CHECKSUM_AT);
        let actual = crc32c::crc32c_append(crc32c::crc32c(&head[..CHECKSUM_AT]), body);
        if written != actual {
            return Err(BadExchange::Damaged { expected: written, actual });
        }
        let exchange = u64::from(word(8)) << 32 | u64::from(word(12));
        if exchange != bits(expected) {
            return Err(BadExchange::OtherFingerprint {
                expected: expected.clone(),
                found: Fingerprint::from_bits(exchange),
            });
        }
        let kind = match head[5] {
            1 => Kind::Rows,
            2 => Kind::Watermarks,
            other => return Err(BadExchange::Malformed(format!("kind {other}"))),
        };
        if head[6..8] != [0, 0] || word(24) as usize != body.len() {
            return Err(BadExchange::Malformed("the header contradicts the record".to_owned()));
        }
        Ok((Self { kind, upstream_shards: word(16), count: word(20), exchange }, body))
    }
}
