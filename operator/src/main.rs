//! `streamjob-operator`: see `--help`.

use clap::Parser;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    operator::run::run(operator::args::Args::parse()).await
}
