//! The processes of the demo and the folder they work in.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::arguments::DemoArguments;
use crate::harness::{Process, Scratch, broker::Devbroker, crew, http, ports, tools};
use crate::kafka::topics;

/// Partitions of the demo's topics.
pub(super) const PARTITIONS: u32 = 4;
/// Source topic of the example.
pub(super) const SOURCE: &str = "clicks";
/// Sink topic of the example.
pub(super) const SINK: &str = "counts-per-user";
/// Bad records of the example.
const DEAD_LETTERS: &str = "clicks-dlq";
/// Users who click.
const USERS: u64 = 50;
/// Rows per million that come too late.
const LATE_PER_MILLION: u64 = 5_000;
/// Further behind than the example's delay of 5 s, its window of 10 s and the disorder of 2 s.
const LATE_BY_MS: i64 = 25_000;

/// All that runs. Dropping it kills every process and removes the folder.
pub(super) struct Scene {
    // Fields are dropped in order: processes first, their folder last.
    worker: Option<Process>,
    generator: Option<Process>,
    _broker: Devbroker,
    job: PathBuf,
    metrics: String,
    pub(super) bootstrap: String,
    scratch: Scratch,
}

impl Scene {
    /// Starts the broker and creates the topics.
    pub(super) fn open() -> anyhow::Result<Self> {
        let scratch = Scratch::new("demo")?;
        let [metrics] = ports::free()?;
        let mut command = Command::new(tools::program("streamjob-devbroker")?);
        command.process_group(0);
        let broker = Devbroker::start_as(command, &scratch)?;
        let bootstrap = broker.bootstrap().to_owned();
        let names = [(SOURCE, PARTITIONS), (SINK, PARTITIONS), (DEAD_LETTERS, 1)];
        topics::create(&bootstrap, &names)?;
        let job = scratch.file("job.yaml", &job(&bootstrap, &scratch)?)?;
        Ok(Self {
            worker: None,
            generator: None,
            _broker: broker,
            job,
            metrics: format!("127.0.0.1:{metrics}"),
            bootstrap,
            scratch,
        })
    }

    /// Starts the worker on the state that an earlier one left.
    pub(super) fn start_worker(&mut self) -> anyhow::Result<u32> {
        let [admin] = ports::free()?;
        let mut command = Command::new(tools::program("streamjob-worker")?);
        command.args(["run", "-f"]).arg(&self.job);
        command.arg("--state-dir").arg(self.scratch.folder("state")?);
        command.args(["--admin-listen", &format!("127.0.0.1:{admin}")]);
        command.args(["--metrics-listen", &self.metrics]);
        let worker = start("worker", &mut command, &self.scratch)?;
        let pid = worker.pid();
        self.worker = Some(worker);
        Ok(pid)
    }

    /// Starts the generator; event time begins now.
    pub(super) fn start_generator(&mut self, arguments: &DemoArguments) -> anyhow::Result<u32> {
        let density = (arguments.rate / u64::from(PARTITIONS)).max(1);
        let rows = density * arguments.seconds;
        let mut command = Command::new(std::env::current_exe().context("where am I?")?);
        command.args([
            "generate",
            "--bootstrap",
            &self.bootstrap,
            "--topic",
            SOURCE,
            "--shape",
            "clicks",
        ]);
        for (name, value) in [
            ("--seed", arguments.seed),
            ("--partitions", u64::from(PARTITIONS)),
            ("--rows", rows),
            ("--rate", arguments.rate),
            ("--density", density),
            ("--keys", USERS),
            ("--late-per-million", LATE_PER_MILLION),
        ] {
            command.args([name, &value.to_string()]);
        }
        let start_ms = jiff::Timestamp::now().as_millisecond();
        command.args(["--start", &start_ms.to_string()]);
        command.args(["--late-by-ms", &LATE_BY_MS.to_string(), "--unkeyed"]);
        let generator = start("generator", &mut command, &self.scratch)?;
        let pid = generator.pid();
        self.generator = Some(generator);
        Ok(pid)
    }

