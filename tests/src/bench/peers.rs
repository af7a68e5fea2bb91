//! The systems that others have built, started as processes of their own over the same topics.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::engine::{Bench, Run};
use super::flink_sql::{self, Ends};
use super::inputs::{BenchInput, PARTITIONS};
use super::measure::Sample;
use super::pipelines::{DELAY, Pipeline, System, Work};
use super::watch::Watch;
use crate::harness::{Process, tools, wait};
use crate::kafka::commits::OffsetReader;
use crate::kafka::logs::Isolation;
use crate::kafka::topics;

const RUN_MAX: Duration = Duration::from_mins(30);
/// From the last row written until it is committed: a checkpoint.
const COMMITTED_MAX: Duration = Duration::from_mins(2);

impl Bench<'_> {
    /// Runs a peer over an input until its output is complete and committed.
    pub(super) fn peer(
        &mut self,
        input: &BenchInput,
        pipeline: &Pipeline,
        system: System,
    ) -> anyhow::Result<Run> {
        let name = self.next_name(pipeline, system);
        topics::create(self.bootstrap, &[(&name, PARTITIONS)])?;
        let scratch = self.scratch.folder(&format!("peer-{name}"))?;
        let mut command = match system {
            System::KafkaStreams => self.kafka_streams(input, pipeline, &name, &scratch)?,
            _ => self.flink(input, pipeline, system, (&name, &scratch))?,
        };
        let visible = Watch::start(self.bootstrap, &name)?;
        let progress = Progress::of(self.bootstrap, input, pipeline, (system, &name))?;
        let log = self.scratch.path().join(format!("{name}.log"));
        let start = Instant::now();
        let mut process = self.processors.start(|| Process::start(&name, &mut command, &log))?;
        wait::until_true("the whole output", RUN_MAX, || {
            process.require_running()?;
            Ok(progress.is_done())
        })
        .with_context(|| process.output())?;
        let (wall, usage) = (start.elapsed(), process.usage()?);
        let due = input.due(pipeline.work)?;
        wait::until_true("the whole output, committed", COMMITTED_MAX, || {
            process.require_running()?;
            Ok(visible.count() >= due)
        })?;
        let first = visible.first().map(|first| first - start);
        process.stop()?;
        drop((visible, progress));
        let faults = input.faults(self.bootstrap, &name, pipeline, system)?;
        topics::delete(self.bootstrap, &[&name, &format!("{name}-tallies-changelog")])?;
        fs::remove_dir_all(&scratch).context("the folder of a peer")?;
        let sample =
            Sample { rows: input.rows, cpu: usage.cpu, wall, peak_bytes: usage.peak_bytes, first };
        Ok(Run { sample, faults })
    }

    /// The java command of a peer, up to its main class.
    fn java(&self, peer: &str) -> anyhow::Result<Command> {
        let processors = self.processors.measured().map(|count| count.to_string());
        let environment: Vec<(&str, &str)> =
            processors.iter().map(|count| ("PEER_PROCESSORS", count.as_str())).collect();
        let words = tools::script("../bench/peer.sh", &["command", peer], &environment)?;
        let mut words = words.lines();
        let mut command = Command::new(words.next().context("peer.sh prints a command")?);
        command.args(words);
        Ok(command)
    }

    fn flink(
        &self,
        input: &BenchInput,
        pipeline: &Pipeline,
        system: System,
        (name, scratch): (&str, &Path),
    ) -> anyhow::Result<Command> {
        let ends = Ends { bootstrap: self.bootstrap, source: &input.topic, sink: name };
        let sql = flink_sql::script(pipeline, &ends)?;
        let backend = if system == System::FlinkHeap { "hashmap" } else { "rocksdb" };
        let mut command = self.java("flink")?;
        command.arg(self.scratch.file(&format!("{name}.sql"), &sql)?);
        command.args([
            "parallelism.default=1",
            "taskmanager.numberOfTaskSlots=1",
            "taskmanager.memory.managed.size=512m",
            "pipeline.object-reuse=true",
            "rest.port=0",
            "execution.checkpointing.mode=EXACTLY_ONCE",
            "execution.checkpointing.interval=10s",
            "execution.checkpointing.incremental=true",
            "execution.checkpointing.storage=filesystem",
        ]);
        command.arg(format!("state.backend.type={backend}"));
        command
            .arg(format!("execution.checkpointing.dir=file://{}/checkpoints", scratch.display()));
        command.arg(format!("io.tmp.dirs={}", scratch.display()));
        Ok(command)
    }

    fn kafka_streams(
        &self,
        input: &BenchInput,
        pipeline: &Pipeline,
        name: &str,
        scratch: &Path,
    ) -> anyhow::Result<Command> {
        let (what, size, slide) = match pipeline.work {
            Work::Read | Work::Filter => ("filter", 1, 1),
            Work::Window(window) => ("window", window.size(), window.slide()),
            Work::Session(_) | Work::Running => {
                bail!("{} is measured without Kafka Streams", pipeline.id)
            }
        };
        let mut command = self.java("kafka-streams")?;
        command.args([what, &input.topic, name]);
        command.args([size, slide, DELAY].map(|milliseconds| milliseconds.to_string()));
        command.args([
            "processing.guarantee=exactly_once_v2",
            "num.stream.threads=1",
            "replication.factor=1",
            "auto.offset.reset=earliest",
        ]);
        command.arg(format!("bootstrap.servers={}", self.bootstrap));
        command.arg(format!("application.id={name}"));
        command.arg(format!("state.dir={}", scratch.display()));
        Ok(command)
    }
}

/// How it is known that a peer has done all of its work.
enum Progress {
    /// Rows written, committed or not: Flink commits them at its next checkpoint, and waiting for it costs nothing that
    /// should count.
    Written { watch: Watch, due: u64 },
    /// Kafka Streams commits how far it is together with the output up to there.
    Committed { offsets: OffsetReader, topic: String, rows: u64 },
}

impl Progress {
    fn of(
        bootstrap: &str,
        input: &BenchInput,
        pipeline: &Pipeline,
        (system, name): (System, &str),
    ) -> anyhow::Result<Self> {
        Ok(match system {
            System::FlinkRocksdb | System::FlinkHeap => Self::Written {
                watch: Watch::of(bootstrap, name, Isolation::Uncommitted)?,
                due: input.due(pipeline.work)?,
            },
            System::KafkaStreams => Self::Committed {
                offsets: OffsetReader::open(bootstrap, name)?,
                topic: input.topic.clone(),
                rows: input.rows,
            },
            System::StreamJob | System::Librdkafka => bail!("{} is no peer", system.name()),
        })
    }

    fn is_done(&self) -> bool {
        match self {
            Self::Written { watch, due } => watch.count() >= *due,
            Self::Committed { offsets, topic, rows } => {
                offsets.rows(topic, PARTITIONS) >= Some(*rows)
            }
        }
    }
}
