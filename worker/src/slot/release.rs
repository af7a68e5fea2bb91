//! Giving up the shards (O4), and the part of a savepoint, which is the same but for the last step.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use connectors::faults::{self, Point};
use connectors::turns;
use protocol::acquire::Stop;
use protocol::admin::{SavepointPart, SlotPhase};
use protocol::generation::{Sealed, SealedShard};
use protocol::reason::Reason;

use super::context::Context;
use super::drain::Ending;
use super::process::Running;
use super::{SlotEnd, bug};
use crate::history::JobHistory;

/// Half of the grace period of a pod: no checkpoint by then, and the slot releases without; the successor replays.
const RELEASE_CHECKPOINT_MAX: Duration = Duration::from_secs(15);
/// The same where a successor stands ready: it would not wait for longer than `RELEASE_WAIT`.
const HAND_OVER_CHECKPOINT_MAX: Duration = Duration::from_secs(8);
/// A savepoint that has no checkpoint by then has failed; the job runs on.
const SAVEPOINT_CHECKPOINT_MAX: Duration = Duration::from_mins(1);
/// Commits that naming a checkpoint may take before something is wrong.
const NAMING_COMMITS_MAX: u32 = 1_000;

/// What comes before a release that need not come to rest first: a checkpoint that is uploaded while the slot reads on,
/// so that nobody waits for the store.
#[derive(Default)]
pub(crate) struct Parting {
    since: Option<Instant>,
    begun: bool,
}

impl Parting {
    /// Carries it on by a step, at a boundary; whether the slot is to release now.
    pub(crate) fn follow(
        &mut self,
        context: &mut Context,
        running: &mut Running,
        terminate: bool,
    ) -> Result<bool, Stop> {
        context.phase_once(SlotPhase::Releasing);
        let since = *self.since.get_or_insert_with(turns::now);
        let at_most = if terminate { RELEASE_CHECKPOINT_MAX } else { HAND_OVER_CHECKPOINT_MAX };
        if turns::since(since) >= at_most {
            tracing::warn!("releasing without a checkpoint: it does not complete in time");
            return Ok(true);
        }
        // One that is under way is older than what is wanted; it is named first.
        if !running.checkpoints.is_idle() {
            return Ok(false);
        }
        if self.begun {
            faults::after(Point::ReleaseCheckpoint);
            return Ok(true);
        }
        faults::before(Point::ReleaseCheckpoint);
        self.begun = true;
        begin_last(context, running)?;
        Ok(false)
    }
}

/// The last commit, a checkpoint where the slot has come to rest, `released`, close; then the seal.
pub(crate) fn release(
    context: &mut Context,
    mut running: Running,
    ending: Ending,
) -> Result<SlotEnd, Stop> {
    context.phase_once(SlotPhase::Releasing);
    running.boundary(context)?;
    running.settle(context)?;
    if ending.at_rest {
        faults::before(Point::ReleaseCheckpoint);
        if let Err(stop) = checkpoint(context, &mut running, RELEASE_CHECKPOINT_MAX)? {
            tracing::warn!("releasing without a checkpoint: {stop}");
        }
        faults::after(Point::ReleaseCheckpoint);
    }
    faults::before(Point::ReleaseCommit);
    running.commit_once(context, true)?;
    running.settle(context)?;
    faults::after(Point::ReleaseCommit);
    if !running.settled() {
        return Err(bug("rows were left over at the release"));
    }
    let Running { shards, committer, .. } = running;
    faults::before(Point::ReleaseClose);
    drop(committer); // closes the producer
    faults::after(Point::ReleaseClose);
    if !ending.seal {
        context.phase(SlotPhase::Released);
        return Ok(SlotEnd::Released);
    }
    let sealed = seal_of(context, &shards);
    let key = context.task.job.keys.sealed(context.task.generation, context.task.slot);
    faults::before(Point::ReleaseSeal);
    write_seal(context, &key, &sealed)?;
    faults::after(Point::ReleaseSeal);
    context.phase(SlotPhase::Sealed);
    Ok(SlotEnd::Sealed)
}

