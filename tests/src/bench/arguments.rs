//! The command line of the benchmarks.

use super::bare::BareArguments;

/// Measures the engine against the bare C client on a real Kafka.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "bench", version)]
pub struct BenchArguments {
    /// Rounds; medians are over them
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// Rows of the small run
    #[arg(long, default_value_t = 1_000_000)]
    pub small: u64,
    /// Rows of the large run
    #[arg(long, default_value_t = 5_000_000)]
    pub large: u64,
    /// Distinct keys
    #[arg(long, default_value_t = 1_000)]
    pub keys: u64,
    /// Pin what is measured to this processor; -1 = let it run free
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    pub pin: i32,
    /// Input topics are compressed with lz4
    #[arg(long)]
    pub lz4: bool,
    /// Another seed, another input
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Only these: b0, b2, b2-exchange, b2-at-least-once, moments
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<String>,
    /// What the benchmark starts itself for
    #[command(subcommand)]
    pub part: Option<Part>,
}

impl BenchArguments {
    /// Whether a row is wanted.
    pub fn wants(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == id)
    }
}

/// Parts of a benchmark that are processes of their own.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Part {
    /// Read a topic with the C client and do nothing with it.
    #[command(hide = true)]
    Bare(BareArguments),
}
