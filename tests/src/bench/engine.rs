//! The engine as a benchmark runs it: one slot over a complete input, until its output is complete.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use super::inputs::{BenchInput, PARTITIONS};
use super::measure::Sample;
use super::pipelines::{Pipeline, System};
use super::processors::Processors;
use super::watch::Watch;
use crate::harness::job::{Checkpoints, JobFile};
use crate::harness::worker::{Role, Worker, WorkerSetup};
use crate::harness::{Process, Scratch, process, tools, wait};
use crate::kafka::commits::OffsetReader;
use crate::kafka::topics;

const RUN_MAX: Duration = Duration::from_mins(20);
const PLAN_MAX: Duration = Duration::from_mins(1);
/// The planner's exit code for a job that it refuses.
const REFUSED: i32 = 20;

/// Where and how everything runs.
pub(super) struct Bench<'a> {
    pub(super) bootstrap: &'a str,
    pub(super) scratch: &'a Scratch,
    pub(super) processors: Processors,
    pub(super) runs: u32,
}

/// One run, and what is wrong with its output.
pub(super) struct Run {
    pub(super) sample: Sample,
    pub(super) faults: Vec<String>,
}

impl Bench<'_> {
    /// What the next run is called: its topic, its folders.
    pub(super) fn next_name(&mut self, pipeline: &Pipeline, system: System) -> String {
        self.runs += 1;
        format!("{}-{}-{}", pipeline.id, system.name(), self.runs)
    }

    /// A job of its own: identity, sink topic, state and checkpoints are new.
    pub(super) fn job(&mut self, source: &str, pipeline: &Pipeline) -> anyhow::Result<JobFile> {
        let name = self.next_name(pipeline, System::StreamJob);
        let folder = self.scratch.folder(&format!("checkpoints-{name}"))?;
        let checkpoints = Checkpoints::Folder(folder.display().to_string());
        let mut job = JobFile::new(self.bootstrap, pipeline.query(), checkpoints);
        job.uid = format!("bench-{}-{}", std::process::id(), self.runs);
        source.clone_into(&mut job.source);
        job.sink = name;
        job.checkpoint_interval = "10s".into();
        job.delivery = pipeline.delivery.into();
        job.sql = pipeline.sql();
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

    /// Why the engine does not run a pipeline; `None` when it does.
    pub(super) fn refusal(
        &mut self,
        source: &str,
        pipeline: &Pipeline,
    ) -> anyhow::Result<Option<String>> {
        let job = self.job(source, pipeline)?;
        let setup = self.setup(&job, Role::Alone)?;
        let mut command = Command::new(tools::program("streamjob-worker")?);
        command.args(["plan", "--job"]).arg(&setup.job).arg("--secrets-dir").arg(&setup.secrets);
        let mut planner = Process::start("planner", &mut command, &setup.log)?;
        let status = planner.wait(PLAN_MAX)?;
        topics::delete(self.bootstrap, &[&job.sink])?;
        match status.code() {
            Some(0) => Ok(None),
            Some(REFUSED) => {
                let output = planner.output().replace(&setup.job.display().to_string(), "the job");
                Ok(Some(output.split_whitespace().collect::<Vec<_>>().join(" ")))
            }
            _ => bail!("the planner failed with {status}: {}", planner.output()),
        }
    }

    /// Runs the engine over an input. `Err` when the output does not become complete.
    pub(super) fn engine(
        &mut self,
        input: &BenchInput,
        pipeline: &Pipeline,
    ) -> anyhow::Result<Run> {
        let job = self.job(&input.topic, pipeline)?;
        let setup = self.setup(&job, Role::Alone)?;
        let due = input.due(pipeline.work)?;
        let updates = pipeline.gives_updates(System::StreamJob);
        let offsets = OffsetReader::open(self.bootstrap, &job.source_group())?;
        let watch = Watch::start(self.bootstrap, &job.sink)?;
        let start = Instant::now();
        let mut worker = self.processors.start(|| Worker::start(&setup))?;
        wait::until_true("the whole output", RUN_MAX, || {
            worker.process().require_running()?;
            // How many updates come is not known: the last ones are committed with the end of the input.
            let is_read = || offsets.rows(&input.topic, PARTITIONS) >= Some(input.rows);
            Ok(watch.count() >= due && (!updates || is_read()))
        })
        .with_context(|| worker.process().output())?;
        let (wall, usage) = (start.elapsed(), worker.process().usage()?);
        let first = watch.first().map(|first| first - start);
        worker.process().stop()?;
        drop(watch);
        let faults = input.faults(self.bootstrap, &job.sink, pipeline, System::StreamJob)?;
        topics::delete(self.bootstrap, &[&job.sink])?;
        let (rows, cpu, peak_bytes) = (input.rows, usage.cpu, usage.peak_bytes);
        Ok(Run { sample: Sample { rows, cpu, wall, peak_bytes, first }, faults })
    }

    /// Reads an input and does nothing with it, by our own fetching or through the C client.
    pub(super) fn bare(&self, input: &BenchInput, own_way: bool) -> anyhow::Result<Run> {
        let own = std::env::current_exe().context("where am I?")?;
        let mut command = Command::new(own);
        command.args(["bare", "--bootstrap", self.bootstrap, "--topic", &input.topic]);
        command.args(["--partitions", &PARTITIONS.to_string(), "--rows", &input.rows.to_string()]);
        command.args(own_way.then_some("--own"));
        let start = Instant::now();
        let output = self.processors.start(|| command.output().context("the reader"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<u64> = text.split_whitespace().filter_map(|n| n.parse().ok()).collect();
        let [rows, bytes, cpu, peak_bytes] = numbers[..] else {
            bail!("the reader failed: {}", String::from_utf8_lossy(&output.stderr));
        };
        ensure!(bytes == input.bytes, "{bytes} of {} bytes were read", input.bytes);
        let (cpu, wall) = (Duration::from_nanos(cpu), start.elapsed());
        let sample = Sample { rows, cpu, wall, peak_bytes, first: None };
        Ok(Run { sample, faults: Vec::new() })
    }
}

/// What a worker has used; its end is not awaited.
pub(super) fn peak_bytes(worker: &mut Worker) -> anyhow::Result<u64> {
    Ok(process::usage(worker.process().pid())?.peak_bytes)
}
