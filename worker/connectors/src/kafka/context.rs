//! What a client reports on its own: log lines and errors. A producer's commit is judged by them (C5).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel as Level;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError as ClientError;

use super::error::{KafkaErrorKind, kind_of};
use super::native;
use crate::limits::EVENTS_PER_DRAIN_MAX;

/// States of a connection in which no request of ours can have been sent on it.
const BEFORE_CONNECTED: &[&str] = &[
    "in state INIT",
    "in state DOWN",
    "in state TRY_CONNECT",
    "in state CONNECT",
    "in state SSL_HANDSHAKE",
    "in state AUTH_LEGACY",
    "in state APIVERSION_QUERY",
    "in state AUTH_HANDSHAKE",
    "in state AUTH_REQ",
];

/// Names of the errors by which a producer's epoch ends.
const FENCING: &[&str] = &["_FENCED", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH"];

/// Counts what may have left a request of ours behind in the network: disconnects of established connections,
/// request timeouts, answers that could not be read. Attempts to connect that fail are no such thing.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    disturbances: AtomicU64,
    last: Mutex<String>,
    error: Mutex<Option<String>>,
    refusal: Mutex<Option<String>>,
    fenced: AtomicBool,
}

impl Watch {
    /// Disturbances since the client was made.
    pub(crate) fn disturbances(&self) -> u64 {
        self.disturbances.load(Ordering::Acquire)
    }

    /// The newest complaint of any sort, empty when there was none.
    pub(crate) fn last(&self) -> String {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The newest error that the client wrote about a partition that is not read through an event: a missing topic or
    /// partition, or one that may not be read. Told once.
    pub(crate) fn take_error(&self) -> Option<String> {
        self.error.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The broker's refusal of this client's name or password, or this client's of the broker's certificate, unless a
    /// connection was up since. What is asked meanwhile only times out.
    pub(crate) fn refusal(&self) -> Option<String> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a transaction failed because its producer's epoch is over. The client may only say so in a line, the
    /// rows themselves then fail as purged.
    pub(crate) fn was_fenced(&self) -> bool {
        self.fenced.load(Ordering::Acquire)
    }

    fn note(&self, text: &str, disturbance: bool) {
        text.clone_into(&mut self.last.lock().unwrap_or_else(PoisonError::into_inner));
        if disturbance {
            self.disturbances.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// Lets a consumer that nobody reads report everything that it has queued. One poll is not enough: it ends with the
/// first line of the log, and the error comes behind it.
pub(crate) fn listen(consumer: &BaseConsumer<Watch>) -> &Watch {
    for _ in 0..EVENTS_PER_DRAIN_MAX {
        if native::waiting_events(consumer.client()) == 0 {
            break;
        }
        // What it gives was reported to the watch.
        drop(consumer.poll(Duration::ZERO));
    }
    consumer.client().context()
}

fn was_connected(message: &str) -> bool {
    !BEFORE_CONNECTED.iter().any(|state| message.contains(state))
}

/// `facility` is the C client's name of the line. `FAIL` is written for every connection that goes down (as a debug
/// line even where the error itself is suppressed as a repetition), `REQTMOUT` for every request that timed out.
fn is_disturbance(facility: &str, message: &str) -> bool {
    match facility {
        "FAIL" => was_connected(message),
        "REQTMOUT" | "PROTOERR" | "PROTOUFLOW" => true,
        _ => false,
    }
}

impl ClientContext for Watch {
    fn log(&self, level: Level, fac: &str, log_message: &str) {
        let disturbance = is_disturbance(fac, log_message);
        let complaint = level as i32 <= Level::Warning as i32;
        if disturbance || complaint {
            self.note(log_message, disturbance);
        }
        if fac == "FAIL" && disturbance {
            // What went down was up.
            *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        if fac == "TXNERR" && FENCING.iter().any(|name| log_message.contains(name)) {
            self.fenced.store(true, Ordering::Release);
        }
        if fac == "ERROR" {
            *self.error.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(log_message.to_owned());
        }
        match level {
            Level::Emerg | Level::Alert | Level::Critical | Level::Error | Level::Warning => {
                tracing::warn!(target: "kafka", fac, "{log_message}");
            }
            Level::Notice | Level::Info => tracing::debug!(target: "kafka", fac, "{log_message}"),
            Level::Debug => tracing::trace!(target: "kafka", fac, "{log_message}"),
        }
    }

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn error(&self, error: ClientError, reason: &str) {
        self.note(reason, was_connected(reason));
        if kind_of(&error) == KafkaErrorKind::Auth {
            *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
        }
        tracing::warn!(target: "kafka", "{error}: {reason}");
    }
}

impl ConsumerContext for Watch {}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::error::RDKafkaErrorCode as Code;

    #[test]
    fn a_lost_connection_disturbs_and_a_failed_attempt_does_not() {
        let table = [
            ("FAIL", "k:9092/1: Disconnected (after 812ms in state UP) (_TRANSPORT)", true),
            (
                "FAIL",
                "k:9092/1: 1 request(s) timed out: disconnect (after 5001ms in state UP)",
                true,
            ),
            ("FAIL", "k:9092/1: a text so long that the state is missing", true),
            (
                "FAIL",
                "k:9092/1: Connect failed: Connection refused (after 0ms in state CONNECT)",
                false,
            ),
            ("REQTMOUT", "Timed out EndTxnRequest in flight (after 5006ms, timeout #0)", true),
            ("STATE", "k:9092/1: Broker changed state UP -> DOWN", false),
            ("CONNECT", "k:9092/1: broker in state INIT connecting", false),
        ];
        for (facility, message, expected) in table {
            let watch = Watch::default();
            watch.log(Level::Debug, facility, message);
            assert_eq!(watch.disturbances() == 1, expected, "{facility} {message}");
        }
    }

    #[test]
    fn a_refusal_is_remembered_until_a_connection_was_up() {
        let watch = Watch::default();
        let refused = "k:9092/bootstrap: SASL authentication error (after 9ms in state AUTH_REQ)";
        watch.error(ClientError::Global(Code::Authentication), refused);
        watch.error(ClientError::Global(Code::AllBrokersDown), "1/1 brokers are down");
        assert_eq!(watch.refusal().as_deref(), Some(refused));
        watch.log(Level::Debug, "FAIL", "k:9092/1: Disconnected (after 812ms in state UP)");
        assert_eq!(watch.refusal(), None);
    }

    #[test]
    fn the_end_of_an_epoch_is_told_from_other_failures_of_a_transaction() {
        let table = [
            (
                "failed in state InTransaction: x (INVALID_PRODUCER_EPOCH, requires epoch bump)",
                true,
            ),
            ("failed in state InTransaction: x (_FENCED)", true),
            ("failed in state InTransaction: 1 message(s) failed delivery (_MSG_TIMED_OUT)", false),
        ];
        for (message, expected) in table {
            let watch = Watch::default();
            watch.log(Level::Error, "TXNERR", message);
            assert_eq!(watch.was_fenced(), expected, "{message}");
        }
    }

    #[test]
    fn a_repeated_error_that_the_client_suppresses_is_seen_by_its_debug_line() {
        let watch = Watch::default();
        let line = "k:1/1: Disconnected (after 9ms in state UP) (_TRANSPORT): identical to last error: error log suppressed";
        watch.log(Level::Debug, "FAIL", line);
        watch.log(Level::Debug, "FAIL", line);
        assert_eq!(watch.disturbances(), 2);
        assert_eq!(watch.last(), line);
    }
}
