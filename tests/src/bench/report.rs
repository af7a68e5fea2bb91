//! What a benchmark prints: a table for people, JSON lines for comparisons over time.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::measure::{Round, Spread};
use crate::harness::tools;

/// A row of the table.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Pipeline, such as `b2`.
    pub(super) id: String,
    /// `streamjob` or `librdkafka`.
    pub(super) system: &'static str,
    /// All rounds.
    pub(super) rounds: Vec<Round>,
    /// Every output equals the oracle.
    pub(super) equal: bool,
}

impl Row {
    /// ns per event.
    pub(super) fn cost(&self) -> Option<Spread> {
        Spread::of(self.rounds.iter().map(Round::ns_per_event))
    }

    fn rate(&self) -> Option<Spread> {
        Spread::of(self.rounds.iter().map(Round::events_per_second))
    }

    fn peak_bytes(&self) -> u64 {
        self.rounds.iter().map(|round| round.large.peak_bytes).max().unwrap_or_default()
    }

    fn verdict(&self) -> &'static str {
        if self.equal { "equal" } else { "different" }
    }

    fn json(&self, versions: &Value) -> Option<Value> {
        let (cost, rate) = (self.cost()?, self.rate()?);
        Some(json!({
            "id": self.id,
            "system": self.system,
            "ns_per_event": cost.median,
            "min": cost.min,
            "max": cost.max,
            "events_per_s_core": 1e9 / cost.median,
            "events_per_s": rate.median,
            "rounds": self.rounds.len(),
            "peak_bytes": self.peak_bytes(),
            "verdict": self.verdict(),
            "versions": versions,
        }))
    }
}

/// A figure that is not a cost per event.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// What was measured.
    pub(super) id: &'static str,
    /// In which unit.
    pub(super) unit: &'static str,
    /// All measurements.
    pub(super) values: Vec<f64>,
}

/// What was measured with.
pub(super) fn versions() -> Value {
    let (_, client) = rdkafka::util::get_rdkafka_version();
    json!({
        "streamjob": env!("CARGO_PKG_VERSION"),
        "librdkafka": client,
        "kafka": tools::version("KAFKA_NEWEST"),
        "cores": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
    })
}

/// Prints the table and appends the lines to `target/bench/results.jsonl`, whose path it returns.
pub(super) fn publish(rows: &[Row], moments: &[Moment]) -> anyhow::Result<PathBuf> {
    say(&table(rows, moments))?;
    let versions = versions();
    let mut lines = String::new();
    for line in rows.iter().filter_map(|row| row.json(&versions)) {
        writeln!(lines, "{line}")?;
    }
    for moment in moments {
        if let Some(spread) = Spread::of(moment.values.iter().copied()) {
            let line = json!({
                "id": moment.id,
                "system": "streamjob",
                "unit": moment.unit,
                "median": spread.median,
                "min": spread.min,
                "max": spread.max,
                "versions": versions,
            });
            writeln!(lines, "{line}")?;
        }
    }
    let folder = tools::checkout().join("target/bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join("results.jsonl");
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    file.write_all(lines.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// One line on standard output.
pub(super) fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("standard output")
}

fn table(rows: &[Row], moments: &[Moment]) -> String {
    let mut text = String::from(
        "\npipeline           system      ns/event (min – max)      M events/s/core   peak MiB   output\n",
    );
    for row in rows {
        let Some(cost) = row.cost() else { continue };
        let spread = format!("{:.0} ({:.0} – {:.0})", cost.median, cost.min, cost.max);
        let line = format!(
            "{:<18} {:<11} {spread:<25} {:>15.2} {:>10} {:>8}",
            row.id,
            row.system,
            1e3 / cost.median,
            row.peak_bytes() >> 20,
            row.verdict()
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    for moment in moments {
        let Some(spread) = Spread::of(moment.values.iter().copied()) else { continue };
        let line = format!(
            "{:<44} {:>12.1} {} ({:.1} – {:.1})\n",
            moment.id, spread.median, moment.unit, spread.min, spread.max
        );
        text.push_str(&line);
    }
    text
}
