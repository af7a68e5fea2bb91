//! When the checkpoint that a commit names cannot be restored from: another one of the same log, of which every one
//! leads to the same state (R1), as long as all that committed since fire the same windows at the same points.

use protocol::acquire::{StartPoint, Stop};
use protocol::manifest::{Manifest, ManifestName};
use protocol::reason::Reason;
use protocol::registers::ShardRegisters;
use protocol::restore::{is_damage, older_checkpoints, other_plans_since};
use protocol::{Fingerprint, Generation};
use serde_json::Value;

use super::bug;
use super::context::Context;
use super::restore::{Manifests, restore};
use super::shard::OwnedShard;
use crate::history::{JobHistory, read_json};
use crate::planning::PlanObject;
use crate::planning::firing::{Windows, may_advance, why_not_alike};

/// As [`restore`]. Where the manifest that the commit names, or a run of it, is gone or damaged, from the newest other
/// checkpoint that is whole and whose gap is still in the log; without one it stops for the first reason.
pub(crate) fn restore_or_older(
    context: &Context,
    manifests: &mut Manifests,
    shard: &mut OwnedShard,
    start: &StartPoint,
) -> Result<(), Stop> {
    match restore_or_own(context, manifests, shard, start) {
        Err(stop) if is_damage(&stop) => another(context, manifests, shard, start, stop),
        other => other,
    }
}

/// As [`restore`]. Where the state is of a plan that keeps what this one has no place for, which is the way back from
/// an upgrade (O7), from the newest checkpoint of this very plan.
pub(crate) fn restore_or_own(
    context: &Context,
    manifests: &mut Manifests,
    shard: &mut OwnedShard,
    start: &StartPoint,
) -> Result<(), Stop> {
    match restore(context, manifests, shard, start) {
        Err(stop) if stop.reason == Reason::IncompatibleState => {
            another(context, manifests, shard, start, stop)
        }
        other => other,
    }
}

/// Goes through the other checkpoints of the job, newest first. What stopped the first one decides which may do.
fn another(
    context: &Context,
    manifests: &mut Manifests,
    shard: &mut OwnedShard,
    start: &StartPoint,
    first: Stop,
) -> Result<(), Stop> {
    let own = start.manifest.as_ref().filter(|(uid, _)| *uid == context.task.job.uid);
    let Some((uid, named)) = own else { return Err(first) };
    tracing::warn!(reason = %first.reason, "{}; looking for another checkpoint", first.message);
    let history = context.block_on(JobHistory::read(&context.store, &context.task.job.keys))?;
    let any_plan = is_damage(&first);
    let behind = registers_of(context, manifests, shard, (uid, named))?;
    let mut stopped = first;
    for name in older_checkpoints(named, &history.manifest_names) {
        let fits = match manifests.get(context, uid, &name) {
            Ok(manifest) => {
                covers(context, manifest, shard, start.offset, any_plan)
                    && no_advance_since(manifest, shard, behind.as_ref())
            }
            Err(stop) if is_damage(&stop) => false,
            Err(stop) => return Err(stop),
        };
        if !fits {
            continue;
        }
        *shard = context.new_shard(&shard.id)?;
        let older = StartPoint { manifest: Some((uid.clone(), name.clone())), ..start.clone() };
        let tried = alike_since(context, &history, shard, (name.generation, behind.is_some()))
            .and_then(|()| restore(context, manifests, shard, &older));
        match tried {
            Ok(()) => {
                tracing::warn!(shard = %shard.id, %name, "restored from an older checkpoint");
                // Nothing keeps the objects of one that no commit names: the next one is whole in itself.
                shard.chain.rebase = true;
                shard.flow.mark_all_changed();
                return Ok(());
            }
            Err(stop) if passes_over(&stop) => {
                tracing::warn!(reason = %stop.reason, "{}", stop.message);
                if !any_plan && stopped.reason == Reason::IncompatibleState {
                    stopped = stop; // what keeps the newest one of this plan from doing says more
                }
            }
            Err(stop) => return Err(stop),
        }
    }
    Err(stopped)
}

