//! How a process ends: the code for its supervisor and the last words for a person.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use protocol::acquire::Stop;
use protocol::reason::Reason;
use serde::{Deserialize, Serialize};

use crate::limits::LAST_WORDS_BYTES_MAX;

/// What the end of a process means to whoever started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Did what it was asked to.
    Done,
    /// A newer generation owns the shards: nothing is left to do here.
    Superseded,
    /// A planned end of the protocol (fenced, outcome unknown): the next start reads what happened.
    Reread,
    /// The job itself is refused: the same spec will be refused again.
    Refused,
    /// A person has to decide or repair.
    Blocked,
    /// Broker, store or machine are not as they should be; may pass.
    Environment,
    /// Something that must not happen.
    Bug,
}

impl Ending {
    /// The ending that a reason stands for.
    pub fn of(reason: Reason) -> Self {
        use Reason as R;
        match reason {
            R::Superseded => Self::Superseded,
            R::Fenced | R::UnknownOutcome => Self::Reread,
            R::InvalidSpec
            | R::InvalidSql
            | R::IncompatibleState
            | R::TooManySlots
            | R::TopicMissing
            | R::ClaimRefuted
            | R::NotSupported => Self::Refused,
            R::BadRecord
            | R::NumericOverflow
            | R::CommitPointLost
            | R::OffsetsMovedByOther
            | R::ManifestMissing
            | R::ManifestCorrupt
            | R::LogTruncated
            | R::TopicReplaced
            | R::ReplayGapLost
            | R::SourcePartitionsChanged => Self::Blocked,
            R::Bug => Self::Bug,
            _ => Self::Environment,
        }
    }

    /// The exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Superseded => 10,
            Self::Reread => 11,
            Self::Refused => 20,
            Self::Blocked => 21,
            Self::Environment => 22,
            Self::Bug => 70,
        }
    }

    /// Should a supervisor start the worker again?
    pub const fn restarts(code: Option<i32>) -> bool {
        !matches!(code, Some(0 | 10))
    }
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> Self {
        ExitCode::from(ending.code())
    }
}

/// The last error of a process, for the termination message and the next start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastWords {
    /// For the condition.
    pub reason: Reason,
    /// What and where.
    pub message: String,
    /// What to do; empty where nothing has to be done.
    #[serde(default)]
    pub next_step: String,
}

impl From<&Stop> for LastWords {
    fn from(stop: &Stop) -> Self {
        Self {
            reason: stop.reason,
            message: stop.message.clone(),
            next_step: stop.reason.next_step().to_owned(),
        }
    }
}

impl LastWords {
    /// JSON of at most [`LAST_WORDS_BYTES_MAX`] bytes; the message gives way.
    pub fn encode(&self) -> String {
        let mut words = self.clone();
        loop {
            let text = serde_json::to_string(&words).expect("words have no value that JSON lacks");
            if text.len() <= LAST_WORDS_BYTES_MAX || words.message.is_empty() {
                return text;
            }
            let keep = words.message.chars().count() * 3 / 4;
            words.message = words.message.chars().take(keep).collect();
        }
    }

    /// Writes them to a file; a file that cannot be written is only worth a line in the log.
    pub fn leave(&self, path: &Path) {
        if let Err(error) = fs::write(path, self.encode()) {
            tracing::warn!(path = %path.display(), %error, "the last error could not be written");
        }
    }

    /// What an earlier process left there.
    pub fn found(path: &Path) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_an_ending_and_only_done_and_superseded_stay_down() {
        for reason in Reason::ALL {
            let ending = Ending::of(*reason);
            assert_ne!(ending, Ending::Done, "{reason}");
            let stays = ending == Ending::Superseded;
            assert_eq!(Ending::restarts(Some(i32::from(ending.code()))), !stays, "{reason}");
        }
        assert!(!Ending::restarts(Some(0)));
        assert!(Ending::restarts(None), "killed by a signal");
        assert!(Ending::restarts(Some(101)), "panicked");
    }

    #[test]
    fn endings_tell_what_to_do_next() {
        let table = [
            (Reason::Fenced, Ending::Reread),
            (Reason::UnknownOutcome, Ending::Reread),
            (Reason::Superseded, Ending::Superseded),
            (Reason::InvalidSql, Ending::Refused),
            (Reason::CommitPointLost, Ending::Blocked),
            (Reason::BrokerUnreachable, Ending::Environment),
            (Reason::Bug, Ending::Bug),
        ];
        for (reason, ending) in table {
            assert_eq!(Ending::of(reason), ending, "{reason}");
        }
    }

    #[test]
    fn last_words_fit_a_termination_message() {
        let stop = Stop::new(Reason::BadRecord, "ü\"".repeat(3000));
        let text = LastWords::from(&stop).encode();
        assert!(text.len() <= LAST_WORDS_BYTES_MAX, "{}", text.len());
        let read: LastWords = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read.reason, Reason::BadRecord);
        assert!(!read.message.is_empty() && !read.next_step.is_empty());
    }
}
