//! `streamjob-worker` with deliberate faults (docs/decisions/0004): never shipped. `names` prints what may be asked
//! for.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use connectors::faults::{Point, Sabotage};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("names") {
        return names();
    }
    worker::start(&worker::args::Args::parse())
}

/// One line each: what kind of fault, its name.
fn names() -> ExitCode {
    let points = Point::ALL.iter().map(|p| format!("point {}\n", p.name()));
    let breaches = Sabotage::ALL.iter().map(|s| format!("sabotage {}\n", s.name()));
    let text: String = points.chain(breaches).collect();
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
