//! The folder of one scenario: working files and logs. Gone at the end; shown when the test fails.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Lines of each log that are shown when a test fails.
const SHOWN_LINES: usize = 40;

/// A temporary folder. `STREAMJOB_KEEP=1` keeps it.
pub struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    /// A new folder with the scenario's name in its own.
    pub fn new(name: &str) -> anyhow::Result<Self> {
        let mut folder = tempfile::Builder::new()
            .prefix(&format!("streamjob-{name}-"))
            .tempdir()
            .context("cannot create a temporary folder")?;
        folder.disable_cleanup(std::env::var_os("STREAMJOB_KEEP").is_some());
        Ok(Self { folder })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A folder in it, created.
    pub fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.path().join(name);
        fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(path)
    }

    /// Writes a file into it.
    pub fn file(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.path().join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// The last lines of every log in it.
    pub fn logs(&self) -> String {
        let mut text = String::new();
        for path in log_files(self.path()) {
            let log = fs::read(&path).unwrap_or_default();
            let log = String::from_utf8_lossy(&log);
            let lines: Vec<&str> = log.lines().collect();
            let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
            let name = path.strip_prefix(self.path()).unwrap_or(&path).display();
            write!(text, "--- {name} ({} lines)\n{}\n", lines.len(), shown.join("\n"))
                .expect("a String takes all that is written");
        }
        text
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // A closed standard error is no reason to fail again.
            drop(writeln!(std::io::stderr(), "{}", self.logs()));
        }
    }
}

fn log_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            files.push(path);
        } else if path.is_dir() && path.file_name().is_some_and(|name| name != "data") {
            files.extend(log_files(&path));
        }
    }
    files.sort();
    files
}
