//! What one look at the cluster and the workers found. Everything after it is a function of this.

use std::collections::BTreeMap;

use crds::{StreamJobSpec, StreamJobStatus};
use jiff::Timestamp;
use protocol::admin::{SlotPhase, SlotStatus, WorkerStatus};
use protocol::reason::Reason;
use serde_json::Value;

use crate::limits::LAST_WORDS_GRACE;

/// All that a decision depends on.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The job itself.
    pub job: JobView,
    /// The time of the look.
    pub now: Timestamp,
    /// The token of the admin port, when its Secret is there.
    pub token: Option<String>,
    /// Children that are there, by kind and name.
    pub children: Vec<Child>,
    /// Stateful sets by generation.
    pub sets: BTreeMap<u64, SetView>,
    /// The spec that each generation was made from, as its ConfigMap holds it.
    pub configs: BTreeMap<u64, StreamJobSpec>,
    /// Planner and clean Jobs by name.
    pub tasks: BTreeMap<String, TaskView>,
    /// Savepoints of this job.
    pub savepoints: Vec<SavepointView>,
    /// What `spec.restoreFrom.savepoint` names, if it does.
    pub restore: Option<RestoreView>,
}

/// The StreamJob as read.
#[derive(Clone, Debug)]
pub struct JobView {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its identity.
    pub uid: String,
    /// What the API server knew it as; a status is written onto this version only.
    pub resource_version: String,
    /// `metadata.generation`.
    pub generation: i64,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Its finalizers.
    pub finalizers: Vec<String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its spec, unparsed.
    pub spec: Value,
    /// Its status; the machine's memory is in it.
    pub status: StreamJobStatus,
}

impl JobView {
    /// A name without an object: whose things are made without it.
    pub fn absent(namespace: &str, name: &str, uid: &str) -> Self {
        Self {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            uid: uid.to_owned(),
            resource_version: String::new(),
            generation: 0,
            deleted_at: None,
            finalizers: Vec::new(),
            annotations: BTreeMap::new(),
            labels: BTreeMap::new(),
            spec: Value::Null,
            status: StreamJobStatus::default(),
        }
    }
}

/// The sort of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The admin token.
    Secret,
    /// job.json and layout.json.
    ConfigMap,
    /// Names of the pods.
    Service,
    /// The pods of a generation.
    StatefulSet,
    /// One pod at a time.
    PodDisruptionBudget,
    /// Planner and clean.
    Job,
    /// Made by the schedule.
    Savepoint,
}

/// A child that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// Its sort.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its identity.
    pub uid: String,
    /// The job that it belongs to; a former job of the same name leaves its own for a while.
    pub job_uid: String,
    /// The generation that it belongs to.
    pub generation: Option<u64>,
    /// It is being deleted.
    pub terminating: bool,
}

/// A generation's stateful set with its pods.
#[derive(Clone, Debug, Default)]
pub struct SetView {
    /// Wanted pods; none: the set is gone while pods remain.
    pub replicas: Option<u32>,
    /// Pods that exist.
    pub pods: Vec<PodView>,
    /// Why there are fewer than wanted, as far as an event says.
    pub problem: Option<Problem>,
}

/// Why a pod does not run, or is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// As one word.
    pub reason: Reason,
    /// In the words of kubelet, scheduler or quota.
    pub text: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// A worker pod.
#[derive(Clone, Debug)]
pub struct PodView {
    /// Its name.
    pub name: String,
    /// Its identity.
    pub uid: String,
    /// When it should have ended, if it is being deleted.
    pub ends_at: Option<Timestamp>,
    /// The number at the end of its name.
    pub ordinal: u32,
    /// Its address, once it has one.
    pub ip: Option<String>,
    /// The readiness probe succeeds: warm.
    pub ready: bool,
    /// It is being deleted, or has ended.
    pub ending: bool,
    /// Why it does not run.
    pub problem: Option<Problem>,
    /// How often its container was started again.
    pub restarts: u32,
    /// How it ended before that, in words.
    pub last_end: Option<String>,
    /// What the worker in it said.
    pub contact: Contact,
}