    /// Rows that the generator has said to have written.
    pub(super) fn written(&self) -> u64 {
        let output = self.generator.as_ref().map(Process::output).unwrap_or_default();
        let number = |line: &str| line.split(' ').nth(1)?.parse().ok();
        output.lines().rev().find_map(number).unwrap_or_default()
    }

    /// Whether the generator has ended well.
    pub(super) fn generator_is_done(&mut self) -> anyhow::Result<bool> {
        let Some(generator) = &mut self.generator else { return Ok(false) };
        let Some(status) = generator.ended()? else { return Ok(false) };
        anyhow::ensure!(status.success(), "the generator failed: {}", generator.output());
        Ok(true)
    }

    /// SIGKILL for the worker.
    pub(super) fn kill_worker(&mut self) -> anyhow::Result<u32> {
        let mut worker = self.worker.take().context("no worker runs")?;
        worker.kill()?;
        Ok(worker.pid())
    }

    /// Starts the worker again when it has ended by itself to read anew what happened, as its supervisor in a pod
    /// does; gives the new process. Any other ending fails.
    pub(super) fn tend_worker(&mut self) -> anyhow::Result<Option<u32>> {
        let Some(worker) = &mut self.worker else { return Ok(None) };
        let Some(status) = worker.ended()? else { return Ok(None) };
        crew::passing(status).context("the worker ended")?;
        self.start_worker().map(Some)
    }

    /// Asks the worker to end and waits for it.
    pub(super) fn stop_worker(&mut self) -> anyhow::Result<()> {
        if let Some(mut worker) = self.worker.take() {
            worker.stop()?;
        }
        Ok(())
    }

    /// The worker's metrics page, while it answers.
    pub(super) fn metrics(&self) -> Option<String> {
        let answer = http::get(&self.metrics, "/metrics").ok()?;
        answer.success().ok().map(str::to_owned)
    }

    /// The ends of all logs, for a failure.
    pub(super) fn logs(&self) -> String {
        self.scratch.logs()
    }
}

/// In a process group of its own, so that Ctrl-C reaches the demo alone, which then ends them in order.
fn start(name: &str, command: &mut Command, scratch: &Scratch) -> anyhow::Result<Process> {
    command.process_group(0);
    Process::start(name, command, &scratch.path().join(format!("{name}.log")))
}

/// The example of the documentation, with this machine's addresses and without secrets.
fn job(bootstrap: &str, scratch: &Scratch) -> anyhow::Result<String> {
    let path = tools::checkout().join("crds/examples/clicks-per-user.yaml");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let checkpoints = scratch.folder("checkpoints")?;
    Ok(adapt(&text, bootstrap, &checkpoints.display().to_string())?.to_string())
}

fn adapt(example: &str, bootstrap: &str, checkpoints: &str) -> anyhow::Result<Value> {
    let mut job: Value = serde_norway::from_str(example).context("the example is no YAML")?;
    job["metadata"]["uid"] = json!("0b5e55ed-0000-4000-8000-00000000de30");
    let spec = &mut job["spec"];
    spec["kafka"] = json!({"bootstrapServers": bootstrap});
    spec["checkpoints"] = json!({"location": format!("file://{checkpoints}"), "interval": "2s"});
    spec["parallelism"] = json!(1);
    Ok(job)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_keeps_its_query_and_loses_its_addresses() {
        let path = tools::checkout().join("crds/examples/clicks-per-user.yaml");
        let example = std::fs::read_to_string(path).expect("the example");
        let job = adapt(&example, "127.0.0.1:1", "/tmp/x").expect("adapts");
        assert_eq!(job["spec"]["sources"][0]["topic"], SOURCE);
        assert_eq!(job["spec"]["sinks"][0]["topic"], SINK);
        let text = job.to_string();
        assert!(text.contains("TUMBLE"));
        for gone in ["kafka:9092", "minio", "s3://", "SecretRef"] {
            assert!(!text.contains(gone), "{gone}");
        }
    }
}
