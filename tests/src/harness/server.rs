//! What a script starts in the background.

use anyhow::Context as _;

use super::{process, tools};

/// The process of a server; killed when dropped.
#[derive(Default)]
pub(super) struct Server(Option<u32>);

impl Server {
    /// Its process id, while it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.0
    }

    /// Starts it by a script that prints its process id.
    pub(super) fn start(
        &mut self,
        script: &str,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> anyhow::Result<()> {
        let pid = tools::script(script, arguments, environment)?;
        let pid = pid.parse().with_context(|| format!("process id '{pid}'"))?;
        self.0 = Some(pid);
        process::guard(pid)
    }

    /// Leaves it to somebody else to end it; the process id, if it runs.
    pub(super) fn release(&mut self) -> Option<u32> {
        self.0.take()
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        process::kill(self.release().context("it does not run")?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(pid) = self.release() {
            drop(process::signal(pid, "KILL"));
        }
    }
}
