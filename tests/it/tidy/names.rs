//! One word per idea; files are named for what they hold.

use super::sources::{self, require_none};

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &[
    "util", "utils", "common", "helper", "helpers", "manager", "managers", "data", "info", "misc",
    "stuff",
];

/// Words of other systems for ideas that have a name here, as they would stand in a type's name.
const FOREIGN_WORDS: &[(&str, &str)] = &[
    ("Barrier", "Commit or Checkpoint"),
    ("KeyGroup", "Shard"),
    ("TaskManager", "Worker"),
    ("JobManager", "operator"),
    ("Subtask", "Slot"),
    ("Shuffle", "Exchange"),
    ("Repartition", "Exchange"),
    ("Changelog", "Run"),
    ("Manager", "what it does"),
    ("Helper", "what it does"),
    ("Util", "what it does"),
];

#[test]
fn no_file_or_module_has_a_name_that_says_nothing() {
    let mut faults = Vec::new();
    for source in sources::rust() {
        let parts: Vec<&str> = source.path.trim_end_matches(".rs").split('/').collect();
        if let Some(part) = parts.iter().find(|part| EMPTY_NAMES.contains(part)) {
            faults.push(format!("{}: '{part}'", source.path));
        }
        if parts.last() == Some(&"mod") {
            faults.push(format!("{}: a module is a file with its own name", source.path));
        }
    }
    require_none("names that say nothing", &faults);
}

#[test]
fn types_use_the_words_of_the_design() {
    let mut faults = Vec::new();
    for source in sources::rust() {
        for (number, line) in source.text.lines().enumerate() {
            let Some(name) = type_name(line) else { continue };
            for (word, ours) in FOREIGN_WORDS {
                if name.contains(word) {
                    let place = format!("{}:{}", source.path, number + 1);
                    faults.push(format!("{place}: {name}; our word is {ours}"));
                }
            }
        }
    }
    require_none("foreign words in the names of types", &faults);
}

fn type_name(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    matches!(words.next()?, "struct" | "enum" | "trait").then(|| words.next())?
}

#[test]
fn every_file_says_what_it_holds() {
    let faults: Vec<String> = sources::rust()
        .into_iter()
        .filter(|source| !source.path.ends_with("/tests.rs") && !source.text.trim().is_empty())
        .filter(|source| !source.text.starts_with("//!"))
        .map(|source| source.path)
        .collect();
    require_none("files that do not start with what they are for", &faults);
}
