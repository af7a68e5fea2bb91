//! The engine as a benchmark runs it: one slot, pinned, over a complete input, until its output is complete.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::inputs::{BenchInput, PARTITIONS};
use super::measure::Sample;
use super::watch::Watch;
use crate::harness::job::{Checkpoints, JobFile};
use crate::harness::worker::{Role, Worker, WorkerSetup};
use crate::harness::{Scratch, process, wait};
use crate::kafka::topics;
use crate::oracle::Query;

const RUN_MAX: Duration = Duration::from_mins(10);

/// A way to run the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Variant {
    /// As printed.
    pub(super) id: &'static str,
    /// Without an exchange.
    pub(super) claimed: bool,
    /// `ExactlyOnce` or `AtLeastOnce`.
    pub(super) delivery: &'static str,
}

/// The variants of B2.
pub(super) const VARIANTS: &[Variant] = &[
    Variant { id: "b2", claimed: true, delivery: "ExactlyOnce" },
    Variant { id: "b2-at-least-once", claimed: true, delivery: "AtLeastOnce" },
    Variant { id: "b2-exchange", claimed: false, delivery: "ExactlyOnce" },
];

/// Where and how everything runs.
pub(super) struct Bench<'a> {
    pub(super) bootstrap: &'a str,
    pub(super) scratch: &'a Scratch,
    pub(super) pin: i32,
    pub(super) runs: u32,
}

impl Bench<'_> {
    /// A job of its own: identity, sink topic, state and checkpoints are new.
    pub(super) fn job(&mut self, source: &str, variant: Variant) -> anyhow::Result<JobFile> {
        self.runs += 1;
        let name = format!("{}-{}", variant.id, self.runs);
        let folder = self.scratch.folder(&format!("checkpoints-{name}"))?;
        let query = Query::bids_per_auction(variant.claimed);
        let checkpoints = Checkpoints::Folder(folder.display().to_string());
        let mut job = JobFile::new(self.bootstrap, query, checkpoints);
        job.uid = format!("bench-{}-{}", std::process::id(), self.runs);
        source.clone_into(&mut job.source);
        job.sink = format!("out-{name}");
        job.checkpoint_interval = "10s".into();
        job.delivery = variant.delivery.into();
        job.max_parallelism = Some(PARTITIONS);
        topics::create(self.bootstrap, &[(&job.sink, PARTITIONS)])?;
        Ok(job)
    }

    /// How the worker of a job is started.
    pub(super) fn setup(&self, job: &JobFile, role: Role) -> anyhow::Result<WorkerSetup> {
        let name = match &role {
            Role::Alone => job.sink.clone(),
            Role::Slot { generation, ordinal, .. } => {
                format!("{}-{generation}-{ordinal}", job.sink)
            }
        };
        Ok(WorkerSetup {
            job: self.scratch.file(&format!("{}.json", job.sink), &job.object().to_string())?,
            secrets: self.scratch.folder("secrets")?,
            state: self.scratch.folder(&format!("state-{name}"))?,
            log: self.scratch.path().join(format!("{name}.log")),
            role,
        })
    }

    /// Runs a variant over an input. `Err` when the output does not become complete.
    pub(super) fn measure(
        &mut self,
        input: &BenchInput,
        variant: Variant,
    ) -> anyhow::Result<(Sample, bool)> {
        let job = self.job(&input.topic, variant)?;
        let setup = self.setup(&job, Role::Alone)?;
        let watch = Watch::start(self.bootstrap, &job.sink)?;
        let start = Instant::now();
        let mut worker = Worker::start(&setup)?;
        pin(self.pin, worker.process().pid())?;
        wait::until_true("the whole output", RUN_MAX, || {
            worker.process().require_running()?;
            Ok(watch.count() >= input.due())
        })
        .with_context(|| worker.process().output())?;
        let wall = start.elapsed();
        let usage = worker.process().usage()?;
        let sample =
            Sample { rows: input.rows, cpu: usage.cpu, wall, peak_bytes: usage.peak_bytes };
        worker.process().stop()?;
        let verdict = input.judge(self.bootstrap, &job.sink)?;
        if !verdict.is_clean() {
            super::report::say(&format!("{}: {verdict}", variant.id))?;
        }
        Ok((sample, verdict.is_clean()))
    }

    /// Runs the bare C client over an input.
    pub(super) fn bare(&self, input: &BenchInput) -> anyhow::Result<Sample> {
        let start = Instant::now();
        let own = std::env::current_exe().context("where am I?")?;
        let output = pinned(self.pin, &own)
            .args(["bare", "--bootstrap", self.bootstrap, "--topic", &input.topic])
            .args(["--partitions", &PARTITIONS.to_string(), "--rows", &input.rows.to_string()])
            .output()
            .context("the bare client")?;
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<u64> = text.split_whitespace().filter_map(|n| n.parse().ok()).collect();
        let [rows, bytes, cpu] = numbers[..] else {
            anyhow::bail!("the bare client failed: {}", String::from_utf8_lossy(&output.stderr));
        };
        anyhow::ensure!(bytes == input.bytes, "{bytes} of {} bytes were read", input.bytes);
        Ok(Sample { rows, cpu: Duration::from_nanos(cpu), wall: start.elapsed(), peak_bytes: 0 })
    }
}

/// A command that runs on one processor.
fn pinned(processor: i32, program: &Path) -> Command {
    if processor < 0 {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", &processor.to_string()]).arg(program);
    command
}

/// Moves all threads of a process to one processor; those that start later inherit it.
pub(super) fn pin(processor: i32, pid: u32) -> anyhow::Result<()> {
    if processor < 0 {
        return Ok(());
    }
    let status = Command::new("taskset")
        .args(["-a", "-c", "-p", &processor.to_string(), &pid.to_string()])
        .stdout(std::process::Stdio::null())
        .status()
        .context("taskset")?;
    anyhow::ensure!(status.success(), "cannot pin process {pid} to processor {processor}");
    Ok(())
}

/// What a worker has used; its end is not awaited.
pub(super) fn peak_bytes(worker: &mut Worker) -> anyhow::Result<u64> {
    Ok(process::usage(worker.process().pid())?.peak_bytes)
}
