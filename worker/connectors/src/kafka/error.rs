//! What went wrong with Kafka, by what the caller has to do next.

use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};

use super::context::Watch;

/// The caller's next move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KafkaErrorKind {
    /// Try again later; nothing is wrong with the request.
    Retry,
    /// No stable answer yet: another transaction is open on a partition, or the coordinator did not answer in time.
    Pending,
    /// Another producer took over the transactional id, or the coordinator gave up on this one.
    Fenced,
    /// The request or the configuration is wrong and stays wrong.
    Invalid,
    /// The topic or partition does not exist.
    TopicMissing,
    /// The log does not hold the offset.
    OffsetOutOfRange,
    /// The principal is not known or not allowed.
    Auth,
    /// This client is finished; a new one may work.
    Fatal,
}

impl KafkaErrorKind {
    /// What a person does about it.
    fn advice(self) -> &'static str {
        match self {
            Self::Retry => "it is tried again; check that the brokers are reachable",
            Self::Pending => "it is asked again; a transaction is open or its coordinator is away",
            Self::Fenced => "this process has to end, its successor reads what happened",
            Self::Invalid => "correct the job's Kafka settings",
            Self::TopicMissing => "create the topic or correct its name",
            Self::OffsetOutOfRange => "the log no longer holds this offset, check its retention",
            Self::Auth => {
                "check the credentials, the certificates and the ACLs of the job's principal"
            }
            Self::Fatal => "this client cannot go on, a new one is needed",
        }
    }
}

/// A failed operation: what, where, why, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation} at {brokers}: {detail}; {}", kind.advice())]
pub struct KafkaError {
    /// What to do.
    pub kind: KafkaErrorKind,
    /// What was tried and on what: "read clicks[3]", "create topic x".
    pub operation: String,
    /// The bootstrap servers, so that a person knows which cluster.
    pub brokers: String,
    /// What the client or the broker said.
    pub detail: String,
}

impl KafkaError {
    pub(crate) fn new(
        kind: KafkaErrorKind,
        brokers: &str,
        operation: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        let (operation, detail) = (operation.into(), detail.into());
        Self { kind, operation, brokers: brokers.to_owned(), detail }
    }

    /// From what the client library returned.
    pub(crate) fn of(brokers: &str, operation: impl Into<String>, error: &ClientError) -> Self {
        Self::new(kind_of(error), brokers, operation, error.to_string())
    }

    /// From an error code.
    pub(crate) fn of_code(brokers: &str, operation: impl Into<String>, code: Code) -> Self {
        Self::new(kind_of_code(code), brokers, operation, code.to_string())
    }

    /// The same error with what its client last reported. Where that client was refused, no answer is a refusal too.
    pub(crate) fn told_by(self, watch: &Watch) -> Self {
        match watch.refusal() {
            Some(refusal)
                if matches!(self.kind, KafkaErrorKind::Retry | KafkaErrorKind::Pending) =>
            {
                Self { kind: KafkaErrorKind::Auth, ..self }.with_hint(&refusal)
            }
            _ => self.with_hint(&watch.last()),
        }
    }

    /// The same error after the other client's last complaint, which often names the cause.
    pub(crate) fn with_hint(mut self, hint: &str) -> Self {
        if !hint.is_empty() {
            self.detail = format!("{} (the client last reported: {hint})", self.detail);
        }
        self
    }
}

pub(crate) fn kind_of(error: &ClientError) -> KafkaErrorKind {
    match error {
        ClientError::Transaction(inner) if is_fencing(inner.code()) => KafkaErrorKind::Fenced,
        ClientError::Transaction(inner) if inner.is_fatal() => KafkaErrorKind::Fatal,
        ClientError::ClientConfig(..) | ClientError::ClientCreation(_) | ClientError::Nul(_) => {
            KafkaErrorKind::Invalid
        }
        ClientError::AdminOp(code) => kind_of_code(*code),
        ClientError::MessageConsumptionFatal(_) | ClientError::Canceled => KafkaErrorKind::Fatal,
        other => other.rdkafka_error_code().map_or(KafkaErrorKind::Retry, kind_of_code),
    }
}

/// Codes by which a broker or the client says that the producer's epoch is over.
pub(crate) fn is_fencing(code: Code) -> bool {
    matches!(
        code,
        Code::Fenced
            | Code::ProducerFenced
            | Code::InvalidProducerEpoch
            | Code::TransactionCoordinatorFenced
    )
}

