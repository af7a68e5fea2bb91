//! Figures of earlier runs as tables for a page.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::arguments::TableArguments;
use super::lines;
use super::report::say;

const BEGIN: &str = "<!-- figures: written by `make bench ARGS=table`, not by hand -->";
const END: &str = "<!-- end of the figures -->";

/// Prints the tables or puts them into a page.
pub fn table(arguments: &TableArguments) -> anyhow::Result<()> {
    let files =
        if arguments.files.is_empty() { vec![lines::newest()?] } else { arguments.files.clone() };
    let tables = tables(&lines::read(&files)?);
    match &arguments.into {
        None => say(&tables),
        Some(page) => put(page, &tables),
    }
}

fn put(page: &Path, tables: &str) -> anyhow::Result<()> {
    let text =
        fs::read_to_string(page).with_context(|| format!("cannot read {}", page.display()))?;
    let text = replace(&text, tables).with_context(|| page.display().to_string())?;
    fs::write(page, text).with_context(|| format!("cannot write {}", page.display()))
}

fn replace(text: &str, tables: &str) -> anyhow::Result<String> {
    let Some((before, rest)) = text.split_once(BEGIN) else { bail!("there is no line {BEGIN}") };
    let Some((_, after)) = rest.split_once(END) else { bail!("there is no line {END}") };
    Ok(format!("{before}{BEGIN}\n\n{tables}\n\n{END}{after}"))
}

fn tables(lines: &[Value]) -> String {
    let rows = |columns: &[&str], found: Vec<Vec<String>>| {
        if found.is_empty() {
            return None;
        }
        let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
        let head: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
        let mut table = vec![line(&head), line(&vec!["---".to_owned(); columns.len()])];
        table.extend(found.iter().map(|cells| line(cells)));
        Some(table.join("\n"))
    };
    let of = |cells: fn(&Value) -> Option<Vec<String>>| lines.iter().filter_map(cells).collect();
    let costs = &[
        "pipeline",
        "system",
        "ns per event",
        "M/s per core",
        "first output",
        "memory",
        "rounds",
        "output",
    ];
    let tables = [
        context(lines),
        rows(costs, of(cost)),
        rows(&["what", "median (min – max)"], of(other)),
        rows(&["goal", "what", "reached (min – max)", "wanted", ""], of(goal)),
    ];
    tables.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

/// When, on what, with which versions: of the first run; the others say if they differ.
fn context(lines: &[Value]) -> Option<String> {
    let mut seen: Vec<String> = Vec::new();
    for line in lines {
        let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        let versions = line["versions"].as_object()?;
        let versions: Vec<String> = versions
            .iter()
            .map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or_default()))
            .collect();
        let run = format!(
            "`{}`, {}; {}; {}.",
            text("command"),
            text("date"),
            text("machine"),
            versions.join(", ")
        );
        if !seen.contains(&run) {
            seen.push(run);
        }
    }
    Some(seen.join("\n"))
}

fn number(line: &Value, key: &str) -> Option<f64> {
    line[key].as_f64()
}

fn spread(line: &Value, median: &str, digits: usize) -> Option<String> {
    let (median, min, max) = (number(line, median)?, number(line, "min")?, number(line, "max")?);
    Some(format!("{median:.digits$} ({min:.digits$} – {max:.digits$})"))
}

fn text(line: &Value, key: &str) -> String {
    line[key].as_str().unwrap_or_default().to_owned()
}

fn cost(line: &Value) -> Option<Vec<String>> {
    let cost = spread(line, "ns_per_event", 0)?;
    let first = number(line, "first_output_ms");
    Some(vec![
        text(line, "id"),
        text(line, "system"),
        cost,
        format!("{:.2}", number(line, "events_per_s_core")? / 1e6),
        first.map_or("–".into(), |first| format!("{:.1} s", first / 1e3)),
        format!("{:.0} MiB", number(line, "peak_bytes")? / f64::from(1 << 20)),
        number(line, "rounds")?.to_string(),
        text(line, "verdict"),
    ])
}

fn other(line: &Value) -> Option<Vec<String>> {
    if let Some(p50) = number(line, "p50") {
        let what = format!(
            "{} at {:.0} rows/s: p99 (p50 {p50:.0} ms), output {}",
            text(line, "id"),
            number(line, "events_per_s")?,
            text(line, "verdict")
        );
        return Some(vec![what, format!("{} ms", spread(line, "p99", 0)?)]);
    }
    let value = spread(line, "median", 1)?;
    Some(vec![text(line, "id"), format!("{value} {}", text(line, "unit"))])
}

fn goal(line: &Value) -> Option<Vec<String>> {
    let reached = spread(line, "reached", 2)?;
    let wanted = match (number(line, "at_least"), number(line, "at_most")) {
        (Some(least), _) => format!("≥ {least}"),
        (None, Some(most)) => format!("≤ {most}"),
        (None, None) => return None,
    };
    let word = if line["met"] == true { "met" } else { "missed" };
    Some(vec![text(line, "id"), text(line, "what"), reached, wanted, word.into()])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_tables_stand_between_the_marks() {
        let page = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let lines = [
            json!({"id": "b2", "system": "streamjob", "ns_per_event": 250.4, "min": 240.0, "max": 260.0,
                "events_per_s_core": 4e6, "first_output_ms": 140.0, "peak_bytes": 50 << 20, "rounds": 5,
                "verdict": "equal", "versions": {"kafka": "4.3.1"}, "command": "bench", "date": "2026-01-01",
                "machine": "2 cores"}),
            json!({"id": "G1", "what": "b2", "reached": 4.0, "min": 3.0, "max": 5.0, "at_least": 7.0, "met": false,
                "versions": {"kafka": "4.3.1"}, "command": "bench", "date": "2026-01-01", "machine": "2 cores"}),
        ];
        let text = replace(&page, &tables(&lines)).expect("marks");
        assert!(text.starts_with("before\n") && text.ends_with("after\n") && !text.contains("old"));
        assert!(
            text.contains(
                "| b2 | streamjob | 250 (240 – 260) | 4.00 | 0.1 s | 50 MiB | 5 | equal |"
            )
        );
        assert!(text.contains("| G1 | b2 | 4.00 (3.00 – 5.00) | ≥ 7 | missed |"), "{text}");
        assert_eq!(text.matches("`bench`, 2026-01-01; 2 cores; kafka 4.3.1.").count(), 1);
        assert!(replace("no marks", "").is_err());
    }
}
