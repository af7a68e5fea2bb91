//! Every example of the SQL page: its statement over the page's own input gives the rows that stand below it.

use std::fmt::Write as _;

use crate::fixture::job;
use crate::runner::{Click, run};

const PAGE: &str = "../../docs/sql.md";

/// The rows of the page's table.
fn clicks(page: &str) -> Vec<Click> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let start = page.find("| user_id | name |").unwrap();
    let rows = page[start..].lines().skip(2).take_while(|line| line.starts_with('|')).map(cells);
    rows.map(|cells| {
        let (minutes, seconds) = cells[2].split_once(':').unwrap();
        let number = |text: &str| text.parse::<i64>().unwrap();
        Click {
            user: number(&cells[0]),
            name: cells[1].clone(),
            seconds: number(minutes) * 60 + number(seconds),
            price: cells[3].parse().unwrap(),
            quantity: cells[4].parse().unwrap(),
        }
    })
    .collect()
}

fn result(sql: &str, clicks: &[Click]) -> String {
    let plan = sql::plan(&job(sql)).unwrap_or_else(|faults| panic!("{sql} {faults:?}"));
    let mut text = String::new();
    let sinks = plan.sinks.clone();
    let rows = run(plan, clicks, 1).unwrap();
    for sink in sinks {
        let columns: Vec<&str> = sink.schema.fields().iter().map(|f| f.name().as_str()).collect();
        writeln!(text, "{}: {}", sink.name, columns.join(" ")).unwrap();
        for row in rows.get(&sink.name).into_iter().flatten() {
            writeln!(text, "  {}", row.replace("1970-01-01T", "")).unwrap();
        }
    }
    text
}

#[test]
fn every_example_gives_what_stands_below_it() {
    const SQL: &str = "```sql\n";
    const RESULT: &str = "```\n\n```text\n";
    const END: &str = "```\n";
    let page = std::fs::read_to_string(PAGE).unwrap();
    let clicks = clicks(&page);
    let mut rest = page.as_str();
    let mut made = String::new();
    let mut examples = 0;
    while let Some(start) = rest.find(SQL) {
        let (before, sql) = rest.split_at(start + SQL.len());
        let (sql, expected) = sql.split_once(RESULT).unwrap_or_else(|| panic!("{sql}: no result"));
        assert!(!sql.contains("```"), "an example without its result: {sql}");
        let (expected, after) = expected.split_once(END).unwrap();
        let found = result(sql, &clicks);
        if std::env::var_os("UPDATE_GOLDEN").is_none() {
            assert_eq!(found, expected, "{sql}");
        }
        made.extend([before, sql, RESULT, found.as_str(), END]);
        rest = after;
        examples += 1;
    }
    made.push_str(rest);
    assert!(examples >= 6, "the page has {examples} examples");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(PAGE, made).unwrap();
    }
}
