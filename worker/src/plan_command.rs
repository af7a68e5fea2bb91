//! `plan`: check a job, explain it, and with `--apply` create what it needs.

use std::fs;
use std::io::Write;
use std::path::Path;

use protocol::acquire::Stop;
use protocol::reason::Reason;
use protocol::verdict::PlannerVerdict;
use tokio::runtime::Handle;

use crate::args::PlanArgs;
use crate::cluster::Cluster;
use crate::exit::Ending;
use crate::job::Job;
use crate::planning::{self, Planning};

/// Plans. A refused job is an answer, not an error. What could not be found out is an error, and stands in the
/// verdict too, so that the operator reads one format.
pub fn plan(args: &PlanArgs, runtime: &Handle) -> Result<Ending, Stop> {
    let (verdict, text) = match verdict(args, runtime) {
        Ok(answer) => answer,
        Err(stop) => {
            let verdict = planning::refused(vec![planning::refusal(&stop)]);
            // The same credentials will be refused again: whoever waits should hear of it now.
            if stop.reason != Reason::CredentialsRejected {
                leave(args.termination_log.as_deref(), &verdict);
                return Err(stop);
            }
            let text = planning::explain_refusal(&verdict);
            (verdict, text)
        }
    };
    leave(args.termination_log.as_deref(), &verdict);
    let accepted = verdict.accepted();
    let text = if args.json { verdict.encode() } else { text };
    print(&text)?;
    Ok(if accepted { Ending::Done } else { Ending::Refused })
}

fn verdict(args: &PlanArgs, runtime: &Handle) -> Result<(PlannerVerdict, String), Stop> {
    let refused = |verdict: PlannerVerdict| {
        let text = planning::explain_refusal(&verdict);
        Ok((verdict, text))
    };
    let job = match Job::load(&args.job.job, &args.job.secrets_dir) {
        Ok(job) => job,
        Err(error) => {
            let refusals = error.faults.iter().map(planning::refusal).collect();
            return refused(planning::refused(refusals));
        }
    };
    let cluster = Cluster::open(&job, runtime.clone())?;
    let planned = match planning::plan(&job, &cluster, args.slots)? {
        Planning::Accepted(planned) => planned,
        Planning::Refused(verdict) => return refused(verdict),
    };
    if args.apply {
        planning::apply(&job, &cluster, &planned, args.slots.or(job.slots_wanted()))?;
    }
    Ok((planned.verdict(), planning::explain(&job, &planned)))
}

fn leave(path: Option<&Path>, verdict: &PlannerVerdict) {
    let Some(path) = path else { return };
    if let Err(error) = fs::write(path, verdict.clone().encode()) {
        tracing::warn!(path = %path.display(), %error, "the verdict could not be written");
    }
}

/// To standard output.
pub(crate) fn print(text: &str) -> Result<(), Stop> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        // Whoever reads has seen enough, as `head` does.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => {
            let message = format!("standard output cannot be written: {error}");
            Err(Stop::new(Reason::CapacityUnavailable, message))
        }
        Ok(()) => Ok(()),
    }
}
