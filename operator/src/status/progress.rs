//! Lag, watermark and checkpoint: coarse, so that a healthy job costs no writes worth counting.

use crds::{CheckpointStatus, ProgressStatus, StreamJobStatus};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use protocol::admin::{SlotPhase, SlotStatus};

use crate::limits::PROGRESS_INTERVAL;
use crate::observed::Observed;

/// Writes progress into the status when it differs and the last time is long enough ago.
pub(super) fn refresh(observed: &Observed, memory: &StreamJobStatus, status: &mut StreamJobStatus) {
    let Some(current) = memory.current.as_ref().filter(|g| memory.sealed != Some(g.number)) else {
        status.progress = None;
        return;
    };
    let set = observed.set(current.number);
    let slots: Vec<&SlotStatus> = set.slots().collect();
    let before = status.progress.as_ref();
    let running = set.count(&[SlotPhase::Running]);
    let due = before.is_none_or(|p| {
        p.slots_running != running || observed.since(p.observed_at.0) >= PROGRESS_INTERVAL
    });
    if !due || slots.is_empty() {
        return;
    }
    let progress = ProgressStatus {
        lag: Some(
            i64::try_from(slots.iter().map(|slot| slot.lag).sum::<u64>()).unwrap_or(i64::MAX),
        ),
        watermark: watermark(&slots).map(Time),
        slots_running: running,
        observed_at: Time(observed.now),
    };
    let checkpoint = checkpoint(&slots).or_else(|| status.checkpoint.clone());
    let same = before.is_some_and(|before| {
        ProgressStatus { observed_at: progress.observed_at.clone(), ..before.clone() } == progress
    });
    if !same || checkpoint != status.checkpoint {
        status.progress = Some(progress);
        status.checkpoint = checkpoint;
    }
}

fn watermark(slots: &[&SlotStatus]) -> Option<Timestamp> {
    let shards = slots.iter().flat_map(|slot| &slot.shards).filter(|shard| !shard.idle);
    let smallest = shards.filter_map(|shard| shard.watermark).min()?;
    Timestamp::from_millisecond(smallest).ok()
}

/// The oldest of the slots' newest checkpoints, when every slot has one.
fn checkpoint(slots: &[&SlotStatus]) -> Option<CheckpointStatus> {
    let newest: Option<Vec<_>> = slots
        .iter()
        .filter(|slot| !slot.shards.is_empty())
        .map(|s| s.checkpoint.as_ref())
        .collect();
    let newest = newest?;
    let completed_at = newest.iter().map(|checkpoint| checkpoint.completed_at).min()?;
    Some(CheckpointStatus {
        number: newest.iter().map(|checkpoint| checkpoint.number.0).min()?,
        completed_at: Time(Timestamp::from_millisecond(completed_at).ok()?),
    })
}
