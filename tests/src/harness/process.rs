//! A child process: its log is a file, its end is certain.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::wait;

/// A process that does not end in this time after it was asked is killed.
const STOP_MAX: Duration = Duration::from_secs(20);
/// The kernel's clock ticks per second in `/proc/<pid>/stat`; 100 on every Linux that Rust supports.
const TICKS_PER_SECOND: u64 = 100;

/// What a process has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system time.
    pub cpu: Duration,
    /// Resident memory now.
    pub resident_bytes: u64,
    /// Most resident memory so far.
    pub peak_bytes: u64,
}

/// A running child. Dropping it kills it.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a command; standard output and error are appended to `log`.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> anyhow::Result<Self> {
        let file = append(log)?;
        let errors = file.try_clone().context("cannot share the log")?;
        let child =
            command.stdin(Stdio::null()).stdout(file).stderr(errors).spawn().with_context(
                || format!("cannot start {name}: {}", command.get_program().display()),
            )?;
        guard(child.id())?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// All of its output so far.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Its end, when it has ended.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("the state of {}", self.name))
    }

    /// Fails when it has ended.
    pub fn require_running(&mut self) -> anyhow::Result<()> {
        let ended = self.ended()?;
        ensure!(ended.is_none(), "{} has ended: {ended:?}, log {}", self.name, self.log.display());
        Ok(())
    }

    /// Waits for its end.
    pub fn wait(&mut self, bound: Duration) -> anyhow::Result<ExitStatus> {
        wait::until(&format!("the end of {}", self.name.clone()), bound, || self.ended())
    }

    /// SIGKILL, and waits until it is gone.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        if self.ended()?.is_none() {
            self.child.kill().with_context(|| format!("cannot kill {}", self.name))?;
            self.child.wait().with_context(|| format!("the end of {}", self.name))?;
        }
        Ok(())
    }

    /// SIGTERM, and waits; after a bound SIGKILL, which is an error.
    pub fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        if self.ended()?.is_none() {
            self.signal("TERM")?;
        }
        match self.wait(STOP_MAX) {
            Ok(status) => Ok(status),
            Err(error) => {
                self.kill()?;
                Err(error)
            }
        }
    }

    /// Freezes it.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.signal("STOP")
    }

    /// Wakes it.
    pub fn wake(&self) -> anyhow::Result<()> {
        self.signal("CONT")
    }

    /// What it has used so far.
    pub fn usage(&self) -> anyhow::Result<Usage> {
        usage(self.pid())
    }

    fn signal(&self, name: &str) -> anyhow::Result<()> {
        signal(self.pid(), name)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Has a process killed when this one is gone, however it ends: a test run that is killed leaves nothing behind.
pub fn guard(pid: u32) -> anyhow::Result<()> {
    let own = std::process::id();
    let alive = |pid: u32| format!("kill -0 {pid} 2>/dev/null");
    let script = format!(
        "while {} && {}; do sleep 1; done; {} || kill -KILL {pid} 2>/dev/null",
        alive(own),
        alive(pid),
        alive(own)
    );
    Command::new("setsid")
        .args(["--fork", "sh", "-c", &script])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .context("cannot start the guard of a process")?;
    Ok(())
}

/// Sends a signal by name to a process that was started here.
pub fn signal(pid: u32, name: &str) -> anyhow::Result<()> {
    let status = Command::new("sh")
        .args(["-c", &format!("kill -{name} {pid}")])
        .status()
        .context("cannot run a shell")?;
    ensure!(status.success(), "cannot send {name} to process {pid}");
    Ok(())
}

/// SIGKILL to a process that was started here, and waits until it is gone: until then it holds its ports and files.
pub fn kill(pid: u32) -> anyhow::Result<()> {
    signal(pid, "KILL")?;
    wait::until_true(&format!("the end of process {pid}"), STOP_MAX, || Ok(is_gone(pid)))
}

/// Nobody may have asked yet how it ended; it holds nothing any more then.
fn is_gone(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |stat| stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z')))
}

/// What a process has used so far, its children not counted.
pub fn usage(pid: u32) -> anyhow::Result<Usage> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))
        .with_context(|| format!("process {pid} is gone"))?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))
        .with_context(|| format!("process {pid} is gone"))?;
    Ok(Usage {
        cpu: cpu(&stat).context("/proc/<pid>/stat reads differently")?,
        resident_bytes: kilobytes(&status, "VmRSS:") * 1024,
        peak_bytes: kilobytes(&status, "VmHWM:") * 1024,
    })
}

/// Fields 14 and 15 (user and system ticks); the name in field 2 may hold spaces, so count from its end.
fn cpu(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1_000 / TICKS_PER_SECOND))
}

fn kilobytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

fn append(log: &Path) -> anyhow::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot open {}", log.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_lines_are_read_whatever_the_name() {
        let stat = "42 (a (strange) name) S 1 42 42 0 -1 0 0 0 0 0 150 50 7 7 20 0";
        assert_eq!(cpu(stat), Some(Duration::from_secs(2)));
        assert_eq!(kilobytes("VmHWM:\t  128 kB\nVmRSS:\t 64 kB\n", "VmRSS:"), 64);
    }

    #[test]
    fn a_killed_process_is_gone_when_its_killer_goes_on() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("starts");
        assert!(!is_gone(child.id()));
        kill(child.id()).expect("killed");
        assert!(is_gone(child.id()));
        assert!(!child.wait().expect("ended").success());
        assert!(is_gone(child.id()));
    }

    #[test]
    fn a_child_is_frozen_woken_stopped_and_its_output_kept() {
        let folder = super::super::Scratch::new("process").expect("a folder");
        let log = folder.path().join("child.log");
        let mut command = Command::new("sh");
        command.args(["-c", "echo hello; exec sleep 60"]);
        let mut child = Process::start("child", &mut command, &log).expect("starts");
        wait::until_true("output", STOP_MAX, || Ok(child.output() == "hello\n")).expect("comes");
        child.freeze().expect("frozen");
        child.wake().expect("woken");
        child.require_running().expect("runs");
        assert!(!child.stop().expect("stops").success());
        assert!(child.require_running().is_err());
    }
}
