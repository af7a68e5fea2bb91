//! PID 1 of a worker pod (C4): starts the worker again when it ends, forwards the order to end, reaps, and leaves
//! the last error. No Kafka, no state: nothing here can take part in a commit.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use protocol::acquire::Stop;
use protocol::reason::Reason;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

use crate::exit::{Ending, LastWords};
use crate::limits::{HEALTHY_AFTER, RESTART_PAUSE_MAX, RESTART_PAUSE_MIN};

/// Where a supervised worker finds how its predecessor ended and leaves its own end.
pub const LAST_ERROR_VARIABLE: &str = "STREAMJOB_LAST_ERROR";

/// What to start, and where its last error goes.
#[derive(Debug)]
pub struct Supervised {
    /// The binary.
    pub program: PathBuf,
    /// Its arguments, without the one that asks for a supervisor.
    pub args: Vec<OsString>,
    /// Between the worker and its successor.
    pub last_error: PathBuf,
    /// For Kubernetes.
    pub termination_log: PathBuf,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Exited(i32),
    Killed(Signal),
}

/// Pauses between restarts: none after a healthy life, then doubling.
#[derive(Debug, Default)]
struct Backoff {
    next: Option<Duration>,
}

impl Backoff {
    fn pause(&mut self, lived: Duration) -> Duration {
        if lived >= HEALTHY_AFTER {
            self.next = None;
        }
        let pause = self.next.unwrap_or(Duration::ZERO);
        let doubled = self.next.map_or(RESTART_PAUSE_MIN, |pause| pause * 2);
        self.next = Some(doubled.min(RESTART_PAUSE_MAX));
        pause
    }
}

/// The signals that a supervisor acts on; registered before the first child, so that none is missed.
struct Inbox {
    child: Signals,
    term: Signals,
    interrupt: Signals,
}

impl Inbox {
    fn open() -> io::Result<Self> {
        Ok(Self {
            child: signal(SignalKind::child())?,
            term: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the order to end.
    async fn ordered_to_end(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Keeps a worker running until told to end. The result is the ending of the last one.
pub async fn supervise(what: &Supervised) -> Result<u8, Stop> {
    let failed = |what: &str, error: &io::Error| {
        Stop::new(Reason::Bug, format!("the supervisor cannot {what}: {error}"))
    };
    let mut inbox = Inbox::open().map_err(|e| failed("listen to signals", &e))?;
    let mut backoff = Backoff::default();
    loop {
        let started = Instant::now();
        let child = start(what).map_err(|e| failed("start the worker", &e))?;
        let (end, ordered) = outlive(&mut inbox, child).await?;
        if ordered {
            return Ok(code(end));
        }
        let words = last_words(what, end);
        if let End::Exited(code) = end
            && !Ending::restarts(Some(code))
        {
            tracing::info!(code, "the worker has nothing left to do; waiting to be deleted");
            inbox.ordered_to_end().await;
            return Ok(0);
        }
        words.leave(&what.termination_log);
        let pause = backoff.pause(started.elapsed());
        tracing::warn!(reason = %words.reason, ?end, ?pause, "worker ended: {}", words.message);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = inbox.ordered_to_end() => return Ok(code(end)),
        }
    }
}

fn start(what: &Supervised) -> io::Result<Pid> {
    // The handle is dropped on purpose: children are reaped by `outlive`, orphans included.
    let child = Command::new(&what.program)
        .args(&what.args)
        .env(LAST_ERROR_VARIABLE, &what.last_error)
        .spawn()?;
    let id = i32::try_from(child.id()).map_err(io::Error::other)?;
    tracing::info!(pid = id, "worker started");
    Ok(Pid::from_raw(id))
}

/// Waits for the end of `child`, forwarding the order to end. Was it ordered?
async fn outlive(inbox: &mut Inbox, child: Pid) -> Result<(End, bool), Stop> {
    let mut ordered = false;
    loop {
        if let Some(end) = reap(child)? {
            return Ok((end, ordered));
        }
        tokio::select! {
            _ = inbox.child.recv() => {}
            signal = async {
                tokio::select! {
                    _ = inbox.term.recv() => Signal::SIGTERM,
                    _ = inbox.interrupt.recv() => Signal::SIGINT,
                }
            } => {
                ordered = true;
                if let Err(error) = kill(child, signal) {
                    tracing::warn!(%error, "the order to end could not be forwarded");
                }
            }
        }
    }
}

/// Reaps everything that has ended; the end of `child` if it is among them.
fn reap(child: Pid) -> Result<Option<End>, Stop> {
    let mut found = None;
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == child => found = Some(End::Exited(code)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => {
                found = Some(End::Killed(signal));
            }
            Ok(WaitStatus::StillAlive) => return Ok(found),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::ECHILD) if found.is_some() => return Ok(found),
            Err(error) => {
                return Err(Stop::new(Reason::Bug, format!("the worker is lost: {error}")));
            }
        }
    }
}

/// What the worker left, or what its end says. Kept for the next worker too.
fn last_words(what: &Supervised, end: End) -> LastWords {
    let words = match end {
        End::Exited(_) => LastWords::found(&what.last_error),
        End::Killed(_) => None,
    };
    words.unwrap_or_else(|| {
        let message = match end {
            End::Exited(code) => format!("the worker ended with code {code} and left no error"),
            End::Killed(Signal::SIGKILL) => {
                "the worker was killed (SIGKILL), most often by the memory limit".to_owned()
            }
            End::Killed(signal) => format!("the worker was killed by {signal}"),
        };
        let words = LastWords::from(&Stop::new(Reason::CrashLoop, message));
        words.leave(&what.last_error);
        words
    })
}

fn code(end: End) -> u8 {
    match end {
        End::Exited(code) => u8::try_from(code).unwrap_or(u8::MAX),
        End::Killed(signal) => 128u8.saturating_add(signal as u8),
    }
}

/// The end of the process before, and the file for the own end, of a supervised worker. The file is emptied: what
/// stands there when this process is killed must not be taken for its words.
pub fn predecessor() -> (Option<LastWords>, Option<PathBuf>) {
    let Some(path) = std::env::var_os(LAST_ERROR_VARIABLE).map(PathBuf::from) else {
        return (None, None);
    };
    let words = LastWords::found(&path);
    if let Err(error) = fs::remove_file(&path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "the last error could not be removed");
    }
    (words, Some(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_restart_is_at_once_and_then_pauses_double_up_to_the_bound() {
        let mut backoff = Backoff::default();
        let short = Duration::from_secs(1);
        let pauses: Vec<u128> = (0..12).map(|_| backoff.pause(short).as_millis()).collect();
        assert_eq!(pauses[..5], [0, 100, 200, 400, 800]);
        assert_eq!(pauses[10..], [30_000, 30_000]);
    }

    #[test]
    fn a_healthy_life_forgives() {
        let mut backoff = Backoff::default();
        for _ in 0..5 {
            backoff.pause(Duration::ZERO);
        }
        assert_eq!(backoff.pause(HEALTHY_AFTER), Duration::ZERO);
        assert_eq!(backoff.pause(Duration::ZERO), RESTART_PAUSE_MIN);
    }

    #[test]
    fn an_end_by_signal_keeps_its_number() {
        assert_eq!(code(End::Killed(Signal::SIGKILL)), 137);
        assert_eq!(code(End::Exited(21)), 21);
    }
}
