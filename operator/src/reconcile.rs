//! One pass over one job: fetch → validate → machine → plan → status → apply.

use std::sync::Arc;
use std::time::Duration;

use crds::StreamJobStatus;
use jiff::Timestamp;
use kube::Client;

use crate::admin_client::AdminClient;
use crate::apply::{self, events};
use crate::fetch::{self, Sources};
use crate::limits::{MOVING_REQUEUE, STARTING_REQUEUE, STEADY_REQUEUE};
use crate::machine;
use crate::metrics::Metrics;
use crate::names;
use crate::observed::Observed;
use crate::orders::{self, Sent};
use crate::patrol::Patrol;
use crate::plan;
use crate::proposal;
use crate::rests::{self, Rests};
use crate::sightings::{self, Sightings};
use crate::status;
use crate::validate::{self, Invalid, Settings, Target};
use crate::watched::Watched;

/// What a pass needs from outside.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// The workers.
    pub admin: Arc<dyn AdminClient>,
    /// How the operator was installed.
    pub settings: Settings,
    /// The time, whole seconds: what a status can hold.
    pub clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// Who looks after healthy jobs between passes.
    pub patrol: Arc<Patrol>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// When slots were last seen.
    pub sightings: Arc<Sightings>,
    /// What the watches told.
    pub watched: Arc<Watched>,
    /// Jobs that are left alone.
    pub rests: Arc<Rests>,
    /// A new token of the admin port.
    pub new_token: Box<dyn Fn() -> String + Send + Sync>,
}

impl Context {
    /// A job is there no more.
    pub fn gone(&self, namespace: &str, name: &str) {
        self.metrics.gone(namespace, name);
        self.patrol.forget(namespace, name);
        self.rests.wake(&(namespace.to_owned(), name.to_owned()));
    }
}

/// One pass. Returns when to look again; `None`: there is no such job any more.
pub async fn reconcile(
    context: &Context,
    namespace: &str,
    name: &str,
) -> Result<Option<Duration>, kube::Error> {
    let now = (context.clock)();
    // Before anything is read: what comes later makes the job be looked at again.
    let seen = context.watched.seen(namespace, name);
    if let Some(left) = context.rests.left(namespace, name, seen, now) {
        return Ok(Some(left));
    }
    context.patrol.forget(namespace, name);
    let sources = Sources { client: &context.client, admin: &*context.admin, now };
    let Some(observed) = fetch::fetch(&sources, namespace, name).await? else {
        context.gone(namespace, name);
        return Ok(None);
    };
    let target = validate::target(&observed, &context.settings);
    let memory = machine::advance(&observed, &target, &context.settings);
    let proposal = proposal::of(&observed, &context.settings);
    let status = status::render(&observed, &target, &memory, proposal.as_ref());
    context.metrics.saw(&observed, &status);
    if !machine::same_memory(&memory, &observed.job.status) {
        // Intent first: what follows from it is done by the pass that reads it.
        write(context, &observed, &status).await?;
        return Ok(Some(Duration::ZERO));
    }
    let plan = plan::plan(&observed, target.as_ref().ok(), &memory, &context.settings);
    if let Some(stays) = plan.finalizer {
        if !stays {
            // Before the object goes: nobody would say it afterwards.
            warn_of_leftovers(context, &observed, &target, &memory).await;
        }
        apply::carry_out(&context.client, &observed, &plan, || (context.new_token)()).await?;
        return Ok(stays.then_some(Duration::ZERO));
    }
    let tearing_down = machine::tearing_down(&observed, target.as_ref().ok(), &memory);
    let orders = orders::orders(&observed, &memory, tearing_down);
    let (fences, all_seen) = fences(context, &observed, &memory);
    let acts = plan.changes_something() || !orders.is_empty() || !fences.is_empty();
    if acts || status != observed.job.status {
        // Also where it says nothing new: one that is not the newest any more is refused, and nothing follows from it.
        write(context, &observed, &status).await?;
    }
    apply::carry_out(&context.client, &observed, &plan, || (context.new_token)()).await?;
    apply::send(&*context.admin, &observed, &orders).await;
    let heard = apply::send(&*context.admin, &observed, &fences).await;
    context.sightings.fenced(&observed.job.uid, &heard);
    let asked = proposal.is_some_and(|proposal| proposal.to_be_tried(&observed).is_some());
    let again = next_look(&observed, &target, &memory);
    let again = if asked { again.min(STARTING_REQUEUE) } else { again };
    let may_rest = again > MOVING_REQUEUE && all_seen && watches_suffice(&observed, &target);
    let rest = if may_rest { rest(context, observed, seen) } else { None };
    Ok(Some(rest.unwrap_or(again)))
}

