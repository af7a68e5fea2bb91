//! CEL and Rust say the same of every row of `rules/streamjobs.yaml`: both accept it or both refuse it. That the API
//! server does so too is tested in a cluster.
#![allow(clippy::expect_used)]

use kube_cel::{CompiledSchema, Validator, compile_schema};
use serde_json::Value;

fn table() -> Value {
    serde_norway::from_str(include_str!("rules/streamjobs.yaml")).expect("YAML")
}

/// The rules, compiled once.
struct Cel {
    validator: Validator,
    schema: CompiledSchema,
}

impl Cel {
    fn new() -> Self {
        let crd = crds::schema::stream_job_crd();
        let schema = compile_schema(crds::schema::root_schema(&crd).expect("a schema"));
        assert!(!schema.has_errors());
        Self { validator: Validator::new(), schema }
    }

    fn accepts(&self, new: &Value, old: Option<&Value>) -> bool {
        self.validator.validate_compiled(&self.schema, new, old).is_ok()
    }
}

/// The base with a value at a place; null takes the field away.
fn with(base: &Value, path: &str, value: &Value) -> Value {
    let mut job = base.clone();
    let (parent, field) = path.rsplit_once('/').expect("a path");
    match job.pointer_mut(parent).expect(path) {
        Value::Array(items) => items[field.parse::<usize>().expect(path)] = value.clone(),
        parent if value.is_null() => {
            parent.as_object_mut().expect("an object").remove(field);
        }
        parent => parent[field] = value.clone(),
    }
    job
}

fn rust_accepts(job: &Value) -> bool {
    let name = job["metadata"]["name"].as_str().unwrap_or_default();
    let parsed = serde_json::from_value::<crds::StreamJob>(job.clone());
    let valid = parsed.is_ok_and(|job| crds::validate_for_cluster(&job.spec).is_empty());
    valid && crds::JobName::new(name).is_ok()
}

/// Rules that schema patterns enforce are not here: this evaluates CEL alone.
#[test]
fn rules_agree() {
    let cel = Cel::new();
    let table = table();
    let base = &table["base"];
    let rows = table["rules"].as_array().expect("rows");
    assert!(rows.len() > 20);
    for row in rows {
        let (at, edit) = (row["at"].as_str().expect("a place"), row["edit"] == true);
        for (side, want) in [("keeps", true), ("breaks", false)] {
            for value in row[side].as_array().expect("values") {
                let job = with(base, at, value);
                let old = edit.then_some(base);
                assert_eq!(cel.accepts(&job, old), want, "CEL: {at} = {value}");
                // Only the API server knows what was before; and a field may be unset, too.
                if edit {
                    assert_eq!(cel.accepts(base, Some(&job)), want, "CEL: {at}, unset");
                } else {
                    assert_eq!(rust_accepts(&job), want, "Rust: {at} = {value}");
                }
            }
        }
    }
}

#[test]
fn other_fields_may_be_changed() {
    let cel = Cel::new();
    let base = &table()["base"];
    for (path, value) in [("/spec/parallelism", 9.into()), ("/spec/sql", "SELECT 1".into())] {
        let new = with(base, path, &value);
        assert!(cel.accepts(&new, Some(base)), "set {path}");
        assert!(cel.accepts(base, Some(&new)), "unset {path}");
    }
}
