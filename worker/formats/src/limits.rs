//! Every bound of the formats, named.

/// Deepest nesting of a JSON record, the record itself counted.
pub const JSON_DEPTH_MAX: u32 = 64;
/// Last place of an array that a column may take its value from.
pub const ELEMENT_MAX: u32 = 255;
/// Fields of a CSV record.
pub const CSV_FIELDS_MAX: usize = 4_096;
/// Longest record that a decoder reads; a longer one is bad.
pub const RECORD_BYTES_MAX: usize = 256 << 20;
/// A batch must be finished before a text column holds more than this (Arrow counts with 32 bits).
pub const TEXT_COLUMN_BYTES_MAX: usize = i32::MAX as usize;
/// Field names whose order a decoder learns.
pub const LEARNED_FIELDS_MAX: usize = 512;
/// Longest field name that is learned, bytes.
pub const LEARNED_NAME_BYTES_MAX: usize = 256;
/// How far ahead a decoder looks in the learned order when a field is not the expected one.
pub const LEARNED_LOOKAHEAD: usize = 8;
/// Longest record whose shape is learned, bytes.
pub const TEMPLATE_BYTES_MAX: usize = 64 << 10;
/// Values of a record whose shape is learned.
pub const TEMPLATE_VALUES_MAX: usize = 512;
/// First instant that a timestamp may name: 0001-01-01T00:00:00Z, in ms.
pub const TIMESTAMP_MS_MIN: i64 = -62_135_596_800_000;
/// Last instant that a timestamp may name: 9999-12-31T23:59:59.999Z, in ms.
pub const TIMESTAMP_MS_MAX: i64 = 253_402_300_799_999;
/// Rows in one exchange record.
pub const EXCHANGE_ROWS_MAX: usize = 16 << 20;
/// Longest exchange record, bytes.
pub const EXCHANGE_BYTES_MAX: usize = 256 << 20;
/// Watermark entries in one exchange record.
pub const EXCHANGE_WATERMARKS_MAX: usize = 1 << 16;
/// Longest text that a dead letter's headers carry for one fault, bytes.
pub const DEAD_LETTER_MESSAGE_BYTES_MAX: usize = 1_000;
