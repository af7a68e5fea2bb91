//! The course of a benchmark.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::arguments::BenchArguments;
use super::engine::{Bench, Run};
use super::goals;
use super::inputs::{BenchInput, Writing};
use super::latency;
use super::lines::Lines;
use super::measure::Round;
use super::moments;
use super::pipelines::{PIPELINES, Pipeline, System, Work};
use super::processors::Processors;
use super::report::{self, Row, Standing, say};
use crate::harness::kafka::{RealKafka, Version};
use crate::harness::{Scratch, tools};
use crate::kafka::topics;

/// Measures what is asked for, prints the table and the goals beside it.
pub fn run(arguments: &BenchArguments) -> anyhow::Result<()> {
    let processors = Processors::new(arguments.pin);
    let scratch = Scratch::new("bench")?;
    let kafka = RealKafka::start(&scratch.folder("kafka")?, Version::Newest, &[])?;
    let bootstrap = kafka.bootstrap();
    let others = [kafka.pid().context("the broker runs")?, std::process::id()];
    let lines = Lines::create(context(processors))?;
    let bench = Bench { bootstrap: &bootstrap, scratch: &scratch, processors, runs: 0 };
    let writing = Writing { seed: arguments.seed, lz4: arguments.lz4 };
    let mut course = Course { arguments, bench, writing, others, lines };
    let void =
        course.all().map_err(|error| error.context(format!("the logs:\n{}", scratch.logs())))?;
    ensure!(void == 0, "{void} rows are void: an output differs from the oracle, or none came");
    Ok(())
}

/// What is the same for all figures of a run.
fn context(processors: Processors) -> Value {
    let (_, client) = rdkafka::util::get_rdkafka_version();
    let words: Vec<String> = std::env::args().skip(1).collect();
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    json!({
        "command": format!("bench {}", words.join(" ")).trim(),
        "date": jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
        "machine": format!("{} × {}", processors.count(), model.map_or("processor", |(_, model)| model)),
        "versions": {
            "streamjob": env!("CARGO_PKG_VERSION"),
            "librdkafka": client,
            "kafka": tools::version("KAFKA_NEWEST"),
            "flink": tools::version("FLINK_VERSION"),
            "flink-connector-kafka": tools::version("FLINK_CONNECTOR_VERSION"),
            "kafka-streams": tools::version("KAFKA_NEWEST"),
        },
    })
}

struct Course<'a> {
    arguments: &'a BenchArguments,
    bench: Bench<'a>,
    writing: Writing,
    /// Processes beside what is measured: the broker and this one.
    others: [u32; 2],
    lines: Lines,
}

