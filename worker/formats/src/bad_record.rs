//! Why a record gave no row, and why a schema cannot be served.

use std::fmt;

/// The class of a fault; it decides nothing, but is counted and written into dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BadRecordKind {
    /// The Kafka value is null.
    NullPayload,
    /// Longer than [`crate::limits::RECORD_BYTES_MAX`].
    TooLarge,
    /// Not UTF-8.
    InvalidUtf8,
    /// Not JSON by RFC 8259, not CSV by RFC 4180, or not as many fields as declared.
    Malformed,
    /// JSON, but not an object.
    NotAnObject,
    /// Nested deeper than [`crate::limits::JSON_DEPTH_MAX`].
    TooDeep,
    /// A needed field holds another type.
    WrongType,
    /// A needed field holds a value that its type cannot.
    OutOfRange,
    /// A needed field that must not be null is missing or null.
    MissingField,
    /// The event time is missing or null.
    MissingEventTime,
    /// The event time lies too far after the Kafka timestamp.
    EventTimeTooFarAhead,
}

impl BadRecordKind {
    /// The stable name in headers and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NullPayload => "NullPayload",
            Self::TooLarge => "TooLarge",
            Self::InvalidUtf8 => "InvalidUtf8",
            Self::Malformed => "Malformed",
            Self::NotAnObject => "NotAnObject",
            Self::TooDeep => "TooDeep",
            Self::WrongType => "WrongType",
            Self::OutOfRange => "OutOfRange",
            Self::MissingField => "MissingField",
            Self::MissingEventTime => "MissingEventTime",
            Self::EventTimeTooFarAhead => "EventTimeTooFarAhead",
        }
    }
}

impl fmt::Display for BadRecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A record that gave no row. The message names the place and the field, never the content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct BadRecord {
    /// Its class.
    pub kind: BadRecordKind,
    /// What was expected, and where.
    pub message: String,
}

impl BadRecord {
    pub(crate) fn new(kind: BadRecordKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// A schema that this format cannot read or write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{format} cannot hold the column '{column}': {reason}")]
pub struct UnsupportedSchema {
    /// The format's name.
    pub format: &'static str,
    /// The column.
    pub column: String,
    /// What about it, and what to use instead.
    pub reason: String,
}
