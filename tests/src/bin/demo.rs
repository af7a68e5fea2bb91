//! Shows the product in half a minute.

use std::process::ExitCode;

use clap::Parser as _;
use tests::demo::{End, arguments::DemoArguments, run};

/// What shells report after Ctrl-C.
const INTERRUPTED: u8 = 130;

fn main() -> anyhow::Result<ExitCode> {
    Ok(match run(&DemoArguments::parse())? {
        End::Judged(verdict) if verdict.is_clean() => ExitCode::SUCCESS,
        End::Judged(_) => ExitCode::FAILURE,
        End::Interrupted => ExitCode::from(INTERRUPTED),
    })
}
