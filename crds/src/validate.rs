//! The rules of the schema and of CEL, in Rust, for whoever reads a job from a file. Every fault
//! is reported, not the first.

use std::collections::BTreeSet;

use crate::column::{
    Column, ColumnType, FORMAT_TYPE, HEADER_TYPE, METADATA_TYPES, ONE_ORIGIN, PATH_BEGINS,
    PATH_STEPS, PLACE_MAX, PathStep,
};
use crate::format::{Format, NO_PATHS_IN_CSV, SIGNS};
use crate::lifecycle::{RestoreFrom, UpgradeMode};
use crate::overrides;
use crate::sink::Sink;
use crate::source::{
    CLAIMED_CLOCK, CLOCKED_WATERMARK, DRIFT, DRIFT_WITHOUT_IDLE, Source, StartFrom,
    WatermarkStrategy,
};
use crate::stream_job::StreamJobSpec;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct Violation {
    /// The field, such as `spec.sources[0].columns`.
    pub path: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Collects violations under a path.
struct Faults(Vec<Violation>);

impl Faults {
    fn unless(&mut self, holds: bool, path: impl Into<String>, message: impl Into<String>) {
        if !holds {
            self.0.push(Violation { path: path.into(), message: message.into() });
        }
    }

    fn unique<'a>(&mut self, names: impl IntoIterator<Item = &'a str>, path: &str) {
        let mut seen = BTreeSet::new();
        for name in names {
            self.unless(seen.insert(name), path, format!("\"{name}\" appears twice"));
        }
    }
}

/// Checks what holds for every job, in a cluster or not. Empty: valid.
pub fn validate(spec: &StreamJobSpec) -> Vec<Violation> {
    let mut faults = Faults(Vec::new());
    sizes(spec, &mut faults);
    for (index, source) in spec.sources.iter().enumerate() {
        check_source(source, &format!("spec.sources[{index}]"), &mut faults);
    }
    for (index, sink) in spec.sinks.iter().enumerate() {
        check_sink(sink, &format!("spec.sinks[{index}]"), &mut faults);
    }
    let sources: Vec<&str> = spec.sources.iter().map(|source| source.name.as_str()).collect();
    faults.unique(sources.iter().copied(), "spec.sources");
    faults.unique(spec.sinks.iter().map(|sink| sink.name.as_str()), "spec.sinks");
    for sink in &spec.sinks {
        let free = !sources.contains(&sink.name.as_str());
        faults.unless(free, "spec.sinks", "a sink cannot have the name of a source");
    }
    check_connections(spec, &mut faults);
    check_lifecycle(spec, &mut faults);
    faults.0
}

/// Checks what holds for a job in a cluster: all of [`validate`], and that brokers are named and
/// the store is one that pods share.
pub fn validate_for_cluster(spec: &StreamJobSpec) -> Vec<Violation> {
    let mut faults = Faults(validate(spec));
    let named = spec.kafka.bootstrap_servers.is_some();
    faults.unless(named, "spec.kafka.bootstrapServers", "is required");
    faults.unless(
        spec.checkpoints.location.starts_with("s3://"),
        "spec.checkpoints.location",
        "must be s3://bucket/prefix: the pods share no folder",
    );
    if let Some(overrides) = &spec.worker.pod_overrides {
        faults.0.extend(overrides::check(overrides));
    }
    faults.0
}

