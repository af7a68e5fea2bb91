//! The command line of the benchmarks.

use std::path::PathBuf;

use super::bare::BareArguments;
use super::pipelines::System;

/// Measures the engine beside others on a real Kafka.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "bench", version)]
pub struct BenchArguments {
    /// The ratios of b0 and b2 over flat rows alone: in about ten minutes once everything is built and fetched
    #[arg(long)]
    pub quick: bool,
    /// Rounds; medians are over them [default: 5, with --quick 3]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: Option<u32>,
    /// Rows of the small run [default: by input, millions]
    #[arg(long)]
    pub small: Option<u64>,
    /// Rows of the large run [default: by input, two or three times the small one]
    #[arg(long)]
    pub large: Option<u64>,
    /// Pin what is measured to this processor, everything else to the others; -1 = let all run free
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    pub pin: i32,
    /// Input topics are compressed with lz4
    #[arg(long)]
    pub lz4: bool,
    /// Another seed, another input
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Only these: b0, b1, b2, b2-nexmark, b2-wide, …, b8, moments; b2-wider runs only when it is named here
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// Only these systems
    #[arg(long, value_enum, value_delimiter = ',')]
    pub systems: Vec<System>,
    /// What the benchmark starts itself for
    #[command(subcommand)]
    pub part: Option<Part>,
}

const QUICK: [&str; 2] = ["b0", "b2"];
const QUICK_SYSTEMS: [System; 4] =
    [System::Librdkafka, System::StreamJob, System::FlinkRocksdb, System::KafkaStreams];
/// Rows of a quick run, small and large.
const QUICK_ROWS: (u64, u64) = (4_000_000, 10_000_000);

impl BenchArguments {
    /// Whether a row is wanted.
    pub fn wants(&self, id: &str, on_request: bool) -> bool {
        match (self.only.is_empty(), self.quick) {
            (true, true) => QUICK.contains(&id),
            (true, false) => !on_request,
            (false, _) => self.only.iter().any(|wanted| wanted == id),
        }
    }

    /// Whether a system is wanted.
    pub fn wants_system(&self, system: System) -> bool {
        match (self.systems.is_empty(), self.quick) {
            (true, true) => QUICK_SYSTEMS.contains(&system),
            (true, false) => true,
            (false, _) => self.systems.contains(&system),
        }
    }

    /// Rounds to run.
    pub fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 3 } else { 5 })
    }

    /// Rows of the small and of the large run of an input with this default.
    pub fn rows(&self, default: (u64, u64)) -> (u64, u64) {
        let (small, large) = if self.quick { QUICK_ROWS } else { default };
        (self.small.unwrap_or(small), self.large.unwrap_or(large))
    }
}

/// Parts of a benchmark that are processes of their own, and what can be done with its figures.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Part {
    /// Read a topic with the C client and do nothing with it.
    #[command(hide = true)]
    Bare(BareArguments),
    /// Figures of earlier runs as a table in Markdown.
    Table(TableArguments),
}

/// Which figures.
#[derive(Clone, Debug, clap::Args)]
pub struct TableArguments {
    /// Files that runs have written [default: the newest one]
    pub files: Vec<PathBuf>,
    /// Put the table between the two marks in this file instead of printing it
    #[arg(long)]
    pub into: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn parse(line: &str) -> BenchArguments {
        let words = line.split_whitespace();
        BenchArguments::try_parse_from(std::iter::once("bench").chain(words)).expect("arguments")
    }

    #[test]
    fn a_quick_run_is_short_unless_told_otherwise() {
        let quick = parse("--quick");
        assert!(quick.wants("b2", false) && !quick.wants("b1", false));
        assert!(!quick.wants_system(System::FlinkHeap));
        assert_eq!((quick.rounds(), quick.rows((1, 2))), (3, QUICK_ROWS));
        let chosen = parse("--quick --only b1 --systems flink-heap --rounds 7 --small 10");
        assert!(chosen.wants("b1", false) && chosen.wants_system(System::FlinkHeap));
        assert_eq!((chosen.rounds(), chosen.rows((1, 2))), (7, (10, QUICK_ROWS.1)));
    }

    #[test]
    fn what_is_expensive_runs_on_request() {
        assert!(!parse("").wants("b2-wider", true));
        assert!(parse("--only b2-wider").wants("b2-wider", true));
        assert!(parse("").wants_system(System::KafkaStreams));
    }
}
