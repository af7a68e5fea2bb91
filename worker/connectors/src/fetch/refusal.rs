//! Kafka's error numbers as far as reading meets them, and what follows from each.

use crate::kafka::KafkaErrorKind;

/// What to do about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// There is no error.
    Go,
    /// Ask for leaders anew, then for the same again: the log moved, or its broker is not ready.
    LookAgain,
    /// The log cannot be read.
    Fail(KafkaErrorKind),
}

const NONE: i16 = 0;
const OFFSET_OUT_OF_RANGE: i16 = 1;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const INVALID_TOPIC: i16 = 17;
const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
const CLUSTER_AUTHORIZATION_FAILED: i16 = 31;
const UNSUPPORTED_VERSION: i16 = 35;
const UNSUPPORTED_COMPRESSION: i16 = 76;
const UNKNOWN_TOPIC_ID: i16 = 100;
const INCONSISTENT_TOPIC_ID: i16 = 103;

/// What follows from an error number. A number that is not known is asked again: nothing was read by it.
pub(crate) fn next(error: i16) -> Next {
    match error {
        NONE => Next::Go,
        OFFSET_OUT_OF_RANGE => Next::Fail(KafkaErrorKind::OffsetOutOfRange),
        TOPIC_AUTHORIZATION_FAILED | CLUSTER_AUTHORIZATION_FAILED => {
            Next::Fail(KafkaErrorKind::Auth)
        }
        INVALID_TOPIC | UNSUPPORTED_VERSION | UNSUPPORTED_COMPRESSION => {
            Next::Fail(KafkaErrorKind::Invalid)
        }
        _ => Next::LookAgain,
    }
}

/// Whether it says that there is no such topic or partition, as far as that broker knows.
pub(crate) fn is_missing(error: i16) -> bool {
    matches!(error, UNKNOWN_TOPIC_OR_PARTITION | UNKNOWN_TOPIC_ID | INCONSISTENT_TOPIC_ID)
}

/// What a person reads.
pub(crate) fn text(error: i16) -> String {
    let text = match error {
        OFFSET_OUT_OF_RANGE => "the log does not hold this offset",
        2 => "the broker found a damaged batch",
        UNKNOWN_TOPIC_OR_PARTITION => "unknown topic or partition",
        5 => "there is no leader now",
        6 => "the leader is another broker",
        INVALID_TOPIC => "no name of a topic",
        TOPIC_AUTHORIZATION_FAILED => "reading the topic is not allowed",
        CLUSTER_AUTHORIZATION_FAILED => "the cluster does not allow it",
        UNSUPPORTED_VERSION => "the broker does not speak this version",
        56 => "the broker's disk failed",
        74 => "the leader is newer than known",
        75 => "the broker does not know its leadership yet",
        UNSUPPORTED_COMPRESSION => "the broker does not hand out this compression",
        UNKNOWN_TOPIC_ID | INCONSISTENT_TOPIC_ID => "the topic's id is not known any more",
        _ => return format!("the broker says error {error}"),
    };
    format!("{text} (error {error})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_tells_the_next_step() {
        let table = [
            (0, Next::Go),
            (1, Next::Fail(KafkaErrorKind::OffsetOutOfRange)),
            (3, Next::LookAgain),
            (6, Next::LookAgain),
            (74, Next::LookAgain),
            (100, Next::LookAgain),
            (29, Next::Fail(KafkaErrorKind::Auth)),
            (76, Next::Fail(KafkaErrorKind::Invalid)),
            (-1, Next::LookAgain),
            (9999, Next::LookAgain),
        ];
        for (error, expected) in table {
            assert_eq!(next(error), expected, "{error}");
        }
        assert!(is_missing(3) && is_missing(100) && !is_missing(5));
    }
}
