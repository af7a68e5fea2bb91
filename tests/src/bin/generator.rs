//! Writes test input to Kafka.

use clap::Parser as _;
use tests::generator::arguments::{GeneratorArguments, run};

#[derive(clap::Parser)]
#[command(version, about)]
struct Arguments {
    #[command(flatten)]
    generator: GeneratorArguments,
}

fn main() -> anyhow::Result<()> {
    run(&Arguments::parse().generator)
}