fn sizes(spec: &StreamJobSpec, faults: &mut Faults) {
    let between = |len: usize, min: usize, max: usize| (min..=max).contains(&len);
    faults.unless(between(spec.sources.len(), 1, 32), "spec.sources", "must be 1 to 32");
    faults.unless(between(spec.sinks.len(), 1, 32), "spec.sinks", "must be 1 to 32");
    let sql = spec.sql.chars().count();
    faults.unless(between(sql, 1, 65_536), "spec.sql", "must have 1 to 65536 characters");
    let resources = spec.worker.resources.as_ref();
    let amounts = resources.map_or(0, |of| of.requests.len().max(of.limits.len()));
    faults.unless(amounts <= 16, "spec.worker.resources", "must name at most 16 of each");
    let image = spec.worker.image.as_ref().is_none_or(|image| within(image, 1024));
    faults.unless(image, "spec.worker.image", "must have 1 to 1024 characters");
    let pulls = spec.worker.image_pull_secrets.len();
    faults.unless(pulls <= 8, "spec.worker.imagePullSecrets", "must be at most 8");
    let number = |written: Option<u32>, max: u32| written.is_none_or(|n| (1..=max).contains(&n));
    faults.unless(number(spec.parallelism, 1_000), "spec.parallelism", "must be 1 to 1000");
    faults.unless(number(spec.max_parallelism, 1_024), "spec.maxParallelism", "must be 1 to 1024");
}

fn check_source(source: &Source, path: &str, faults: &mut Faults) {
    let columns = format!("{path}.columns");
    faults.unless((1..=256).contains(&source.columns.len()), &*columns, "must be 1 to 256");
    faults.unique(source.columns.iter().map(|column| column.name.as_str()), &columns);
    for (index, column) in source.columns.iter().enumerate() {
        check_origin(column, &format!("{columns}[{index}]"), faults);
    }
    if let Some(watermark) = &source.watermark {
        let timed = source.columns.iter().any(|column| {
            column.name == watermark.column && column.column_type == ColumnType::Timestamp
        });
        faults.unless(
            timed,
            format!("{path}.watermark.column"),
            "watermark.column must be one of the columns, of type TIMESTAMP",
        );
        check_drift(watermark, &format!("{path}.watermark"), faults);
        let waits =
            [watermark.delay, watermark.idle_timeout, watermark.max_future, watermark.max_drift];
        let plain = !source.is_clocked() || waits.iter().all(Option::is_none);
        faults.unless(plain, format!("{path}.watermark"), CLOCKED_WATERMARK);
    }
    if let Some(claim) = &source.partitioned_by {
        let path = format!("{path}.partitionedBy");
        faults.unless((1..=8).contains(&claim.len()), &*path, "must name 1 to 8 columns");
        let declared =
            claim.iter().all(|name| source.columns.iter().any(|column| column.name == *name));
        faults.unless(declared, &*path, "partitionedBy must name declared columns");
        let timed = source.columns.iter().any(|c| c.is_clock() && claim.contains(&c.name));
        faults.unless(!timed, path, CLAIMED_CLOCK);
    }
    check_format(&source.format, path, faults);
    let paths = source.columns.iter().any(|column| column.path.is_some());
    let named = !paths || !matches!(source.format, Format::Csv(_));
    faults.unless(named, &*columns, NO_PATHS_IN_CSV);
    check_start(&source.start_from, &format!("{path}.startFrom"), faults);
}

fn check_drift(watermark: &WatermarkStrategy, path: &str, faults: &mut Faults) {
    let drift = watermark.max_drift();
    faults.unless(drift.is_none_or(|drift| !drift.is_zero()), path, DRIFT);
    let bounded = drift.is_none() || watermark.idle_timeout().is_some();
    faults.unless(bounded, path, DRIFT_WITHOUT_IDLE);
}

fn check_format(format: &Format, path: &str, faults: &mut Faults) {
    if let Format::Csv(csv) = format {
        faults.unless(csv.is_clear(), format!("{path}.format.csv"), SIGNS);
    }
}

fn check_origin(column: &Column, path: &str, faults: &mut Faults) {
    let beside = usize::from(column.metadata.is_some()) + usize::from(column.header.is_some());
    faults.unless(beside + usize::from(column.path.is_some()) <= 1, path, ONE_ORIGIN);
    let of = column.column_type;
    faults.unless(column.header.is_none() || of == ColumnType::Varchar, path, HEADER_TYPE);
    let named = column.header.as_ref().is_none_or(|h| (1..=255).contains(&h.chars().count()));
    faults.unless(named, format!("{path}.header"), "must have 1 to 255 characters");
    let dated = of == ColumnType::Timestamp && beside == 0;
    faults.unless(column.format.is_none() || dated, path, FORMAT_TYPE);
    let typed = column.metadata.is_none_or(|m| m.column_type() == column.column_type);
    faults.unless(typed, path, METADATA_TYPES);
    if let Some(steps) = &column.path {
        check_path(steps, &format!("{path}.path"), faults);
    }
}