/// Another checkpoint may do where this one does not.
fn passes_over(stop: &Stop) -> bool {
    is_damage(stop) || matches!(stop.reason, Reason::ReplayGapLost | Reason::NoWayBack)
}

/// The checkpoint holds the shard, not beyond what is committed, and its state is of a plan that may do.
fn covers(
    context: &Context,
    manifest: &Manifest,
    shard: &OwnedShard,
    committed: i64,
    any_plan: bool,
) -> bool {
    let own_plan = manifest.plan_fingerprint == context.task.plan.fingerprint;
    let snapshot = manifest.shard(shard.id.stage, &shard.id.log);
    (any_plan || own_plan) && snapshot.is_some_and(|snapshot| snapshot.offset <= committed)
}

/// What the named checkpoint says of the shard; none if it does not say it any more.
fn registers_of(
    context: &Context,
    manifests: &mut Manifests,
    shard: &OwnedShard,
    (uid, named): (&str, &ManifestName),
) -> Result<Option<ShardRegisters>, Stop> {
    match manifests.get(context, uid, named) {
        Ok(manifest) => {
            let snapshot = manifest.shard(shard.id.stage, &shard.id.log);
            Ok(snapshot.map(|snapshot| snapshot.registers.clone()))
        }
        Err(stop) if is_damage(&stop) => Ok(None),
        Err(stop) => Err(stop),
    }
}

/// No forced advance lies between a checkpoint and the named one (R8): a replay would not carry it out. Where the named
/// one does not say it, none may ever have happened.
fn no_advance_since(
    manifest: &Manifest,
    shard: &OwnedShard,
    named: Option<&ShardRegisters>,
) -> bool {
    let own = manifest.shard(shard.id.stage, &shard.id.log).map(|snapshot| &snapshot.registers);
    own.is_some_and(|own| match named {
        Some(named) => own.is_same_advance(named),
        None => own.advances == 0 && !shard.flow.may_advance(),
    })
}

/// A muted replay is exact where whoever committed in its range has fired the same windows. The checkpoint was written
/// by a slot of `from`; what lies behind it was committed by that generation or later ones.
fn alike_since(
    context: &Context,
    history: &JobHistory,
    shard: &OwnedShard,
    (from, advances_known): (Generation, bool),
) -> Result<(), Stop> {
    let task = &context.task;
    let tables = shard.flow.tables();
    let own = serde_json::to_value(sql::describe(&task.plan))
        .map_err(|e| bug(format!("the description is no JSON: {e}")))?;
    let range = (from, task.generation);
    for plan in other_plans_since(&history.generations, &task.plan.fingerprint, range) {
        let other = describe(context, &plan)?;
        let windows =
            Windows { stage: shard.id.stage, topic: &shard.id.log.topic, tables: &tables };
        let forced = || {
            let unknown = !advances_known && may_advance(&other, windows.stage, windows.topic);
            unknown.then(|| format!("it may have forced the watermark of {}", windows.topic))
        };
        if let Some(why) = why_not_alike(&own, &other, &windows).or_else(forced) {
            let message = format!(
                "shard {}: the plan {plan} has committed since generation {from}, and {why}: rows could be lost or sent twice",
                shard.id
            );
            return Err(Stop::new(Reason::NoWayBack, message));
        }
    }
    Ok(())
}

/// What another plan of the job does, as its planner wrote it.
fn describe(context: &Context, plan: &Fingerprint) -> Result<Value, Stop> {
    let key = context.task.job.keys.plan(plan);
    let object: Result<PlanObject, Stop> = context.block_on(read_json(&context.store, &key));
    object.map(|object| object.description).map_err(|stop| {
        let unknown = format!("what the plan {plan} did is not known: {stop}");
        if is_damage(&stop) { Stop::new(Reason::NoWayBack, unknown) } else { stop }
    })
}
