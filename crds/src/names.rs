//! Names as validated text. Each carries the limit of the system that will refuse it otherwise.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Text that is not a name of the wanted sort.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{text}\" is not a {what}: it must match {pattern} and have at most {len_max} characters"
)]
pub struct NotAName {
    what: &'static str,
    text: String,
    pattern: &'static str,
    len_max: usize,
}

/// Which characters a name may begin with, go on with and end with.
struct Grammar {
    first: fn(char) -> bool,
    rest: fn(char) -> bool,
    last: fn(char) -> bool,
}

impl Grammar {
    fn accepts(&self, text: &str) -> bool {
        text.starts_with(self.first) && text.chars().all(self.rest) && text.ends_with(self.last)
    }
}

fn kafka(c: char) -> bool {
    c.is_ascii_alphanumeric() || "._-".contains(c)
}

fn word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn word_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

fn dns(c: char) -> bool {
    lower_alphanumeric(c) || c == '-'
}

fn lower_alphanumeric(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

macro_rules! name {
    (
        $(#[$doc:meta])*
        $name:ident, $what:literal, $len_max:literal, $pattern:literal, $grammar:expr
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The pattern that schema and parser share.
            pub const PATTERN: &str = $pattern;
            /// The greatest number of characters.
            pub const LEN_MAX: usize = $len_max;

            /// Checks the text.
            pub fn new(text: impl Into<String>) -> Result<Self, NotAName> {
                let text = text.into();
                let grammar: Grammar = $grammar;
                if text.len() <= Self::LEN_MAX && grammar.accepts(&text) {
                    return Ok(Self(text));
                }
                Err(NotAName {
                    what: $what,
                    text: text.chars().take(64).collect(),
                    pattern: Self::PATTERN,
                    len_max: Self::LEN_MAX,
                })
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAName;

            fn try_from(text: String) -> Result<Self, NotAName> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.0 == other
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "pattern": Self::PATTERN,
                    "maxLength": Self::LEN_MAX,
                    "minLength": 1,
                })
            }
        }
    };
}

name!(
    /// The name of a `StreamJob`. At most 44 characters, so that `<job>-g<n>` stays within the 52
    /// that the revision label of a `StatefulSet` leaves (63 less `-` and a hash of 10).
    JobName, "job name", 44, "^[a-z]([-a-z0-9]*[a-z0-9])?$",
    Grammar { first: |c| c.is_ascii_lowercase(), rest: dns, last: lower_alphanumeric }
);
name!(
    /// The name of another Kubernetes object (a DNS-1123 subdomain).
    ObjectName, "Kubernetes object name", 253, "^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$",
    Grammar { first: lower_alphanumeric, rest: |c| dns(c) || c == '.', last: lower_alphanumeric }
);
name!(
    /// What the SQL calls a source or a sink.
    RelationName, "table name", 63, "^[A-Za-z_][A-Za-z0-9_]*$",
    Grammar { first: word_start, rest: word, last: word }
);
name!(
    /// What the SQL calls a column; also the field name in a JSON record.
    ColumnName, "column name", 127, "^[A-Za-z_][A-Za-z0-9_]*$",
    Grammar { first: word_start, rest: word, last: word }
);
name!(
    /// A Kafka topic (249 is the limit of the broker).
    TopicName, "Kafka topic name", 249, "^[A-Za-z0-9._-]*[A-Za-z0-9_-]$",
    Grammar { first: kafka, rest: kafka, last: |c| kafka(c) && c != '.' }
);
name!(
    /// What all internal topics, groups and transactional ids of a job begin with.
    TopicPrefix, "name prefix", 64, "^[A-Za-z0-9_-][A-Za-z0-9._-]*$",
    Grammar { first: |c| kafka(c) && c != '.', rest: kafka, last: kafka }
);

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T>(
        new: impl Fn(String) -> Result<T, NotAName>,
        pattern: &str,
        len_max: usize,
        good: &[&str],
        bad: &[&str],
    ) {
        let pattern = regex::Regex::new(pattern).expect("the pattern compiles");
        for text in good {
            assert!(new((*text).to_owned()).is_ok(), "{text}");
            assert!(pattern.is_match(text), "schema refuses {text}");
        }
        for text in bad {
            assert!(new((*text).to_owned()).is_err(), "{text}");
            assert!(!pattern.is_match(text), "schema accepts {text}");
        }
        assert!(new("a".repeat(len_max)).is_ok());
        assert!(new("a".repeat(len_max + 1)).is_err());
    }

    #[test]
    fn schema_and_parser_accept_the_same_names() {
        check(
            JobName::new,
            JobName::PATTERN,
            44,
            &["a", "a-1"],
            &["", "A", "1a", "a-", "a.b", "ä"],
        );
        check(
            ObjectName::new,
            ObjectName::PATTERN,
            253,
            &["a", "1.b-c"],
            &["", "A", "a.", "-a", "a_b"],
        );
        check(RelationName::new, RelationName::PATTERN, 63, &["a", "_B1"], &["", "1a", "a-b", "é"]);
        check(ColumnName::new, ColumnName::PATTERN, 127, &["a", "_B1"], &["", "1a", "a b"]);
        check(
            TopicName::new,
            TopicName::PATTERN,
            249,
            &["a", "A.b_c-1", ".a"],
            &["", ".", "..", "a/b", "a b"],
        );
        check(
            TopicPrefix::new,
            TopicPrefix::PATTERN,
            64,
            &["streamjob", "a.b"],
            &["", ".a", "a b"],
        );
    }
}
