//! Savepoints: asked for by an object, written by the slots of the running generation, all at one
//! drained point. Which generation is asked stands in the status before the first order.

use std::collections::BTreeMap;

use crds::condition::{Condition, ConditionStatus, ConditionType};
use crds::savepoint::OperatorRows;
use crds::{Savepoint, SavepointPhase, SavepointStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use protocol::Generation;
use protocol::admin::{SavepointOrder, SavepointPart, SlotPhase, SlotStatus};
use protocol::keys::Keys;
use protocol::reason::Reason;

use crate::digest;
use crate::limits::SAVEPOINT_OPERATORS_MAX;
use crate::observed::{Observed, SetView};
use crate::orders::{Order, Sent};

pub mod disposal;
pub mod edge;
pub mod verified;

/// The name under which the workers know a savepoint: the same name asked for again is another.
pub fn key(savepoint: &Savepoint) -> String {
    let name: String = savepoint.name_any().chars().take(240).collect();
    let uid: String = savepoint.uid().unwrap_or_default().chars().take(8).collect();
    format!("{name}-{uid}")
}

/// What a pass over a savepoint comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The status to be written.
    pub status: SavepointStatus,
    /// The orders that follow from the status that was read.
    pub orders: Vec<Sent>,
}

/// Decides from the savepoint and its job; `None`: there is no such job.
pub fn decide(savepoint: &Savepoint, job: Option<&Observed>, now: Timestamp) -> Step {
    let status = savepoint.status.clone().unwrap_or_default();
    match status.phase {
        Some(SavepointPhase::Failed) => Step { status, orders: Vec::new() },
        Some(SavepointPhase::Completed) => {
            Step { status: verified::look(savepoint, job, status, now), orders: Vec::new() }
        }
        Some(SavepointPhase::InProgress) => carry_on(savepoint, job, status, now),
        Some(SavepointPhase::Pending) | None => begin(savepoint, job, status, now),
    }
}

fn begin(
    savepoint: &Savepoint,
    job: Option<&Observed>,
    mut status: SavepointStatus,
    now: Timestamp,
) -> Step {
    let created = savepoint.metadata.creation_timestamp.as_ref().map_or(now, |time| time.0);
    let waits = match job {
        None => Some(format!("there is no StreamJob {}", savepoint.spec.job)),
        Some(job) => why_not_now(job),
    };
    match (waits, job) {
        (None, Some(job)) => start(savepoint, job, &mut status, now),
        (why, _) => {
            let why = why.unwrap_or_default();
            if is_late(savepoint, created, now) {
                return failed(savepoint, status, &why, now);
            }
            status.phase = Some(SavepointPhase::Pending);
            say(savepoint, &mut status, now, Reason::Starting, &why);
        }
    }
    Step { status, orders: Vec::new() }
}

/// A savepoint needs a generation that runs and stays.
fn why_not_now(job: &Observed) -> Option<String> {
    let memory = &job.job.status;
    let current = memory.current.as_ref().filter(|g| memory.sealed != Some(g.number));
    let Some(current) = current else { return Some("the job does not run".to_owned()) };
    if memory.acquiring.is_some() || memory.releasing.is_some() {
        return Some("shards are moving".to_owned());
    }
    if job.savepoint_in_progress() {
        return Some("another savepoint is being written".to_owned());
    }
    let running = job.set(current.number).count(&[SlotPhase::Running]);
    (running < current.slots()).then(|| format!("{running} of {} slots run", current.slots()))
}

fn start(savepoint: &Savepoint, job: &Observed, status: &mut SavepointStatus, now: Timestamp) {
    let Some(current) = &job.job.status.current else { return };
    let location = job.job.spec.pointer("/checkpoints/location").and_then(|l| l.as_str());
    let keys = Keys::new(&job.job.uid).savepoints(&key(savepoint));
    let keys = keys.trim_end_matches('/');
    status.phase = Some(SavepointPhase::InProgress);
    status.job_uid = Some(job.job.uid.clone());
    status.generation = Some(current.number);
    status.plan_fingerprint = Some(current.plan_fingerprint.clone());
    status.slots = current.slots();
    status.started_at = Some(Time(now));
    status.location = location.map(|location| format!("{}/{keys}", location.trim_end_matches('/')));
    say(savepoint, status, now, Reason::Starting, "the slots come to a common point");
}

fn carry_on(
    savepoint: &Savepoint,
    job: Option<&Observed>,
    mut status: SavepointStatus,
    now: Timestamp,
) -> Step {
    let started = status.started_at.as_ref().map_or(now, |time| time.0);
    let generation = status.generation.unwrap_or_default();
    let same = |job: &&Observed| {
        let current = job.job.status.current.as_ref().map(|current| current.number);
        Some(job.job.uid.as_str()) == status.job_uid.as_deref() && current == Some(generation)
    };
    let Some(job) = job.filter(same) else {
        let why = format!("generation {generation} of the job is gone");
        return failed(savepoint, status, &why, now);
    };
    let name = key(savepoint);
    let set = job.set(generation);
    let parts: Vec<(&SlotStatus, &SavepointPart)> = parts(&set, &name);
    status.slots_done = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    if status.slots_done >= status.slots {
        complete(savepoint, &parts, &mut status, now);
        return Step { status, orders: Vec::new() };
    }
    if is_late(savepoint, started, now) {
        let why = format!("{} of {} slots wrote their part", status.slots_done, status.slots);
        return failed(savepoint, status, &why, now);
    }
    let text = format!("{} of {} slots wrote their part", status.slots_done, status.slots);
    say(savepoint, &mut status, now, Reason::Starting, &text);
    Step { status, orders: orders(&set, generation, &name) }
}

