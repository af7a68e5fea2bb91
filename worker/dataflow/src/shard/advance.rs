//! Forced advances of a watermark (R8): windows over a source close although nothing comes. Whether one may happen is
//! for the caller; here is where it leads, and what the state is behind it.

use protocol::manifest::ManifestName;
use protocol::registers::ShardRegisters;

use super::{EndState, Shard};
use crate::plan::Input;

impl Shard {
    /// There are windows over the source itself: they close by the watermark of its log alone.
    pub fn keeps_source_windows(&self) -> bool {
        matches!(self.input, Input::Source(_)) && !self.windows.is_empty()
    }

    /// Its watermark may be forced: there are such windows, and its log can be idle.
    pub fn may_advance(&self) -> bool {
        let Input::Source(source) = self.input else { return false };
        self.keeps_source_windows() && self.plan.sources[source].idle_timeout_ms.is_some()
    }

    /// The watermark that closes all that is open; none if nothing waits for one.
    pub fn waits_until(&self) -> Option<i64> {
        if !self.keeps_source_windows() {
            return None;
        }
        let of = |end: &EndState| match end {
            EndState::Window(results) => results.operator.waits_until(),
            EndState::Sink { .. } | EndState::Partial(_) => None,
        };
        self.ends.iter().filter_map(of).max()
    }

    /// The registers behind an advance that closes all that is open: those of the checkpoint `by`, whose tables are as
    /// they are now. None if nothing is open.
    pub fn advanced(&self, by: &ManifestName) -> Option<ShardRegisters> {
        let to = self.waits_until()?;
        let Input::Source(source) = self.input else { return None };
        let largest = to + self.plan.sources[source].delay_ms;
        let mut registers = self.registers.clone();
        registers.sent_until = self.watermark();
        registers.max_event_time = registers.max_event_time.max(Some(largest));
        registers.idle = true;
        registers.advances += 1;
        registers.advanced_by = Some(by.clone());
        Some(registers)
    }

    /// Carries the advance out: the next boundary hands out what it closes. `registers` are what
    /// [`advanced`](Self::advanced) said at this very state.
    pub fn advance(&mut self, registers: ShardRegisters) {
        assert_eq!(registers.advances, self.registers.advances + 1, "one advance at a time");
        self.registers = registers;
        self.open = true;
    }
}
