//! Blocks of `name`, SQL and what comes out, separated by lines of dashes. `UPDATE_GOLDEN=1` writes what came out;
//! read the difference before keeping it.

use std::path::{Path, PathBuf};

use crate::fixture::job;

const SEPARATOR: &str = "\n--------\n";
const RESULT: &str = "\n=>\n";

struct Block {
    sql: String,
    expected: String,
}

fn path(file: &str) -> PathBuf {
    Path::new("tests/corpus").join(file)
}

fn blocks(file: &str) -> Vec<Block> {
    let text = std::fs::read_to_string(path(file)).unwrap();
    let split = text.trim_end().split(SEPARATOR);
    split
        .map(|block| {
            let (sql, expected) = block.split_once(RESULT).unwrap_or((block, ""));
            Block { sql: sql.to_owned(), expected: expected.trim_end().to_owned() }
        })
        .collect()
}

/// The accepted queries.
pub(crate) fn accepted() -> Vec<String> {
    blocks("accepted.sql").into_iter().map(|block| block.sql).collect()
}

fn check(file: &str, atleast: usize, outcome: impl Fn(&str) -> String) {
    let blocks = blocks(file);
    let found: Vec<String> = blocks.iter().map(|block| outcome(&block.sql)).collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let texts = blocks.iter().zip(&found).map(|(b, found)| format!("{}{RESULT}{found}", b.sql));
        let text = texts.collect::<Vec<_>>().join(SEPARATOR) + "\n";
        std::fs::write(path(file), text).unwrap();
        return;
    }
    assert!(blocks.len() >= atleast, "{file} has {} blocks", blocks.len());
    for (block, found) in blocks.iter().zip(&found) {
        assert_eq!(*found, block.expected, "in {file}:\n{}", block.sql);
    }
}

#[test]
fn accepted_queries_are_planned_as_described() {
    check("accepted.sql", 20, |sql| match sql::plan(&job(sql)) {
        Ok(plan) => sql::describe(&plan).to_string().trim_end().to_owned(),
        Err(faults) => panic!("refused: {}\n{sql}", lines(&faults)),
    });
}

#[test]
fn refusals_say_what_where_and_what_instead() {
    check("refused.sql", 60, |sql| match sql::plan(&job(sql)) {
        Ok(plan) => panic!("accepted:\n{sql}\n{}", sql::describe(&plan)),
        Err(faults) => lines(&faults),
    });
}

fn lines(faults: &[sql::Refusal]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