fn check_path(steps: &[PathStep], path: &str, faults: &mut Faults) {
    faults.unless((1..=8).contains(&steps.len()), path, "must have 1 to 8 steps");
    faults.unless(!matches!(steps.first(), Some(PathStep::At(_))), path, PATH_BEGINS);
    let leads = |step: &PathStep| match step {
        PathStep::Name(name) => !name.is_empty(),
        PathStep::At(place) => (0..=PLACE_MAX).contains(place),
    };
    faults.unless(steps.iter().all(leads), path, PATH_STEPS);
    let long = |step: &PathStep| matches!(step, PathStep::Name(name) if name.chars().count() > 255);
    faults.unless(!steps.iter().any(long), path, "a name must have at most 255 characters");
}

fn check_start(start: &StartFrom, path: &str, faults: &mut Faults) {
    match start {
        StartFrom::Earliest(_) | StartFrom::Latest(_) => {}
        StartFrom::Timestamp(timestamp) => {
            let path = format!("{path}.timestamp.at");
            let message = "must be an RFC 3339 time such as 2026-01-31T00:00:00Z";
            faults.unless(is_rfc3339(&timestamp.at), path, message);
        }
        StartFrom::Offsets(offsets) => {
            let path = format!("{path}.offsets");
            faults.unless((1..=4096).contains(&offsets.len()), &*path, "must be 1 to 4096");
            let numbers = offsets.keys().all(|key| is_partition(key));
            faults.unless(numbers, &*path, "the keys of offsets are partition numbers");
            let positive = offsets.values().all(|offset| *offset >= 0);
            faults.unless(positive, path, "offsets are not negative");
        }
    }
}

fn is_partition(text: &str) -> bool {
    let digits = !text.is_empty() && text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit());
    digits && (text == "0" || !text.starts_with('0'))
}

/// The same as the schema's format `date-time`: date, `T`, time with seconds, offset.
fn is_rfc3339(text: &str) -> bool {
    use k8s_openapi::jiff::Timestamp;
    let date_time = text.len() >= 20 && matches!(text.as_bytes().get(10), Some(b'T' | b't'));
    date_time && text.len() <= 40 && text.parse::<Timestamp>().is_ok()
}

fn check_sink(sink: &Sink, path: &str, faults: &mut Faults) {
    check_format(&sink.format, path, faults);
    let path = format!("{path}.key");
    faults.unless(sink.key.len() <= 16, &*path, "must name at most 16 columns");
    faults.unique(sink.key.iter().map(AsRef::as_ref), &path);
}

fn check_connections(spec: &StreamJobSpec, faults: &mut Faults) {
    if let Some(servers) = &spec.kafka.bootstrap_servers {
        let path = "spec.kafka.bootstrapServers";
        faults.unless((1..=2048).contains(&servers.len()), path, "must be a list of host:port");
    }
    if let Some(tls) = spec.kafka.auth.as_ref().and_then(|auth| auth.tls.as_ref()) {
        let together = tls.certificate_secret_ref.is_some() == tls.key_secret_ref.is_some();
        let message = "certificateSecretRef and keySecretRef come together";
        faults.unless(together, "spec.kafka.auth.tls", message);
    }
    let checkpoints = &spec.checkpoints;
    let location = &checkpoints.location;
    let bucket =
        location.strip_prefix("s3://").map(|rest| !rest.is_empty() && !rest.starts_with('/'));
    let folder = location.strip_prefix("file://").map(|rest| rest.starts_with('/'));
    faults.unless(
        bucket.or(folder).unwrap_or(false) && location.len() <= 1024,
        "spec.checkpoints.location",
        "must be s3://bucket/prefix or file:///folder",
    );
    let endpoint = checkpoints.endpoint.as_deref();
    let path = "spec.checkpoints.endpoint";
    let message = "must be http://host:port or https://host:port, without a path";
    faults.unless(endpoint.is_none_or(is_endpoint), path, message);
    let region = checkpoints.region.as_ref().is_none_or(|region| within(region, 63));
    faults.unless(region, "spec.checkpoints.region", "must have 1 to 63 characters");
    check_secrets(spec, faults);
    let retained = (1..=100).contains(&checkpoints.retained());
    faults.unless(retained, "spec.checkpoints.retained", "must be 1 to 100");
}

