//! The course of a benchmark.

use anyhow::ensure;

use super::arguments::BenchArguments;
use super::engine::{Bench, VARIANTS};
use super::inputs::BenchInput;
use super::measure::Round;
use super::moments;
use super::report::{self, Row, say};
use crate::harness::Scratch;
use crate::harness::kafka::{RealKafka, Version};

/// Measures what is asked for, prints the table and the goals beside it.
pub fn run(arguments: &BenchArguments) -> anyhow::Result<()> {
    let scratch = Scratch::new("bench")?;
    let kafka = RealKafka::start(&scratch.folder("kafka")?, Version::Newest, &[])?;
    let bootstrap = kafka.bootstrap();
    let mut bench = Bench { bootstrap: &bootstrap, scratch: &scratch, pin: arguments.pin, runs: 0 };
    let rows = costs(arguments, &mut bench)
        .map_err(|error| error.context(format!("the logs:\n{}", scratch.logs())))?;
    let moments = if arguments.wants("moments") {
        say("moments: start, kill, rescale …")?;
        moments::measure(&mut bench, arguments.rounds, arguments.keys)
            .map_err(|error| error.context(format!("the logs:\n{}", scratch.logs())))?
    } else {
        Vec::new()
    };
    let path = report::publish(&rows, &moments)?;
    ratios(&rows)?;
    say(&format!("{}", path.display()))?;
    ensure!(rows.iter().all(|row| row.equal), "an output differs from the oracle: its row is void");
    Ok(())
}

fn costs(arguments: &BenchArguments, bench: &mut Bench<'_>) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let row = |id: &str, system| Row { id: id.into(), system, rounds: Vec::new(), equal: true };
    if arguments.wants("b0") {
        rows.push(row("b0", "librdkafka"));
    }
    let variants = VARIANTS.iter().filter(|variant| arguments.wants(variant.id));
    rows.extend(variants.map(|variant| row(variant.id, "streamjob")));
    if rows.is_empty() {
        return Ok(rows);
    }
    let small = BenchInput::write(bench.bootstrap, arguments, "small", arguments.small)?;
    let large = BenchInput::write(bench.bootstrap, arguments, "large", arguments.large)?;
    for round in 1..=arguments.rounds {
        for row in &mut rows {
            let measured = match VARIANTS.iter().find(|variant| variant.id == row.id) {
                None => Round { small: bench.bare(&small)?, large: bench.bare(&large)? },
                Some(variant) => {
                    let (few, few_equal) = bench.measure(&small, *variant)?;
                    let (many, many_equal) = bench.measure(&large, *variant)?;
                    row.equal &= few_equal && many_equal;
                    Round { small: few, large: many }
                }
            };
            say(&format!(
                "round {round} of {}: {} {:.0} ns/event",
                arguments.rounds,
                row.id,
                measured.ns_per_event()
            ))?;
            row.rounds.push(measured);
        }
    }
    Ok(rows)
}

/// What the figures mean: against the bare client, and exactly once against at least once.
fn ratios(rows: &[Row]) -> anyhow::Result<()> {
    let cost = |id: &str| rows.iter().find(|row| row.id == id)?.cost().map(|cost| cost.median);
    if let (Some(bare), Some(engine)) = (cost("b0"), cost("b2")) {
        say(&format!("b2 runs at {:.2} of the bare C client's rate per core", bare / engine))?;
    }
    if let (Some(exactly), Some(at_least)) = (cost("b2"), cost("b2-at-least-once")) {
        let more = (exactly / at_least - 1.0) * 100.0;
        say(&format!("exactly once costs {more:+.1} % against at least once"))?;
    }
    if let (Some(claimed), Some(exchange)) = (cost("b2"), cost("b2-exchange")) {
        say(&format!("the exchange costs {:.2} times the claimed query", exchange / claimed))?;
    }
    Ok(())
}
