//! Figures as JSON lines, for comparisons over time: one file per run under `target/bench` of the checkout.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::latency::Latency;
use super::measure::Spread;
use super::pipelines::System;
use super::report::{Moment, Row};
use crate::harness::tools;

/// The file of a run.
pub(super) struct Lines {
    file: File,
    path: PathBuf,
    /// Said in every line.
    run: Value,
}

impl Lines {
    /// A new file, named for the moment.
    pub(super) fn create(run: Value) -> anyhow::Result<Self> {
        let folder = folder(&tools::checkout())?;
        let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let path = folder.join(format!("{now}-{}.jsonl", std::process::id()));
        let file =
            File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self { file, path, run })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line: the figures, then what is the same for the whole run.
    pub(super) fn add(&mut self, figures: Value) -> anyhow::Result<()> {
        let (Value::Object(mut line), Value::Object(run)) = (figures, self.run.clone()) else {
            return Ok(());
        };
        line.extend(run);
        writeln!(self.file, "{}", Value::Object(line))
            .with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// `target/bench` of a checkout. `target` may be missing, or a link to a folder that is.
fn folder(checkout: &Path) -> anyhow::Result<PathBuf> {
    let mut target = checkout.join("target");
    for _ in 0..8 {
        let Ok(next) = fs::read_link(&target) else { break };
        target = target.parent().unwrap_or(checkout).join(next);
    }
    let folder = target.join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(checkout.join("target/bench"))
}

/// The newest file that a run has written.
pub(super) fn newest() -> anyhow::Result<PathBuf> {
    let folder = folder(&tools::checkout())?;
    let entries = fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))?;
    let files = entries.flatten().map(|entry| entry.path());
    let lines = files.filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    lines.max().with_context(|| format!("no run has left its figures in {}", folder.display()))
}

/// The lines of some files.
pub(super) fn read(files: &[PathBuf]) -> anyhow::Result<Vec<Value>> {
    let mut lines = Vec::new();
    for path in files {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        for (number, line) in (1..).zip(text.lines()) {
            let line = serde_json::from_str(line)
                .with_context(|| format!("{}:{number} is no JSON", path.display()))?;
            lines.push(line);
        }
    }
    ensure!(!lines.is_empty(), "there are no figures");
    Ok(lines)
}

impl Row {
    /// Its line, when it has figures.
    pub(super) fn json(&self) -> Option<Value> {
        let cost = self.cost()?;
        let (_, last) = self.rounds.last()?;
        Some(json!({
            "id": self.pipeline.id,
            "system": self.system.name(),
            "input": self.pipeline.input.name,
            "ns_per_event": cost.median,
            "min": cost.min,
            "max": cost.max,
            "events_per_s_core": 1e9 / cost.median,
            "events_per_s": self.rate().map(|rate| rate.median),
            "first_output_ms": self.first().map(|first| first.median),
            "peak_bytes": self.peak_bytes(),
            "rounds": self.rounds.len(),
            "rows": [last.small.rows, last.large.rows],
            "settings": self.system.settings(),
            "verdict": self.verdict(),
        }))
    }
}

impl Latency {
    /// Its line, when it has figures.
    pub(super) fn json(&self) -> Option<Value> {
        let [rate, p50, p99] =
            [&self.rates, &self.p50, &self.p99].map(|values| Spread::of(values.iter().copied()));
        let p99 = p99?;
        Some(json!({
            "id": format!("b8-{}", self.share),
            "system": System::StreamJob.name(),
            "unit": "ms",
            "events_per_s": rate?.median,
            "p50": p50?.median,
            "p99": p99.median,
            "min": p99.min,
            "max": p99.max,
            "rounds": self.p99.len(),
            "verdict": self.verdict(),
        }))
    }
}

impl Moment {
    /// Its line, when it has figures.
    pub(super) fn json(&self) -> Option<Value> {
        let spread = Spread::of(self.values.iter().copied())?;
        Some(json!({
            "id": self.id,
            "system": System::StreamJob.name(),
            "unit": self.unit,
            "median": spread.median,
            "min": spread.min,
            "max": spread.max,
            "rounds": self.values.len(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::Scratch;

    #[test]
    fn figures_have_a_place_whatever_target_is() {
        let scratch = Scratch::new("lines").expect("a folder");
        let checkout = |name: &str| scratch.folder(name).expect("a folder");
        let missing = checkout("missing");
        let there = checkout("there");
        fs::create_dir(there.join("target")).expect("a folder");
        let linked = checkout("linked");
        std::os::unix::fs::symlink("../elsewhere", linked.join("target")).expect("a link");
        for root in [&missing, &there, &linked, &linked] {
            let folder = folder(root).expect("a folder");
            assert_eq!(folder, root.join("target/bench"));
            fs::write(folder.join("a.jsonl"), "{}\n").expect("written");
        }
        assert!(scratch.path().join("elsewhere/bench/a.jsonl").is_file());
    }
}
