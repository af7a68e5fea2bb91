//! Worker processes.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use protocol::admin::{SlotPhase, WorkerStatus};

use super::{Process, http, minio, ports, tools, wait};

/// How a worker process is started.
#[derive(Clone, Debug)]
pub struct WorkerSetup {
    /// The job's file.
    pub job: PathBuf,
    /// `spec` folder with the job's secrets.
    pub secrets: PathBuf,
    /// Local state; survives a restart of the process.
    pub state: PathBuf,
    /// Its log; a restart appends.
    pub log: PathBuf,
    /// How it takes part.
    pub role: Role,
}

/// How a worker takes part in a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// The whole job in one process: `run`.
    Alone,
    /// One slot of a generation: `slot`.
    Slot {
        /// The generation.
        generation: u64,
        /// Slots in it.
        slots: u32,
        /// Which one this is.
        ordinal: u32,
        /// Acquire without an order.
        acquire_now: bool,
    },
}

impl Role {
    /// The only slot of a generation, which acquires at once.
    pub fn only(generation: u64) -> Self {
        Self::Slot { generation, slots: 1, ordinal: 0, acquire_now: true }
    }
}

/// A worker process with its two ports.
pub struct Worker {
    process: Process,
    admin: String,
    metrics: String,
}

impl Worker {
    /// Starts it; it may not serve yet.
    pub fn start(setup: &WorkerSetup) -> anyhow::Result<Self> {
        Self::start_as(setup, Command::new(tools::program("streamjob-worker")?))
    }

    /// Starts the one with deliberate faults, to commit these.
    pub fn start_faulty(setup: &WorkerSetup, faults: &str) -> anyhow::Result<Self> {
        Self::start_as(setup, faulty(faults)?)
    }

    /// Starts it by a program that was prepared by the caller.
    pub fn start_as(setup: &WorkerSetup, program: Command) -> anyhow::Result<Self> {
        let [admin, metrics] = ports::free()?;
        let (admin, metrics) = (format!("127.0.0.1:{admin}"), format!("127.0.0.1:{metrics}"));
        let mut command = command(setup, program);
        command.args(["--admin-listen", &admin, "--metrics-listen", &metrics]);
        let process = Process::start("worker", &mut command, &setup.log)?;
        Ok(Self { process, admin, metrics })
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// `GET /v1/status`; `None` while it does not answer.
    pub fn status(&self) -> Option<WorkerStatus> {
        let answer = http::get(&self.admin, "/v1/status").ok()?;
        serde_json::from_str(answer.success().ok()?).ok()
    }

    /// `GET /metrics`; `None` while it does not answer.
    pub fn metrics(&self) -> Option<String> {
        let answer = http::get(&self.metrics, "/metrics").ok()?;
        answer.success().ok().map(str::to_owned)
    }

    /// `POST /v1/<order>`; orders are levels, so repeating one is harmless.
    pub fn order(&self, order: &str, body: &impl serde::Serialize) -> anyhow::Result<()> {
        let body = serde_json::to_string(body).context("an order as JSON")?;
        let answer = http::post(&self.admin, &format!("/v1/{order}"), &body)?;
        answer.success().map(|_| ()).with_context(|| format!("order {order}"))
    }

    /// Waits until its status is as wanted; fails when the process ends.
    pub fn until_status(
        &mut self,
        what: &str,
        bound: Duration,
        mut wanted: impl FnMut(&WorkerStatus) -> bool,
    ) -> anyhow::Result<WorkerStatus> {
        wait::until(what, bound, || {
            self.process.require_running()?;
            Ok(self.status().filter(|status| wanted(status)))
        })
    }

    /// Waits until it has slots, and all of them are in this phase.
    pub fn until_phase(&mut self, bound: Duration, phase: SlotPhase) -> anyhow::Result<()> {
        let all = |status: &WorkerStatus| {
            !status.slots.is_empty() && status.slots.iter().all(|slot| slot.phase == phase)
        };
        self.until_status(&format!("{phase:?}"), bound, all).map(drop)
    }

    /// Waits until the newest named checkpoint has a greater number than that; its number.
    pub fn until_checkpoint(&mut self, bound: Duration, beyond: u64) -> anyhow::Result<u64> {
        let number = |status: &WorkerStatus| {
            let checkpoints = status.slots.iter().filter_map(|slot| slot.checkpoint.as_ref());
            checkpoints.map(|checkpoint| checkpoint.number.0).max().unwrap_or_default()
        };
        let status = self.until_status("a checkpoint", bound, |s| number(s) > beyond)?;
        Ok(number(&status))
    }
}

/// The worker with deliberate faults (docs/decisions/0004); an empty list: it behaves.
pub fn faulty(faults: &str) -> anyhow::Result<Command> {
    let mut command = Command::new(tools::program("streamjob-worker-sabotaged")?);
    command.env("STREAMJOB_FAULT", faults);
    Ok(command)
}

/// Every deliberate fault of a kind (`point`, `sabotage`), by name.
pub fn fault_names(kind: &str) -> anyhow::Result<Vec<String>> {
    let output = faulty("")?.arg("names").output().context("the names of the faults")?;
    ensure!(output.status.success(), "the names of the faults: {}", output.status);
    let text = String::from_utf8(output.stdout).context("the names of the faults")?;
    let names = text.lines().filter_map(|line| line.strip_prefix(kind)?.strip_prefix(' '));
    Ok(names.map(str::to_owned).collect())
}

fn command(setup: &WorkerSetup, mut command: Command) -> Command {
    match &setup.role {
        Role::Alone => {
            command.args(["run", "-f"]).arg(&setup.job);
        }
        Role::Slot { generation, slots, ordinal, acquire_now } => {
            command.args(["slot", "--job"]).arg(&setup.job);
            command.args(["--generation", &generation.to_string()]);
            command.args(["--slots", &slots.to_string(), "--slots-per-worker", "1"]);
            command.env("POD_NAME", format!("job-g{generation}-{ordinal}"));
            if *acquire_now {
                command.arg("--acquire-now");
            }
        }
    }
    command.arg("--state-dir").arg(&setup.state).arg("--secrets-dir").arg(&setup.secrets);
    command
}

/// Runs the planner of a job once: `plan --apply`.
pub fn plan(job: &Path, secrets: &Path, log: &Path) -> anyhow::Result<()> {
    let program = Command::new(tools::program("streamjob-worker")?);
    let (status, output) = once(program, &["plan", "--apply"], (job, secrets), log)?;
    ensure!(status.success(), "the planner failed with {status}: {output}");
    Ok(())
}

/// Runs a program with arguments for a job, and its secrets, to its end; how it ended and all of its output.
pub fn once(
    mut program: Command,
    arguments: &[&str],
    (job, secrets): (&Path, &Path),
    log: &Path,
) -> anyhow::Result<(ExitStatus, String)> {
    program.args(arguments).arg("--job").arg(job).arg("--secrets-dir").arg(secrets);
    let mut process = Process::start(arguments[0], &mut program, log)?;
    let status = process.wait(Duration::from_mins(1))?;
    Ok((status, process.output()))
}

/// Writes the secrets of a job as files, as a pod sees them.
pub fn write_secrets(folder: &Path) -> anyhow::Result<()> {
    let store = folder.join("s3");
    std::fs::create_dir_all(&store).context("cannot create the folder of the secrets")?;
    for name in ["access-key-id", "secret-access-key"] {
        std::fs::write(store.join(name), minio::CREDENTIAL).context("cannot write a secret")?;
    }
    Ok(())
}
