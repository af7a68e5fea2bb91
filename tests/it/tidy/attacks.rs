//! `docs/attacks.md`: no attack is missing, and what shows that each is answered is there.

use std::collections::BTreeSet;
use std::fs;

use tests::harness::tools::checkout;

use super::sources::{self, require_none};

const PAGE: &str = "docs/attacks.md";
const REMOVALS: &str = "tests/model/removals.rs";
const BREACHES: &str = "tests/it/sabotage/breaches.rs";

/// A row of a table: its id, and the names in its last column.
struct Attack {
    id: String,
    shown_by: Vec<String>,
}

fn attacks() -> Vec<Attack> {
    let page = fs::read_to_string(checkout().join(PAGE)).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| A") || line.starts_with("| T"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 4, "{row}");
        // What is quoted stands at the odd places.
        let shown_by = cells[3].split('`').skip(1).step_by(2).map(str::to_owned).collect();
        Attack { id: cells[0].to_owned(), shown_by }
    })
    .collect()
}

/// The names of all test functions.
fn test_names(sources: &[sources::Source]) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for source in sources {
        let mut is_test = false;
        for line in source.text.lines().map(str::trim) {
            let code = line.strip_prefix("async ").unwrap_or(line);
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some(rest) = code.strip_prefix("fn ").filter(|_| is_test) {
                names.extend(rest.split('(').next());
                is_test = false;
            } else if !line.starts_with("#[") {
                is_test = false;
            }
        }
    }
    names
}

#[test]
fn no_attack_is_left_out() {
    let found: Vec<String> = attacks().into_iter().map(|attack| attack.id).collect();
    let number = |kind, last| (1..=last).map(move |n| format!("{kind}{n}"));
    let all: Vec<String> = number('A', 46).chain(number('T', 19)).collect();
    assert_eq!(found, all);
}

#[test]
fn what_answers_an_attack_is_there() {
    let sources = sources::rust();
    let tests = test_names(&sources);
    assert!(tests.len() > 300, "{}", tests.len());
    let text = |path: &str| fs::read_to_string(checkout().join(path)).unwrap();
    let (removals, breaches) = (text(REMOVALS), text(BREACHES));
    let mut faults = Vec::new();
    for Attack { id, shown_by } in attacks() {
        if shown_by.is_empty() {
            faults.push(format!("{id}: nothing shows it"));
        }
        for name in shown_by {
            let known = if name.contains('_') {
                tests.contains(name.as_str())
            } else if name.starts_with(|first: char| first.is_ascii_uppercase()) {
                removals.contains(&format!("Rule::{name},"))
            } else {
                breaches.contains(&format!("breach(\"{name}\", "))
            };
            if !known {
                faults.push(format!("{id}: `{name}`"));
            }
        }
    }
    require_none("names that are neither a test, a removal nor a breach", &faults);
}
