//! Measures the engine on this machine.

use clap::Parser as _;
use tests::bench::arguments::{BenchArguments, Part};
use tests::bench::{bare, run, table};

/// As in the worker: the bare client is measured under the same conditions.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let arguments = BenchArguments::parse();
    match &arguments.part {
        Some(Part::Bare(part)) => bare::run(part),
        Some(Part::Table(part)) => table(part),
        None => run(&arguments),
    }
}
