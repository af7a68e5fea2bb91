//! What became of a commit.

use std::time::Duration;

use super::error::KafkaError;

/// The four things that can become of a transaction. Whatever is doubtful is [`Outcome::Unknown`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The coordinator said that it is committed.
    Committed {
        /// Whether nothing of it can still be under way. If not, the producer is replaced before the next begin (C5).
        clean: bool,
    },
    /// The coordinator was never asked to commit it, so it cannot have been: the producer is replaced (which aborts
    /// it) and the same commit is sent again (C9).
    Aborted {
        /// Why. Of kind `Invalid`, `Auth` or `TopicMissing` the same commit fails again until somebody acts.
        reason: KafkaError,
    },
    /// The transactional id belongs to another producer, or the coordinator gave up on this one. Says nothing about
    /// whether it was committed: the process ends (C4).
    Fenced(String),
    /// It may or may not be committed: the process ends, and the next start reads which (C4).
    Unknown(String),
}

/// Timeouts of a transactional producer (C3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionTimeouts {
    /// After this long the coordinator aborts an open transaction by itself.
    pub transaction: Duration,
    /// After this long a record that was not delivered fails. At most the transaction timeout.
    pub message: Duration,
    /// After this long a request without an answer counts as lost.
    pub socket: Duration,
}

impl Default for TransactionTimeouts {
    fn default() -> Self {
        Self {
            transaction: Duration::from_secs(10),
            message: Duration::from_secs(9),
            socket: Duration::from_secs(5),
        }
    }
}
