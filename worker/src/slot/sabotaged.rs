//! What deliberate faults need beside the code that they break (docs/decisions/0004).

use std::time::Duration;

use connectors::faults::{self, Sabotage};
use protocol::acquire::Stop;
use protocol::metadata::OffsetMetadata;

use super::context::Context;
use super::kafka_stop;
use super::warm::READ_TIMEOUT;

/// Pause between two looks: others use the broker, too.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Waits until another generation has claimed one of the own shards.
pub(super) fn await_other_owner(context: &Context) -> Result<(), Stop> {
    tracing::info!("awaiting another owner");
    loop {
        let read = context.read_own(false, READ_TIMEOUT).map_err(|e| kafka_stop(&e))?;
        let others = |text: &str| {
            OffsetMetadata::decode(text).is_ok_and(|m| m.generation > context.task.generation)
        };
        if read.values().any(|(_, text)| others(text)) {
            return Ok(());
        }
        context.seen();
        context.task.orders.wait(LOOK_AGAIN);
    }
}

/// Leaves a transaction open on the first sink.
#[cfg(feature = "sabotage")]
pub(super) fn hang(context: &Context) -> Result<(), Stop> {
    if faults::due(Sabotage::HangingTransaction) {
        let id = format!("hanging-{}", context.task.nonce);
        let topic = &context.task.plan.sinks[0].topic;
        connectors::kafka::leave_open(&context.kafka, &id, topic).map_err(|e| kafka_stop(&e))?;
    }
    Ok(())
}

/// Without the feature nothing is left open.
#[cfg(not(feature = "sabotage"))]
#[expect(clippy::unnecessary_wraps, reason = "as the other")]
pub(super) fn hang(_: &Context) -> Result<(), Stop> {
    debug_assert!(!faults::due(Sabotage::HangingTransaction));
    Ok(())
}
