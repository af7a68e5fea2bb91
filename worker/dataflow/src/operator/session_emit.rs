//! Sessions on their way out, and as entries of the store.
//!
//! They go out in the order of the watermark that closes them, then of hash and key (C10). Many may go out together,
//! but how far a cut emission came is said by that watermark: a replay cannot know where the boundaries before it fell.
//! Lives that close go out as deletions; of firsts a session goes out when the watermark has reached its start.

use std::sync::Arc;

use arrow::array::{ArrayRef, TimestampMillisecondArray};
use arrow::record_batch::RecordBatch;

use super::firing::Budget;
use super::handed::Handed;
use super::parts::VALUE_BYTES;
use super::session::SessionOperator;
use super::{Due, HandedOut, Windowed};
use crate::changes::{Entries, take_time};
use crate::codec::{Value, put_value};
use crate::column::ColumnKind;
use crate::error::DataflowError;
use crate::limits::EMISSION_CHUNK_ROWS;
use crate::pipeline::{self, Flow};
use crate::plan::{Emit, WindowAggregate};
use crate::schema::MappedTable;
use crate::session::closed_until;
use crate::watermark::UNDEFINED;
use crate::window::WindowKind;

/// Sessions that are being handed out.
pub(super) struct Closing {
    order: Vec<u32>,
    next: usize,
}

impl SessionOperator {
    fn take_closing(&mut self, watermark: i64) -> Closing {
        self.closing.take().unwrap_or_else(|| {
            let order = if self.sends_firsts() {
                self.table.firsts(watermark)
            } else {
                let sent = closed_until(self.fired_until, self.lag);
                self.table.closed(sent, closed_until(watermark, self.lag))
            };
            Closing { order, next: 0 }
        })
    }

    fn sends_firsts(&self) -> bool {
        matches!(self.plan.grouping.window, WindowKind::First { .. })
    }

    /// The watermark with which a session goes out: that which closes it, or reaches its first row.
    fn due_at(&self, number: u32) -> i64 {
        if self.sends_firsts() {
            self.table.start(number)
        } else {
            self.table.end(number) + self.lag
        }
    }

    /// How many are handed out of those that are due with the same watermark as the next.
    fn progress(&self, closing: &Closing) -> Option<HandedOut> {
        let end = self.due_at(*closing.order.get(closing.next)?);
        let before = closing.order[..closing.next].iter().rev();
        let groups = before.take_while(|number| self.due_at(**number) == end).count() as u64;
        Some(HandedOut { end, groups })
    }

    /// Hands out sessions that are due.
    fn hand_out(
        &self,
        numbers: &[u32],
        budget: &mut Budget,
        out: &mut Handed,
    ) -> Result<(), DataflowError> {
        if let Emit::Changes(deletion) = &self.plan.emit {
            // A newer life is what the key has now.
            let newest = numbers.iter().copied().filter(|number| self.table.is_newest(*number));
            let newest: Vec<u32> = newest.collect();
            if !newest.is_empty() {
                budget.spend(out.delete(&self.plan, deletion, self.results(&newest)?)?);
            }
            return Ok(());
        }
        let results = self.results(numbers)?;
        let batch = pipeline::run(&self.plan.steps, self.operator(), results.into())?.batch;
        budget.spend(&batch);
        out.push_rows(batch);
        Ok(())
    }

    fn results(&self, numbers: &[u32]) -> Result<RecordBatch, DataflowError> {
        let times = |of: &dyn Fn(u32) -> i64| -> ArrayRef {
            let times = numbers.iter().map(|number| of(*number));
            Arc::new(TimestampMillisecondArray::from_iter_values(times))
        };
        let table = &self.table;
        let mut columns = table.key_columns(numbers);
        columns.push(times(&|number| table.start(number)));
        columns.push(times(&|number| table.end(number)));
        columns.push(times(&|number| table.end(number) - 1));
        columns.extend(table.output_columns(numbers));
        RecordBatch::try_new(self.result.clone(), columns)
            .map_err(|e| DataflowError::Bug(format!("rows of {}: {e}", self.operator())))
    }
}

impl Windowed for SessionOperator {
    fn plan(&self) -> &WindowAggregate {
        &self.plan
    }

    fn process_rows(&mut self, flow: &Flow<'_>, muted: bool) -> Result<u64, DataflowError> {
        self.add_rows(flow, muted)
    }

    fn process_partials(
        &mut self,
        batch: &RecordBatch,
        watermark: i64,
        muted: bool,
    ) -> Result<u64, DataflowError> {
        self.add_partials(batch, watermark, muted)
    }

    fn next_due(&self, watermark: i64) -> Option<i64> {
        if let Some(closing) = &self.closing {
            return closing.order.get(closing.next).map(|number| self.due_at(*number));
        }
        if watermark == UNDEFINED {
            return None;
        }
        if self.sends_firsts() {
            return self.table.earliest_first().filter(|start| *start <= watermark);
        }
        let closed = closed_until(watermark, self.lag);
        let earliest = self.table.earliest_end(closed_until(self.fired_until, self.lag), closed);
        earliest.map(|end| end + self.lag)
    }

