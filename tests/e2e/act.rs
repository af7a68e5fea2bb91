//! A job in the cluster with a load, and the judgement at the end.

use std::time::Duration;

use serde_json::{Value, json};
use tests::checker::{Case, Delivery, Open, Upto, Verdict, settle};
use tests::generator::{Load, Pace, Recipe, WriteOptions, Written};
use tests::harness::wait;
use tests::kafka::logs::Isolation;
use tests::kafka::{ends, topics};
use tests::oracle::Query;

use crate::kubectl::{STEP_MAX, condition, is_ready};
use crate::say;
use crate::world::World;

/// Partitions of input and output.
const PARTITIONS: u32 = 4;
/// Rows per second: the steps run beside each other on a small machine.
const RATE: u64 = 400;
/// Rows per second of event time and partition: event time runs twice as fast as the clock.
const DENSITY: u64 = 50;
/// A step that lasts longer than this has failed already.
const LOAD_MAX: Duration = Duration::from_mins(15);

/// One job: topics of its own, clicks per user through an exchange.
pub(crate) struct Act<'a> {
    pub(crate) world: &'a World,
    pub(crate) name: String,
    pub(crate) query: Query,
    bootstrap: String,
    source: String,
    load: Option<Load>,
}

impl<'a> Act<'a> {
    /// Makes the topics and starts to write.
    pub(crate) fn start(world: &'a World, name: &str) -> Self {
        Self::start_at(world, name, World::bootstrap())
    }

    /// The same with another Kafka.
    pub(crate) fn start_at(world: &'a World, name: &str, bootstrap: String) -> Self {
        let source = format!("{name}-in");
        topics::create(&bootstrap, &[(&source, PARTITIONS)]).unwrap();
        let mut act = Self::over(world, name, bootstrap, source);
        act.load = Some(act.write());
        act
    }

    /// Topics without a load, for jobs that never get to read them.
    pub(crate) fn idle(world: &'a World, name: &str) -> Self {
        let (bootstrap, source) = (World::bootstrap(), format!("{name}-in"));
        topics::create(&bootstrap, &[(&source, PARTITIONS)]).unwrap();
        Self::over(world, name, bootstrap, source)
    }

    /// Another job over the input of this one, with a sink of its own.
    pub(crate) fn beside(&self, name: &str) -> Self {
        Self::over(self.world, name, self.bootstrap.clone(), self.source.clone())
    }

    fn over(world: &'a World, name: &str, bootstrap: String, source: String) -> Self {
        let query = Query::clicks_per_user();
        let act = Self { world, name: name.to_owned(), query, bootstrap, source, load: None };
        topics::create(&act.bootstrap, &[(&act.sink(), PARTITIONS)]).unwrap();
        act
    }

    fn write(&self) -> Load {
        let recipe = Recipe {
            late_per_million: 5_000,
            late_by: self.query.closing() + 5_000,
            keyed: false,
            keys: 200,
            density: DENSITY,
            ..Recipe::plain(self.query.shape, u64::from(std::process::id()), PARTITIONS)
        };
        let options = WriteOptions {
            bootstrap: self.bootstrap.clone(),
            topic: self.source.clone(),
            rows: RATE * LOAD_MAX.as_secs() / u64::from(PARTITIONS),
            first: 0,
            pace: Pace::PerSecond(RATE),
            lz4: true,
            closing: Some(self.query.closing()),
        };
        Load::start(recipe, options)
    }

    pub(crate) fn sink(&self) -> String {
        format!("{}-out", self.name)
    }

    /// Where the records of the sink are read.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The object that a user would write.
    pub(crate) fn object(&self, parallelism: u32) -> Value {
        json!({
            "apiVersion": "streamjob.dev/v1alpha1",
            "kind": "StreamJob",
            "metadata": {"name": self.name, "namespace": "default"},
            "spec": {
                "parallelism": parallelism,
                "kafka": {"bootstrapServers": self.bootstrap},
                "sources": [{
                    "name": "src",
                    "topic": self.source,
                    "format": {"json": {}},
                    "columns": [
                        {"name": "user_id", "type": "BIGINT"},
                        {"name": "event_time", "type": "TIMESTAMP"},
                        {"name": "price", "type": "DOUBLE"},
                    ],
                    "watermark": {
                        "column": "event_time",
                        "delay": format!("{}ms", self.query.delay),
                    },
                    "startFrom": {"earliest": {}},
                    "onBadRecord": {"fail": {}},
                }],
                "sinks": [{
                    "name": "snk", "topic": self.sink(), "format": {"json": {}}, "key": ["user_id"],
                }],
                "sql": self.query.streaming_sql("src", "snk"),
                "maxParallelism": 8,
                "checkpoints": {
                    "location": "s3://checkpoints/jobs",
                    "endpoint": World::store(),
                    "region": "us-east-1",
                    "pathStyle": true,
                    "interval": "3s",
                    "credentialsSecretRef": {"name": "store"},
                },
                "worker": {
                    "resources": {
                        "requests": {"cpu": "20m", "memory": "64Mi"},
                        "limits": {"memory": "512Mi"},
                    },
                },
            },
        })
    }

