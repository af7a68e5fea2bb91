//! `streamjob-crds <folder>…` writes the manifests of the custom resources into each folder.

use std::io::{Error, Result};
use std::path::PathBuf;

fn main() -> Result<()> {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if folders.is_empty() {
        return Err(Error::other("usage: streamjob-crds <folder>…"));
    }
    for folder in folders {
        for (name, yaml) in crds::manifests::manifests() {
            std::fs::write(folder.join(name), yaml)?;
        }
    }
    Ok(())
}
