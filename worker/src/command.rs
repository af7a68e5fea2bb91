//! From arguments to an exit code.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use protocol::acquire::Stop;
use protocol::reason::Reason;
use tokio::runtime::{Builder, Runtime};

use crate::args::{Args, Command, SlotArgs};
use crate::exit::{Ending, LastWords};
use crate::limits::RUNTIME_THREADS;
use crate::supervise::{self, Supervised};
use crate::{clean, explain, logs, plan_command, run, slot_command};

/// How long the runtime gets to close its connections.
const RUNTIME_END: Duration = Duration::from_millis(500);

/// Does what the arguments say.
pub fn start(args: &Args) -> ExitCode {
    logs::init();
    match &args.command {
        Command::Slot(slot) if slot.supervise => supervised(slot),
        Command::Slot(slot) => worker(slot),
        Command::Run(run) => {
            finish(with_runtime(|runtime| run::run(run, runtime.handle()).map(|()| Ending::Done)))
        }
        Command::Plan(plan) => {
            finish(with_runtime(|runtime| plan_command::plan(plan, runtime.handle())))
        }
        Command::Clean(clean) => {
            finish(with_runtime(|runtime| clean::clean(clean, runtime.handle())))
        }
        Command::Explain(explain) => {
            finish(with_runtime(|runtime| explain::explain(explain, runtime.handle())))
        }
    }
}

fn with_runtime<T>(work: impl FnOnce(&Runtime) -> Result<T, Stop>) -> Result<T, Stop> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .thread_name("runtime")
        .enable_all()
        .build()
        .map_err(|e| Stop::new(Reason::CapacityUnavailable, format!("no threads: {e}")))?;
    let result = work(&runtime);
    runtime.shutdown_timeout(RUNTIME_END);
    result
}

fn finish(result: Result<Ending, Stop>) -> ExitCode {
    match result {
        Ok(ending) => ending.into(),
        Err(stop) => {
            tracing::error!(reason = %stop.reason, next = stop.reason.next_step(), "{}", stop.message);
            Ending::of(stop.reason).into()
        }
    }
}

/// A worker of a pod: shows how the one before ended, leaves how it ends itself.
fn worker(args: &SlotArgs) -> ExitCode {
    let (before, last_error) = supervise::predecessor();
    let result = with_runtime(|runtime| {
        slot_command::slot(args, runtime.handle(), before).map(|()| Ending::Done)
    });
    if let (Err(stop), Some(path)) = (&result, last_error) {
        LastWords::from(stop).leave(&path);
    }
    finish(result)
}

fn supervised(args: &SlotArgs) -> ExitCode {
    let failed = |what: &str, error: std::io::Error| {
        Stop::new(Reason::Bug, format!("the supervisor cannot {what}: {error}"))
    };
    let supervise = || {
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(|e| failed("start", e))?;
        std::fs::create_dir_all(&args.state_dir).map_err(|e| run::folder(&args.state_dir, &e))?;
        let what = Supervised {
            program: std::env::current_exe().map_err(|e| failed("find its binary", e))?,
            args: child_args(std::env::args_os()),
            last_error: args.state_dir.join("last-error.json"),
            termination_log: args.termination_log.clone(),
        };
        runtime.block_on(supervise::supervise(&what))
    };
    match supervise() {
        Ok(code) => ExitCode::from(code),
        Err(stop) => {
            LastWords::from(&stop).leave(&args.termination_log);
            finish(Err(stop))
        }
    }
}

/// The own arguments without the binary and without what asks for a supervisor.
fn child_args(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    args.skip(1).filter(|arg| arg != "--supervise").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_child_is_the_same_call_without_supervisor() {
        let own = ["w", "slot", "--supervise", "--job", "j"].map(OsString::from);
        let child = child_args(own.into_iter());
        assert_eq!(child, ["slot", "--job", "j"].map(OsString::from));
    }
}
