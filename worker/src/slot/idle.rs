//! When a log is idle (R7): read to its end, which is its high watermark, for all of the idle timeout. The decision
//! is made here, once, and becomes data for everybody after.

use std::time::Duration;

use connectors::faults::{self, Sabotage};
use connectors::turns;
use dataflow::Input;
use protocol::reason::Reason;

use super::context::Context;
use super::replay::Shards;
use super::shard::OwnedShard;

/// An end below the high watermark for this long is worth a word: a producer's transaction is open.
const OPEN_TRANSACTION: Duration = Duration::from_mins(1);

/// Decides for every source log of the slot.
pub(crate) fn decide(context: &Context, shards: &mut Shards) {
    let now = turns::now();
    for shard in &mut shards.all {
        shard.wants_advance = false;
        let Some(timeout) = idle_timeout(context, shard) else { continue };
        let (Some(number), Some((end, since))) = (shard.log, shard.at_end) else { continue };
        let held = now.saturating_duration_since(since);
        match context.reader.high_watermark(number) {
            Some(high)
                if (end == high || faults::is_chosen(Sabotage::IdleAtOpenTransaction))
                    && shard.position == end
                    && held >= timeout =>
            {
                // With windows open it counts as slow until they are closed (R8): others that went on without it
                // would find its results late.
                shard.wants_advance = shard.flow.waits_until().is_some();
                if !shard.wants_advance {
                    shard.flow.set_idle(true);
                }
            }
            Some(high) if end < high && held >= OPEN_TRANSACTION => {
                context.task.board.update(context.task.slot, |e| {
                    e.status.reason = Some(Reason::SourceTransactionOpen);
                    e.status.message = Some(format!(
                        "{} is readable up to {end}, its end is {high}",
                        shard.id.log
                    ));
                });
            }
            _ => {}
        }
    }
}

fn idle_timeout(context: &Context, shard: &OwnedShard) -> Option<Duration> {
    let stage = context.task.plan.stage(shard.id.stage)?;
    match stage.inputs.get(shard.input)?.input {
        Input::Source(source) => {
            context.task.plan.sources[source].idle_timeout_ms.map(Duration::from_millis)
        }
        Input::Exchange(_) => None,
    }
}
