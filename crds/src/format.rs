//! How the records of a topic are written.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// How records are encoded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Format {
    /// One JSON object a record.
    Json(JsonFormat),
    /// One line of CSV a record (RFC 4180), without a header. In a source the columns that are not
    /// `metadata` or a `header` are the fields of a record, in this order, all of them; in a sink the columns of
    /// the rows.
    Csv(CsvFormat),
}

/// Options of JSON; there are none yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JsonFormat {}

/// What is told where a column of CSV has a path.
pub(crate) const NO_PATHS_IN_CSV: &str =
    "a column of csv has no path: its place among the columns is its place in the record";
/// What is told where a record could be read in two ways.
pub(crate) const SIGNS: &str =
    "delimiter and quote must differ, and nullLiteral must hold neither of them";

/// The signs of CSV.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = crate::rules::rules(&[
    (
        "(has(self.delimiter) ? self.delimiter : ',') != \
         (has(self.quote) ? self.quote : '\"') && \
         (!has(self.nullLiteral) || \
         (!self.nullLiteral.contains(has(self.delimiter) ? self.delimiter : ',') && \
         !self.nullLiteral.contains(has(self.quote) ? self.quote : '\"')))",
        SIGNS,
    ),
])))]
pub struct CsvFormat {
    /// Between two fields: one sign of ASCII, a tab or a blank. Default `,`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<Sign>,
    /// Around a field that holds delimiters, quotes or line breaks; within it a quote is written
    /// twice. One sign of ASCII, a tab or a blank. Default `"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Sign>,
    /// A field that is this, without quotes, is null. Default: an empty one.
    #[schemars(regex(pattern = NULL_PATTERN), length(max = 32))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub null_literal: Option<String>,
}

const NULL_PATTERN: &str = "^[^\\r\\n]*$";
const SIGN_PATTERN: &str = "^[\\t -/:-@\\[-`{-~]$";

impl CsvFormat {
    /// The delimiter in force.
    pub fn delimiter(&self) -> u8 {
        self.delimiter.map_or(b',', |sign| sign.0)
    }

    /// The quote in force.
    pub fn quote(&self) -> u8 {
        self.quote.map_or(b'"', |sign| sign.0)
    }

    /// The null literal in force.
    pub fn null_literal(&self) -> &str {
        self.null_literal.as_deref().unwrap_or_default()
    }

    /// Can a record be read in one way only?
    pub(crate) fn is_clear(&self) -> bool {
        let special = [self.delimiter(), self.quote(), b'\r', b'\n'];
        let null = self.null_literal();
        self.delimiter() != self.quote()
            && null.chars().count() <= 32
            && !null.bytes().any(|byte| special.contains(&byte))
    }
}

/// One sign of ASCII that is no letter, digit or line break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sign(u8);

impl TryFrom<String> for Sign {
    type Error = NotASign;

    fn try_from(text: String) -> Result<Self, NotASign> {
        match text.as_bytes() {
            [byte] if matches!(byte, b'\t' | b' ') || byte.is_ascii_punctuation() => {
                Ok(Self(*byte))
            }
            _ => Err(NotASign(text.chars().take(8).collect())),
        }
    }
}

impl From<Sign> for String {
    fn from(sign: Sign) -> Self {
        char::from(sign.0).to_string()
    }
}

/// Text that cannot tell fields apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not one sign of ASCII, a tab or a blank")]
pub struct NotASign(String);

impl JsonSchema for Sign {
    fn schema_name() -> Cow<'static, str> {
        "Sign".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": SIGN_PATTERN, "maxLength": 1})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schema_and_parser_take_the_same_signs() {
        let pattern = regex::Regex::new(SIGN_PATTERN).expect("the pattern compiles");
        for byte in 0..=127u8 {
            let text = char::from(byte).to_string();
            let parsed = Sign::try_from(text.clone());
            assert_eq!(parsed.is_ok(), pattern.is_match(&text), "{text:?}");
            assert_eq!(parsed.map(String::from).unwrap_or(text.clone()), text);
        }
        for text in ["", ",,", "§"] {
            assert!(Sign::try_from(text.to_owned()).is_err(), "{text}");
            assert!(!pattern.is_match(text), "{text}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_not_clear() {
        let of = |text: &str| serde_json::from_str::<CsvFormat>(text).expect(text).is_clear();
        for text in ["{}", r#"{"delimiter": "\t"}"#, r#"{"nullLiteral": "\\N", "quote": "'"}"#] {
            assert!(of(text), "{text}");
        }
        for text in [
            r#"{"delimiter": "\""}"#,
            r#"{"delimiter": ";", "quote": ";"}"#,
            r#"{"nullLiteral": "a,b"}"#,
            r#"{"nullLiteral": "\""}"#,
            r#"{"nullLiteral": "a\nb"}"#,
        ] {
            assert!(!of(text), "{text}");
        }
    }
}
