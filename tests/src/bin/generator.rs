//! Writes test input to Kafka.

use clap::Parser as _;
use tests::generator::arguments::{GeneratorArguments, run};

/// Writes test input to Kafka.
#[derive(clap::Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    generator: GeneratorArguments,
}

fn main() -> anyhow::Result<()> {
    run(&Arguments::parse().generator)
}
