//! Every example is a valid object and is read back as it was written.
#![allow(clippy::expect_used)]

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

fn examples() -> Vec<(PathBuf, String)> {
    let mut files: Vec<PathBuf> = fs::read_dir("examples")
        .expect("the folder")
        .map(|entry| entry.expect("entry").path())
        .collect();
    files.sort();
    files.into_iter().map(|path| (path.clone(), fs::read_to_string(path).expect("text"))).collect()
}

#[test]
fn every_example_is_valid() {
    let mut jobs = 0;
    for (path, text) in examples() {
        let value: Value = serde_norway::from_str(&text).expect("YAML");
        if value["kind"] == "Savepoint" {
            serde_json::from_value::<crds::Savepoint>(value).expect("a savepoint");
            continue;
        }
        let job =
            crds::file::stream_job(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert_eq!(crds::validate_for_cluster(&job.spec), [], "{}", path.display());
        let written = serde_json::to_value(&job).expect("JSON");
        let again: crds::StreamJob = serde_json::from_value(written).expect("read back");
        assert_eq!(again.spec, job.spec, "{}", path.display());
        jobs += 1;
    }
    assert!(jobs >= 4);
}

#[test]
fn typing_errors_are_found() {
    let (_, text) = &examples()[0];
    let wrong = text.replace("bootstrapServers", "bootstrapServer");
    let error = crds::file::stream_job(&wrong).expect_err("an unknown field").to_string();
    assert_eq!(error, "unknown fields: spec.kafka.bootstrapServer");
}
