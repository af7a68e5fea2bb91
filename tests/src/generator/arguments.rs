//! The command line of the generator.

use std::io::Write as _;

use anyhow::Context as _;

use super::recipe::{Recipe, START, Shape};
use super::writer::{Pace, Progress, WriteOptions, write};
use crate::kafka::topics;

/// Writes input whose every row follows from (seed, partition, n).
#[derive(Clone, Debug, clap::Args)]
pub struct GeneratorArguments {
    /// Kafka's address
    #[arg(long)]
    pub bootstrap: String,
    /// Target topic; created when it is missing
    #[arg(long)]
    pub topic: String,
    /// Kind of rows
    #[arg(long, value_enum, default_value = "bids")]
    pub shape: Shape,
    /// Another seed, another input
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Partitions of the topic
    #[arg(long, default_value_t = 4)]
    pub partitions: u32,
    /// Rows per partition
    #[arg(long)]
    pub rows: u64,
    /// Rows per second over all partitions; 0 = as fast as the broker takes them
    #[arg(long, default_value_t = 0)]
    pub rate: u64,
    /// Event time of the first rows, ms since 1970
    #[arg(long, default_value_t = START)]
    pub start: i64,
    /// Rows per second of event time and partition
    #[arg(long, default_value_t = 1_000)]
    pub density: u64,
    /// Rows lie at most this far behind their place, ms
    #[arg(long, default_value_t = 2_000)]
    pub disorder_ms: i64,
    /// Rows per million that come too late
    #[arg(long, default_value_t = 0)]
    pub late_per_million: u64,
    /// How far behind the late rows lie, ms
    #[arg(long, default_value_t = 60_000)]
    pub late_by_ms: i64,
    /// Distinct keys
    #[arg(long, default_value_t = 1_000)]
    pub keys: u64,
    /// 1 = even; larger = few keys have most rows
    #[arg(long, default_value_t = 1.0)]
    pub skew: f64,
    /// Any key in any partition
    #[arg(long)]
    pub unkeyed: bool,
    /// Compress with lz4
    #[arg(long)]
    pub lz4: bool,
    /// End every log with a row this far beyond all others, ms
    #[arg(long, default_value_t = 60_000)]
    pub closing_ms: i64,
    /// Leave the logs open
    #[arg(long)]
    pub no_closing: bool,
}

impl GeneratorArguments {
    /// What the rows look like.
    pub fn recipe(&self) -> Recipe {
        Recipe {
            shape: self.shape,
            seed: self.seed,
            partitions: self.partitions,
            start: self.start,
            density: self.density,
            disorder: self.disorder_ms,
            late_per_million: self.late_per_million,
            late_by: self.late_by_ms,
            keys: self.keys,
            skew: self.skew,
            keyed: !self.unkeyed,
        }
    }

    /// Where they go and how fast.
    pub fn options(&self) -> WriteOptions {
        WriteOptions {
            bootstrap: self.bootstrap.clone(),
            topic: self.topic.clone(),
            rows: self.rows,
            first: 0,
            pace: if self.rate == 0 { Pace::FlatOut } else { Pace::PerSecond(self.rate) },
            lz4: self.lz4,
            closing: (!self.no_closing).then_some(self.closing_ms),
        }
    }
}

/// Writes, telling the progress on standard output.
pub fn run(arguments: &GeneratorArguments) -> anyhow::Result<()> {
    topics::create(&arguments.bootstrap, &[(&arguments.topic, arguments.partitions)])?;
    let mut broken = false;
    let written = write(&arguments.recipe(), &arguments.options(), &mut |progress| {
        broken = tell(progress).is_err();
        !broken
    })?;
    anyhow::ensure!(!broken, "standard output was closed; the writing ended early");
    let mut out = std::io::stdout().lock();
    writeln!(out, "written {} rows, {} bytes, seed {}", written.rows, written.bytes, arguments.seed)
        .context("standard output")
}

fn tell(progress: Progress) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "wrote {} of {} rows in {:.1} s",
        progress.written,
        progress.total,
        progress.elapsed.as_secs_f64()
    )?;
    out.flush()
}
