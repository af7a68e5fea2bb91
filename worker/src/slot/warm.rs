//! Warm up (O2): restore and follow the owner. Writes nothing, to Kafka or to the store.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use connectors::faults::{self, Point};
use connectors::turns;
use protocol::acquire::{StartPoint, Stop};
use protocol::admin::SlotPhase;
use protocol::manifest::ManifestName;
use protocol::metadata::OffsetMetadata;
use protocol::reason::Reason;
use protocol::{Generation, ShardId};

use super::advance::leads_to;
use super::context::Context;
use super::kafka_stop;
use super::other::restore_or_own;
use super::replay::Shards;
use super::restore::Manifests;
use super::shard::OwnedShard;

/// How often a follower looks how far the owner has come.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(250);
/// So long a follower starts over before it says that what it needs is gone.
const START_OVER_MAX: Duration = Duration::from_secs(10);
/// How long a request for offsets may take.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Warms up until the order to acquire; none if the process was told to end before.
pub(crate) fn warm_up(context: &mut Context) -> Result<Option<Shards>, Stop> {
    context.phase(SlotPhase::Warming);
    let mut follower = Follower::default();
    loop {
        let standing = context.task.orders.standing();
        if standing.terminate || standing.release.is_some() && standing.acquire.is_none() {
            return Ok(None);
        }
        if standing.acquire.is_some() {
            return Ok(Some(follower.shards));
        }
        match follower.step(context) {
            Err(stop) if is_gone(&stop) && follower.may_start_over() => {
                tracing::info!("{}; starting over from what is named now", stop.message);
                follower.shards = Shards::default();
                context.task.orders.wait(FOLLOW_INTERVAL);
            }
            other => other?,
        }
    }
}

/// The owner goes on meanwhile: it names a newer manifest, and what only the older one needs may be gone.
fn is_gone(stop: &Stop) -> bool {
    matches!(stop.reason, Reason::ManifestMissing | Reason::ReplayGapLost)
}

/// Shards that follow their owner.
#[derive(Default)]
struct Follower {
    shards: Shards,
    looked: Option<Instant>,
    /// Since when it has started over without catching up.
    lost_since: Option<Instant>,
}

impl Follower {
    fn step(&mut self, context: &mut Context) -> Result<(), Stop> {
        if self.looked.is_none_or(|at| turns::since(at) >= FOLLOW_INTERVAL) {
            self.looked = Some(turns::now());
            follow(context, &mut self.shards)?;
        }
        let all = &mut self.shards.all;
        if all.iter().all(OwnedShard::reached_bound) {
            all.iter_mut().try_for_each(OwnedShard::rest)?;
            self.lost_since = None;
            context.phase_once(SlotPhase::Warm);
            context.task.orders.wait(FOLLOW_INTERVAL);
            return Ok(());
        }
        faults::before(Point::WarmReplay);
        let rows = self.shards.pump(context, FOLLOW_INTERVAL)? as u64;
        self.shards.all.iter_mut().try_for_each(OwnedShard::mute)?;
        faults::after(Point::WarmReplay);
        context.task.board.update(context.task.slot, |e| e.status.replayed_rows += rows);
        Ok(())
    }

    fn may_start_over(&mut self) -> bool {
        turns::since(*self.lost_since.get_or_insert_with(turns::now)) < START_OVER_MAX
    }
}