/// Slots of pods that are gone hold readers back until their transactions time out; another worker spares them that.
/// Also whether every slot that was seen before is seen now, or fenced.
fn fences(context: &Context, observed: &Observed, memory: &StreamJobStatus) -> (Vec<Sent>, bool) {
    let runs = memory.current.as_ref().filter(|g| memory.sealed != Some(g.number));
    let still = memory.acquiring.is_none() && memory.releasing.is_none();
    let Some(current) = runs.filter(|_| still && observed.job.deleted_at.is_none()) else {
        context.sightings.forget(&observed.job.uid);
        return (Vec::new(), true);
    };
    let slots = context.sightings.note(observed, current);
    let fences = sightings::fences(observed, current, &slots);
    let all_seen = slots.values().all(|slot| slot.fenced || slot.at == observed.now);
    let all_seen = fences.is_empty() && all_seen;
    (fences, all_seen)
}

/// Whether whatever may change is watched. Why a pod is refused stands in events, and a savepoint to begin with may be
/// another job's: nobody watches those for this one.
fn watches_suffice(observed: &Observed, target: &Result<Target, Invalid>) -> bool {
    let waits = target.as_ref().is_ok_and(|target| target.waits_for_savepoint);
    let lacking = fetch::shortages::lacking(observed).next().is_some();
    !waits && !lacking && fetch::shortages::waiting(observed).next().is_none()
}

/// Leaves a job alone that has nothing to be done; for how long. `None`: there is something to do.
fn rest(context: &Context, observed: Observed, seen: Option<u64>) -> Option<Duration> {
    let seen = seen?;
    if !context.patrol.watch(&observed) {
        return None;
    }
    let job = &observed.job;
    let (key, uid) = ((job.namespace.clone(), job.name.clone()), job.uid.clone());
    let now = observed.now;
    let Some(quiet) = rests::quiet_for(observed, &context.settings) else {
        context.patrol.forget(&key.0, &key.1);
        return None;
    };
    let rest = rests::spread(quiet, &uid);
    context.rests.begin(key, seen, now + rest);
    Some(rest)
}

async fn write(
    context: &Context,
    observed: &Observed,
    status: &StreamJobStatus,
) -> Result<(), kube::Error> {
    apply::write_status(&context.client, &observed.job, status).await?;
    for notice in events::notices(&observed.job.status, status) {
        events::publish(&context.client, observed, &notice).await;
    }
    Ok(())
}

/// A job that goes because its time is up leaves things behind; say which.
async fn warn_of_leftovers(
    context: &Context,
    observed: &Observed,
    target: &Result<Target, Invalid>,
    memory: &StreamJobStatus,
) {
    let clean = observed.tasks.get(&names::clean(&observed.job.name));
    let cleaned = clean.is_some_and(|task| task.ended == Some(true));
    if cleaned || memory.last_generation == 0 {
        return;
    }
    let spec = target.as_ref().ok().map(|target| &target.spec);
    let location = spec.map_or("the checkpoint location", |s| s.checkpoints.location.as_str());
    let prefix = spec.map_or("streamjob", |spec| spec.kafka.internal_prefix());
    let uid = &observed.job.uid;
    let notice = events::Notice {
        warning: true,
        reason: protocol::reason::Reason::DeletionDeadline.to_string(),
        message: format!(
            "the deadline passed before the last generation was fenced; what stays behind: objects \
             below {location}/{uid}/, Kafka topics and groups that begin with {prefix}.{uid}."
        ),
    };
    events::publish(&context.client, observed, &notice).await;
}

fn next_look(
    observed: &Observed,
    target: &Result<Target, Invalid>,
    memory: &StreamJobStatus,
) -> Duration {
    if memory.acquiring.is_some() || memory.releasing.is_some() {
        return MOVING_REQUEUE;
    }
    let said = status::situation(observed, target, memory);
    let planning =
        target.as_ref().is_ok_and(|target| machine::planner_wanted(observed, target, memory));
    let deleting = observed.job.deleted_at.is_some();
    let owner_starts = memory.current.is_some() && !said.ready;
    if memory.next.is_some() || planning || deleting || owner_starts {
        return STARTING_REQUEUE;
    }
    STEADY_REQUEUE
}
