//! Where the built programs and the scripts of this checkout are.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// The root of the checkout that this runs in, for checkouts may share a target folder; outside of any, of that which
/// it was built from.
pub fn checkout() -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let ours = |folder: &&Path| folder.join("tests/tools/versions.env").is_file();
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    here.ancestors().find(ours).or(built).expect("the tests lie in a checkout").to_owned()
}

/// A program of this workspace, beside the running one: `target/debug/<name>`.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe().context("where am I?")?;
    let mut folders = own.ancestors().skip(1).take(2);
    folders
        .find_map(|folder| Some(folder.join(name)).filter(|path| path.is_file()))
        .with_context(|| format!("{name} is not built; run tests/tools/cargo-build.sh"))
}

/// A version that `tests/tools/versions.env` pins; empty when it does not.
pub fn version(name: &str) -> String {
    let path = checkout().join("tests/tools/versions.env");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    lines.next().and_then(|value| value.split_whitespace().next()).unwrap_or_default().to_owned()
}

/// A script may take so long; the servers that it starts wait for less.
const SCRIPT_MAX: &str = "300";

/// Runs a script of `tests/tools` and gives what it printed, trimmed.
pub fn script(
    name: &str,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> anyhow::Result<String> {
    let path = checkout().join("tests/tools").join(name);
    let output = Command::new("timeout")
        .args(["-k", "10", SCRIPT_MAX])
        .arg(&path)
        .args(arguments)
        .envs(environment.iter().copied())
        .output()
        .with_context(|| format!("cannot run {}", path.display()))?;
    ensure!(
        output.status.success(),
        "{name} {} failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
