//! The command line of the demo.

use crate::generator::arguments::GeneratorArguments;

/// Runs an example job for a while, kills its worker once, and checks the result.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "demo", version)]
pub struct DemoArguments {
    /// How long the generator writes
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(5..=3_600))]
    pub seconds: u64,
    /// Rows per second
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(4..=1_000_000))]
    pub rate: u64,
    /// Another seed, another input
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print lines instead of a live picture
    #[arg(long)]
    pub no_tty: bool,
    /// What the demo starts itself for
    #[command(subcommand)]
    pub part: Option<Part>,
}

/// Parts of the demo that are processes of their own.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Part {
    /// Write the input.
    #[command(hide = true)]
    Generate(Box<GeneratorArguments>),
}
