//! What the figures say about the goals: ratios of rows of one run, round by round.

use serde_json::{Value, json};

use super::latency::Latency;
use super::measure::Spread;
use super::pipelines::System;
use super::report::{Moment, Row};

/// Commit interval, and what a commit itself may take, ms.
const LATENCY_MAX: f64 = 100.0 + 25.0;

/// A goal beside what was reached.
#[derive(Clone, Debug)]
pub(super) struct Goal {
    pub(super) id: &'static str,
    pub(super) what: String,
    pub(super) reached: Spread,
    pub(super) bound: Bound,
}

/// Which side of a number is good.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtLeast(least) => self.reached.median >= least,
            Bound::AtMost(most) => self.reached.median <= most,
        }
    }

    /// For people.
    pub(super) fn line(&self) -> String {
        let digits = if self.reached.median.abs() < 30.0 { 2 } else { 0 };
        let bound = match self.bound {
            Bound::AtLeast(least) => format!("≥ {least}"),
            Bound::AtMost(most) => format!("≤ {most}"),
        };
        let word = if self.is_met() { "met" } else { "missed" };
        format!(
            "{:<4} {:<64} {:>24}  {bound:<6} {word}",
            self.id,
            self.what,
            self.reached.text(digits)
        )
    }

    /// For comparisons over time.
    pub(super) fn json(&self) -> Value {
        let (side, bound) = match self.bound {
            Bound::AtLeast(least) => ("at_least", least),
            Bound::AtMost(most) => ("at_most", most),
        };
        json!({
            "id": self.id,
            "what": self.what,
            "system": System::StreamJob.name(),
            "reached": self.reached.median,
            "min": self.reached.min,
            "max": self.reached.max,
            side: bound,
            "met": self.is_met(),
        })
    }
}

/// All goals that these figures say something about.
pub(super) fn goals(
    rows: &[Row],
    latencies: &[Latency],
    moments: &[Moment],
    is_compressed: bool,
) -> Vec<Goal> {
    let mut goals = against_peers(rows);
    goals.extend(among_ourselves(rows, is_compressed));
    if let Some(at_load) = latencies.iter().find(|latency| latency.share == 80)
        && let Some(reached) = Spread::of(at_load.p99.iter().copied())
        && at_load.faults.is_empty()
    {
        let what = "p99 from event to visible result at 80 % load, ms".into();
        goals.push(Goal { id: "G5", what, reached, bound: Bound::AtMost(LATENCY_MAX) });
    }
    let moment = |id: &str| {
        let found = moments.iter().find(|moment| moment.id.starts_with(id))?;
        Spread::of(found.values.iter().copied())
    };
    for (id, what, most) in [
        ("start to first", "start to the first committed output, ms", 150.0),
        ("image of the worker", "image of the worker as a registry stores it, MiB", 40.0),
    ] {
        if let Some(reached) = moment(id) {
            goals.push(Goal { id: "G10", what: what.into(), reached, bound: Bound::AtMost(most) });
        }
    }
    goals
}

/// Pipeline, how many times Flink with `RocksDB`, on the heap, and Kafka Streams we are to be.
const PEERS: &[(&str, f64, f64, f64)] =
    &[("b2", 7.0, 6.0, 12.0), ("b2-nexmark", 12.0, 6.0, 12.0), ("b2-wide", 20.0, 6.0, 12.0)];

fn against_peers(rows: &[Row]) -> Vec<Goal> {
    let mut goals = Vec::new();
    for (id, rocksdb, heap, streams) in PEERS {
        for (system, least) in [
            (System::FlinkRocksdb, rocksdb),
            (System::FlinkHeap, heap),
            (System::KafkaStreams, streams),
        ] {
            let Some(reached) = ratio(rows, (id, system), (id, System::StreamJob)) else {
                continue;
            };
            let what = format!("{id}: events/s/core, times {}", system.name());
            goals.push(Goal { id: "G1", what, reached, bound: Bound::AtLeast(*least) });
        }
    }
    goals
}

