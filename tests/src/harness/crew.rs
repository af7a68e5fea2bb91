//! Workers that are kept running, as the supervisor of a pod does it: who ends by itself is started again, unless the
//! ending says that this would be wrong.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::worker::{Worker, WorkerSetup};

/// A worker is started at most this often.
const RESTART_PAUSE: Duration = Duration::from_millis(200);
/// Exit codes after which a worker is started again: the outcome is to be read anew, or the surroundings failed.
const PASSING_CODES: [i32; 2] = [11, 22];

struct Member {
    setup: WorkerSetup,
    worker: Option<Worker>,
    started: Instant,
}

/// The workers of a generation.
pub struct Crew {
    members: Vec<Member>,
    ended: Vec<(usize, i32)>,
}

impl Crew {
    /// Starts them all.
    pub fn start(setups: &[WorkerSetup]) -> anyhow::Result<Self> {
        let members = setups
            .iter()
            .map(|setup| {
                let worker = Some(Worker::start(setup)?);
                Ok(Member { setup: setup.clone(), worker, started: Instant::now() })
            })
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { members, ended: Vec::new() })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// One of them, while it runs.
    pub fn worker(&mut self, index: usize) -> anyhow::Result<&mut Worker> {
        self.members[index].worker.as_mut().with_context(|| format!("worker {index} does not run"))
    }

    /// Who ended by itself, and with which exit code.
    pub fn ended(&self) -> &[(usize, i32)] {
        &self.ended
    }

    /// Starts again who has ended.
    pub fn tend(&mut self) -> anyhow::Result<()> {
        for (index, member) in self.members.iter_mut().enumerate() {
            let Some(worker) = &mut member.worker else { continue };
            let Some(status) = worker.process().ended()? else { continue };
            let code = passing(status).with_context(|| {
                format!("worker {index} ended, log {}", member.setup.log.display())
            })?;
            if member.started.elapsed() >= RESTART_PAUSE {
                self.ended.push((index, code));
                member.worker = Some(Worker::start(&member.setup)?);
                member.started = Instant::now();
            }
        }
        Ok(())
    }

    /// SIGKILL, then started again at once.
    pub fn kill(&mut self, index: usize) -> anyhow::Result<()> {
        let member = &mut self.members[index];
        if let Some(worker) = &mut member.worker {
            worker.process().kill()?;
        }
        member.worker = Some(Worker::start(&member.setup)?);
        member.started = Instant::now();
        Ok(())
    }

    /// Asks all to end and waits for it.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        for (index, member) in self.members.iter_mut().enumerate() {
            if let Some(mut worker) = member.worker.take() {
                let status = worker.process().stop()?;
                if !status.success() {
                    bail!("worker {index} ended with {status} when asked to end");
                }
            }
        }
        Ok(())
    }
}

/// The exit code, when it is one after which a worker is started again.
pub fn passing(status: ExitStatus) -> anyhow::Result<i32> {
    match status.code() {
        Some(code) if PASSING_CODES.contains(&code) => Ok(code),
        _ => bail!("{status} is not an ending after which a worker is started again"),
    }
}
