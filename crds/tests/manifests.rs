//! The committed manifests are what the types make today, and small enough to be applied.
#![allow(clippy::expect_used)]

use std::fs;
use std::path::Path;

#[test]
fn committed_manifests_are_current_and_small() {
    let folder = Path::new("manifests");
    for (name, want) in crds::manifests::manifests() {
        let committed = fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(committed == want, "{name} is stale: run `make manifests`");
        assert!(want.len() < 100_000, "{name} has {} bytes", want.len());
    }
    let files = fs::read_dir(folder).expect("the folder exists").count();
    assert_eq!(files, crds::manifests::manifests().len(), "files that no type makes");
}

#[test]
fn schemas_are_structural() {
    for (name, yaml) in crds::manifests::manifests() {
        for forbidden in ["oneOf:", "anyOf:", "$ref:", "patternProperties:", "default:", "uint"] {
            assert!(!yaml.contains(forbidden), "{name} contains {forbidden}");
        }
    }
}