impl Course<'_> {
    /// The number of rows that are void.
    fn all(&mut self) -> anyhow::Result<usize> {
        let arguments = self.arguments;
        let mut rows = Vec::new();
        for group in self.groups() {
            rows.extend(self.costs(&group)?);
        }
        let ours = arguments.wants_system(System::StreamJob) && !arguments.quick;
        let wants = |id| ours && arguments.wants(id, false);
        let latencies = if wants("b8") {
            self.bench.processors.keep_off(&self.others)?;
            latency::measure(&mut self.bench, arguments.rounds(), self.writing)?
        } else {
            Vec::new()
        };
        let moments = if wants("moments") {
            say("moments: start, kill, rescale …")?;
            self.bench.processors.release(&self.others)?;
            moments::measure(&mut self.bench, arguments.rounds())?
        } else {
            Vec::new()
        };
        let figures = latencies.iter().filter_map(latency::Latency::json);
        for line in figures.chain(moments.iter().filter_map(report::Moment::json)) {
            self.lines.add(line)?;
        }
        say("")?;
        report::table(&rows, &latencies, &moments).iter().try_for_each(|line| say(line))?;
        say("")?;
        for goal in goals::goals(&rows, &latencies, &moments, arguments.lz4) {
            say(&goal.line())?;
            self.lines.add(goal.json())?;
        }
        self.explain(&rows)?;
        let sound = |row: &Row| matches!(row.standing, Standing::Equal | Standing::Refused(_));
        let void = rows.iter().filter(|row| !sound(row)).count();
        Ok(void + latencies.iter().filter(|latency| !latency.faults.is_empty()).count())
    }

    /// The wanted pipelines, those over one input together.
    fn groups(&self) -> Vec<Vec<Pipeline>> {
        let arguments = self.arguments;
        let wanted = PIPELINES.iter().filter(|pipeline| {
            arguments.wants(pipeline.id, pipeline.on_request)
                && pipeline.systems.iter().any(|system| arguments.wants_system(*system))
        });
        let mut groups: Vec<Vec<Pipeline>> = Vec::new();
        for pipeline in wanted {
            match groups.last_mut().filter(|group| group[0].input == pipeline.input) {
                Some(group) => group.push(*pipeline),
                None => groups.push(vec![*pipeline]),
            }
        }
        groups
    }

    /// All rows over one input, round by round.
    fn costs(&mut self, pipelines: &[Pipeline]) -> anyhow::Result<Vec<Row>> {
        let kind = pipelines[0].input;
        let (few, many) = self.arguments.rows(kind.rows);
        self.bench.processors.release(&self.others)?;
        let bootstrap = self.bench.bootstrap;
        let write = |size: &str, rows| {
            let topic = format!("{}-{size}", kind.name);
            BenchInput::write(bootstrap, self.writing, &topic, rows, pipelines)
        };
        let (small, large) = (write("small", few)?, write("large", many)?);
        let mut rows = self.rows(&small, pipelines)?;
        self.bench.processors.keep_off(&self.others)?;
        for round in 1..=self.arguments.rounds() {
            for row in rows.iter_mut().filter(|row| row.standing == Standing::Equal) {
                self.round(round, row, (&small, &large))?;
            }
        }
        for line in rows.iter().filter_map(Row::json) {
            self.lines.add(line)?;
        }
        topics::delete(bootstrap, &[&small.topic, &large.topic])?;
        Ok(rows)
    }

    fn rows(&mut self, input: &BenchInput, pipelines: &[Pipeline]) -> anyhow::Result<Vec<Row>> {
        let mut rows = Vec::new();
        for pipeline in pipelines {
            for system in pipeline.systems.iter().filter(|s| self.arguments.wants_system(**s)) {
                let refusal = match system {
                    System::StreamJob if pipeline.work != Work::Read => {
                        self.bench.refusal(&input.topic, pipeline)?
                    }
                    _ => None,
                };
                let standing = refusal.map_or(Standing::Equal, Standing::Refused);
                let (pipeline, system) = (*pipeline, *system);
                rows.push(Row { pipeline, system, rounds: Vec::new(), standing });
            }
        }
        Ok(rows)
    }

    fn round(
        &mut self,
        number: u32,
        row: &mut Row,
        (small, large): (&BenchInput, &BenchInput),
    ) -> anyhow::Result<()> {
        let both = self.measure(row, small).and_then(|few| Ok((few, self.measure(row, large)?)));
        let name = format!("{} {}", row.pipeline.id, row.system.name());
        let (few, many) = match both {
            Ok(both) => both,
            Err(error) => {
                row.standing = Standing::Failed(format!("{:.300}", format!("{error:#}")));
                return say(&format!("round {number}: {name} failed: {error:#}"));
            }
        };
        let round = Round { small: few.sample, large: many.sample };
        row.rounds.push((number, round));
        if let Some(fault) = few.faults.iter().chain(&many.faults).next() {
            row.standing = Standing::Different(fault.clone());
        }
        let (cost, rounds) = (round.ns_per_event(), self.arguments.rounds());
        say(&format!("round {number} of {rounds}: {name} {cost:.0} ns/event {}", row.verdict()))
    }

    fn measure(&mut self, row: &Row, input: &BenchInput) -> anyhow::Result<Run> {
        match row.system {
            System::Librdkafka => self.bench.bare(input, false),
            System::StreamJob if row.pipeline.work == Work::Read => self.bench.bare(input, true),
            System::StreamJob => self.bench.engine(input, &row.pipeline),
            peer => self.bench.peer(input, &row.pipeline, peer),
        }
    }

    /// What the figures were measured with.
    fn explain(&self, rows: &[Row]) -> anyhow::Result<()> {
        say("")?;
        let mut named: Vec<System> = Vec::new();
        for row in rows {
            if !named.contains(&row.system) {
                named.push(row.system);
                say(&format!("{:<14} {}", row.system.name(), row.system.settings()))?;
            }
        }
        let context = context(self.bench.processors);
        let machine = context["machine"].as_str().unwrap_or_default();
        say(&format!("{machine} {}", context["versions"]))?;
        say(&format!("{}", self.lines.path().display()))
    }
}
