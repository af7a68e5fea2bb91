//! The chart carries the manifests of the types, and grants no more than it names.

use std::fs;
use std::path::Path;

#[test]
fn the_chart_has_the_current_manifests() {
    let folder = Path::new("../charts/streamjob/files/crds");
    for (name, want) in crds::manifests::manifests() {
        let found = fs::read_to_string(folder.join(name)).unwrap_or_default();
        assert!(found == want, "{name} in the chart is stale: run `make manifests`");
    }
    let files = fs::read_dir(folder).expect("the folder exists").count();
    assert_eq!(files, crds::manifests::manifests().len(), "files that no type makes");
}

#[test]
fn no_rule_grants_everything() {
    let folder = Path::new("../charts/streamjob/templates");
    let mut looked_at = 0;
    for name in ["_helpers.tpl", "rbac.yaml", "aggregate.yaml"] {
        let text = fs::read_to_string(folder.join(name)).expect("a template");
        for line in text.lines().filter(|line| {
            ["apiGroups:", "resources:", "verbs:"].iter().any(|word| line.contains(word))
        }) {
            looked_at += 1;
            assert!(!line.contains('*'), "{name}: {line}");
        }
    }
    assert!(looked_at > 10);
}
