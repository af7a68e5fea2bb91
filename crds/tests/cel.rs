//! CEL and Rust say the same: each case changes one field of a valid job, and both must accept or
//! both must refuse it.
#![allow(clippy::expect_used)]

use kube_cel::Validator;
use serde_json::{Value, json};

fn valid() -> Value {
    let text = include_str!("../examples/clicks-per-user.yaml");
    serde_norway::from_str(text).expect("YAML")
}

fn schema() -> Value {
    let crd = crds::schema::stream_job_crd();
    crds::schema::root_schema(&crd).expect("a schema").clone()
}

fn with(path: &str, value: Value) -> Value {
    let mut job = valid();
    let (parent, field) = path.rsplit_once('/').expect("a path");
    let parent = job.pointer_mut(parent).expect(path);
    if value.is_null() {
        parent.as_object_mut().expect("an object").remove(field);
    } else {
        parent[field] = value;
    }
    job
}

fn cel_accepts(new: &Value, old: Option<&Value>) -> bool {
    Validator::new().validate(&schema(), new, old).is_ok()
}

fn rust_accepts(job: &Value) -> bool {
    let parsed = serde_json::from_value::<crds::StreamJob>(job.clone());
    parsed.is_ok_and(|job| crds::validate_for_cluster(&job.spec).is_empty())
}

/// Rules that schema patterns enforce are not here: this evaluates CEL alone.
#[test]
fn rules_agree() {
    let column = |name: &str, of: &str| json!([{"name": name, "type": of}]);
    let also = |column: Value| json!([{"name": "event_time", "type": "TIMESTAMP"}, column]);
    let of =
        |metadata: &str, of: &str| also(json!({"name": "a", "type": of, "metadata": metadata}));
    let both = json!({"name": "a", "type": "VARCHAR", "path": ["b"], "metadata": "key"});
    let csv = |delimiter: &str, quote: &str, literal: &str| -> Value {
        json!({"csv": {"delimiter": delimiter, "quote": quote, "nullLiteral": literal}})
    };
    let more = |mut column: Value, more: Value| {
        let fields = column.as_object_mut().expect("a column");
        fields.extend(more.as_object().expect("fields").clone());
        also(column)
    };
    let header =
        |of: &str, with: Value| more(json!({"name": "a", "type": of, "header": "trace"}), with);
    let written = |of: &str, with: Value| {
        more(json!({"name": "a", "type": of, "format": "epochSeconds"}), with)
    };
    let cases = [
        ("/spec/sources/0/columns", also(json!({"name": "a", "type": "INT", "path": ["b"]})), true),
        ("/spec/sources/0/columns", also(both), false),
        ("/spec/sources/0/columns", of("key", "VARCHAR"), true),
        ("/spec/sources/0/columns", of("key", "BIGINT"), false),
        ("/spec/sources/0/columns", of("timestamp", "TIMESTAMP"), true),
        ("/spec/sources/0/columns", of("timestamp", "BIGINT"), false),
        ("/spec/sources/0/columns", of("partition", "INT"), true),
        ("/spec/sources/0/columns", of("partition", "BIGINT"), false),
        ("/spec/sources/0/columns", of("offset", "BIGINT"), true),
        ("/spec/sources/0/columns", of("offset", "VARCHAR"), false),
        ("/spec/sources/0/columns", header("VARCHAR", json!({})), true),
        ("/spec/sources/0/columns", header("BIGINT", json!({})), false),
        ("/spec/sources/0/columns", header("VARCHAR", json!({"path": ["b"]})), false),
        ("/spec/sources/0/columns", header("VARCHAR", json!({"metadata": "key"})), false),
        ("/spec/sources/0/columns", written("TIMESTAMP", json!({})), true),
        ("/spec/sources/0/columns", written("TIMESTAMP", json!({"path": ["b"]})), true),
        ("/spec/sources/0/columns", written("BIGINT", json!({})), false),
        ("/spec/sources/0/columns", written("TIMESTAMP", json!({"metadata": "timestamp"})), false),
        ("/spec/parallelism", json!(4), true),
        ("/spec/checkpoints/location", json!("file:///tmp/x"), false),
        ("/spec/checkpoints/location", json!("s3://other/prefix"), true),
        ("/spec/sinks/0/name", json!("clicks"), false),
        ("/spec/sources/0/columns", column("other", "TIMESTAMP"), false),
        ("/spec/sources/0/columns", column("event_time", "BIGINT"), false),
        ("/spec/sources/0/columns", column("event_time", "TIMESTAMP"), true),
        ("/spec/sources/0/watermark", Value::Null, true),
        ("/spec/sources/0/partitionedBy", json!(["user_id"]), true),
        ("/spec/sources/0/partitionedBy", json!(["nobody"]), false),
        ("/spec/sources/0/startFrom", json!({}), false),
        ("/spec/sources/0/startFrom", json!({"latest": {}}), true),
        ("/spec/sources/0/startFrom", json!({"latest": {}, "earliest": {}}), false),
        ("/spec/sources/0/startFrom", json!({"offsets": {"0": 12}}), true),
        ("/spec/sources/0/onBadRecord", json!({}), false),
        ("/spec/sources/0/onBadRecord", json!({"skip": {}}), true),
        ("/spec/sources/0/onBadRecord", json!({"skip": {}, "fail": {}}), false),
        ("/spec/sources/0/format", json!({}), false),
        ("/spec/sources/0/format", json!({"csv": {}}), true),
        ("/spec/sources/0/format", json!({"csv": {}, "json": {}}), false),
        ("/spec/sources/0/format", csv(";", "'", "\\N"), true),
        ("/spec/sources/0/format", csv(";", ";", ""), false),
        ("/spec/sources/0/format", json!({"csv": {"delimiter": "\""}}), false),
        ("/spec/sources/0/format", csv(";", "'", "a;b"), false),
        ("/spec/sources/0/format", csv(";", "'", "it's"), false),
        ("/spec/sources/0/format", json!({"csv": {"nullLiteral": ","}}), false),
        ("/spec/sources/0/format", json!({"csv": {"delimiter": ";", "nullLiteral": ","}}), true),
        ("/spec/sinks/0/format", csv("|", "|", ""), false),
        ("/spec/kafka/auth", json!({"tls": {}}), true),
        ("/spec/kafka/auth", json!({"tls": {"keySecretRef": {"name": "a", "key": "b"}}}), false),
        ("/spec/upgrade", json!({"mode": "Stateless"}), false),
        ("/spec/upgrade", json!({"mode": "Stateless", "acknowledgeStateLoss": "x"}), true),
        ("/spec/restoreFrom", json!({}), false),
        ("/spec/restoreFrom", json!({"savepoint": "x"}), true),
        ("/spec/commit", json!({"interval": "50ms"}), true),
        ("/spec/commit", json!({"interval": "0s"}), false),
        ("/spec/commit", json!({"interval": "2m"}), false),
    ];
    for (path, value, want) in cases {
        let job = with(path, value.clone());
        assert_eq!(cel_accepts(&job, None), want, "CEL: {path} = {value}");
        assert_eq!(rust_accepts(&job), want, "Rust: {path} = {value}");
    }
}

