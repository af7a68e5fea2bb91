//! JSON records by RFC 8259.
//!
//! Reading takes only the columns that a query needs, in one pass, and still checks every byte of
//! the record. What a value may be, by the column's type:
//!
//! | column | accepted | refused |
//! |---|---|---|
//! | `Int64`, `Int32` | an integral number, however written: `7`, `7.0`, `7e3` | `7.5`, `"7"` |
//! | `Float64` | a number; rounded to the nearest double | what overflows: `1e400` |
//! | `Decimal128` | a number, or a text that holds one | more digits than the type has |
//! | `Utf8` | a text | every other type; a lone surrogate (`"\ud800"`) |
//! | `Boolean` | `true`, `false` | `"true"`, `1` |
//! | `Timestamp(ms)` | RFC 3339 with an offset; integral epoch ms | leap seconds |
//!
//! Numbers are exact or refused, but for doubles. Instants lie in the years 1 to 9999 and are cut
//! to milliseconds. A missing field and `null` are null. Of a repeated field the last value counts,
//! and only it is looked at. Names are compared exactly. Other fields are skipped, but must be
//! well-formed.
//!
//! A field may lie in objects within the record. Where one of these is missing or null, so is the
//! field; where it is anything else but an object, the record is refused.

mod checks;
pub(crate) mod cursor;
mod decoder;
mod encoder;
mod learned;
pub(crate) mod number;
mod prefix;
mod shape;
mod template;
pub(crate) mod text;
pub(crate) mod writers;

pub use decoder::JsonDecoder;
pub use encoder::JsonEncoder;

/// The format's name in messages.
pub(crate) const NAME: &str = "json";