/// What asking a worker gave.
#[derive(Clone, Debug)]
pub enum Contact {
    /// It has no address or was not asked.
    Unasked,
    /// It did not answer.
    Silent(String),
    /// Its answer.
    Answered(Box<WorkerStatus>),
}

/// A planner or clean Job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskView {
    /// The digest of what it looks at.
    pub spec_digest: String,
    /// It ended well (`Some(true)`) or badly.
    pub ended: Option<bool>,
    /// When.
    pub ended_at: Option<Timestamp>,
    /// The newest termination message of its pods.
    pub message: Option<String>,
    /// A pod of it exists.
    pub started: bool,
    /// Why its pod does not run, or why there is none.
    pub problem: Option<Problem>,
}

impl TaskView {
    /// Whether it has ended, and nothing more is to be heard of it: what a pod said last may be read a little later
    /// than that its Job has ended.
    pub fn is_over(&self, now: Timestamp) -> bool {
        let heard = self.message.is_some();
        let age = self.ended_at.map(|at| std::time::Duration::try_from(now.duration_since(at)));
        let late = age.is_none_or(|age| age.is_ok_and(|age| age >= LAST_WORDS_GRACE));
        self.ended.is_some() && (heard || late)
    }
}

/// A savepoint of this job, as far as the job cares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavepointView {
    /// Its name.
    pub name: String,
    /// Its identity.
    pub uid: String,
    /// The job's schedule made it.
    pub scheduled: bool,
    /// When it was complete, if it is and is this job's.
    pub completed_at: Option<Timestamp>,
    /// It is being deleted.
    pub terminating: bool,
    /// The name under which workers know it.
    pub key: String,
    /// It is being written.
    pub in_progress: bool,
}

/// The savepoint that a new job begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreView {
    /// It can be restored from.
    Ready {
        /// Where it lies.
        location: String,
    },
    /// It is not complete yet.
    Pending,
    /// There is none, or it failed.
    Missing(String),
}

impl SetView {
    /// The workers that answered.
    pub fn workers(&self) -> impl Iterator<Item = (&PodView, &WorkerStatus)> {
        self.pods.iter().filter_map(|pod| match &pod.contact {
            Contact::Answered(status) => Some((pod, &**status)),
            Contact::Unasked | Contact::Silent(_) => None,
        })
    }

    /// The slots of all workers that answered.
    pub fn slots(&self) -> impl Iterator<Item = &SlotStatus> {
        self.workers().flat_map(|(_, worker)| &worker.slots)
    }

    /// Slots in one of the phases, of live pods.
    pub fn count(&self, phases: &[SlotPhase]) -> u32 {
        let slots = self.slots().filter(|slot| phases.contains(&slot.phase)).count();
        u32::try_from(slots).unwrap_or(u32::MAX)
    }
}

impl Observed {
    /// A job of which nothing else is known.
    pub fn bare(job: JobView) -> Self {
        Self {
            job,
            now: Timestamp::UNIX_EPOCH,
            token: None,
            children: Vec::new(),
            sets: BTreeMap::new(),
            configs: BTreeMap::new(),
            tasks: BTreeMap::new(),
            savepoints: Vec::new(),
            restore: None,
        }
    }

    /// The set of a generation, empty if there is none.
    pub fn set(&self, generation: u64) -> SetView {
        self.sets.get(&generation).cloned().unwrap_or_default()
    }

    /// Whether a child is there that belongs to this job and stays.
    pub fn has(&self, kind: Kind, name: &str) -> bool {
        self.children.iter().any(|child| {
            (child.kind, child.name.as_str()) == (kind, name)
                && child.job_uid == self.job.uid
                && !child.terminating
        })
    }

    /// Whether a savepoint is being written.
    pub fn savepoint_in_progress(&self) -> bool {
        self.savepoints.iter().any(|savepoint| savepoint.in_progress)
    }

    /// Time since then; nothing for the future.
    pub fn since(&self, then: Timestamp) -> std::time::Duration {
        std::time::Duration::try_from(self.now.duration_since(then)).unwrap_or_default()
    }
}
