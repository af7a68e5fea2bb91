//! Shows the product in half a minute.

use std::process::ExitCode;

use clap::Parser as _;
use tests::demo::arguments::{DemoArguments, Part};
use tests::demo::{End, run};
use tests::generator;

/// What shells report after Ctrl-C.
const INTERRUPTED: u8 = 130;

fn main() -> anyhow::Result<ExitCode> {
    let arguments = DemoArguments::parse();
    if let Some(Part::Generate(generate)) = &arguments.part {
        return generator::arguments::run(generate).map(|()| ExitCode::SUCCESS);
    }
    Ok(match run(&arguments)? {
        End::Judged(verdict) if verdict.is_clean() => ExitCode::SUCCESS,
        End::Judged(_) => ExitCode::FAILURE,
        End::Interrupted => ExitCode::from(INTERRUPTED),
    })
}
