//! The objects that should exist, from a memory that has been written. One kind of object per file.
//!
//! Everything here is created once and never changed: a generation's objects carry its number, so
//! another spec means other objects, and another version of the operator restarts nothing.

use crds::{DeletionPolicy, GenerationStatus, StreamJobSpec, StreamJobStatus};
use serde_json::Value;

use crate::limits::DEAD_POD_GRACE;
use crate::machine::{self, End, wanted_generations};
use crate::names;
use crate::observed::{Child, Kind, Observed};
use crate::proposal;
use crate::schedule;
use crate::validate::{Settings, Target};

pub mod clean_job;
pub mod config_map;
pub mod disruption_budget;
pub mod metadata;
pub mod overrides;
pub mod planner_job;
pub mod pod;
pub mod scheduled;
pub mod service;
pub mod stateful_set;
pub mod task;
pub mod token_secret;
pub mod volumes;

/// An object to be created.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Its sort.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// All of it.
    pub body: Value,
}

/// What separates the cluster from what should be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Put the finalizer on (true) or take it off (false).
    pub finalizer: Option<bool>,
    /// The token Secret is missing.
    pub create_token: bool,
    /// Missing objects, in the order in which they are made.
    pub create: Vec<Object>,
    /// Children that nobody wants any more.
    pub delete: Vec<Child>,
    /// Pods on nodes that are gone, by name and identity: nobody else will end them.
    pub bury: Vec<(String, String)>,
    /// Something of a former job of the same name is still there.
    pub blocked_by_former: bool,
}

impl Plan {
    /// Whether carrying it out makes or removes anything.
    pub fn changes_something(&self) -> bool {
        let made = self.create_token || !self.create.is_empty();
        made || !self.delete.is_empty() || !self.bury.is_empty()
    }
}

/// What a generation's objects are made from.
pub struct Blueprint<'a> {
    /// What was read.
    pub observed: &'a Observed,
    /// The generation.
    pub generation: &'a GenerationStatus,
    /// Its own spec, which may be older than the job's.
    pub spec: &'a StreamJobSpec,
}

/// Compares what should be with what is.
pub fn plan(
    observed: &Observed,
    target: Option<&Target>,
    memory: &StreamJobStatus,
    settings: &Settings,
) -> Plan {
    let has_finalizer = observed.job.finalizers.iter().any(|name| name == names::FINALIZER);
    let former = observed.children.iter().any(|child| child.job_uid != observed.job.uid);
    let mut plan = Plan { blocked_by_former: former, ..Plan::default() };
    if observed.job.deleted_at.is_none() && !has_finalizer {
        plan.finalizer = Some(true);
        return plan;
    }
    if !has_finalizer || plan.blocked_by_former {
        return plan;
    }
    let wanted = wanted_objects(observed, target, memory, settings);
    plan.bury = dead_pods(observed);
    plan.create_token = observed.token.is_none() && observed.job.deleted_at.is_none();
    plan.delete = unwanted(observed, &wanted, memory);
    plan.delete.extend(superfluous(observed, target));
    plan.create = wanted.into_iter().filter(|object| missing(observed, object)).collect();
    if machine::tearing_down(observed, target, memory) && finished(observed, target, memory) {
        plan.finalizer = Some(false);
        plan.create.clear();
    }
    plan
}

fn wanted_objects(
    observed: &Observed,
    target: Option<&Target>,
    memory: &StreamJobStatus,
    settings: &Settings,
) -> Vec<Object> {
    let mut objects = Vec::new();
    for generation in wanted_generations(observed, target, memory) {
        let spec = spec_of(observed, target, memory, generation);
        let Some(spec) = spec else { continue };
        let blueprint = Blueprint { observed, generation, spec };
        let layout = machine::health::plan_of(memory, generation).map(|plan| &plan.layout);
        objects.push(config_map::of_generation(&blueprint, layout));
        objects.push(service::of(&blueprint));
        objects.push(stateful_set::of(&blueprint));
        objects.push(disruption_budget::of(&blueprint));
    }
    if let Some(target) = target
        && machine::planner_wanted(observed, target, memory)
    {
        objects.extend(planner_job::of(observed, target));
    }
    if let Some(proposal) = proposal::of(observed, settings)
        && let Some(asked) = proposal.to_be_tried(observed)
    {
        objects.extend(planner_job::trial(observed, asked));
    }
    if let Some(due) = target.and_then(|target| schedule::due(observed, target, memory)) {
        objects.push(scheduled::of(observed, due));
    }
    if machine::tearing_down(observed, target, memory) && pods_are_gone(observed) {
        objects.extend(clean_job::of(observed, target, memory, settings));
    }
    objects
}

