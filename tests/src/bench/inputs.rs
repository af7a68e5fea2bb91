//! The inputs of a benchmark run: written once, each with what the oracle says about it.

use std::time::Instant;

use anyhow::Context as _;

use super::compare::{self, Comparison, Rule};
use super::fold::{Expectation, Fold};
use super::pipelines::{InputKind, Pipeline, System, Work};
use super::report::say;
use crate::generator::{Pace, Recipe, WriteOptions, writer};
use crate::kafka::logs::{self, Isolation};
use crate::kafka::topics;

/// Partitions of every topic.
pub(super) const PARTITIONS: u32 = 4;

/// How inputs are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writing {
    pub(super) seed: u64,
    pub(super) lz4: bool,
}

/// One input topic.
pub(super) struct BenchInput {
    pub(super) topic: String,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    expectations: Vec<(Work, Expectation)>,
}

/// What the rows of a kind look like.
pub(super) fn recipe(kind: &InputKind, seed: u64) -> Recipe {
    Recipe {
        keys: kind.keys,
        skew: f64::from(kind.skew),
        density: kind.density / u64::from(PARTITIONS),
        ..Recipe::plain(kind.shape, seed, PARTITIONS)
    }
}

impl BenchInput {
    /// Writes a topic of about `rows` rows, keyed, that closes the windows of all pipelines, and asks the oracle about
    /// each.
    pub(super) fn write(
        bootstrap: &str,
        writing: Writing,
        topic: &str,
        rows: u64,
        pipelines: &[Pipeline],
    ) -> anyhow::Result<Self> {
        let kind = pipelines.first().context("an input that nobody reads")?.input;
        topics::create(bootstrap, &[(topic, PARTITIONS)])?;
        let options = WriteOptions {
            bootstrap: bootstrap.into(),
            topic: topic.into(),
            rows: rows / u64::from(PARTITIONS),
            first: 0,
            pace: Pace::FlatOut,
            lz4: writing.lz4,
            closing: pipelines.iter().map(Pipeline::closing).max(),
        };
        let start = Instant::now();
        let written = writer::write(&recipe(&kind, writing.seed), &options, &mut |_| true)?;
        let taken = start.elapsed().as_secs_f64();
        let expectations = expectations(bootstrap, topic, pipelines)?;
        say(&format!(
            "{topic}: {} rows of {} bytes, written in {taken:.1} s, folded in {:.1} s",
            written.rows,
            written.bytes / written.rows,
            start.elapsed().as_secs_f64() - taken
        ))?;
        Ok(Self { topic: topic.into(), rows: written.rows, bytes: written.bytes, expectations })
    }

    /// A topic that was written before: its rows and what the oracle says.
    pub(super) fn read(
        bootstrap: &str,
        topic: &str,
        bytes: u64,
        pipeline: Pipeline,
    ) -> anyhow::Result<Self> {
        let expectations = expectations(bootstrap, topic, &[pipeline])?;
        let rows = expectations.first().map_or(0, |(_, expectation)| expectation.rows);
        Ok(Self { topic: topic.into(), rows, bytes, expectations })
    }

    /// What a right run gives; nothing for a pipeline that was not asked about.
    pub(super) fn expectation(&self, work: Work) -> anyhow::Result<&Expectation> {
        let found = self.expectations.iter().find(|(known, _)| *known == work);
        Ok(&found.context("the oracle was not asked about this")?.1)
    }

    /// Output rows that a right run writes.
    pub(super) fn due(&self, work: Work) -> anyhow::Result<u64> {
        Ok(self.expectation(work)?.due.len() as u64)
    }

    /// Compares an output topic with the oracle; the faults, a line each.
    pub(super) fn faults(
        &self,
        bootstrap: &str,
        sink: &str,
        pipeline: &Pipeline,
        system: System,
    ) -> anyhow::Result<Vec<String>> {
        let rule = Rule::of(pipeline, system);
        let comparison = Comparison::new(self.expectation(pipeline.work)?, pipeline.work, rule);
        compare::read(bootstrap, sink, comparison)
    }
}

/// Reads a topic back once, for all pipelines over it.
fn expectations(
    bootstrap: &str,
    topic: &str,
    pipelines: &[Pipeline],
) -> anyhow::Result<Vec<(Work, Expectation)>> {
    let mut folds: Vec<(Work, Fold)> = Vec::new();
    for Pipeline { work, input, .. } in pipelines {
        if *work != Work::Read && folds.iter().all(|(known, _)| known != work) {
            folds.push((*work, Fold::new(input.shape, *work, PARTITIONS)));
        }
    }
    if folds.is_empty() {
        return Ok(Vec::new());
    }
    logs::read(bootstrap, topic, Isolation::Committed, &mut |record| {
        let value = record.value.context("an input record without a value")?;
        folds.iter_mut().try_for_each(|(_, fold)| fold.take(record.partition, value))
    })?;
    Ok(folds.into_iter().map(|(work, fold)| (work, fold.finish())).collect())
}