/// The slot's part of a savepoint, at a drained point.
pub(crate) fn savepoint(
    context: &mut Context,
    running: &mut Running,
    name: &str,
) -> Result<(), Stop> {
    checkpoint(context, running, SAVEPOINT_CHECKPOINT_MAX)??;
    let part = seal_of(context, &running.shards);
    let key = context.task.job.keys.savepoint(name, context.task.slot);
    write_seal(context, &key, &part)?;
    let manifest = part.shards.iter().find_map(|s| s.manifest.clone());
    let bytes = running.shards.all.iter().flat_map(|s| s.chain.runs.iter().map(|r| r.len)).sum();
    let mut rows = BTreeMap::new();
    for (operator, groups) in running.shards.all.iter().flat_map(|s| s.flow.state_rows()) {
        *rows.entry(operator).or_default() += groups;
    }
    let name = name.to_owned();
    let written = SavepointPart {
        name: name.clone(),
        complete: true,
        bytes,
        manifest,
        rows,
        read_back: None,
    };
    context.task.board.update(context.task.slot, |e| e.status.savepoint = Some(written));
    super::read_back::start(context, &name, &key, part)
}

/// Takes a checkpoint of the state as it stands and names it. The inner error: there is none, and the slot may go on
/// without. The outer one: a commit failed, and it may not.
fn checkpoint(
    context: &mut Context,
    running: &mut Running,
    at_most: Duration,
) -> Result<Result<(), Stop>, Stop> {
    // One that is under way is older than what is wanted; it is named first.
    for begin in [false, true] {
        if let Err(stop) = upload(context, running, begin, at_most) {
            return Ok(Err(stop));
        }
        name_completed(context, running)?;
        if !running.checkpoints.is_idle() {
            let which = if begin { "it" } else { "the checkpoint before" };
            let message = format!("{which} does not complete in time");
            return Ok(Err(Stop::new(Reason::CheckpointFailed, message)));
        }
    }
    Ok(Ok(()))
}

fn upload(
    context: &mut Context,
    running: &mut Running,
    begin: bool,
    at_most: Duration,
) -> Result<(), Stop> {
    if begin {
        begin_last(context, running)?;
    }
    running.checkpoints.wait(context, &mut running.shards, at_most)
}

/// Begins a checkpoint of a slot that comes to rest or gives its shards up: it forces no watermark (R8).
fn begin_last(context: &mut Context, running: &mut Running) -> Result<(), Stop> {
    let Running { checkpoints, shards, progress, .. } = running;
    shards.all.iter_mut().for_each(|shard| shard.wants_advance = false);
    checkpoints.begin(context, shards, progress)
}

fn name_completed(context: &mut Context, running: &mut Running) -> Result<(), Stop> {
    for _ in 0..NAMING_COMMITS_MAX {
        // What a forced advance closes may take more than one commit.
        if running.settled() && running.shards.all.iter().all(|s| s.naming.is_none()) {
            running.checkpoints.note_named(context, &running.shards);
            return Ok(());
        }
        running.settle(context)?;
        running.commit_once(context, false)?;
        running.settle(context)?;
    }
    Err(bug("a completed checkpoint could not be named"))
}

fn seal_of(context: &Context, shards: &super::replay::Shards) -> Sealed {
    Sealed {
        format: 1,
        generation: context.task.generation,
        slot: context.task.slot,
        slots: context.task.slots,
        job_uid: context.task.job.uid.clone(),
        shards: shards
            .all
            .iter()
            .map(|s| SealedShard {
                shard: s.id.clone(),
                offset: s.committed.offset,
                manifest: s.committed.manifest.clone(),
                clock: s.committed.clock,
            })
            .collect(),
    }
}

fn write_seal(context: &Context, key: &str, sealed: &Sealed) -> Result<(), Stop> {
    let body = serde_json::to_vec(sealed).expect("a seal has no value JSON lacks");
    if context.block_on(JobHistory::create(&context.store, key, body.into()))? {
        return Ok(());
    }
    let found: Sealed = context.block_on(crate::history::read_json(&context.store, key))?;
    if found == *sealed {
        Ok(())
    } else {
        Err(Stop::new(Reason::OffsetsMovedByOther, format!("{key} exists with other content")))
    }
}
