//! What a dead letter says about the record that it keeps. Its value and key are the record's own.

use protocol::Log;

use crate::BadRecord;
use crate::limits::DEAD_LETTER_MESSAGE_BYTES_MAX;

/// Format of the headers; a reader looks here first.
pub const FORMAT: &str = "1";

/// The headers of a dead letter, in this order. Values are UTF-8; numbers are decimal.
///
/// | header | value |
/// |---|---|
/// | `streamjob.format` | [`FORMAT`] |
/// | `streamjob.reason` | [`crate::BadRecordKind::as_str`] |
/// | `streamjob.message` | for people; cut at [`DEAD_LETTER_MESSAGE_BYTES_MAX`] |
/// | `streamjob.source.topic`, `.partition`, `.offset` | where the record lies |
/// | `streamjob.source.timestamp` | its Kafka timestamp in ms; absent where it has none |
pub fn headers(
    fault: &BadRecord,
    log: &Log,
    offset: i64,
    kafka_timestamp_ms: Option<i64>,
) -> Vec<(&'static str, Vec<u8>)> {
    let mut headers = vec![
        ("streamjob.format", FORMAT.into()),
        ("streamjob.reason", fault.kind.as_str().into()),
        ("streamjob.message", cut(&fault.message).into()),
        ("streamjob.source.topic", log.topic.as_str().into()),
        ("streamjob.source.partition", log.partition.to_string().into()),
        ("streamjob.source.offset", offset.to_string().into()),
    ];
    if let Some(timestamp) = kafka_timestamp_ms {
        headers.push(("streamjob.source.timestamp", timestamp.to_string().into()));
    }
    headers
}

fn cut(message: &str) -> &str {
    &message[..message.floor_char_boundary(DEAD_LETTER_MESSAGE_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BadRecordKind;

    const GOLDEN: &str = include_str!("../tests/golden/deadletter_v1.txt");

    fn text(headers: &[(&'static str, Vec<u8>)]) -> String {
        let line = |(name, value): &(&str, Vec<u8>)| {
            format!("{name}: {}\n", String::from_utf8(value.clone()).expect("UTF-8"))
        };
        headers.iter().map(line).collect()
    }

    #[test]
    fn the_headers_are_frozen() {
        let fault = BadRecord::new(BadRecordKind::WrongType, "field 'price': expected a number");
        let found = headers(&fault, &Log::new("clicks", 3), 42, Some(1_700_000_000_000));
        assert_eq!(text(&found), GOLDEN);
        let without = headers(&fault, &Log::new("clicks", 3), 42, None);
        assert_eq!(without.len() + 1, found.len());
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let fault = BadRecord::new(BadRecordKind::Malformed, "a".repeat(999) + "ü…");
        let found = headers(&fault, &Log::new("clicks", 0), 0, None);
        assert_eq!(found[2].1.len(), 999);
    }
}