/// The slots that wrote their part and wait.
fn parts<'a>(set: &'a SetView, name: &str) -> Vec<(&'a SlotStatus, &'a SavepointPart)> {
    set.slots()
        .filter(|slot| slot.phase == SlotPhase::Paused)
        .filter_map(|slot| Some((slot, slot.savepoint.as_ref()?)))
        .filter(|(_, part)| part.complete && part.name == name)
        .collect()
}

fn orders(set: &SetView, generation: u64, name: &str) -> Vec<Sent> {
    let order =
        SavepointOrder { generation: Generation(generation), name: name.to_owned(), resume: false };
    let unfinished = set.workers().filter(|(_, worker)| {
        worker.generation.0 == generation
            && worker.slots.iter().any(|slot| slot.phase == SlotPhase::Running)
    });
    unfinished
        .filter_map(|(pod, _)| {
            let order = Order::Savepoint(order.clone());
            Some(Sent { pod: pod.name.clone(), ip: pod.ip.clone()?, order })
        })
        .collect()
}

fn complete(
    savepoint: &Savepoint,
    parts: &[(&SlotStatus, &SavepointPart)],
    status: &mut SavepointStatus,
    now: Timestamp,
) {
    let mut manifests: Vec<String> = parts
        .iter()
        .filter_map(|(_, part)| part.manifest.as_ref())
        .map(ToString::to_string)
        .collect();
    manifests.sort();
    let shards = || parts.iter().flat_map(|(slot, _)| &slot.shards);
    let sources = shards().filter(|shard| shard.stage.0 == 0);
    let offsets = sources.map(|shard| u64::try_from(shard.committed).unwrap_or(0)).sum();
    let watermark = shards().filter_map(|shard| shard.watermark).min();
    let mut rows: BTreeMap<&String, u64> = BTreeMap::new();
    for (operator, entries) in parts.iter().flat_map(|(_, part)| &part.rows) {
        *rows.entry(operator).or_default() += entries;
    }
    let rows =
        rows.into_iter().map(|(operator, rows)| OperatorRows { operator: operator.clone(), rows });
    status.operators = rows.collect();
    status.operators.sort_by_key(|operator| std::cmp::Reverse(operator.rows));
    status.operators.truncate(SAVEPOINT_OPERATORS_MAX);
    status.phase = Some(SavepointPhase::Completed);
    status.shards = u32::try_from(shards().count()).ok();
    status.bytes = Some(parts.iter().map(|(_, part)| part.bytes).sum());
    status.offsets = Some(offsets);
    status.watermark = watermark.and_then(|ms| Timestamp::from_millisecond(ms).ok()).map(Time);
    status.digest = Some(digest::of(&manifests));
    status.completed_at = Some(Time(now));
    say(savepoint, status, now, Reason::Running, "it can be restored from");
}

fn failed(savepoint: &Savepoint, mut status: SavepointStatus, why: &str, now: Timestamp) -> Step {
    status.phase = Some(SavepointPhase::Failed);
    say(savepoint, &mut status, now, Reason::CheckpointFailed, why);
    Step { status, orders: Vec::new() }
}

fn is_late(savepoint: &Savepoint, since: Timestamp, now: Timestamp) -> bool {
    let age = std::time::Duration::try_from(now.duration_since(since)).unwrap_or_default();
    age >= savepoint.spec.timeout().get()
}

/// Sets Ready, Reconciling and Stalled after the phase.
fn say(
    savepoint: &Savepoint,
    status: &mut SavepointStatus,
    now: Timestamp,
    reason: Reason,
    message: &str,
) {
    status.observed_generation = savepoint.metadata.generation;
    let done = status.phase == Some(SavepointPhase::Completed);
    let failed = status.phase == Some(SavepointPhase::Failed);
    let before = std::mem::take(&mut status.conditions);
    let holds = [
        (ConditionType::Ready, done),
        (ConditionType::Reconciling, !done && !failed),
        (ConditionType::Stalled, failed),
    ];
    status.conditions = holds
        .into_iter()
        .map(|(condition_type, holds)| {
            let state = if holds { ConditionStatus::True } else { ConditionStatus::False };
            let known = before
                .iter()
                .find(|known| known.condition_type == condition_type && known.status == state);
            Condition {
                condition_type,
                status: state,
                reason: reason.to_string(),
                message: message.chars().take(crate::limits::MESSAGE_CHARS_MAX).collect(),
                observed_generation: savepoint.metadata.generation,
                last_transition_time: known
                    .map_or(Time(now), |known| known.last_transition_time.clone()),
            }
        })
        .collect();
}