pub(crate) fn kind_of_code(code: Code) -> KafkaErrorKind {
    if is_fencing(code) {
        return KafkaErrorKind::Fenced;
    }
    match code {
        Code::UnstableOffsetCommit => KafkaErrorKind::Pending,
        Code::UnknownTopic
        | Code::UnknownPartition
        | Code::UnknownTopicOrPartition
        | Code::UnknownTopicId => KafkaErrorKind::TopicMissing,
        Code::OffsetOutOfRange | Code::AutoOffsetReset | Code::LogTruncation | Code::NoOffset => {
            KafkaErrorKind::OffsetOutOfRange
        }
        Code::Authentication
        | Code::SSL
        | Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState => KafkaErrorKind::Auth,
        Code::MessageSizeTooLarge
        | Code::MessageBatchTooLarge
        | Code::OffsetMetadataTooLarge
        | Code::InvalidArgument
        | Code::InvalidTopic
        | Code::InvalidPartitions
        | Code::InvalidReplicationFactor
        | Code::InvalidConfig
        | Code::InvalidRequest
        | Code::InvalidTransactionTimeout
        | Code::InvalidRecord
        | Code::InvalidTimestamp
        | Code::PolicyViolation
        | Code::UnsupportedVersion
        | Code::UnsupportedFeature
        | Code::UnsupportedForMessageFormat => KafkaErrorKind::Invalid,
        Code::Fatal
        | Code::State
        | Code::InvalidTransactionalState
        | Code::GaplessGuarantee
        | Code::OutOfOrderSequenceNumber
        | Code::UnknownProducerId
        | Code::InvalidProducerIdMapping
        | Code::InvalidDifferentRecord => KafkaErrorKind::Fatal,
        _ => KafkaErrorKind::Retry,
    }
}

/// From a log line that ends with the text of a code; for what the client reports in no other way.
pub(crate) fn kind_of_text(line: &str) -> Option<KafkaErrorKind> {
    let codes = [
        Code::UnknownTopicOrPartition,
        Code::UnknownTopic,
        Code::UnknownPartition,
        Code::TopicAuthorizationFailed,
    ];
    let named = codes.into_iter().find(|code| {
        // A code shows as "Name (text of the code)".
        let shown = code.to_string();
        shown.split_once(' ').is_some_and(|(_, text)| line.ends_with(text))
    });
    named.map(kind_of_code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::client::ClientContext as _;

    #[test]
    fn a_message_names_operation_brokers_cause_and_next_step() {
        let error = KafkaError::of_code("kafka:9092", "read clicks[3]", Code::AutoOffsetReset);
        assert_eq!(error.kind, KafkaErrorKind::OffsetOutOfRange);
        let text = error.to_string();
        assert!(text.starts_with("read clicks[3] at kafka:9092: "), "{text}");
        assert!(text.ends_with("check its retention"), "{text}");
    }

    #[test]
    fn no_answer_to_a_refused_client_is_a_refusal() {
        let watch = Watch::default();
        let timed_out = || KafkaError::of_code("k:1", "describe x", Code::OperationTimedOut);
        assert_eq!(timed_out().told_by(&watch).kind, KafkaErrorKind::Retry);
        watch.error(ClientError::Global(Code::SSL), "k:1: certificate verify failed");
        let refused = timed_out().told_by(&watch);
        assert_eq!(refused.kind, KafkaErrorKind::Auth);
        assert!(refused.detail.contains("certificate verify failed"), "{refused}");
        let missing = KafkaError::of_code("k:1", "describe x", Code::UnknownTopicOrPartition);
        assert_eq!(missing.told_by(&watch).kind, KafkaErrorKind::TopicMissing);
    }

    #[test]
    fn log_lines_about_partitions_are_told_by_their_code() {
        let table = [
            ("x [0]: topic does not exist (Broker: Unknown topic or partition)", true),
            ("x [7]: desired partition is not available (Local: Unknown partition)", true),
            ("x [7]: something else (Local: Timed out)", false),
        ];
        for (line, missing) in table {
            let expected = missing.then_some(KafkaErrorKind::TopicMissing);
            assert_eq!(kind_of_text(line), expected, "{line}");
        }
    }

    #[test]
    fn codes_tell_the_callers_next_move() {
        let table = [
            (Code::ProducerFenced, KafkaErrorKind::Fenced),
            (Code::InvalidProducerEpoch, KafkaErrorKind::Fenced),
            (Code::UnstableOffsetCommit, KafkaErrorKind::Pending),
            (Code::UnknownTopicOrPartition, KafkaErrorKind::TopicMissing),
            (Code::MessageSizeTooLarge, KafkaErrorKind::Invalid),
            (Code::TopicAuthorizationFailed, KafkaErrorKind::Auth),
            (Code::OperationTimedOut, KafkaErrorKind::Retry),
            (Code::BrokerTransportFailure, KafkaErrorKind::Retry),
            (Code::Fatal, KafkaErrorKind::Fatal),
        ];
        for (code, kind) in table {
            assert_eq!(kind_of_code(code), kind, "{code:?}");
        }
    }
}
