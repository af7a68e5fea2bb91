//! The jobs of the scenarios, as the object that a user would apply.

use serde_json::{Value, json};

use super::minio::Minio;
use crate::generator::Shape;
use crate::oracle::Query;

/// Where checkpoints go.
#[derive(Clone, Debug)]
pub enum Checkpoints {
    /// A folder.
    Folder(String),
    /// A bucket of a store at an endpoint.
    Bucket(String),
}

impl Checkpoints {
    /// The bucket of a running store.
    pub fn of(minio: &Minio) -> Self {
        Self::Bucket(minio.endpoint())
    }
}

/// A job of one query.
#[derive(Clone, Debug)]
pub struct JobFile {
    /// `metadata.name`.
    pub name: String,
    /// `metadata.uid`: the identity of the job.
    pub uid: String,
    /// Kafka's address.
    pub bootstrap: String,
    /// What it runs.
    pub query: Query,
    /// Runs this instead, over the columns and with the key of the query.
    pub sql: Option<String>,
    /// Source topic.
    pub source: String,
    /// Sink topic.
    pub sink: String,
    /// Where checkpoints go.
    pub checkpoints: Checkpoints,
    /// Time between checkpoints, such as `2s`.
    pub checkpoint_interval: String,
    /// Time between commits, such as `100ms`.
    pub commit_interval: String,
    /// `spec.parallelism`.
    pub parallelism: u32,
    /// `ExactlyOnce` or `AtLeastOnce`.
    pub delivery: String,
    /// What becomes of bad records, such as `{"fail": {}}`.
    pub on_bad_record: Value,
    /// Partitions of every exchange.
    pub max_parallelism: Option<u32>,
    /// `spec.sources[0].watermark.idleTimeout`.
    pub idle_timeout: String,
    /// A second query over the source, and its sink.
    pub more: Option<(String, Query)>,
    /// `spec.kafka`, where the job goes another way than the tests.
    pub kafka: Option<Value>,
}

impl JobFile {
    /// A job with quick checkpoints and no idleness.
    pub fn new(bootstrap: &str, query: Query, checkpoints: Checkpoints) -> Self {
        Self {
            name: "job".into(),
            uid: "0b5e55ed-0000-4000-8000-000000000001".into(),
            bootstrap: bootstrap.into(),
            query,
            sql: None,
            source: "input".into(),
            sink: "output".into(),
            checkpoints,
            checkpoint_interval: "2s".into(),
            commit_interval: "100ms".into(),
            parallelism: 1,
            delivery: "ExactlyOnce".into(),
            on_bad_record: json!({"fail": {}}),
            max_parallelism: None,
            idle_timeout: "0s".into(),
            more: None,
            kafka: None,
        }
    }

    /// What every Kafka group of the job starts with.
    pub fn groups(&self) -> String {
        format!("streamjob.{}.", self.uid)
    }

    /// The group of the stage that reads the source.
    pub fn source_group(&self) -> String {
        format!("{}0", self.groups())
    }

    /// The object.
    pub fn object(&self) -> Value {
        let mut spec = json!({
            "parallelism": self.parallelism,
            "kafka": self.kafka.clone().unwrap_or_else(|| json!({"bootstrapServers": self.bootstrap})),
            "sources": [self.source()],
            "sinks": self.sinks(),
            "sql": self.sql(),
            "delivery": self.delivery,
            "commit": {"interval": self.commit_interval},
            "checkpoints": self.checkpoints(),
        });
        if let Some(partitions) = self.max_parallelism {
            spec["maxParallelism"] = json!(partitions);
        }
        json!({
            "apiVersion": "streamjob.dev/v1alpha1",
            "kind": "StreamJob",
            "metadata": {"name": self.name, "namespace": "default", "uid": self.uid},
            "spec": spec,
        })
    }

    fn source(&self) -> Value {
        let mut source = json!({
            "name": "src",
            "topic": self.source,
            "format": {"json": {}},
            "columns": columns(self.query.shape),
            "watermark": self.watermark(),
            "startFrom": {"earliest": {}},
            "onBadRecord": self.on_bad_record,
        });
        if self.query.claimed && self.query.window.is_some() {
            source["partitionedBy"] = json!(self.query.keys);
        }
        if let (true, Some(columns)) = (self.query.clocked, source["columns"].as_array_mut()) {
            let stamped =
                json!({"name": "proc_time", "type": "TIMESTAMP", "metadata": "processingTime"});
            columns.push(stamped);
        }
        source
    }

    fn watermark(&self) -> Value {
        let mut watermark = json!({"column": self.query.time()});
        if !self.query.clocked {
            watermark["delay"] = json!(format!("{}ms", self.query.delay));
            watermark["idleTimeout"] = json!(self.idle_timeout);
        }
        watermark
    }

    fn sql(&self) -> String {
        let more = self.more.iter().map(|(_, query)| query.streaming_sql("src", "more"));
        let first = self.sql.clone().unwrap_or_else(|| self.query.streaming_sql("src", "snk"));
        std::iter::once(first).chain(more).collect::<Vec<_>>().join("\n")
    }

    fn sinks(&self) -> Value {
        let sink = |name: &str, topic: &str, query: &Query| json!({"name": name, "topic": topic, "format": {"json": {}}, "key": query.keys});
        let more = self.more.iter().map(|(topic, query)| sink("more", topic, query));
        std::iter::once(sink("snk", &self.sink, &self.query)).chain(more).collect()
    }

    fn checkpoints(&self) -> Value {
        match &self.checkpoints {
            Checkpoints::Folder(folder) => {
                json!({"location": format!("file://{folder}"), "interval": self.checkpoint_interval})
            }
            Checkpoints::Bucket(endpoint) => json!({
                "location": format!("s3://{}/jobs", Minio::BUCKET),
                "endpoint": endpoint,
                "region": "us-east-1",
                "pathStyle": true,
                "credentialsSecretRef": {"name": "store"},
                "interval": self.checkpoint_interval,
            }),
        }
    }
}

fn columns(shape: Shape) -> Value {
    if shape == Shape::Nexmark {
        return json!([
            {"name": "event_type", "type": "BIGINT"},
            {"name": "auction", "type": "BIGINT", "path": ["bid", "auction"]},
            {"name": "price", "type": "BIGINT", "path": ["bid", "price"]},
            {"name": "event_time", "type": "TIMESTAMP", "path": ["bid", "dateTime"]},
        ]);
    }
    let columns: &[(&str, &str)] = match shape {
        Shape::Bids | Shape::Nexmark => &[
            ("auction", "BIGINT"),
            ("bidder", "BIGINT"),
            ("price", "BIGINT"),
            ("channel", "VARCHAR"),
            ("event_time", "TIMESTAMP"),
            ("ref", "VARCHAR"),
        ],
        Shape::Clicks => &[
            ("user_id", "BIGINT"),
            ("event_time", "TIMESTAMP"),
            ("price", "DOUBLE"),
            ("url", "VARCHAR"),
            ("ref", "VARCHAR"),
        ],
    };
    columns.iter().map(|(name, kind)| json!({"name": name, "type": kind})).collect()
}
