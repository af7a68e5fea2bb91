//! A job in the cluster with a load, and the judgement at the end.

use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use tests::checker::{Case, Open, Upto, Verdict, settle};
use tests::generator::{Pace, Recipe, WriteOptions, Written, writer};
use tests::harness::wait;
use tests::kafka::topics;
use tests::oracle::Query;

use crate::kubectl::{STEP_MAX, condition, is_ready};
use crate::world::World;

/// Partitions of input and output.
const PARTITIONS: u32 = 4;

/// One job: topics of its own, clicks per user through an exchange.
pub(crate) struct Act<'a> {
    pub(crate) world: &'a World,
    pub(crate) name: String,
    pub(crate) query: Query,
    load: Option<JoinHandle<anyhow::Result<Written>>>,
}

impl<'a> Act<'a> {
    /// Makes the topics and starts to write, `rate` rows a second for about `seconds`.
    pub(crate) fn start(world: &'a World, name: &str, rate: u64, seconds: u64) -> Self {
        let query = Query::clicks_per_user();
        let mut act = Self { world, name: name.to_owned(), query, load: None };
        let topics = [(act.source(), PARTITIONS), (act.sink(), PARTITIONS)];
        let named: Vec<(&str, u32)> = topics.iter().map(|(t, p)| (t.as_str(), *p)).collect();
        topics::create(&World::bootstrap(), &named).unwrap();
        let seed = u64::from(std::process::id());
        let recipe = Recipe {
            late_per_million: 5_000,
            late_by: act.query.closing() + 5_000,
            keyed: false,
            keys: 200,
            ..Recipe::plain(act.query.shape, seed, PARTITIONS)
        };
        let options = WriteOptions {
            bootstrap: World::bootstrap(),
            topic: act.source(),
            rows: rate * seconds / u64::from(PARTITIONS),
            first: 0,
            pace: Pace::PerSecond(rate),
            lz4: true,
            closing: Some(act.query.closing()),
        };
        act.load =
            Some(std::thread::spawn(move || writer::write(&recipe, &options, &mut |_| true)));
        act
    }

    pub(crate) fn source(&self) -> String {
        format!("{}-in", self.name)
    }

    pub(crate) fn sink(&self) -> String {
        format!("{}-out", self.name)
    }

    /// The object that a user would write.
    pub(crate) fn object(&self, parallelism: u32) -> Value {
        json!({
            "apiVersion": "streamjob.dev/v1alpha1",
            "kind": "StreamJob",
            "metadata": {"name": self.name, "namespace": "default"},
            "spec": {
                "parallelism": parallelism,
                "kafka": {"bootstrapServers": World::bootstrap()},
                "sources": [{
                    "name": "src",
                    "topic": self.source(),
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

    pub(crate) fn until_ready(&self) -> Value {
        self.world.tools.until("streamjob", &self.name, "ready", is_ready).unwrap()
    }

    /// Waits until the current generation is so, and nothing is under way.
    pub(crate) fn until_current(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        let settled = |job: &Value| {
            is_so(&job["status"]["current"]) && condition(job, "Reconciling")["status"] == "False"
        };
        self.world.tools.until("streamjob", &self.name, what, settled).unwrap();
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
            wait::pause(Duration::from_millis(200));
            Ok(self.pods().len() == pods)
        })
        .unwrap();
    }

    /// Waits for the generator, then for the results, and requires that nothing is lost, doubled or wrong.
    pub(crate) fn finish(mut self) -> Verdict {
        let load = self.load.take().expect("a load runs from the start");
        let written = load.join().expect("the generator does not panic").unwrap();
        let verdict = self.judge();
        assert_eq!(verdict.events, written.rows);
        eprintln!("{}: {verdict}", self.name);
        verdict
    }

    fn judge(&self) -> Verdict {
        let uid = self.uid();
        let case = Case {
            bootstrap: World::bootstrap(),
            query: self.query.clone(),
            source: self.source(),
            sink: self.sink(),
            upto: Upto::End,
            open: Open::Refused,
            groups: Some(format!("streamjob.{uid}.")),
        };
        let verdict = settle(&case, STEP_MAX, || Ok(true));
        verdict.unwrap().unwrap().require_clean().unwrap()
    }

    fn uid(&self) -> String {
        let job = self.world.tools.get("streamjob", &self.name).unwrap();
        job["metadata"]["uid"].as_str().unwrap().to_owned()
    }
}
