//! The job as loaded: validated, identified, its secrets resolved from files. Nothing after this reads the raw
//! object again.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

use connectors::{KafkaConfig, S3Options};
use crds::{Delivery, JobName, OnBadRecord, Source, StreamJob, StreamJobSpec, WatermarkStrategy};
use dataflow::SourcePlan;
use formats::{Decoder, EventTimeRule, Format, TimestampFormat, UnsupportedSchema};
use protocol::acquire::Stop;
use protocol::keys::Keys;
use protocol::names::Names;
use protocol::reason::Reason;

mod format;
mod query;
mod secrets;

pub(crate) use query::origins;
use secrets::Secrets;

/// Memory of the container in bytes, by the downward API.
const MEMORY_LIMIT_VARIABLE: &str = "STREAMJOB_MEMORY_LIMIT";

/// What becomes of a record that does not decode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadRecordPolicy {
    /// The slot stops at it.
    Fail,
    /// It is counted.
    Skip,
    /// It goes to this topic in the transaction that commits its offset.
    DeadLetter(String),
}

/// What the plan does not hold about a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceSettings {
    /// Name in the SQL.
    pub name: String,
    /// Kafka topic.
    pub topic: String,
    /// How its records are written.
    pub format: Format,
    /// The columns whose instants are written in a declared way.
    pub timestamps: BTreeMap<String, TimestampFormat>,
    /// An event time further than this after the Kafka timestamp makes a bad record, ms.
    pub max_future_ms: Option<i64>,
    /// A log further than this ahead of the slowest that it is aligned with is not read, ms.
    pub max_drift_ms: Option<i64>,
    /// What becomes of bad records.
    pub on_bad_record: BadRecordPolicy,
}

/// A job that may be planned and run.
#[derive(Clone, Debug)]
pub struct Job {
    /// Name of the object.
    pub name: String,
    /// Its namespace; `default` where the file names none.
    pub namespace: String,
    /// Identity: the same name created again is another job.
    pub uid: String,
    /// The spec, valid.
    pub spec: StreamJobSpec,
    /// Kafka names.
    pub names: Names,
    /// Object keys.
    pub keys: Keys,
    /// Connection to Kafka, credentials included.
    pub kafka: KafkaConfig,
    /// Where checkpoints lie.
    pub store_location: String,
    /// How to reach the store.
    pub s3: S3Options,
    /// Exactly once, not at least once.
    pub exactly_once: bool,
    /// Between two commits of a slot.
    pub commit_interval: Duration,
    /// Between two checkpoints of a slot.
    pub checkpoint_interval: Duration,
    /// The longest that one may take.
    pub checkpoint_timeout: Duration,
    /// How many are kept.
    pub retained: usize,
    /// Memory of the container, bytes.
    pub memory_limit: Option<u64>,
    /// In the order of the spec.
    pub sources: Vec<SourceSettings>,
}

/// All faults of a job file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct JobError {
    /// At least one.
    pub faults: Vec<Stop>,
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<&str> = self.faults.iter().map(|fault| fault.message.as_str()).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl From<JobError> for Stop {
    fn from(error: JobError) -> Self {
        let reason = error.faults.first().map_or(Reason::InvalidSpec, |fault| fault.reason);
        Stop::new(reason, error.to_string())
    }
}

fn invalid(message: impl Into<String>) -> Stop {
    Stop::new(Reason::InvalidSpec, message)
}

impl SourceSettings {
    /// The decoder for what a plan reads of the source.
    pub fn decoder(
        &self,
        plan: &SourcePlan,
        event_time: Option<EventTimeRule>,
    ) -> Result<Decoder, UnsupportedSchema> {
        let mut decoder =
            Decoder::new(&self.format, plan.schema.clone(), &plan.origins, event_time)?;
        for (column, field) in plan.schema.fields().iter().enumerate() {
            if let Some(format) = self.timestamps.get(field.name()) {
                decoder.set_timestamp_format(column, *format);
            }
        }
        Ok(decoder)
    }
}

/// Reads the object; nothing but its syntax is checked.
pub fn read_object(path: &Path) -> Result<StreamJob, JobError> {
    let fault = |message: String| JobError { faults: vec![invalid(message)] };
    let text = fs::read_to_string(path)
        .map_err(|e| fault(format!("the job file {} cannot be read: {e}", path.display())))?;
    crds::file::stream_job(&text).map_err(|e| fault(format!("{}: {e}", path.display())))
}

