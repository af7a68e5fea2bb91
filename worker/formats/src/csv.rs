//! CSV records by RFC 4180: one line a Kafka record, without a header; what a field means follows
//! from its position.
//!
//! Every byte is checked, though only the columns that a query needs are made into values. A record
//! has exactly as many fields as were declared. A field that begins with the quote ends with one, and
//! a quote within it is written twice; elsewhere no quote and no line break may stand. One line break
//! at the end of the record is no part of it. Blanks belong to their field.
//!
//! A field without quotes that is the null literal is null; in quotes it is a text. So null and the
//! empty text differ, whatever the literal is. For every other type quotes say nothing: values are
//! read as JSON writes them, instants also as texts.

mod decoder;
mod dialect;
mod encoder;
mod scan;

pub use decoder::CsvDecoder;
pub use dialect::CsvDialect;
pub use encoder::CsvEncoder;

/// The format's name in messages.
const NAME: &str = "csv";
