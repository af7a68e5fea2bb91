//! Bytes ↔ Arrow: record decoders and encoders, the exchange records and the dead letters. No I/O,
//! no clock.
//!
//! A decoder appends one row per record or nothing: a record that cannot be read never touches the
//! rows beside it.
#![warn(missing_docs)]

mod bad_record;
pub mod csv;
pub mod deadletter;
pub mod exchange;
mod format;
pub mod headers;
mod java_partition;
pub mod json;
pub mod limits;
mod record;
mod values;
pub mod varint;

pub use bad_record::{BadRecord, BadRecordKind, UnsupportedSchema};
pub use format::{Decoder, Encoder, Format, Out};
pub use headers::Headers;
pub use java_partition::java_partition;
pub use record::Record;
pub use values::{EventTimeRule, TimestampFormat};
