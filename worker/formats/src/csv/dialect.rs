//! The signs of one kind of CSV.

use super::NAME;
use crate::UnsupportedSchema;
use crate::limits::CSV_FIELDS_MAX;

/// How fields are told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvDialect {
    /// Between two fields: ASCII, no letter, no digit, no line break.
    pub delimiter: u8,
    /// Around a field: likewise, and another one.
    pub quote: u8,
    /// A field that is this, without quotes, is null. It holds none of the signs above.
    pub null: String,
    /// Fields of a record that is read.
    pub fields: usize,
}

impl CsvDialect {
    /// Whether no record has two meanings.
    pub(super) fn check(&self) -> Result<(), UnsupportedSchema> {
        let refuse = |reason: &str| UnsupportedSchema {
            format: NAME,
            column: String::new(),
            reason: reason.to_owned(),
        };
        let sign = |byte: u8| byte == b'\t' || byte == b' ' || byte.is_ascii_punctuation();
        if !sign(self.delimiter) || !sign(self.quote) || self.delimiter == self.quote {
            return Err(refuse("delimiter and quote are two signs of ASCII"));
        }
        let special = |byte: u8| [self.delimiter, self.quote, b'\r', b'\n'].contains(&byte);
        if self.null.bytes().any(special) {
            return Err(refuse("the null literal holds no delimiter, quote or line break"));
        }
        if self.fields > CSV_FIELDS_MAX {
            return Err(refuse("it has too many fields"));
        }
        Ok(())
    }
}
