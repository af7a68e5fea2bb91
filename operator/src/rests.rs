//! Jobs at rest: a pass found nothing to do, and nothing is new since. Such a job is left alone until a watch or a
//! worker says something else, or until the time comes at which something would be done: the decisions are functions of
//! what was read and of the time, so they are asked.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::limits::{REST_MAX, REST_SPREAD, STEADY_REQUEUE};
use crate::machine;
use crate::observed::Observed;
use crate::orders;
use crate::plan::{self, Plan};
use crate::proposal;
use crate::status;
use crate::validate::{self, Settings};
use crate::watched::JobKey;

/// Times after now at which it is asked whether something would be done.
const PROBES: [Duration; 6] = [
    STEADY_REQUEUE,
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    REST_MAX,
];

/// A job that rests.
#[derive(Clone, Copy)]
struct Rest {
    /// What the watches had told before the pass looked.
    seen: u64,
    until: Timestamp,
}

/// The jobs at rest.
#[derive(Default)]
pub struct Rests {
    jobs: Mutex<HashMap<JobKey, Rest>>,
}

impl Rests {
    /// How long a job rests still; `None`: it is to be looked at, and does not rest any more.
    pub fn left(
        &self,
        namespace: &str,
        name: &str,
        seen: Option<u64>,
        now: Timestamp,
    ) -> Option<Duration> {
        let job = (namespace.to_owned(), name.to_owned());
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = *jobs.get(&job)?;
        if seen == Some(rest.seen) && now < rest.until {
            return Duration::try_from(rest.until.duration_since(now)).ok();
        }
        jobs.remove(&job);
        None
    }

    /// A job rests.
    pub fn begin(&self, job: JobKey, seen: u64, until: Timestamp) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.insert(job, Rest { seen, until });
    }

    /// A job is to be looked at, whatever the watches say.
    pub fn wake(&self, job: &JobKey) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).remove(job);
    }
}

/// How long nothing would be done if nothing else changed; `None`: something is to be done now.
pub fn quiet_for(mut observed: Observed, settings: &Settings) -> Option<Duration> {
    let began = observed.now;
    let mut quiet_after = |time: Duration| {
        let Ok(then) = began.checked_add(time) else { return false };
        observed.now = then;
        is_quiet(&observed, settings)
    };
    if !quiet_after(Duration::ZERO) {
        return None;
    }
    let mut quiet = Duration::ZERO;
    for probe in PROBES {
        if !quiet_after(probe) {
            return Some(between(quiet, probe, &mut quiet_after));
        }
        quiet = probe;
    }
    Some(quiet)
}

/// The second in which it is not quiet any more.
fn between(
    mut quiet: Duration,
    mut busy: Duration,
    quiet_after: &mut impl FnMut(Duration) -> bool,
) -> Duration {
    while busy.as_secs() - quiet.as_secs() > 1 {
        let middle = Duration::from_secs(u64::midpoint(quiet.as_secs(), busy.as_secs()));
        if quiet_after(middle) {
            quiet = middle;
        } else {
            busy = middle;
        }
    }
    busy
}

/// So that many jobs do not wake together.
pub fn spread(rest: Duration, job_uid: &str) -> Duration {
    if rest < REST_MAX {
        return rest;
    }
    let mut hasher = DefaultHasher::new();
    job_uid.hash(&mut hasher);
    REST_MAX.saturating_sub(Duration::from_secs(hasher.finish() % REST_SPREAD.as_secs()))
}

/// Whether a pass over this would write nothing and order nothing.
fn is_quiet(observed: &Observed, settings: &Settings) -> bool {
    let target = validate::target(observed, settings);
    let memory = machine::advance(observed, &target, settings);
    if !machine::same_memory(&memory, &observed.job.status) {
        return false;
    }
    let proposal = proposal::of(observed, settings);
    if status::render(observed, &target, &memory, proposal.as_ref()) != observed.job.status {
        return false;
    }
    let target = target.as_ref().ok();
    let tearing_down = machine::tearing_down(observed, target, &memory);
    plan::plan(observed, target, &memory, settings) == Plan::default()
        && orders::orders(observed, &memory, tearing_down).is_empty()
}
