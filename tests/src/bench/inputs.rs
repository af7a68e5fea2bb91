//! The inputs of a benchmark run: written once, each with what the oracle says about it.

use std::time::Instant;

use crate::checker::{Case, Delivery, Open, Upto, Verdict, judge};
use crate::generator::{Pace, Recipe, Shape, WriteOptions, writer};
use crate::kafka::topics;
use crate::oracle::{Expected, Query};

use super::arguments::BenchArguments;

/// Partitions of every topic.
pub(super) const PARTITIONS: u32 = 4;
/// Rows per second of event time, all partitions together: one window has 100,000 rows.
const DENSITY: u64 = 10_000;

/// One input topic.
pub(super) struct BenchInput {
    pub(super) topic: String,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    expected: Expected,
    begun: Verdict,
}

impl BenchInput {
    /// Writes a topic of about `rows` rows, keyed, and asks the oracle.
    pub(super) fn write(
        bootstrap: &str,
        arguments: &BenchArguments,
        topic: &str,
        rows: u64,
    ) -> anyhow::Result<Self> {
        topics::create(bootstrap, &[(topic, PARTITIONS)])?;
        let query = Query::bids_per_auction(true);
        let recipe = Recipe {
            keys: arguments.keys,
            density: DENSITY / u64::from(PARTITIONS),
            ..Recipe::plain(Shape::Bids, arguments.seed, PARTITIONS)
        };
        let options = WriteOptions {
            bootstrap: bootstrap.into(),
            topic: topic.into(),
            rows: rows / u64::from(PARTITIONS),
            first: 0,
            pace: Pace::FlatOut,
            lz4: arguments.lz4,
            closing: Some(query.closing()),
        };
        let start = Instant::now();
        let written = writer::write(&recipe, &options, &mut |_| true)?;
        super::report::say(&format!(
            "{topic}: {} rows, {} bytes each, written in {:.1} s",
            written.rows,
            written.bytes / written.rows,
            start.elapsed().as_secs_f64()
        ))?;
        // All logs are closed alike, so the same windows are due with and without an exchange.
        let (expected, begun) = judge::expected(&case(bootstrap, topic, ""))?;
        let (topic, rows, bytes) = (topic.to_owned(), written.rows, written.bytes);
        Ok(Self { topic, rows, bytes, expected, begun })
    }

    /// Output rows that a right run writes.
    pub(super) fn due(&self) -> u64 {
        self.expected.due()
    }

    /// Compares an output topic with the oracle.
    pub(super) fn judge(&self, bootstrap: &str, sink: &str) -> anyhow::Result<Verdict> {
        let case = case(bootstrap, &self.topic, sink);
        judge::judge_against(&case, &self.expected, self.begun.clone())
    }
}

fn case(bootstrap: &str, source: &str, sink: &str) -> Case {
    Case {
        bootstrap: bootstrap.into(),
        query: Query::bids_per_auction(true),
        source: source.into(),
        sink: sink.into(),
        upto: Upto::End,
        open: Open::Refused,
        delivery: Delivery::ExactlyOnce,
        groups: None,
    }
}