fn within(text: &str, len_max: usize) -> bool {
    (1..=len_max).contains(&text.chars().count())
}

fn is_endpoint(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let host = rest.map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    text.len() <= 1024 && host.is_some_and(|host| !host.is_empty() && !host.contains('/'))
}

/// The keys of Secrets.
fn check_secrets(spec: &StreamJobSpec, faults: &mut Faults) {
    let auth = spec.kafka.auth.as_ref();
    let tls = auth.and_then(|auth| auth.tls.as_ref());
    let sasl = auth.and_then(|auth| auth.sasl.as_ref());
    let of_kafka = [
        tls.and_then(|tls| tls.ca_secret_ref.as_ref()),
        tls.and_then(|tls| tls.certificate_secret_ref.as_ref()),
        tls.and_then(|tls| tls.key_secret_ref.as_ref()),
        sasl.map(|sasl| &sasl.username_secret_ref),
        sasl.map(|sasl| &sasl.password_secret_ref),
    ];
    let store = spec.checkpoints.credentials_secret_ref.as_ref();
    let of_store = store.map(|secret| [secret.access_key_id_key(), secret.secret_access_key_key()]);
    let is_key = |key: &str| {
        within(key, 253) && key.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c))
    };
    let message = "the key of a Secret has letters, digits, - . _ and at most 253 of them";
    let keys = of_kafka.into_iter().flatten().all(|secret| is_key(&secret.key));
    faults.unless(keys, "spec.kafka.auth", message);
    let keys = of_store.into_iter().flatten().all(is_key);
    faults.unless(keys, "spec.checkpoints.credentialsSecretRef", message);
}

fn check_lifecycle(spec: &StreamJobSpec, faults: &mut Faults) {
    let upgrade = &spec.upgrade;
    faults.unless(
        upgrade.mode() != UpgradeMode::Stateless || upgrade.acknowledge_state_loss.is_some(),
        "spec.upgrade",
        "mode Stateless gives state up: set acknowledgeStateLoss to status.plan.fingerprint",
    );
    if let Some(RestoreFrom::Manifest(address)) = &spec.restore_from {
        let rest = address.strip_prefix("s3://").or_else(|| address.strip_prefix("file://"));
        let known = rest.is_some_and(|rest| !rest.is_empty()) && within(address, 2048);
        let path = "spec.restoreFrom.manifest";
        faults.unless(known, path, "must be the address of a manifest, s3://… or file://…");
    }
    let meant = upgrade.acknowledge_state_loss.as_ref();
    let short = meant.is_none_or(|meant| meant.chars().count() <= 64);
    faults.unless(short, "spec.upgrade.acknowledgeStateLoss", "must have at most 64 characters");
    let kept = spec.savepoints.as_ref().map_or(1, crate::schedule::Savepoints::retained);
    let path = "spec.savepoints.retained";
    faults.unless((1..=100).contains(&kept), path, "must be 1 to 100");
    let interval = spec.commit.interval().get();
    let path = "spec.commit.interval";
    let bounded = (1..=60_000).contains(&interval.as_millis());
    faults.unless(bounded, path, "must be 1ms to 1m");
}
