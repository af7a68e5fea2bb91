//! What an operator has written before, this one reads: a status is its memory, and an upgrade of the operator must
//! not lose it. The files in `written` are what the first release writes; they are added to, never changed.
#![allow(clippy::expect_used)]

use std::collections::BTreeSet;
use std::fs;

use crds::{SavepointStatus, StreamJobStatus};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn written(name: &str) -> Value {
    let text = fs::read_to_string(format!("tests/written/{name}.json")).expect("the file exists");
    serde_json::from_str(&text).expect("it is JSON")
}

fn read<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).expect("this operator reads it")
}

/// With every field: nothing of it is passed over or changed.
fn reads_all<T: DeserializeOwned + Serialize>(name: &str) {
    let value = written(name);
    let status: T = read(&value);
    assert_eq!(serde_json::to_value(&status).expect("plain data"), value, "{name}");
}

/// With the fields that were there from the beginning and no others: what is added must not be required.
fn reads_least<T: DeserializeOwned>(name: &str) {
    let _: T = read(&Value::Object(serde_json::Map::default()));
    let _: T = read(&written(name));
}

/// The paths of everything that a schema names; lists are passed through.
fn named(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        named(inner, &path, found);
        named(&inner["items"], &path, found);
        found.insert(path);
    }
}

fn present(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                let path = format!("{path}.{name}");
                present(inner, &path, found);
                found.insert(path);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| present(value, path, found)),
        _ => {}
    }
}

/// Of the fields in the manifest, those that no file has.
fn unwritten(manifest: &str, name: &str) -> Vec<String> {
    let manifests = crds::manifests::manifests();
    let (_, yaml) = manifests.iter().find(|(file, _)| *file == manifest).expect("it is made");
    let crd: Value = serde_norway::from_str(yaml).expect("it is YAML");
    let (mut schema, mut file) = (BTreeSet::new(), BTreeSet::new());
    let status = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"];
    named(status, "", &mut schema);
    present(&written(name), "", &mut file);
    assert!(schema.len() > 10, "{schema:?}");
    schema.difference(&file).cloned().collect()
}

#[test]
fn a_status_of_an_earlier_operator_is_read_whole() {
    reads_all::<StreamJobStatus>("streamjob-status");
    reads_all::<SavepointStatus>("savepoint-status");
}

#[test]
fn fields_that_an_earlier_operator_did_not_know_may_be_missing() {
    reads_least::<StreamJobStatus>("streamjob-status-least");
    reads_least::<SavepointStatus>("savepoint-status-least");
}

#[test]
fn every_field_of_a_status_is_in_the_files() {
    assert_eq!(unwritten("streamjobs.yaml", "streamjob-status"), Vec::<String>::new());
    assert_eq!(unwritten("savepoints.yaml", "savepoint-status"), Vec::<String>::new());
}