/// Carries warm shards on to what their owners have committed by now; whether there was anything to read. What is gone
/// from under them is restored anew at its time.
pub(super) fn keep_up(
    context: &mut Context,
    shards: &mut Shards,
    read: &BTreeMap<ShardId, (i64, String)>,
    at_most: Duration,
) -> Result<bool, Stop> {
    let mut behind = false;
    for shard in &mut shards.all {
        let found = read.get(&shard.id);
        let metadata = found.and_then(|(_, text)| OffsetMetadata::decode(text).ok());
        if let Some((offset, _)) = found
            && metadata.is_some_and(|m| m.cursor.is_none())
        {
            shard.bound = Some((*offset).max(shard.position));
        }
        behind |= !shard.reached_bound();
    }
    if !behind {
        return Ok(false);
    }
    match shards.assign(context).and_then(|()| shards.pump(context, at_most)) {
        Ok(rows) => {
            shards.all.iter_mut().try_for_each(OwnedShard::mute)?;
            let rows = rows as u64;
            context.task.board.update(context.task.slot, |e| e.status.replayed_rows += rows);
            if shards.all.iter().all(OwnedShard::reached_bound) {
                shards.all.iter_mut().try_for_each(OwnedShard::rest)?;
            }
            Ok(true)
        }
        Err(stop) if is_gone(&stop) => {
            tracing::info!("{}; restoring from what is named", stop.message);
            *shards = Shards::default();
            Ok(false)
        }
        Err(stop) => Err(stop),
    }
}

/// Raises the bounds to what the owner has committed; restores what is not there yet, and anew what an advance of the
/// owner's lies ahead of (R8).
fn follow(context: &mut Context, shards: &mut Shards) -> Result<(), Stop> {
    let read = context.read_own(false, READ_TIMEOUT).map_err(|e| kafka_stop(&e))?;
    let mut manifests = Manifests::default();
    for id in context.shards.clone() {
        let Some((offset, text)) = read.get(&id) else { continue };
        let Ok(metadata) = OffsetMetadata::decode(text) else { continue };
        if metadata.cursor.is_some() {
            continue; // an emission is being cut: wait for its last part
        }
        let at = shards.all.iter().position(|s| s.id == id);
        if let Some(at) = at
            && follows(context, &mut manifests, &mut shards.all[at], metadata.manifest.as_ref())?
        {
            let shard = &mut shards.all[at];
            shard.bound = Some((*offset).max(shard.position));
            continue;
        }
        // Without a manifest the state starts at the job's origin, which acquire reads; nothing to warm yet.
        let Some(name) = metadata.manifest else { continue };
        let start = StartPoint {
            offset: *offset,
            manifest: Some((context.task.job.uid.clone(), name.clone())),
            origin: 0,
            cursor: None,
            commit: metadata.commit,
            committed: true,
            clock: metadata.clock,
        };
        let mut shard = context.new_shard(&id)?;
        faults::before(Point::WarmRestore);
        restore_or_own(context, &mut manifests, &mut shard, &start)
            .map_err(|stop| of_newer(context.task.generation, metadata.generation, stop))?;
        faults::after(Point::WarmRestore);
        shard.keep_clock(start.clock);
        shard.bound = Some(*offset);
        shard.committed.manifest = Some(name);
        match at {
            Some(at) => shards.replace(context, at, shard)?,
            None => shards.all.push(shard),
        }
    }
    shards.assign(context)
}

/// What a newer generation keeps need not fit the plan of this one, which will never own the shard.
fn of_newer(own: Generation, owner: Generation, stop: Stop) -> Stop {
    let unfit = matches!(stop.reason, Reason::IncompatibleState | Reason::NoWayBack);
    if owner <= own || !unfit {
        return stop;
    }
    let message = format!("generation {owner} owns the shard, this is {own}; {}", stop.message);
    Stop::new(Reason::Superseded, message)
}

/// No advance lies between a follower and what the owner names. Each manifest is looked at once.
fn follows(
    context: &Context,
    manifests: &mut Manifests,
    shard: &mut OwnedShard,
    named: Option<&ManifestName>,
) -> Result<bool, Stop> {
    let Some(named) = named.filter(|named| shard.followed.as_ref() != Some(named)) else {
        return Ok(true);
    };
    let follows = leads_to(context, manifests, shard, (&context.task.job.uid, named))?;
    shard.followed = Some(named.clone());
    Ok(follows)
}
