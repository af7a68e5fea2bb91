//! Warm up (O2): restore and follow the owner. Writes nothing, to Kafka or to the store.

use std::time::{Duration, Instant};

use connectors::faults::{self, Point};
use connectors::turns;
use protocol::acquire::{StartPoint, Stop};
use protocol::admin::SlotPhase;
use protocol::metadata::OffsetMetadata;
use protocol::reason::Reason;

use super::context::Context;
use super::kafka_stop;
use super::other::restore_or_own;
use super::replay::Shards;
use super::restore::Manifests;
use super::shard::OwnedShard;

/// How often a follower looks how far the owner has come.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(250);
/// How long a request for offsets may take.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Warms up until the order to acquire; none if the process was told to end before.
pub(crate) fn warm_up(context: &mut Context) -> Result<Option<Shards>, Stop> {
    context.phase(SlotPhase::Warming);
    let mut shards = Shards::default();
    let mut looked: Option<Instant> = None;
    loop {
        let standing = context.task.orders.standing();
        if standing.terminate || standing.release.is_some() && standing.acquire.is_none() {
            return Ok(None);
        }
        if standing.acquire.is_some() {
            return Ok(Some(shards));
        }
        if looked.is_none_or(|at| turns::since(at) >= FOLLOW_INTERVAL) {
            looked = Some(turns::now());
            match follow(context, &mut shards) {
                // The owner has named a newer manifest and the old one is gone: start over from that one.
                Err(stop) if stop.reason == Reason::ManifestMissing => {
                    tracing::info!("{}; starting over from the manifest named now", stop.message);
                    shards = Shards::default();
                }
                other => other?,
            }
        }
        if shards.all.iter().all(OwnedShard::reached_bound) {
            shards.all.iter_mut().try_for_each(OwnedShard::rest)?;
            context.phase_once(SlotPhase::Warm);
            context.task.orders.wait(FOLLOW_INTERVAL);
        } else {
            faults::before(Point::WarmReplay);
            let rows = shards.pump(context, FOLLOW_INTERVAL)? as u64;
            shards.all.iter_mut().try_for_each(OwnedShard::mute)?;
            faults::after(Point::WarmReplay);
            context.task.board.update(context.task.slot, |e| e.status.replayed_rows += rows);
        }
    }
}

/// Raises the bounds to what the owner has committed; restores what is not there yet.
fn follow(context: &mut Context, shards: &mut Shards) -> Result<(), Stop> {
    let read = context.read_own(false, READ_TIMEOUT).map_err(|e| kafka_stop(&e))?;
    let mut manifests = Manifests::default();
    for id in context.shards.clone() {
        let Some((offset, text)) = read.get(&id) else { continue };
        let Ok(metadata) = OffsetMetadata::decode(text) else { continue };
        if metadata.cursor.is_some() {
            continue; // an emission is being cut: wait for its last part
        }
        if let Some(shard) = shards.all.iter_mut().find(|s| s.id == id) {
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
        };
        let mut shard = context.new_shard(&id)?;
        faults::before(Point::WarmRestore);
        restore_or_own(context, &mut manifests, &mut shard, &start)?;
        faults::after(Point::WarmRestore);
        shard.bound = Some(*offset);
        shard.committed.manifest = Some(name);
        shards.all.push(shard);
    }
    shards.assign(context)
}