fn among_ourselves(rows: &[Row], is_compressed: bool) -> Vec<Goal> {
    let ours = System::StreamJob;
    let mut goals = Vec::new();
    let mut add = |id, what: &str, reached: Option<Spread>, bound| {
        goals.extend(reached.map(|reached| Goal { id, what: what.into(), reached, bound }));
    };
    let least = if is_compressed { 1.0 } else { 1.2 };
    let of_bare = |bare, id| ratio(rows, (bare, System::Librdkafka), (id, ours));
    let whole = "b2: events/s/core, times the bare C client (b0)";
    add("G3", whole, of_bare("b0", "b2"), Bound::AtLeast(least));
    let wrapped = "b2-nexmark: events/s/core, times the bare C client";
    add("G3", wrapped, of_bare("b0-nexmark", "b2-nexmark"), Bound::AtLeast(least));
    let cost = |more: &str, of: &str| ratio(rows, (more, ours), (of, ours));
    add(
        "G4",
        "b2: what exactly once costs, times at least once",
        cost("b2", "b2-at-least-once"),
        Bound::AtMost(1.03),
    );
    add(
        "G6",
        "hop 10 min/1 s, times the tumbling window",
        cost("b3-10m-1s", "b3-tumble"),
        Bound::AtMost(1.3),
    );
    add("G7", "b2 with 10 M keys, times 1 K keys", cost("b2-wider", "b2"), Bound::AtMost(3.0));
    let spilling = rows.iter().find(|row| (row.pipeline.id, row.system) == ("b6-50m", ours));
    let spilling = spilling.filter(|row| row.is_sound()).map(|row| row.rounds.iter());
    let speeds = spilling.into_iter().flatten().map(|(_, round)| 1e3 / round.ns_per_event());
    add("G7", "50 M keys, M events/s/core", Spread::of(speeds), Bound::AtLeast(1.0));
    let memory = rows.iter().find(|row| (row.pipeline.id, row.system) == ("b2", ours));
    let memory = memory.filter(|row| row.is_sound()).map(|row| row.peak_bytes() as f64);
    let memory = Spread::of(memory.map(|bytes| bytes / f64::from(1 << 20)));
    add("G10", "b2: memory of the worker, MiB", memory, Bound::AtMost(256.0));
    goals
}

/// Cost of one row in costs of another, round by round; only of rows whose outputs are right.
fn ratio(rows: &[Row], of: (&str, System), to: (&str, System)) -> Option<Spread> {
    let find = |(id, system): (&str, System)| {
        rows.iter().find(|row| row.pipeline.id == id && row.system == system && row.is_sound())
    };
    let (of, to) = (find(of)?, find(to)?);
    Spread::of(of.rounds.iter().filter_map(|(number, round)| {
        let (_, other) = to.rounds.iter().find(|(other, _)| other == number)?;
        Some(round.ns_per_event() / other.ns_per_event())
    }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bench::measure::{Round, Sample};
    use crate::bench::pipelines::B2;
    use crate::bench::report::Standing;

    /// A row with these costs in its rounds, ns.
    fn row(system: System, costs: &[u64]) -> Row {
        let round = |cost: &u64| {
            let sample = |rows: u64| Sample {
                rows,
                cpu: Duration::from_nanos(rows * cost),
                wall: Duration::from_nanos(2 * rows * cost),
                peak_bytes: 1 << 20,
                first: None,
            };
            Round { small: sample(1_000), large: sample(3_000) }
        };
        let rounds = (1..).zip(costs.iter().map(round)).collect();
        Row { pipeline: B2, system, rounds, standing: Standing::Equal }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let rows =
            [row(System::StreamJob, &[100, 200, 300]), row(System::FlinkRocksdb, &[800, 1_200])];
        let goals = goals(&rows, &[], &[], false);
        let ids: Vec<&str> = goals.iter().map(|goal| goal.id).collect();
        assert_eq!(ids, ["G1", "G10"]);
        assert_eq!(goals[0].reached, Spread { median: 7.0, min: 6.0, max: 8.0 });
        assert!(goals[0].is_met() && goals[0].line().ends_with("met"));
        assert_eq!(goals[0].json()["at_least"], 7.0);
    }

    #[test]
    fn a_void_row_reaches_nothing() {
        let void = Row {
            standing: Standing::Different("1 lost".into()),
            ..row(System::FlinkRocksdb, &[9_000])
        };
        let goals = goals(&[row(System::StreamJob, &[100]), void], &[], &[], false);
        assert!(goals.iter().all(|goal| goal.id != "G1"));
    }
}