impl Job {
    /// Reads and checks a job; all faults are reported.
    pub fn load(path: &Path, secrets_dir: &Path) -> Result<Self, JobError> {
        Self::from_object(read_object(path)?, secrets_dir)
    }

    /// Checks an object and resolves its secrets.
    pub fn from_object(object: StreamJob, secrets_dir: &Path) -> Result<Self, JobError> {
        let mut faults: Vec<Stop> =
            crds::validate(&object.spec).iter().map(|v| invalid(v.to_string())).collect();
        let name = object.metadata.name.unwrap_or_default();
        if let Err(error) = JobName::new(name.as_str()) {
            faults.push(invalid(format!("metadata.name: {error}")));
        }
        let namespace = object.metadata.namespace.unwrap_or_else(|| "default".to_owned());
        let uid = object.metadata.uid.unwrap_or_else(|| format!("local-{namespace}-{name}"));
        let spec = object.spec;
        if spec.kafka.bootstrap_servers.is_none() {
            faults.push(invalid("spec.kafka.bootstrapServers: is required"));
        }
        let mut secrets = Secrets::new(secrets_dir);
        let kafka = secrets.kafka(&spec.kafka, &format!("streamjob-{name}"));
        let s3 = secrets.s3(&spec.checkpoints);
        faults.extend(secrets.into_faults());
        let names = Names::new(spec.kafka.internal_prefix(), &uid);
        match names {
            Ok(names) if faults.is_empty() => {
                Ok(Self::assemble((name, namespace, uid), spec, names, kafka, s3))
            }
            Ok(_) => Err(JobError { faults }),
            Err(error) => {
                faults.push(invalid(error.to_string()));
                Err(JobError { faults })
            }
        }
    }

    fn assemble(
        (name, namespace, uid): (String, String, String),
        spec: StreamJobSpec,
        names: Names,
        kafka: KafkaConfig,
        s3: S3Options,
    ) -> Self {
        let checkpoints = &spec.checkpoints;
        Self {
            keys: Keys::new(&uid),
            store_location: checkpoints.location.clone(),
            exactly_once: spec.delivery == Delivery::ExactlyOnce,
            commit_interval: spec.commit.interval().get(),
            checkpoint_interval: checkpoints.interval().get(),
            checkpoint_timeout: checkpoints.timeout().get(),
            retained: checkpoints.retained() as usize,
            memory_limit: memory_limit(std::env::var(MEMORY_LIMIT_VARIABLE).ok().as_deref()),
            sources: spec.sources.iter().map(settings).collect(),
            name,
            namespace,
            uid,
            names,
            kafka,
            s3,
            spec,
        }
    }

    /// How the records of a sink are written.
    pub fn sink_format(&self, name: &str) -> Option<Format> {
        let sink = self.spec.sinks.iter().find(|sink| sink.name.as_str() == name)?;
        Some(format::of(&sink.format, 0))
    }

    /// Slots that the spec asks for; none: as many as there are shards.
    pub fn slots_wanted(&self) -> Option<u32> {
        self.spec.parallelism.map(|workers| workers.saturating_mul(self.spec.worker.slots()))
    }
}

fn settings(source: &Source) -> SourceSettings {
    // What is read from a backlog is stamped long after it was written.
    let watermark = source.watermark.as_ref().filter(|_| !source.is_clocked());
    let ms = |d: Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
    SourceSettings {
        name: source.name.to_string(),
        topic: source.topic.to_string(),
        format: format::of_source(source),
        timestamps: format::timestamps(source),
        max_future_ms: watermark.and_then(WatermarkStrategy::max_future).map(ms),
        max_drift_ms: watermark.and_then(WatermarkStrategy::max_drift).map(ms),
        on_bad_record: match &source.on_bad_record {
            OnBadRecord::Fail(_) => BadRecordPolicy::Fail,
            OnBadRecord::Skip(_) => BadRecordPolicy::Skip,
            OnBadRecord::DeadLetter(letter) => {
                BadRecordPolicy::DeadLetter(letter.topic.to_string())
            }
        },
    }
}

/// A limit of 0 or one that does not parse is none.
fn memory_limit(text: Option<&str>) -> Option<u64> {
    text?.trim().parse().ok().filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests;