    /// Applies it and waits until it is ready.
    pub(crate) fn apply(&self, object: &Value) -> Value {
        self.world.tools.apply(object).unwrap();
        self.until_ready()
    }

    /// Follows the job until it is so.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        self.world.tools.until("streamjob", &self.name, what, is_so).unwrap()
    }

    pub(crate) fn until_ready(&self) -> Value {
        self.until("ready", is_ready)
    }

    /// Waits until the current generation is so, and nothing is under way.
    pub(crate) fn until_current(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        self.until(what, |job| {
            is_so(&job["status"]["current"])
                && is_ready(job)
                && condition(job, "Reconciling")["status"] == "False"
        })
    }

    /// Waits until a newer generation than that runs; its number.
    pub(crate) fn until_newer(&self, number: u64) -> u64 {
        let newer = |current: &Value| current["number"].as_u64().is_some_and(|n| n > number);
        number_of(&self.until_current("a newer generation", newer))
    }

    /// Edits the spec as `kubectl patch` does.
    pub(crate) fn patch(&self, change: &Value) {
        let arguments =
            ["patch", "streamjob", &self.name, "--type", "merge", "-p", &change.to_string()];
        self.world.tools.kubectl(&arguments).unwrap();
    }

    /// The names of the job's worker pods that are not on their way out.
    pub(crate) fn pods(&self) -> Vec<String> {
        let job = self.world.tools.get("streamjob", &self.name).unwrap();
        let selector = job["status"]["selector"].as_str().unwrap_or("no=selector").to_owned();
        let pods = self.world.tools.list("pods", &selector).unwrap();
        let living = pods.iter().filter(|p| p["metadata"]["deletionTimestamp"].is_null());
        living.filter_map(|p| Some(p["metadata"]["name"].as_str()?.to_owned())).collect()
    }

    /// Waits until the job has as many worker pods as that, and is ready.
    pub(crate) fn until_scaled(&self, pods: usize) {
        self.until_ready();
        wait::until_true(&format!("{pods} pods"), STEP_MAX, || {
            let found = self.pods().len() == pods;
            wait::pause(Duration::from_millis(if found { 0 } else { 500 }));
            Ok(found)
        })
        .unwrap();
    }

    /// Waits until something has come out.
    pub(crate) fn until_written(&self) {
        wait::until_true("rows in the sink", STEP_MAX, || {
            wait::pause(Duration::from_millis(500));
            let ends = ends::ends(&self.bootstrap, &self.sink(), Isolation::Committed)?;
            Ok(ends.iter().any(|end| *end > 0))
        })
        .unwrap();
    }

    /// Ends the load.
    fn end_load(&mut self) -> Written {
        let load = self.load.take().expect("a load runs from the start");
        load.stop();
        load.written().unwrap()
    }

    /// Ends the load, waits for the results, and requires that nothing is lost, doubled or wrong.
    pub(crate) fn finish(&mut self) -> Verdict {
        let written = self.end_load();
        let verdict = self.judge();
        assert_eq!(verdict.events, written.rows);
        say(&format!("{}: {verdict}", self.name));
        verdict
    }

    fn judge(&self) -> Verdict {
        let uid = self.uid();
        let case = Case {
            bootstrap: self.bootstrap.clone(),
            query: self.query.clone(),
            source: self.source.clone(),
            sink: self.sink(),
            stamps: None,
            upto: Upto::End,
            open: Open::Refused,
            delivery: Delivery::ExactlyOnce,
            groups: Some(format!("streamjob.{uid}.")),
        };
        let verdict = settle(&case, STEP_MAX, || Ok(true));
        verdict.unwrap().unwrap().require_clean().unwrap()
    }

    pub(crate) fn uid(&self) -> String {
        let job = self.world.tools.get("streamjob", &self.name).unwrap();
        job["metadata"]["uid"].as_str().unwrap().to_owned()
    }
}

/// The number of a job's current generation.
pub(crate) fn number_of(job: &Value) -> u64 {
    job["status"]["current"]["number"].as_u64().unwrap()
}
