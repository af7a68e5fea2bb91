//! The development broker as a process.

use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use super::{Process, Scratch, ports, tools, wait};

const READY_MAX: Duration = Duration::from_secs(20);

/// A running development broker; killed when dropped.
pub struct Devbroker {
    process: Process,
    bootstrap: String,
}

impl Devbroker {
    /// Starts one with its log in `scratch`.
    pub fn start(scratch: &Scratch) -> anyhow::Result<Self> {
        Self::start_as(Command::new(tools::program("streamjob-devbroker")?), scratch)
    }

    /// The same with a command that was prepared by the caller.
    pub fn start_as(mut command: Command, scratch: &Scratch) -> anyhow::Result<Self> {
        let [port] = ports::free()?;
        let bootstrap = format!("127.0.0.1:{port}");
        command.args(["--listen", &bootstrap]);
        let log = scratch.path().join("broker.log");
        let mut process = Process::start("broker", &mut command, &log)?;
        wait::until_true("the broker", READY_MAX, || {
            process.require_running()?;
            Ok(TcpStream::connect(&bootstrap).is_ok())
        })?;
        Ok(Self { process, bootstrap })
    }

    /// What clients connect to.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
