//! Commits: one transaction per burst, watched, with an outcome that is never better than what is known.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::burst::Burst;
use super::config::KafkaConfig;
use super::error::{KafkaError, KafkaErrorKind};
use super::outcome::{Outcome, TransactionTimeouts};
use super::session::{Answer, Command, Session};
use crate::limits::WATCHDOG_MARGIN;

/// What the producer may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// [`Transactions::init`] comes first.
    New,
    /// A commit may start.
    Ready,
    /// A commit is under way since then.
    Busy(Instant),
    /// It is replaced before anything else is sent.
    Spent,
}

/// A transactional producer. It is good for one commit after another as long as each ends committed and clean; after
/// any other outcome it refuses to send and is replaced by a new one.
pub struct Transactions {
    commands: Sender<Command>,
    answers: Receiver<Answer>,
    state: State,
    took: Duration,
    timeouts: TransactionTimeouts,
    id: String,
    brokers: String,
}

impl Transactions {
    /// Makes the producer. Nothing is sent yet but connections.
    pub fn open(
        config: &KafkaConfig,
        transactional_id: &str,
        timeouts: TransactionTimeouts,
    ) -> Result<Self, KafkaError> {
        let session = Session::open(config, transactional_id, timeouts)?;
        let (commands, received) = channel();
        let (answer, answers) = channel();
        thread::Builder::new()
            .name("transactions".to_owned())
            .spawn(move || session.run(&received, &answer))
            .map_err(|error| {
                let (kind, operation) = (KafkaErrorKind::Retry, "start the producer's thread");
                KafkaError::new(kind, &config.bootstrap, operation, error.to_string())
            })?;
        let (id, brokers) = (transactional_id.to_owned(), config.bootstrap.clone());
        let (state, took) = (State::New, Duration::ZERO);
        Ok(Self { commands, answers, state, took, timeouts, id, brokers })
    }

    /// Takes the transactional id over: whoever had it cannot commit any more, and what it left open is aborted.
    /// Once per producer.
    pub fn init(&mut self) -> Result<(), KafkaError> {
        if self.state != State::New {
            return Err(self.error(KafkaErrorKind::Fatal, "it was taken over once before"));
        }
        self.state = State::Spent;
        let timeout = self.timeouts.transaction;
        let sent = self.commands.send(Command::Init(timeout));
        let answer = sent.ok().map(|()| self.answers.recv_timeout(timeout + WATCHDOG_MARGIN));
        match answer {
            Some(Ok(Answer::Init(Ok(())))) => {
                self.state = State::Ready;
                Ok(())
            }
            Some(Ok(Answer::Init(Err(error)))) => Err(error),
            _ => Err(self.error(KafkaErrorKind::Retry, "the client did not come back in time")),
        }
    }

    /// Begins, sends, checks every delivery report, adds the offsets, commits; blocks until the outcome.
    pub fn commit(&mut self, burst: &Arc<Burst>) -> Outcome {
        if let Some(refused) = self.start(burst) {
            return refused;
        }
        loop {
            if let Some(outcome) = self.outcome(self.timeouts.transaction) {
                return outcome;
            }
        }
    }

    /// The first half of [`Transactions::commit`]: starts it and comes back at once. The burst is not to be changed
    /// until its outcome is known (C9). `Some` when it was refused, always [`Outcome::Unknown`]: nothing was sent now,
    /// but the same burst may have been before.
    pub fn start(&mut self, burst: &Arc<Burst>) -> Option<Outcome> {
        let reason = match self.state {
            State::Ready => match self.commands.send(Command::Commit(burst.clone())) {
                Ok(()) => {
                    self.state = State::Busy(Instant::now());
                    return None;
                }
                Err(_) => "its thread has ended",
            },
            State::New => "it was not taken over yet",
            State::Busy(_) => "its last commit is still under way",
            State::Spent => "its last commit did not end clean, replace it first",
        };
        Some(self.unknown(reason))
    }

    /// The second half: the outcome, or `None` when it is not there after `wait`. A call that the client does not
    /// come back from ends as [`Outcome::Unknown`].
    pub fn outcome(&mut self, wait: Duration) -> Option<Outcome> {
        let State::Busy(since) = self.state else {
            return Some(self.unknown("no commit is under way"));
        };
        let last = since + self.timeouts.transaction + WATCHDOG_MARGIN;
        let left = last.saturating_duration_since(Instant::now());
        let outcome = match self.answers.recv_timeout(wait.min(left)) {
            Ok(Answer::Commit(outcome, took)) => {
                self.took = took;
                outcome
            }
            Err(RecvTimeoutError::Timeout) if wait < left => return None,
            Err(RecvTimeoutError::Timeout) => self.unknown("the client did not come back in time"),
            Ok(Answer::Init(_)) | Err(RecvTimeoutError::Disconnected) => {
                self.unknown("the producer's thread has ended")
            }
        };
        let good = outcome == Outcome::Committed { clean: true };
        self.state = if good { State::Ready } else { State::Spent };
        Some(outcome)
    }

    /// How long the last commit took, from its begin to its outcome, however late it was asked for.
    pub fn last_commit(&self) -> Duration {
        self.took
    }

    /// Whether another commit may start on this producer.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    fn unknown(&self, detail: &str) -> Outcome {
        Outcome::Unknown(self.error(KafkaErrorKind::Fatal, detail).to_string())
    }

    fn error(&self, kind: KafkaErrorKind, detail: &str) -> KafkaError {
        KafkaError::new(kind, &self.brokers, format!("use the producer {}", self.id), detail)
    }
}

/// Fences a transactional id and nothing else.
pub fn fence(
    config: &KafkaConfig,
    transactional_id: &str,
    timeouts: TransactionTimeouts,
) -> Result<(), KafkaError> {
    Transactions::open(config, transactional_id, timeouts)?.init()
}