#[test]
fn a_column_of_csv_has_no_path() {
    for (column, want) in [
        (json!({"name": "event_time", "type": "TIMESTAMP", "path": ["a"]}), false),
        (json!({"name": "event_time", "type": "TIMESTAMP", "metadata": "timestamp"}), true),
    ] {
        let mut job = with("/spec/sources/0/columns", json!([column]));
        job["spec"]["sources"][0]["format"] = json!({"csv": {}});
        assert_eq!(cel_accepts(&job, None), want, "CEL: {column}");
        assert_eq!(rust_accepts(&job), want, "Rust: {column}");
    }
}

#[test]
fn names_are_checked_by_cel() {
    let long = "a".repeat(45);
    for (name, want) in [("a", true), ("a-1", true), ("1a", false), ("a.b", false), (&long, false)]
    {
        let job = with("/metadata/name", json!(name));
        assert_eq!(cel_accepts(&job, None), want, "{name}");
        assert_eq!(crds::JobName::new(name).is_ok(), want, "{name}");
    }
}

#[test]
fn fixed_fields_cannot_be_changed() {
    let cases = [
        ("/spec/maxParallelism", json!(8), false),
        ("/spec/kafka/internalPrefix", json!("other"), false),
        ("/spec/checkpoints/location", json!("s3://elsewhere"), false),
        ("/spec/parallelism", json!(9), true),
        ("/spec/sql", json!("INSERT INTO counts SELECT 1"), true),
    ];
    for (path, value, want) in cases {
        let new = with(path, value);
        assert_eq!(cel_accepts(&new, Some(&valid())), want, "set {path}");
        assert_eq!(cel_accepts(&valid(), Some(&new)), want, "unset {path}");
    }
}
