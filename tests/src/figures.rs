//! The figures of a long run, for one table over all of its parts. `STREAMJOB_FIGURES` names a file; each line of it
//! is the JSON of what one scenario survived. Without it nothing is written.

use std::fs::OpenOptions;
use std::io::Write as _;

use anyhow::Context as _;
use serde::Serialize;

use crate::checker::Verdict;

/// What one scenario survived.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    pub scenario: String,
    /// Times that something was broken on purpose, kills included.
    pub faults: u64,
    /// Processes that were ended by SIGKILL.
    pub kills: u64,
    /// Simulated worlds, explored states, spoilt inputs: histories that no real server gives.
    pub histories: u64,
    /// Rows that were judged: of the input; of the output where worlds are simulated.
    pub records: u64,
    pub lost: u64,
    /// Rows that came again although each was to come once.
    pub doubled: u64,
    /// From a kill to the next row committed, milliseconds.
    pub recoveries_ms: Vec<u64>,
}

impl Figures {
    pub fn of(scenario: &str) -> Self {
        Self { scenario: scenario.to_owned(), ..Self::default() }
    }

    /// Adds what the checker saw.
    pub fn judged(&mut self, verdict: &Verdict) {
        self.records += verdict.events;
        self.lost += verdict.lost;
        self.doubled += verdict.doubled;
    }

    /// A line more in the file of the run, if there is one.
    pub fn tell(&self) -> anyhow::Result<()> {
        let Some(path) = std::env::var_os("STREAMJOB_FIGURES") else { return Ok(()) };
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        // One write: programs and threads append to the same file.
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(&line));
        written.with_context(|| path.display().to_string())
    }
}
