//! Every field of the spec, and what follows from a change of it. The list is held to the schema.

use std::collections::{BTreeMap, BTreeSet};

use crds::StreamJobStatus;
use crds::schema::{root_schema, stream_job_crd};
use operator::machine::End;
use operator::validate::{Target, target};
use serde_json::{Value, json};

use crate::objects::job;
use crate::plan_table::{observed, settings};

/// What follows from a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The planner is asked, and other pods take over.
    Query,
    /// The planner is asked; pods stay where its answer is the same.
    Planned,
    /// Other pods take over.
    Pods,
    /// Another number of pods takes over.
    Number,
    /// The job comes to rest, or goes on.
    Rest,
    /// No pod moves: the operator reads it when it comes to it.
    Operator,
}

/// A field: its path in the schema, the place that is written, two values for it as JSON, what follows.
pub(crate) type Field = (&'static str, &'static str, [&'static str; 2], Effect);

use Effect::{Number, Operator, Planned, Pods, Query, Rest};

const KEYS: &str = "/checkpoints/credentialsSecretRef";
const TLS: &str = "/kafka/auth/tls";
const SASL: &str = "/kafka/auth/sasl";
const FORMAT: &str = "/sources/0/format";
const COLUMN: &str = "/sources/0/columns/1";

#[rustfmt::skip]
pub(crate) const FIELDS: &[Field] = &[
    ("checkpoints.credentialsSecretRef.accessKeyIdKey", KEYS, [r#"{"name":"s","accessKeyIdKey":"a"}"#, r#"{"name":"s","accessKeyIdKey":"b"}"#], Query),
    ("checkpoints.credentialsSecretRef.name", KEYS, [r#"{"name":"s"}"#, r#"{"name":"t"}"#], Query),
    ("checkpoints.credentialsSecretRef.secretAccessKeyKey", KEYS, [r#"{"name":"s","secretAccessKeyKey":"a"}"#, r#"{"name":"s","secretAccessKeyKey":"b"}"#], Query),
    ("checkpoints.endpoint", "/checkpoints/endpoint", [r#""http://a:9000""#, r#""http://b:9000""#], Query),
    ("checkpoints.interval", "/checkpoints/interval", [r#""10s""#, r#""20s""#], Pods),
    ("checkpoints.location", "/checkpoints/location", [r#""s3://bucket/prefix""#, r#""s3://bucket/other""#], Query),
    ("checkpoints.pathStyle", "/checkpoints/pathStyle", ["true", "false"], Query),
    ("checkpoints.region", "/checkpoints/region", [r#""eu-west-1""#, r#""eu-west-2""#], Query),
    ("checkpoints.retained", "/checkpoints/retained", ["2", "5"], Pods),
    ("checkpoints.timeout", "/checkpoints/timeout", [r#""5m""#, r#""6m""#], Pods),
    ("commit.interval", "/commit/interval", [r#""200ms""#, r#""300ms""#], Pods),
    ("deletion.deadline", "/deletion/deadline", [r#""1m""#, r#""2m""#], Operator),
    ("deletion.policy", "/deletion/policy", [r#""Keep""#, r#""Delete""#], Operator),
    ("deletion.savepoint", "/deletion/savepoint", ["true", "false"], Operator),
    ("delivery", "/delivery", [r#""ExactlyOnce""#, r#""AtLeastOnce""#], Query),
    ("kafka.auth.sasl.mechanism", SASL, [r#"{"mechanism":"PLAIN","usernameSecretRef":{"name":"s","key":"u"},"passwordSecretRef":{"name":"s","key":"p"}}"#, r#"{"mechanism":"SCRAM-SHA-256","usernameSecretRef":{"name":"s","key":"u"},"passwordSecretRef":{"name":"s","key":"p"}}"#], Query),
    ("kafka.auth.sasl.passwordSecretRef.key", SASL, [r#"{"mechanism":"PLAIN","usernameSecretRef":{"name":"s","key":"u"},"passwordSecretRef":{"name":"s","key":"p"}}"#, r#"{"mechanism":"PLAIN","usernameSecretRef":{"name":"s","key":"u"},"passwordSecretRef":{"name":"s","key":"q"}}"#], Query),
    ("kafka.auth.sasl.passwordSecretRef.name", SASL, [r#"{"mechanism":"PLAIN","usernameSecretRef":{"name":"s","key":"u"},"passwordSecretRef":{"name":"s","key":"p"}}"#, r#"{"mechanism":"PLAIN","usernameSecretRef":{"name":"s","key":"u"},"passwordSecretRef":{"name":"t","key":"p"}}"#], Query),
    ("kafka.auth.sasl.usernameSecretRef.key", SASL, [r#"{"mechanism":"PLAIN","usernameSecretRef":{"name":"s","key":"u"},"passwordSecretRef":{"name":"s","key":"p"}}"#, r#"{"mechanism":"PLAIN","usernameSecretRef":{"name":"s","key":"v"},"passwordSecretRef":{"name":"s","key":"p"}}"#], Query),
    ("kafka.auth.sasl.usernameSecretRef.name", SASL, [r#"{"mechanism":"PLAIN","usernameSecretRef":{"name":"s","key":"u"},"passwordSecretRef":{"name":"s","key":"p"}}"#, r#"{"mechanism":"PLAIN","usernameSecretRef":{"name":"t","key":"u"},"passwordSecretRef":{"name":"s","key":"p"}}"#], Query),
    ("kafka.auth.tls.caSecretRef.key", TLS, [r#"{"caSecretRef":{"name":"s","key":"a"}}"#, r#"{"caSecretRef":{"name":"s","key":"b"}}"#], Query),
    ("kafka.auth.tls.caSecretRef.name", TLS, [r#"{"caSecretRef":{"name":"s","key":"a"}}"#, r#"{"caSecretRef":{"name":"t","key":"a"}}"#], Query),
    ("kafka.auth.tls.certificateSecretRef.key", TLS, [r#"{"certificateSecretRef":{"name":"s","key":"a"},"keySecretRef":{"name":"s","key":"k"}}"#, r#"{"certificateSecretRef":{"name":"s","key":"b"},"keySecretRef":{"name":"s","key":"k"}}"#], Query),
    ("kafka.auth.tls.certificateSecretRef.name", TLS, [r#"{"certificateSecretRef":{"name":"s","key":"a"},"keySecretRef":{"name":"s","key":"k"}}"#, r#"{"certificateSecretRef":{"name":"t","key":"a"},"keySecretRef":{"name":"s","key":"k"}}"#], Query),
    ("kafka.auth.tls.keySecretRef.key", TLS, [r#"{"certificateSecretRef":{"name":"s","key":"a"},"keySecretRef":{"name":"s","key":"k"}}"#, r#"{"certificateSecretRef":{"name":"s","key":"a"},"keySecretRef":{"name":"s","key":"l"}}"#], Query),
    ("kafka.auth.tls.keySecretRef.name", TLS, [r#"{"certificateSecretRef":{"name":"s","key":"a"},"keySecretRef":{"name":"s","key":"k"}}"#, r#"{"certificateSecretRef":{"name":"s","key":"a"},"keySecretRef":{"name":"t","key":"k"}}"#], Query),
    ("kafka.bootstrapServers", "/kafka/bootstrapServers", [r#""a:9092""#, r#""b:9092""#], Query),
    ("kafka.internalPrefix", "/kafka/internalPrefix", [r#""a""#, r#""b""#], Query),
    ("maxParallelism", "/maxParallelism", ["16", "32"], Query),
    ("parallelism", "/parallelism", ["1", "3"], Number),
    ("restoreFrom.manifest", "/restoreFrom", [r#"{"manifest":"s3://b/a"}"#, r#"{"manifest":"s3://b/b"}"#], Planned),
    ("restoreFrom.savepoint", "/restoreFrom", [r#"{"savepoint":"a"}"#, r#"{"savepoint":"b"}"#], Planned),
    ("savepoints.maxAge", "/savepoints", [r#"{"schedule":"0 0 1 1 *","maxAge":"1d"}"#, r#"{"schedule":"0 0 1 1 *","maxAge":"2d"}"#], Operator),
    ("savepoints.retained", "/savepoints", [r#"{"schedule":"0 0 1 1 *","retained":1}"#, r#"{"schedule":"0 0 1 1 *","retained":2}"#], Operator),
    ("savepoints.schedule", "/savepoints", [r#"{"schedule":"0 0 1 1 *"}"#, r#"{"schedule":"0 0 2 1 *"}"#], Operator),
    ("sinks[].format.csv.delimiter", "/sinks/0/format", [r#"{"csv":{"delimiter":";"}}"#, r#"{"csv":{"delimiter":"|"}}"#], Query),
    ("sinks[].format.csv.nullLiteral", "/sinks/0/format", [r#"{"csv":{"nullLiteral":"-"}}"#, r#"{"csv":{"nullLiteral":"NULL"}}"#], Query),
    ("sinks[].format.csv.quote", "/sinks/0/format", [r#"{"csv":{"quote":"'"}}"#, r#"{"csv":{"quote":"|"}}"#], Query),
    ("sinks[].format.json", "/sinks/0/format", [r#"{"json":{}}"#, r#"{"csv":{}}"#], Query),
    ("sinks[].key[]", "/sinks/0/key", [r#"["user_id"]"#, r#"["user_id","page"]"#], Query),
    ("sinks[].name", "/sinks/0/name", [r#""out""#, r#""result""#], Query),
    ("sinks[].topic", "/sinks/0/topic", [r#""out""#, r#""result""#], Query),
    ("sources[].columns[].format", COLUMN, [r#"{"name":"page","type":"TIMESTAMP","format":"iso8601"}"#, r#"{"name":"page","type":"TIMESTAMP","format":"epochMillis"}"#], Query),
    ("sources[].columns[].header", COLUMN, [r#"{"name":"page","type":"VARCHAR","header":"a"}"#, r#"{"name":"page","type":"VARCHAR","header":"b"}"#], Query),
    ("sources[].columns[].metadata", COLUMN, [r#"{"name":"page","type":"BIGINT","metadata":"offset"}"#, r#"{"name":"page","type":"BIGINT"}"#], Query),
    ("sources[].columns[].name", COLUMN, [r#"{"name":"page","type":"VARCHAR"}"#, r#"{"name":"side","type":"VARCHAR"}"#], Query),
    ("sources[].columns[].path[]", COLUMN, [r#"{"name":"page","type":"VARCHAR","path":["a"]}"#, r#"{"name":"page","type":"VARCHAR","path":["a","b"]}"#], Query),
    ("sources[].columns[].type", COLUMN, [r#"{"name":"page","type":"VARCHAR"}"#, r#"{"name":"page","type":"BIGINT"}"#], Query),
    ("sources[].format.csv.delimiter", FORMAT, [r#"{"csv":{"delimiter":";"}}"#, r#"{"csv":{"delimiter":"|"}}"#], Query),
    ("sources[].format.csv.nullLiteral", FORMAT, [r#"{"csv":{"nullLiteral":"-"}}"#, r#"{"csv":{"nullLiteral":"NULL"}}"#], Query),
    ("sources[].format.csv.quote", FORMAT, [r#"{"csv":{"quote":"'"}}"#, r#"{"csv":{"quote":"|"}}"#], Query),
    ("sources[].format.json", FORMAT, [r#"{"json":{}}"#, r#"{"csv":{}}"#], Query),
    ("sources[].name", "/sources/0/name", [r#""clicks""#, r#""views""#], Query),
    ("sources[].onBadRecord.deadLetter.topic", "/sources/0/onBadRecord", [r#"{"deadLetter":{"topic":"a"}}"#, r#"{"deadLetter":{"topic":"b"}}"#], Query),
    ("sources[].onBadRecord.fail", "/sources/0/onBadRecord", [r#"{"fail":{}}"#, r#"{"skip":{}}"#], Query),
    ("sources[].onBadRecord.skip", "/sources/0/onBadRecord", [r#"{"skip":{}}"#, r#"{"fail":{}}"#], Query),
    ("sources[].partitionedBy[]", "/sources/0/partitionedBy", [r#"["user_id"]"#, r#"["page"]"#], Query),
    ("sources[].startFrom.earliest", "/sources/0/startFrom", [r#"{"earliest":{}}"#, r#"{"latest":{}}"#], Query),
    ("sources[].startFrom.latest", "/sources/0/startFrom", [r#"{"latest":{}}"#, r#"{"earliest":{}}"#], Query),
    ("sources[].startFrom.offsets{}", "/sources/0/startFrom", [r#"{"offsets":{"0":1}}"#, r#"{"offsets":{"0":2}}"#], Query),
    ("sources[].startFrom.timestamp.at", "/sources/0/startFrom", [r#"{"timestamp":{"at":"2027-01-01T00:00:00Z"}}"#, r#"{"timestamp":{"at":"2027-01-02T00:00:00Z"}}"#], Query),
    ("sources[].topic", "/sources/0/topic", [r#""clicks""#, r#""views""#], Query),
    ("sources[].watermark.column", "/sources/0/watermark", [r#"{"column":"at","delay":"1s"}"#, r#"{"column":"then","delay":"1s"}"#], Query),
    ("sources[].watermark.delay", "/sources/0/watermark", [r#"{"column":"at","delay":"1s"}"#, r#"{"column":"at","delay":"2s"}"#], Query),
    ("sources[].watermark.idleTimeout", "/sources/0/watermark", [r#"{"column":"at","delay":"1s","idleTimeout":"30s"}"#, r#"{"column":"at","delay":"1s","idleTimeout":"40s"}"#], Query),
    ("sources[].watermark.maxDrift", "/sources/0/watermark", [r#"{"column":"at","delay":"1s","maxDrift":"5m"}"#, r#"{"column":"at","delay":"1s","maxDrift":"6m"}"#], Pods),
    ("sources[].watermark.maxFuture", "/sources/0/watermark", [r#"{"column":"at","delay":"1s","maxFuture":"1h"}"#, r#"{"column":"at","delay":"1s","maxFuture":"2h"}"#], Query),
    ("sql", "/sql", [r#""INSERT INTO out SELECT 1""#, r#""INSERT INTO out SELECT 2""#], Query),
    ("state", "/state", [r#""Suspended""#, r#""Running""#], Rest),
    ("upgrade.acknowledgeStateLoss", "/upgrade/acknowledgeStateLoss", [r#""a""#, r#""b""#], Planned),
    ("upgrade.mode", "/upgrade", [r#"{"mode":"Stateless","acknowledgeStateLoss":"a"}"#, r#"{"mode":"Savepoint","acknowledgeStateLoss":"a"}"#], Planned),
    ("upgrade.surge", "/upgrade/surge", ["true", "false"], Operator),
    ("worker.image", "/worker/image", [r#""worker:2""#, r#""worker:3""#], Query),
    ("worker.imagePullPolicy", "/worker/imagePullPolicy", [r#""Always""#, r#""Never""#], Pods),
    ("worker.imagePullSecrets[].name", "/worker/imagePullSecrets", [r#"[{"name":"a"}]"#, r#"[{"name":"b"}]"#], Pods),
    ("worker.podOverrides", "/worker/podOverrides", [r#"{"metadata":{"labels":{"a":"1"}}}"#, r#"{"metadata":{"labels":{"a":"2"}}}"#], Pods),
    ("worker.resources.limits{}", "/worker/resources", [r#"{"limits":{"cpu":"1","memory":"2Gi"}}"#, r#"{"limits":{"cpu":"1","memory":"3Gi"}}"#], Pods),
    ("worker.resources.requests{}", "/worker/resources", [r#"{"requests":{"cpu":"100m"}}"#, r#"{"requests":{"cpu":"200m"}}"#], Pods),
    ("worker.serviceAccountName", "/worker/serviceAccountName", [r#""a""#, r#""b""#], Pods),
    ("worker.storage.size", "/worker/storage", [r#"{"size":"1Gi"}"#, r#"{"size":"2Gi"}"#], Pods),
    ("worker.storage.storageClassName", "/worker/storage", [r#"{"size":"1Gi","storageClassName":"a"}"#, r#"{"size":"1Gi","storageClassName":"b"}"#], Pods),
];

/// A job that every field of the list can be set in.
pub(crate) fn base() -> Value {
    let mut job = job(2);
    job["spec"]["sources"][0]["columns"] = json!([
        {"name": "user_id", "type": "BIGINT"},
        {"name": "page", "type": "VARCHAR"},
        {"name": "at", "type": "TIMESTAMP"},
        {"name": "then", "type": "TIMESTAMP"},
    ]);
    job
}

/// Writes one of the values of a field; `null` takes it away.
pub(crate) fn set(spec: &mut Value, field: &Field, value: usize) {
    let (_, place, values, _) = field;
    let value: Value = serde_json::from_str(values[value]).expect("JSON");
    let mut at = spec;
    let words: Vec<&str> = place.trim_start_matches('/').split('/').collect();
    for word in &words[..words.len() - 1] {
        at = match word.parse::<usize>() {
            Ok(index) => &mut at[index],
            Err(_) => &mut at[*word],
        };
    }
    match (words[words.len() - 1], value) {
        ("1", value) => at[1] = value,
        (last, Value::Null) => drop(at.as_object_mut().and_then(|fields| fields.remove(last))),
        (last, value) => at[last] = value,
    }
}

/// Every field of a schema that has none below it.
fn leaves(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    let fields = schema["properties"].as_object();
    if let Some(fields) = fields.filter(|fields| !fields.is_empty()) {
        for (name, inner) in fields {
            let dot = if path.is_empty() { "" } else { "." };
            leaves(inner, &format!("{path}{dot}{name}"), found);
        }
    } else if schema["items"].is_object() {
        leaves(&schema["items"], &format!("{path}[]"), found);
    } else if schema["additionalProperties"].is_object() {
        leaves(&schema["additionalProperties"], &format!("{path}{{}}"), found);
    } else {
        found.insert(path.to_owned());
    }
}

/// The values of every field of a spec, by its path in the schema.
fn values(schema: &Value, value: &Value, path: &str, found: &mut BTreeMap<String, Vec<Value>>) {
    let inner = schema["properties"].as_object().filter(|fields| !fields.is_empty());
    match (value, inner) {
        (Value::Object(given), Some(fields)) => {
            for (name, value) in given {
                let dot = if path.is_empty() { "" } else { "." };
                values(&fields[name], value, &format!("{path}{dot}{name}"), found);
            }
        }
        (Value::Array(items), _) => {
            let path = format!("{path}[]");
            for item in items {
                values(&schema["items"], item, &path, found);
            }
        }
        (Value::Object(given), None) if schema["additionalProperties"].is_object() => {
            let path = format!("{path}{{}}");
            found.entry(path).or_default().push(json!(given));
        }
        (plain, _) => found.entry(path.to_owned()).or_default().push(plain.clone()),
    }
}

fn spec_schema() -> Value {
    let crd = stream_job_crd();
    root_schema(&crd).expect("a schema")["properties"]["spec"].clone()
}

#[test]
fn every_field_of_the_spec_is_in_the_list() {
    let mut wanted = BTreeSet::new();
    leaves(&spec_schema(), "", &mut wanted);
    let found: BTreeSet<String> = FIELDS.iter().map(|field| field.0.to_owned()).collect();
    assert_eq!(found, wanted);
}

#[test]
fn every_field_has_the_effect_that_the_list_says() {
    let schema = spec_schema();
    for field in FIELDS {
        let specs = [0, 1].map(|value| {
            let mut job = base();
            set(&mut job["spec"], field, value);
            job
        });
        let [a, b] = [0, 1].map(|place| {
            let mut found = BTreeMap::new();
            values(&schema, &specs[place]["spec"], "", &mut found);
            found
        });
        let paths: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
        let different: Vec<&String> =
            paths.into_iter().filter(|p| a.get(*p) != b.get(*p)).collect();
        assert!(different.iter().any(|path| *path == field.0), "{}: {different:?}", field.0);
        // The other side of a choice is another field.
        let choice = field.1.rsplit('/').next().unwrap();
        let beside = different.iter().filter(|path| !path.contains(choice)).count();
        assert!(beside == 0 || field.1 == COLUMN, "{}: {different:?}", field.0);
        let [a, b] = specs.map(|job| wanted(&job));
        assert_eq!(effect(&a, &b), Some(field.3), "{}", field.0);
    }
}

fn wanted(job: &Value) -> Target {
    target(&observed(job, StreamJobStatus::default()), &settings())
        .unwrap_or_else(|invalid| panic!("{}: {job:#}", invalid.message))
}

/// What follows from a change of one spec to another.
fn effect(a: &Target, b: &Target) -> Option<Effect> {
    let read = |target: &Target| {
        let spec = &target.spec;
        (End::of(Some(spec)), spec.upgrade.surge(), spec.savepoints.clone())
    };
    if a.suspended() != b.suspended() {
        return Some(Rest);
    }
    match (a.plan_digest != b.plan_digest, a.pods_digest != b.pods_digest) {
        (true, true) => Some(Query),
        (true, false) => Some(Planned),
        (false, true) => Some(Pods),
        (false, false) if a.spec.parallelism != b.spec.parallelism => Some(Number),
        (false, false) => (read(a) != read(b)).then_some(Operator),
    }
}
