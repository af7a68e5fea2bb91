//! Instructions per record, which do not depend on what else the machine does. `instructions.txt`
//! holds what they were; a part that needs more fails. `STREAMJOB_WRITE=1` writes the file anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use crate::parts::{BATCH_ROWS, Work};

const FILE: &str = "tests/costs/instructions.txt";
/// More than so much above the file fails, percent. What another machine's way to copy bytes costs
/// stays below.
const MORE_MAX: u64 = 5;
const BATCHES: usize = 8;

/// How often each part was done: of `decode`, `aggregate` and `encode` a row, of `checkpoint` a
/// group.
fn work() -> BTreeMap<&'static str, u64> {
    let mut work = Work::new();
    let rows = work.decode(BATCHES);
    work.aggregate(&rows, BATCHES);
    work.settle();
    let groups = work.checkpoint();
    let results = Work::results();
    assert!(work.encode(&results) > BATCH_ROWS * 50, "rows as JSON are not that short");
    let rows = (BATCHES * BATCH_ROWS) as u64;
    BTreeMap::from([
        ("decode", rows),
        ("aggregate", rows),
        ("encode", BATCH_ROWS as u64),
        ("checkpoint", groups),
    ])
}

/// What runs under the counter below.
#[test]
fn the_parts_do_what_they_should() {
    assert_eq!(work()["checkpoint"], 1_000, "every key is a group of the window");
}

#[test]
fn a_record_needs_no_more_instructions_than_before() {
    let folder = tempfile::tempdir().unwrap();
    let found: BTreeMap<String, u64> = work()
        .into_iter()
        .map(|(part, times)| (part.to_owned(), instructions(folder.path(), part) / times))
        .collect();
    let text = std::fs::read_to_string(FILE).unwrap_or_default();
    if std::env::var_os("STREAMJOB_WRITE").is_some() {
        return std::fs::write(FILE, page(&found)).unwrap();
    }
    let number = |line: &str| -> Option<(String, u64)> {
        let (part, count) = line.split_once(": ")?;
        Some((part.to_owned(), count.parse().ok()?))
    };
    let wanted: BTreeMap<String, u64> = text.lines().filter_map(number).collect();
    assert!(wanted.keys().eq(found.keys()), "{FILE} lists {wanted:?}; STREAMJOB_WRITE=1 writes it");
    let more = |(part, count): &(&String, &u64)| **count * 100 > wanted[*part] * (100 + MORE_MAX);
    let worse: Vec<_> = found.iter().filter(more).collect();
    assert!(worse.is_empty(), "instructions per record: {worse:?}, up to now {wanted:?}");
}

fn page(found: &BTreeMap<String, u64>) -> String {
    let mut page =
        "Instructions per record, or per group of a checkpoint; written by the test.\n".to_owned();
    for (part, count) in found {
        writeln!(page, "{part}: {count}").unwrap();
    }
    page
}

/// Of all calls of a part, with what it calls, in one run of [`work`].
fn instructions(folder: &Path, part: &str) -> u64 {
    let out = folder.join("calls");
    if !out.exists() {
        let counter = Command::new("valgrind")
            .args(["--tool=callgrind", "--quiet"])
            .arg(format!("--callgrind-out-file={}", out.display()))
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "instructions::the_parts_do_what_they_should", "--test-threads=1"])
            .output()
            .expect("valgrind is installed: tests/tools/install.sh build");
        assert!(counter.status.success(), "{}", String::from_utf8_lossy(&counter.stderr));
    }
    let listed = Command::new("callgrind_annotate")
        .args(["--inclusive=yes", "--threshold=100", "--auto=no", "--show-percs=no"])
        .arg(&out)
        .output()
        .expect("it comes with valgrind");
    let listed = String::from_utf8_lossy(&listed.stdout);
    let name = format!("costs::parts::Work::{part}");
    let line = listed.lines().find(|line| line.contains(&name));
    let line = line.unwrap_or_else(|| unreachable!("{name} is not among what was called"));
    let count = line.split_whitespace().next().unwrap().replace(',', "");
    count.parse().unwrap()
}
