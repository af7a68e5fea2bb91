//! `kubectl streamjob`: see `--help`.

use clap::Parser;

#[tokio::main]
async fn main() -> anyhow::Result<std::process::ExitCode> {
    kubectl::run::run(kubectl::args::Args::parse()).await
}
