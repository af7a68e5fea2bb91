//! The development broker as a program.

use std::io::Write;

use clap::Parser;
use devbroker::Server;
use devbroker::args::Args;

fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let args = Args::parse();
    let server = Server::start(args.listen, args.options())?;
    tracing::warn!("everything is in memory and lost at the end; for development and tests only");
    let mut out = std::io::stdout();
    writeln!(out, "listening on {}", server.local_addr())?;
    out.flush()?;
    server.wait();
    Ok(())
}
