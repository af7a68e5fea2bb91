//! A new producer on the id of a slot (C6): a new acquire. The state in memory is kept only if nobody else came
//! between.

use std::time::Duration;

use connectors::faults::{self, Point, Sabotage};
use protocol::acquire::{OwnCommit, Stop, after_replacement};
use protocol::metadata::OffsetMetadata;
use protocol::reason::Reason;

use super::acquire::{list, read_fresh};
use super::committer::Committer;
use super::context::Context;
use super::sabotaged;
use super::shard::OwnedShard;
use super::warm::READ_TIMEOUT;

/// Pause between attempts to look again after a producer was replaced while the store is away.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// One such attempt: commits stand still until one succeeds.
const LOOK_MAX: Duration = Duration::from_secs(3);

/// Replaces the producer of a slot that owns `shards`.
pub(crate) fn replace_producer(
    context: &Context,
    committer: &mut Committer,
    shards: &[OwnedShard],
) -> Result<(), Stop> {
    if faults::is_chosen(Sabotage::BlindReplacement) {
        sabotaged::await_other_owner(context)?;
        return open_new(context, committer);
    }
    open_new(context, committer)?;
    faults::before(Point::ReplaceLook);
    look_for_newer(context)?;
    let read = read_fresh(context, committer)?;
    for shard in shards {
        let own = OwnCommit {
            shard: shard.id.clone(),
            offset: shard.committed.offset,
            commit: shard.committed.number,
            nonce: context.task.nonce.clone(),
        };
        after_replacement(&own, read.get(&shard.id))?;
    }
    faults::after(Point::ReplaceLook);
    Ok(())
}

/// Replaces the producer of a slot that has not read yet what is committed.
pub(super) fn replace_unread(context: &Context, committer: &mut Committer) -> Result<(), Stop> {
    open_new(context, committer)?;
    look_for_newer(context)
}

fn open_new(context: &Context, committer: &mut Committer) -> Result<(), Stop> {
    tracing::info!("replacing the producer");
    context.task.board.update(context.task.slot, |e| e.counters.replaced_producers += 1);
    faults::before(Point::ReplaceProducer);
    committer.replace()?;
    faults::after(Point::ReplaceProducer);
    Ok(())
}

/// Waits for the store until the process is told to end: a greater generation ends this one.
fn look_for_newer(context: &Context) -> Result<(), Stop> {
    let store = context.store.with_deadline(LOOK_MAX);
    loop {
        match list(context, &store) {
            Err(stop)
                if stop.reason == Reason::StoreUnreachable
                    && !context.task.orders.standing().terminate =>
            {
                tracing::warn!("{stop}; looking again before the next commit");
                context.task.board.update(context.task.slot, |e| {
                    e.status.reason = Some(stop.reason);
                    e.status.message = Some(stop.message.clone());
                });
                context.task.orders.wait(LOOK_AGAIN);
            }
            other => return other.map(drop),
        }
    }
}

/// An owner whose log no longer holds what it reads next may have been replaced without having noticed yet: the new
/// owner keeps only what itself needs. Then that is why it stops.
pub(super) fn who_else(context: &Context, stop: Stop) -> Stop {
    if stop.reason != Reason::ReplayGapLost {
        return stop;
    }
    let greater = list(context, &context.store.with_deadline(LOOK_MAX)).err();
    if let Some(greater) = greater.filter(|greater| greater.reason == Reason::Superseded) {
        return greater;
    }
    let others = |text: &String| {
        OffsetMetadata::decode(text).is_ok_and(|found| found.nonce != context.task.nonce)
    };
    match context.read_own(false, READ_TIMEOUT) {
        Ok(read) if read.values().any(|(_, text)| others(text)) => {
            Stop::new(Reason::Fenced, format!("another process owns the shards; {}", stop.message))
        }
        _ => stop,
    }
}
