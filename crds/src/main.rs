//! `streamjob-crds <folder>` writes the manifests of the custom resources into a folder.

use std::io::{Error, Result};
use std::path::PathBuf;

fn main() -> Result<()> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| Error::other("usage: streamjob-crds <folder>"))?;
    for (name, yaml) in crds::manifests::manifests() {
        std::fs::write(folder.join(name), yaml)?;
    }
    Ok(())
}
