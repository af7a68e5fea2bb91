//! Closed sessions on their way out, and the sessions as entries of the store.
//!
//! They go out in the order of the watermark that closes them, then of hash and key (C10). Many may go out together,
//! but how far a cut emission came is said by that watermark: a replay cannot know where the boundaries before it fell.

use std::sync::Arc;

use arrow::array::{ArrayRef, TimestampMillisecondArray};
use arrow::record_batch::RecordBatch;

use super::firing::Budget;
use super::late::LateOutput;
use super::session::SessionOperator;
use super::{Due, HandedOut, Windowed, data_bytes};
use crate::changes::{Entries, decode_time};
use crate::codec::{Value, put_value};
use crate::column::ColumnKind;
use crate::error::DataflowError;
use crate::limits::EMISSION_CHUNK_ROWS;
use crate::pipeline::{self, Flow};
use crate::plan::WindowAggregate;
use crate::schema::MappedTable;
use crate::session::closed_until;
use crate::watermark::UNDEFINED;

/// Sessions that are being handed out.
pub(super) struct Closing {
    order: Vec<u32>,
    next: usize,
}

impl SessionOperator {
    fn take_closing(&mut self, watermark: i64) -> Closing {
        self.closing.take().unwrap_or_else(|| {
            let sent = closed_until(self.fired_until, self.gap);
            let order = self.table.closed(sent, closed_until(watermark, self.gap));
            Closing { order, next: 0 }
        })
    }

    /// The watermark that closes a session.
    fn closes_at(&self, number: u32) -> i64 {
        self.table.end(number) + self.gap
    }

    /// How many are handed out of those that the same watermark closes as the next.
    fn progress(&self, closing: &Closing) -> Option<HandedOut> {
        let end = self.closes_at(*closing.order.get(closing.next)?);
        let before = closing.order[..closing.next].iter().rev();
        let groups = before.take_while(|number| self.closes_at(**number) == end).count() as u64;
        Some(HandedOut { end, groups })
    }

    /// What the sink gets of these sessions.
    fn finished_rows(&self, numbers: &[u32]) -> Result<RecordBatch, DataflowError> {
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
        let batch = RecordBatch::try_new(self.result.clone(), columns)
            .map_err(|e| DataflowError::Bug(format!("rows of {}: {e}", self.operator())))?;
        Ok(pipeline::run(&self.plan.steps, self.operator(), batch.into())?.batch)
    }

    fn corrupt(&self, message: &str) -> DataflowError {
        let (operator, message) = (self.operator().to_owned(), message.to_owned());
        DataflowError::Corrupt { operator, message }
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
            return closing.order.get(closing.next).map(|number| self.closes_at(*number));
        }
        let closed = closed_until(watermark, self.gap);
        if watermark == UNDEFINED {
            return None;
        }
        let earliest = self.table.earliest_end(closed_until(self.fired_until, self.gap), closed);
        earliest.map(|end| end + self.gap)
    }

    fn emit(
        &mut self,
        due: Due,
        budget: &mut Budget,
        out: &mut Vec<RecordBatch>,
    ) -> Result<Option<HandedOut>, DataflowError> {
        let mut closing = self.take_closing(due.watermark);
        let rest = &closing.order[closing.next..];
        let end =
            closing.next + rest.partition_point(|number| self.closes_at(*number) <= due.until);
        while closing.next < end && !budget.is_spent() {
            let room = usize::try_from(budget.rows).unwrap_or(usize::MAX);
            let count = (end - closing.next).min(EMISSION_CHUNK_ROWS).min(room);
            let batch = self.finished_rows(&closing.order[closing.next..closing.next + count])?;
            closing.next += count;
            if batch.num_rows() > 0 {
                budget.rows -= batch.num_rows() as u64;
                budget.bytes = budget.bytes.saturating_sub(data_bytes(&batch) as u64);
                out.push(batch);
            }
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
        let own = closing.order.iter().take_while(|number| self.closes_at(**number) == done.end);
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
        self.fired_until = self.fired_until.max(watermark);
        self.table.drop_closed(&self.plan.grouping, closed_until(watermark, self.gap))
    }

    fn set_fired_until(&mut self, end: i64) {
        self.fired_until = self.fired_until.max(end);
    }

    fn live_from(&self, watermark: i64) -> i64 {
        closed_until(watermark, self.gap).saturating_add(1)
    }

    fn hand_out_open(
        &mut self,
        late: &mut Vec<(usize, RecordBatch)>,
        _out: &mut Vec<RecordBatch>,
    ) -> Result<(), DataflowError> {
        if let Some(rows) = &mut self.late {
            rows.drain(late);
        }
        Ok(())
    }

    fn open_bytes(&self) -> usize {
        self.late.as_ref().map_or(0, LateOutput::bytes)
    }

    fn discard_open(&mut self) {
        if let Some(late) = &mut self.late {
            late.clear();
        }
    }

    fn results_until(&self, watermark: i64) -> i64 {
        closed_until(watermark, self.gap)
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
        let (end, key) =
            key.split_first_chunk::<8>().ok_or_else(|| self.corrupt("a key names no session"))?;
        let end = decode_time(*end);
        if watermark != UNDEFINED && end < self.live_from(watermark) {
            return Ok(());
        }
        let state = mapping.state(value);
        let state = state.ok_or_else(|| self.corrupt("a value does not decode"))?;
        let Some((Value::Int(start), state)) = state.split_first() else {
            return Err(self.corrupt("a session has no start"));
        };
        if end.checked_sub(*start).is_none_or(|length| length < self.gap) {
            return Err(self.corrupt("a session is shorter than its gap"));
        }
        let restored = self.table.restore(key, (*start, end), state);
        restored.ok_or_else(|| self.corrupt("an entry is double or does not decode"))
    }

    fn memory_bytes(&self) -> usize {
        let closing = self.closing.as_ref().map_or(0, |closing| 4 * closing.order.capacity());
        self.table.memory_bytes() + closing + self.open_bytes()
    }
}
