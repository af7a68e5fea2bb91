//! What may not stand in the code, and what must lie beside it.

use std::fs;

use tests::harness::tools::checkout;

use super::sources::{self, require_none};

/// In production code, wherever a lint could be silenced.
const FORBIDDEN_CODE: &[&str] = &[".unwrap()", "todo!(", "unimplemented!(", "dbg!(", "println!("];

/// Folders with one frozen file per serialized format.
const GOLDEN: &[&str] =
    &["worker/protocol/golden", "worker/formats/tests/golden", "worker/state/tests/golden"];

/// Places of the machine that something was written on.
fn foreign_places() -> [String; 4] {
    // Put together here, so that this file does not name them.
    ["work/shared", "root/", "home/", "tmp/sj"].map(|place| format!("/{place}"))
}

#[test]
fn production_code_neither_unwraps_nor_prints_nor_leaves_work_undone() {
    let mut faults = Vec::new();
    for source in sources::rust() {
        for (number, line) in source.production().lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            let found = FORBIDDEN_CODE.iter().filter(|word| code.contains(**word));
            faults.extend(found.map(|word| format!("{}:{}: {word}", source.path, number + 1)));
        }
    }
    require_none("words that production code may not hold", &faults);
}

#[test]
fn nothing_is_left_to_do() {
    let words = ["TO", "FIX", "X"].map(|start| match start {
        "TO" => "TODO".to_owned(),
        "FIX" => format!("{start}ME"),
        _ => format!("{start}XX:"),
    });
    let mut faults = Vec::new();
    for source in sources::rust() {
        if source.path.ends_with("tidy/words.rs") {
            continue;
        }
        for (number, line) in source.text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                faults.push(format!("{}:{}", source.path, number + 1));
            }
        }
    }
    require_none("notes about work to be done", &faults);
}

#[test]
fn nothing_needs_the_machine_it_was_written_on() {
    let mut faults = Vec::new();
    for source in sources::all() {
        for (number, line) in source.text.lines().enumerate() {
            if foreign_places().iter().any(|place| names_place(line, place)) {
                faults.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    require_none("paths of one machine", &faults);
}

/// The place at the start of a path, not inside a longer one such as `/proc/1/root/`.
fn names_place(line: &str, place: &str) -> bool {
    line.match_indices(place).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|before| !before.is_alphanumeric() && !"}$)_-.".contains(before))
    })
}

#[test]
fn every_frozen_file_is_held_by_a_test() {
    let sources = sources::rust();
    let mut faults = Vec::new();
    for folder in GOLDEN {
        let entries: Vec<_> = fs::read_dir(checkout().join(folder)).unwrap().flatten().collect();
        assert!(!entries.is_empty(), "{folder} is empty");
        for entry in entries {
            let name = entry.file_name().display().to_string();
            if !sources.iter().any(|source| source.text.contains(&name)) {
                faults.push(format!("{folder}/{name}"));
            }
        }
    }
    require_none("frozen files that no test reads", &faults);
}
