//! From what a library says to what stops a slot.

use connectors::{KafkaError, KafkaErrorKind, StoreError, StoreErrorKind};
use protocol::acquire::Stop;
use protocol::reason::Reason;

/// A broker's error as a stop.
pub(crate) fn kafka_stop(error: &KafkaError) -> Stop {
    let reason = match error.kind {
        KafkaErrorKind::Fenced => Reason::Fenced,
        KafkaErrorKind::TopicMissing => Reason::TopicMissing,
        KafkaErrorKind::OffsetOutOfRange => Reason::ReplayGapLost,
        KafkaErrorKind::Auth => Reason::CredentialsRejected,
        KafkaErrorKind::Invalid => Reason::InvalidSpec,
        KafkaErrorKind::Fatal => Reason::UnknownOutcome,
        _ => Reason::BrokerUnreachable,
    };
    Stop::new(reason, error.to_string())
}

/// The store's error as a stop.
pub(crate) fn store_stop(error: &StoreError) -> Stop {
    let reason = match error.kind {
        StoreErrorKind::NotFound => Reason::ManifestMissing,
        StoreErrorKind::NoBucket => Reason::BucketMissing,
        StoreErrorKind::Denied => Reason::CredentialsRejected,
        StoreErrorKind::Corrupt => Reason::ManifestCorrupt,
        StoreErrorKind::Invalid | StoreErrorKind::Unfit => Reason::InvalidSpec,
        StoreErrorKind::Retry => Reason::StoreUnreachable,
    };
    Stop::new(reason, error.to_string())
}

/// Something that must not happen.
pub(crate) fn bug(what: impl Into<String>) -> Stop {
    Stop::new(Reason::Bug, what)
}

/// The local store's error as a stop.
pub(crate) fn state_stop(error: &state::StateError) -> Stop {
    let reason = match error.kind() {
        state::ErrorKind::Corrupt => Reason::ManifestCorrupt,
        state::ErrorKind::Full => Reason::MemoryBudgetExceeded,
        _ => Reason::Bug,
    };
    Stop::new(reason, error.to_string())
}

/// An operator's error as a stop.
pub(crate) fn flow_stop(id: &protocol::ShardId, error: &dataflow::DataflowError) -> Stop {
    let reason = match error {
        dataflow::DataflowError::Overflow { .. } => Reason::NumericOverflow,
        dataflow::DataflowError::Expression { .. } => Reason::InvalidSql,
        dataflow::DataflowError::Corrupt { .. } => Reason::ManifestCorrupt,
        dataflow::DataflowError::Input(_) | dataflow::DataflowError::Bug(_) => Reason::Bug,
    };
    Stop::new(reason, format!("shard {id}: {error}"))
}
