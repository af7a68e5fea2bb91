//! Judges the output of a job from its logs.

use clap::Parser as _;
use tests::checker::arguments::{CheckerArguments, run};

/// Judges the output of a job from its logs.
#[derive(clap::Parser)]
#[command(version)]
struct Arguments {
    #[command(flatten)]
    checker: CheckerArguments,
}

fn main() -> anyhow::Result<()> {
    run(&Arguments::parse().checker)
}
