//! The supervisor as a process: a worker that ends at once is started again, its last error is left for Kubernetes,
//! and the order to end is obeyed.
#![allow(clippy::expect_used)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const PATIENCE: Duration = Duration::from_secs(30);

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not happen within {PATIENCE:?}");
        park_timeout(Duration::from_millis(20));
    }
}

fn supervised(dir: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_streamjob-worker"))
        .args(["slot", "--supervise", "--job", "/nonexistent/job.json", "--generation", "1"])
        .args(["--slots", "1", "--slots-per-worker", "1", "--ordinal", "0"])
        .args(["--admin-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"])
        .arg("--state-dir")
        .arg(dir.join("state"))
        .arg("--termination-log")
        .arg(dir.join("termination-log"))
        .stdin(Stdio::null())
        .stderr(fs::File::create(dir.join("stderr")).expect("a file"))
        .spawn()
        .expect("starts")
}

#[test]
fn a_worker_that_ends_is_started_again_and_its_last_error_is_left() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut supervisor = supervised(dir.path());
    let text = until("the last error", || {
        fs::read_to_string(dir.path().join("termination-log")).ok().filter(|t| !t.is_empty())
    });
    let words: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(words["reason"], "InvalidSpec", "{text}");
    let message = words["message"].as_str().unwrap_or_default();
    assert!(message.contains("/nonexistent/job.json"), "{text}");
    until("a third start", || {
        let log = fs::read_to_string(dir.path().join("stderr")).ok()?;
        (log.matches("worker started").count() >= 3).then_some(())
    });
    let pid = Pid::from_raw(i32::try_from(supervisor.id()).expect("a pid"));
    kill(pid, Signal::SIGTERM).expect("sent");
    let status = until("the end", || supervisor.try_wait().expect("a child"));
    // The code of a refused job, or of a worker that the order reached before it listened.
    assert!(matches!(status.code(), Some(20 | 143)), "{status}");
}
