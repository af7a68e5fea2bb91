//! A record as a log holds it.

use crate::Headers;

/// One record of a topic.
#[derive(Clone, Copy, Debug, Default)]
pub struct Record<'a> {
    /// The value.
    pub payload: Option<&'a [u8]>,
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The headers.
    pub headers: Headers<'a>,
    /// Kafka's timestamp, ms.
    pub timestamp_ms: Option<i64>,
    /// The partition of the log.
    pub partition: i32,
    /// The place in the log.
    pub offset: i64,
    /// When it was read, ms, where somebody asks for it.
    pub read_ms: Option<i64>,
}

impl<'a> Record<'a> {
    /// The first record of its log: this value, neither key nor timestamp.
    pub fn of_value(payload: &'a [u8]) -> Self {
        Self { payload: Some(payload), ..Self::default() }
    }
}