/// The spec that a generation is made from: its ConfigMap's, before that the one it was decided on, which is that of
/// an earlier generation where it is the way back to that.
fn spec_of<'a>(
    observed: &'a Observed,
    target: Option<&'a Target>,
    memory: &StreamJobStatus,
    generation: &GenerationStatus,
) -> Option<&'a StreamJobSpec> {
    let back = memory.healthy.as_ref().map(|healthy| &healthy.generation);
    let back = back.filter(|back| back.spec_digest == generation.spec_digest);
    let known = observed.configs.get(&generation.number);
    known.or_else(|| observed.configs.get(&back?.number)).or_else(|| {
        let plan = memory.plan.as_ref()?;
        target.filter(|target| target.is_met_by(generation, plan)).map(|target| &target.spec)
    })
}

fn missing(observed: &Observed, object: &Object) -> bool {
    !observed.has(object.kind, &object.name) || has_drifted(observed, object)
}

/// Somebody scaled the set itself; the number of pods belongs to the generation.
fn has_drifted(observed: &Observed, object: &Object) -> bool {
    let label = format!("/metadata/labels/{}", names::GENERATION.replace('/', "~1"));
    let generation = object.body.pointer(&label).and_then(Value::as_str);
    let set = generation.and_then(|number| observed.sets.get(&number.parse().ok()?));
    let wanted = object.body.pointer("/spec/replicas").and_then(Value::as_u64);
    let found = set.and_then(|set| set.replicas).map(u64::from);
    object.kind == Kind::StatefulSet && found != wanted
}

/// Generations and tasks that exist and are not wanted. A generation above the last one known
/// belongs to a memory newer than the one that was read, and stays.
fn unwanted(observed: &Observed, wanted: &[Object], memory: &StreamJobStatus) -> Vec<Child> {
    let wants = |child: &Child| {
        wanted.iter().any(|object| (object.kind, &object.name) == (child.kind, &child.name))
    };
    let kept = |child: &Child| match child.generation {
        Some(generation) => generation > memory.last_generation || keeps(memory, generation, child),
        None => child.kind == Kind::Secret,
    };
    let mut unwanted: Vec<Child> = observed
        .children
        .iter()
        .filter(|child| child.job_uid == observed.job.uid && !child.terminating)
        .filter(|child| !wants(child) && !kept(child))
        .cloned()
        .collect();
    unwanted.sort_by_key(|child| std::cmp::Reverse(child.kind));
    unwanted
}

/// Scheduled savepoints that are kept no longer.
fn superfluous(observed: &Observed, target: Option<&Target>) -> Vec<Child> {
    let wanted = target.and_then(|target| target.spec.savepoints.as_ref());
    let Some(wanted) = wanted.filter(|_| observed.job.deleted_at.is_none()) else {
        return Vec::new();
    };
    let gone = schedule::superfluous(&observed.savepoints, wanted, observed.now).into_iter();
    gone.map(|savepoint| Child {
        kind: Kind::Savepoint,
        name: savepoint.name.clone(),
        uid: savepoint.uid.clone(),
        job_uid: observed.job.uid.clone(),
        generation: None,
        terminating: false,
    })
    .collect()
}

/// The `ConfigMap`s of the current generation and of the last healthy one outlive their pods: they hold the specs to
/// go back to.
fn keeps(memory: &StreamJobStatus, generation: u64, child: &Child) -> bool {
    let current = memory.current.as_ref().map(|current| current.number);
    let healthy = memory.healthy.as_ref().map(|healthy| healthy.generation.number);
    child.kind == Kind::ConfigMap && [current, healthy].contains(&Some(generation))
}

/// Pods that should have ended a while ago. A stateful set never replaces them by itself; here it
/// is safe, because the successor fences whatever may still run.
fn dead_pods(observed: &Observed) -> Vec<(String, String)> {
    let pods = observed.sets.values().flat_map(|set| &set.pods);
    let dead =
        pods.filter(|pod| pod.ends_at.is_some_and(|at| observed.since(at) >= DEAD_POD_GRACE));
    dead.map(|pod| (pod.name.clone(), pod.uid.clone())).collect()
}

fn pods_are_gone(observed: &Observed) -> bool {
    observed.sets.values().all(|set| set.replicas.is_none() && set.pods.is_empty())
}

/// Whether a deleted job may go: cleaned, nothing to clean, or out of time.
fn finished(observed: &Observed, target: Option<&Target>, memory: &StreamJobStatus) -> bool {
    let end = End::of(target.map(|target| &target.spec));
    let deleted_at = observed.job.deleted_at.unwrap_or(observed.now);
    let name = names::clean(&observed.job.name);
    let cleaned = observed.tasks.get(&name).is_some_and(|task| task.ended == Some(true));
    let nothing = memory.last_generation == 0
        && (memory.plan.is_none() || end.policy == DeletionPolicy::Keep);
    pods_are_gone(observed) && (cleaned || nothing) || overdue(observed, end, deleted_at)
}

fn overdue(observed: &Observed, end: End, deleted_at: jiff::Timestamp) -> bool {
    observed.since(deleted_at) >= end.deadline.get()
}
