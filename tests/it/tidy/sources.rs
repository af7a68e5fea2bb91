//! The sources of the checkout, read once for each test.

use std::fs;
use std::path::Path;

use tests::harness::tools::checkout;

/// Folders whose files are ours.
const ROOTS: &[&str] = &["crds", "operator", "worker", "tests", "charts", "docs", ".ci"];
/// Folders that hold what a build or a run made.
const SKIPPED: &[&str] = &["target", "node_modules", "__pycache__"];

/// A text file, its path relative to the checkout.
pub(super) struct Source {
    pub(super) path: String,
    pub(super) text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }

    /// Production code: neither tests, examples nor benchmarks.
    pub(super) fn is_production(&self) -> bool {
        let aside = ["/tests/", "/examples/", "/benches/"];
        !self.path.starts_with("tests/") && !aside.iter().any(|part| self.path.contains(part))
    }

    /// The text up to the unit tests, which come last in a file.
    pub(super) fn production(&self) -> &str {
        if !self.is_production() || self.path.ends_with("/tests.rs") {
            return "";
        }
        self.text.find("#[cfg(test)]\nmod ").map_or(&self.text, |end| &self.text[..end])
    }
}

/// All Rust files of ours.
pub(super) fn rust() -> Vec<Source> {
    let sources: Vec<Source> = all().into_iter().filter(Source::is_rust).collect();
    assert!(sources.len() > 50, "the checkout is not where it was built");
    sources
}

/// All text files of ours, those of the top folder too.
pub(super) fn all() -> Vec<Source> {
    let root = checkout();
    let mut found = Vec::new();
    for name in ROOTS {
        walk(&root, &root.join(name), &mut found);
    }
    for entry in fs::read_dir(&root).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        read(&root, &entry.path(), &mut found);
    }
    found
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if SKIPPED.iter().any(|skipped| name == *skipped) {
            continue;
        }
        if path.is_dir() {
            walk(root, &path, found);
        } else {
            read(root, &path, found);
        }
    }
}

fn read(root: &Path, path: &Path, found: &mut Vec<Source>) {
    // What is no text is not judged.
    let Ok(text) = fs::read_to_string(path) else { return };
    let path = path.strip_prefix(root).unwrap().display().to_string();
    found.push(Source { path, text });
}

/// Fails with one line per fault.
pub(super) fn require_none(what: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{what}:\n  {}", faults.join("\n  "));
}
