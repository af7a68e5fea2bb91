//! Who runs where: what is measured has one processor to itself, everything else has another.

use std::process::{Command, Stdio};

use anyhow::Context as _;

/// The processors of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Processors {
    measured: Option<u32>,
    count: usize,
}

impl Processors {
    /// `pin` is the processor of what is measured; negative = everybody runs anywhere.
    pub(super) fn new(pin: i32) -> Self {
        let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { measured: u32::try_from(pin).ok(), count }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// How many what is measured has.
    pub(super) fn measured(&self) -> Option<usize> {
        self.measured.map(|_| 1)
    }

    /// Starts something on the processor of what is measured.
    pub(super) fn start<T>(&self, start: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        let Some(processor) = self.measured else { return start() };
        let own = std::fs::read_link("/proc/thread-self").context("which thread am I?")?;
        let own = own.file_name().context("/proc/thread-self names a thread")?.display();
        set(&["-p"], &processor.to_string(), &own.to_string())?;
        // Whatever is started inherits the processor; this thread goes back to the others.
        let started = start();
        set(&["-p"], &self.other(processor), &own.to_string())?;
        started
    }

    /// Keeps processes, their threads included, off the processor of what is measured.
    pub(super) fn keep_off(&self, pids: &[u32]) -> anyhow::Result<()> {
        let Some(processor) = self.measured else { return Ok(()) };
        let other = self.other(processor);
        pids.iter().try_for_each(|pid| set(&["-a", "-p"], &other, &pid.to_string()))
    }

    /// Lets processes run anywhere again.
    pub(super) fn release(&self, pids: &[u32]) -> anyhow::Result<()> {
        let all = format!("0-{}", self.count.saturating_sub(1));
        pids.iter().try_for_each(|pid| set(&["-a", "-p"], &all, &pid.to_string()))
    }

    /// All but one; the one where there is no other.
    fn other(&self, processor: u32) -> String {
        let others = (0..self.count).filter(|other| *other != processor as usize);
        let others: Vec<String> = others.map(|other| other.to_string()).collect();
        if others.is_empty() { processor.to_string() } else { others.join(",") }
    }
}

fn set(options: &[&str], processors: &str, id: &str) -> anyhow::Result<()> {
    let status = Command::new("taskset")
        .args(["-c"])
        .args(options)
        .args([processors, id])
        .stdout(Stdio::null())
        .status()
        .context("taskset")?;
    anyhow::ensure!(status.success(), "cannot move {id} to processor {processors}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_else_runs_on_the_others() {
        let processors = |count| Processors { measured: Some(1), count };
        assert_eq!(processors(4).other(1), "0,2,3");
        assert_eq!(processors(1).other(0), "0");
    }

    #[test]
    fn what_is_started_inherits_the_processor_and_the_starter_keeps_off_it() {
        let allowed = || {
            let status = std::fs::read_to_string("/proc/thread-self/status").expect("own status");
            let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
            line.map(str::trim).map(str::to_owned)
        };
        let processors = Processors::new(0);
        let inside = processors
            .start(|| {
                let output = Command::new("cat").arg("/proc/self/status").output()?;
                Ok(String::from_utf8_lossy(&output.stdout).into_owned())
            })
            .expect("cat");
        assert!(inside.contains("Cpus_allowed_list:\t0\n"), "{inside}");
        if processors.count() > 1 {
            assert_ne!(allowed().as_deref(), Some("0"));
        }
    }
}
