//! Standard output.

use std::io::{self, Write as _};

use anyhow::Context as _;

/// Writes a line or several. Whoever reads may have seen enough, as `head` has.
pub fn say(text: &str) -> anyhow::Result<()> {
    match writeln!(io::stdout().lock(), "{}", text.trim_end_matches('\n')) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("standard output cannot be written")
        }
        _ => Ok(()),
    }
}

/// Writes a remark that is no result.
pub fn remark(text: &str) {
    // Nobody is left to be told.
    drop(writeln!(io::stderr().lock(), "{text}"));
}
