//! Processing time (R5): when a shard reads its rows, stamped upstream of an exchange and from there on data. Where it
//! is the watermark too, the clock goes on though no row comes, and the exchanges hear of it when something may close.

use connectors::turns;
use dataflow::{Input, JobPlan, Ticks};
use protocol::Origin;

use super::replay::Shards;
use super::shard::OwnedShard;

/// Further than this behind is no difference between two machines that are cared for.
const BEHIND_MS: i64 = 1_000;

/// The clock of a shard. It never goes back, whatever that of the machine does.
pub(crate) struct Clock {
    now_ms: i64,
    /// When its exchanges must hear of it; none where the watermark is another column's.
    ticks: Option<Ticks>,
}

impl Clock {
    /// None where the query does not ask when rows of this input were read.
    pub(crate) fn of(plan: &JobPlan, input: Input) -> Option<Self> {
        let Input::Source(source) = input else { return None };
        let source = &plan.sources[source];
        let asked = source.origins.contains(&Origin::ProcessingTime);
        let ticks = source.is_clocked().then(|| Ticks::of(plan));
        asked.then_some(Self { now_ms: i64::MIN, ticks })
    }

    /// The time for a row. `machine`: the machine's clock, read once for many rows.
    pub(crate) fn read(&mut self, machine: &mut Option<i64>) -> i64 {
        self.now_ms = self.now_ms.max(*machine.get_or_insert_with(turns::now_ms));
        self.now_ms
    }
}

impl OwnedShard {
    /// Goes on where the clock of the owner before stood, and where the restored state says.
    pub(crate) fn keep_clock(&mut self, committed: Option<i64>) {
        let Some(clock) = self.clock.as_mut().filter(|clock| clock.ticks.is_some()) else { return };
        let Some(floor) = committed.max(self.flow.clock()) else { return };
        clock.now_ms = clock.now_ms.max(floor);
        self.flow.set_clock(floor);
        let behind = floor.saturating_sub(turns::now_ms());
        if behind > BEHIND_MS {
            tracing::warn!(
                shard = %self.id,
                behind_ms = behind,
                "this machine's clock is behind the rows that were read before: windows wait for it"
            );
        }
    }

    fn tick(&mut self, machine: &mut Option<i64>) {
        let Some(clock) = self.clock.as_mut() else { return };
        let Some(ticks) = &clock.ticks else { return };
        // What is parked for a drain has said its last word.
        if self.log.is_none() {
            return;
        }
        let now = clock.now_ms.max(*machine.get_or_insert_with(turns::now_ms));
        let told = self.flow.clock();
        // Rows of this millisecond are all there: the next ones get a later one.
        let stamped = told.filter(|_| self.flow.has_rows()).map(|told| told + 1);
        let due = told.is_none_or(|told| ticks.lie_between(told - 1, now - 1));
        if stamped.is_some() || due {
            clock.now_ms = now.max(stamped.unwrap_or(now));
            self.flow.set_clock(clock.now_ms);
        }
    }
}

/// Lets the clocks that are watermarks go on, where rows came or something may close: the next commit says so.
pub(crate) fn tick(shards: &mut Shards) {
    let mut machine = None;
    shards.all.iter_mut().for_each(|shard| shard.tick(&mut machine));
}
