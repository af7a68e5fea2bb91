//! Who may import whom.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;
use tests::harness::tools::checkout;

use super::sources::{self, require_none};

/// Crates of ours that each may name.
const MATRIX: &[(&str, &[&str])] = &[
    ("crds", &[]),
    ("protocol", &[]),
    ("dataflow", &["protocol"]),
    ("formats", &["protocol"]),
    ("sql", &["dataflow", "protocol"]),
    ("state", &["dataflow", "protocol"]),
    ("connectors", &["protocol", "formats"]),
    ("devbroker", &[]),
    (
        "worker",
        &["crds", "protocol", "sql", "dataflow", "state", "formats", "connectors", "devbroker"],
    ),
    ("operator", &["crds", "protocol"]),
    ("kubectl", &["crds", "protocol"]),
];

/// Outside crates that only some files may name.
const FENCED: &[(&str, &[&str])] = &[
    (
        "rdkafka",
        &[
            "worker/connectors/src/kafka",
            "worker/connectors/tests/it/foreign.rs",
            "worker/devbroker/tests/",
        ],
    ),
    ("rdkafka_sys", &["worker/connectors/src/kafka"]),
    ("object_store", &["worker/connectors/src/store"]),
    ("rocksdb", &["worker/state/src/rocks"]),
    ("kube", &["operator/"]),
    ("kafka_protocol", &["worker/devbroker/"]),
];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline", "--locked"])
        .current_dir(checkout())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Our crates by short name, each with the crates of ours that its code (not its tests) needs.
fn crates(metadata: &Value) -> BTreeMap<String, Vec<String>> {
    let short = |name: &str| name.strip_prefix("streamjob-").map(str::to_owned);
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let needs = package["dependencies"].as_array().unwrap();
            let needs = needs.iter().filter(|need| need["kind"].is_null());
            let needs = needs.filter_map(|need| short(need["name"].as_str()?)).collect();
            (short(package["name"].as_str().unwrap()).unwrap(), needs)
        })
        .collect()
}

#[test]
fn crates_import_only_what_the_matrix_allows() {
    let mut faults = Vec::new();
    for (name, needs) in crates(&metadata()) {
        if name == "tests" {
            continue;
        }
        match MATRIX.iter().find(|(known, _)| *known == name) {
            None => faults.push(format!("crate {name} has no row in the matrix")),
            Some((_, allowed)) => faults.extend(
                needs
                    .iter()
                    .filter(|need| !allowed.contains(&need.as_str()))
                    .map(|need| format!("{name} imports {need}")),
            ),
        }
    }
    require_none("imports against the matrix", &faults);
}

#[test]
fn clients_of_outside_systems_stay_in_their_files() {
    let mut faults = Vec::new();
    for source in sources::rust().iter().filter(|source| !source.path.starts_with("tests/")) {
        for (name, allowed) in FENCED {
            if allowed.iter().any(|prefix| source.path.starts_with(prefix)) {
                continue;
            }
            for (number, line) in source.text.lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                if names_crate(code, name) {
                    faults.push(format!("{}:{} names {name}", source.path, number + 1));
                }
            }
        }
    }
    require_none("outside crates named where they may not be", &faults);
}

/// What a simulation of the slot loop and the planner could not answer (docs/decisions/0009).
const MACHINE: &[&str] =
    &["Instant::now", ".elapsed()", "SystemTime", "thread::", "recv_timeout", "getrandom"];

#[test]
fn what_is_simulated_asks_for_time_and_turns_where_a_simulation_can_answer() {
    let mut faults = Vec::new();
    let simulated = ["worker/src/slot", "worker/src/planning"];
    let is_simulated = |path: &str| simulated.iter().any(|folder| path.starts_with(folder));
    for source in sources::rust().iter().filter(|s| is_simulated(&s.path)) {
        for (number, line) in source.production().lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(word) = MACHINE.iter().find(|word| code.contains(**word)) {
                faults.push(format!("{}:{} {word}", source.path, number + 1));
            }
        }
    }
    require_none("the machine's own clock or threads in what is simulated", &faults);
}

/// `name::` or `use name;`, not as the end of a longer name.
fn names_crate(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    code.match_indices(&path).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        before.is_none_or(|before| !before.is_alphanumeric() && !"_:/\"".contains(before))
    })
}

#[test]
fn a_crate_is_named_by_its_path_and_not_by_part_of_a_word() {
    assert!(names_crate("use rdkafka::Offset;", "rdkafka"));
    assert!(names_crate("fn f(x: rdkafka::Offset)", "rdkafka"));
    assert!(!names_crate("use my_rdkafka::Offset;", "rdkafka"));
    assert!(!names_crate("use crate::kube::Thing;", "kube"));
}
