//! What a benchmark prints for people.

use std::io::Write as _;

use anyhow::Context as _;

use super::latency::Latency;
use super::measure::{Round, Spread};
use super::pipelines::{Pipeline, System};

/// How a row stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// Every output so far equals the oracle.
    #[default]
    Equal,
    /// One differs: the row is void.
    Different(String),
    /// The engine does not run it, and says why.
    Refused(String),
    /// It did not come to its end.
    Failed(String),
}

/// A row of the table: one system over one pipeline.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) pipeline: Pipeline,
    pub(super) system: System,
    /// Those that came to their end, with their number.
    pub(super) rounds: Vec<(u32, Round)>,
    pub(super) standing: Standing,
}

impl Row {
    /// ns per event.
    pub(super) fn cost(&self) -> Option<Spread> {
        Spread::of(self.rounds.iter().map(|(_, round)| round.ns_per_event()))
    }

    /// Events per second of wall time.
    pub(super) fn rate(&self) -> Option<Spread> {
        Spread::of(self.rounds.iter().filter_map(|(_, round)| round.events_per_second()))
    }

    /// From the start of the process to the first result that a user can see, ms.
    pub(super) fn first(&self) -> Option<Spread> {
        let firsts = self.rounds.iter().filter_map(|(_, round)| round.large.first);
        Spread::of(firsts.map(|first| first.as_secs_f64() * 1e3))
    }

    /// Most memory of any run.
    pub(super) fn peak_bytes(&self) -> u64 {
        self.rounds.iter().map(|(_, round)| round.large.peak_bytes).max().unwrap_or_default()
    }

    /// Whether its figures count.
    pub(super) fn is_sound(&self) -> bool {
        self.standing == Standing::Equal && !self.rounds.is_empty()
    }

    /// `equal` or `different`; nothing where nothing was compared.
    pub(super) fn verdict(&self) -> &'static str {
        match self.standing {
            Standing::Different(_) => "different",
            Standing::Equal if !self.rounds.is_empty() => "equal",
            _ => "",
        }
    }

    fn line(&self) -> String {
        let name = format!("{:<17} {:<14}", self.pipeline.id, self.system.name());
        let why = match &self.standing {
            Standing::Refused(why) => return format!("{name} refused: {why}"),
            Standing::Failed(why) => return format!("{name} failed: {why}"),
            Standing::Different(why) => format!("  {why}"),
            Standing::Equal => String::new(),
        };
        let Some(cost) = self.cost() else {
            return format!("{name} not run");
        };
        let rate = self.rate().map_or("–".into(), |rate| format!("{:.2}", rate.median / 1e6));
        let first = self.first().map_or("–".into(), |first| format!("{:.0}", first.median));
        format!(
            "{name} {:>24} {:>9.2} {rate:>9} {first:>9} {:>6}  {}{why}",
            cost.text(0),
            1e3 / cost.median,
            self.peak_bytes() >> 20,
            self.verdict()
        )
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

/// One line on standard output.
pub(super) fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("standard output")
}

/// Costs, latencies and moments, a line each.
pub(super) fn table(rows: &[Row], latencies: &[Latency], moments: &[Moment]) -> Vec<String> {
    let mut lines = vec![format!(
        "{:<17} {:<14} {:>24} {:>9} {:>9} {:>9} {:>6}  {}",
        "pipeline",
        "system",
        "ns/event (min – max)",
        "M/s/core",
        "M/s wall",
        "first ms",
        "MiB",
        "output"
    )];
    lines.extend(rows.iter().map(Row::line));
    for latency in latencies {
        let figures = [Spread::of(latency.rates.iter().copied())]
            .into_iter()
            .chain([&latency.p50, &latency.p99].map(|values| Spread::of(values.iter().copied())));
        let figures: Vec<String> = figures.flatten().map(|spread| spread.text(0)).collect();
        let [rate, p50, p99] = &figures[..] else { continue };
        let verdict = latency.verdict();
        lines.push(format!(
            "b8 at {} % ({rate} rows/s), 5 % late: p50 {p50} ms, p99 {p99} ms  {verdict}",
            latency.share
        ));
    }
    for moment in moments {
        let Some(spread) = Spread::of(moment.values.iter().copied()) else { continue };
        lines.push(format!("{:<46} {:>24} {}", moment.id, spread.text(1), moment.unit));
    }
    lines
}

impl Latency {
    /// `equal` or `different`.
    pub(super) fn verdict(&self) -> &'static str {
        if self.faults.is_empty() { "equal" } else { "different" }
    }
}

impl Spread {
    /// `median (min – max)`.
    pub(super) fn text(self, digits: usize) -> String {
        format!("{:.digits$} ({:.digits$} – {:.digits$})", self.median, self.min, self.max)
    }
}