    fn waits_until(&self) -> Option<i64> {
        match self.plan.grouping.window {
            WindowKind::First { .. } => self.table.latest_first(),
            // What it has to say is out; how long a key is kept is for the rows to say.
            WindowKind::Life { .. } => None,
            _ => self.table.latest_end().map(|end| end + self.lag),
        }
    }

    fn emit(
        &mut self,
        due: Due,
        budget: &mut Budget,
        out: &mut Handed,
    ) -> Result<Option<HandedOut>, DataflowError> {
        let mut closing = self.take_closing(due.watermark);
        let rest = &closing.order[closing.next..];
        let end = closing.next + rest.partition_point(|number| self.due_at(*number) <= due.until);
        let rows_each = self.plan.grouping.rows_per_group();
        while closing.next < end && !budget.is_spent() {
            let count = budget.groups(end - closing.next, rows_each);
            self.hand_out(&closing.order[closing.next..closing.next + count], budget, out)?;
            closing.next += count;
        }
        let cut = closing.next < end;
        let progress = self.progress(&closing).filter(|_| cut);
        self.closing = Some(closing);
        Ok(progress)
    }

    fn handed_out(&self, end: i64) -> u64 {
        let progress = self.closing.as_ref().and_then(|closing| self.progress(closing));
        progress.filter(|done| done.end == end).map_or(0, |done| done.groups)
    }

    fn skip(&mut self, done: HandedOut, watermark: i64) -> Result<bool, DataflowError> {
        let mut closing = self.take_closing(watermark);
        let own = closing.order.iter().take_while(|number| self.due_at(**number) == done.end);
        let fits = done.groups <= own.count() as u64;
        if fits {
            closing.next = done.groups as usize;
        }
        self.closing = Some(closing);
        Ok(fits)
    }

    fn finish(&mut self, watermark: i64) -> Result<(), DataflowError> {
        self.closing = None;
        if watermark == UNDEFINED {
            return Ok(());
        }
        self.set_fired_until(watermark);
        self.table.drop_closed(&self.plan.grouping, closed_until(watermark, self.lag))
    }

    fn set_fired_until(&mut self, end: i64) {
        self.fired_until = self.fired_until.max(end);
        self.table.drop_firsts(end);
    }

    fn live_from(&self, watermark: i64) -> i64 {
        closed_until(watermark, self.lag).saturating_add(1)
    }

    fn hand_out_open(
        &mut self,
        late: &mut Vec<(usize, RecordBatch)>,
        out: &mut Handed,
    ) -> Result<(), DataflowError> {
        self.late.drain(late);
        let most = EMISSION_CHUNK_ROWS.div_ceil(self.plan.grouping.rows_per_group());
        for numbers in self.table.take_changed_keys().chunks(most) {
            out.take(&self.plan, self.results(numbers)?)?;
        }
        Ok(())
    }

    fn open_bytes(&self) -> usize {
        let values = self.result.fields().len() * self.plan.grouping.rows_per_group();
        let changed = self.table.changed_rows() * values * VALUE_BYTES;
        changed + self.late.bytes()
    }

    fn discard_open(&mut self) {
        self.late.clear();
        drop(self.table.take_changed_keys());
    }

    fn results_until(&self, watermark: i64) -> i64 {
        closed_until(watermark, self.lag)
    }

    fn changes(&mut self) -> Entries {
        let all = self.table.take_changed();
        let mut entries = Entries::default();
        for (key, number) in all {
            let Some(number) = number else {
                entries.push(&key, None);
                continue;
            };
            entries.push_with(
                |out| out.extend_from_slice(&key),
                |out| {
                    let start = Value::Int(self.table.start(number));
                    put_value(out, ColumnKind::Timestamp, start);
                    self.table.put_state(number, out);
                },
            );
        }
        entries
    }

    fn mark_all_changed(&mut self) {
        self.table.mark_all_changed();
    }

    fn restore_entry(
        &mut self,
        mapping: &MappedTable,
        key: &[u8],
        value: &[u8],
        watermark: i64,
    ) -> Result<(), DataflowError> {
        let grouping = &self.plan.grouping;
        let (end, key) =
            take_time(key).ok_or_else(|| grouping.corrupt("a key names no session"))?;
        if watermark != UNDEFINED && end < self.live_from(watermark) {
            return Ok(());
        }
        let state = mapping.state(value);
        let state = state.ok_or_else(|| grouping.corrupt("a value does not decode"))?;
        let Some((Value::Int(start), state)) = state.split_first() else {
            return Err(grouping.corrupt("a session has no start"));
        };
        if end.checked_sub(*start).is_none_or(|length| length < self.gap) {
            return Err(grouping.corrupt("a session is shorter than its gap"));
        }
        let restored = self.table.restore(key, (*start, end), state, self.fired_until);
        restored.ok_or_else(|| grouping.corrupt("an entry is double or does not decode"))
    }

    fn groups(&self) -> usize {
        self.table.len()
    }

    fn memory_bytes(&self) -> usize {
        let closing = self.closing.as_ref().map_or(0, |closing| 4 * closing.order.capacity());
        self.table.memory_bytes() + closing + self.late.bytes()
    }
}
