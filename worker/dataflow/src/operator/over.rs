//! Rows with aggregates over their frames: rows or packed rows come in, and go out when the watermark is beyond their
//! time.
//!
//! They go out in the order of their time, then of hash and key, then of place. How far a cut emission came is said by
//! the end of the millisecond and the keys of it that are out, each with all of its rows (C10).

use std::collections::BTreeSet;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;

use super::firing::Budget;
use super::handed::Handed;
use super::late::LateOutput;
use super::session::OnTime;
use super::{Due, HandedOut, Windowed, row_values};
use crate::changes::{Entries, take_time};
use crate::codec::{Value, put_value};
use crate::column::ColumnKind;
use crate::error::DataflowError;
use crate::frame::Frame;
use crate::group::BatchKeys;
use crate::limits::{EMISSION_CHUNK_ROWS, REACHED_ROWS_MAX};
use crate::over::{FrameResults, FrameTable, take_row};
use crate::pipeline::{self, Flow};
use crate::plan::{Framed, WindowAggregate, WindowInput};
use crate::ranked;
use crate::schema::MappedTable;
use crate::watermark::UNDEFINED;

/// A row is handed out, and is late, when the watermark is so far beyond its time, ms: as a window of this length.
pub(super) const SPAN_MS: i64 = 1;

pub(super) struct OverOperator {
    plan: Box<WindowAggregate>,
    table: FrameTable,
    results: FrameResults,
    keys: BatchKeys,
    /// Of the log.
    partition: i32,
    /// What ends there or before has been handed out.
    fired_until: i64,
    handing: Option<Handing>,
    late: LateOutput,
    spans: OnTime,
}

/// Times and keys whose rows are being handed out.
struct Handing {
    order: Vec<(i64, u32)>,
    next: usize,
}

impl Handing {
    /// How many of the end of the next are out.
    fn progress(&self) -> Option<HandedOut> {
        let (time, _) = *self.order.get(self.next)?;
        let before = self.order[..self.next].iter().rev();
        let groups = before.take_while(|(other, _)| *other == time).count() as u64;
        Some(HandedOut { end: time + SPAN_MS, groups })
    }
}

impl OverOperator {
    /// `partition`: of the log.
    pub(super) fn new(
        plan: &WindowAggregate,
        frame: Frame,
        framed: &Framed,
        partition: i32,
    ) -> Result<Self, DataflowError> {
        let grouping = &plan.grouping;
        Ok(Self {
            plan: Box::new(plan.clone()),
            table: FrameTable::new(frame, grouping.key_kinds()),
            results: FrameResults::new(framed, &grouping.operator)?,
            keys: BatchKeys::default(),
            partition,
            fired_until: UNDEFINED,
            handing: None,
            late: LateOutput::of(plan),
            spans: OnTime::new(0),
        })
    }

    fn operator(&self) -> &str {
        &self.plan.grouping.operator
    }

    fn take_handing(&mut self, watermark: i64) -> Handing {
        self.handing.take().unwrap_or_else(|| Handing {
            // Before this a time has ended.
            order: self.table.waiting(watermark),
            next: 0,
        })
    }

    /// So many of these groups are handed out next. At least one.
    fn fitting(&self, groups: &[(i64, u32)], budget: &Budget) -> usize {
        let room = usize::try_from(budget.rows).unwrap_or(usize::MAX).min(EMISSION_CHUNK_ROWS);
        let (mut rows, mut reached, mut keys) = (0, 0, BTreeSet::new());
        let fits = groups.iter().take_while(|(time, key)| {
            let own = self.table.count(*key, *time);
            rows += own;
            // Frames of a key that is there already lie in what the first one reaches, but for their own rows.
            reached += if keys.insert(*key) { self.table.reached(*key, *time) } else { own };
            rows <= room && reached <= REACHED_ROWS_MAX
        });
        fits.count().max(1)
    }
}

impl Windowed for OverOperator {
    fn plan(&self) -> &WindowAggregate {
        &self.plan
    }

    fn process_rows(&mut self, flow: &Flow<'_>, muted: bool) -> Result<u64, DataflowError> {
        let grouping = &self.plan.grouping;
        let defect = |why: &str| DataflowError::Bug(format!("{} {why}", grouping.operator));
        let WindowInput::Rows(columns) = &self.plan.input else {
            return Err(defect("takes packed rows"));
        };
        let values = row_values(grouping, columns, flow, self.partition)?;
        self.spans.of_rows(values.times, &flow.before, SPAN_MS)?;
        self.late.take(&self.spans.late, &values.carried, muted)?;
        let packed = values.arguments.first().and_then(Option::as_ref);
        let packed = packed.and_then(|packed| packed.as_binary_opt::<i64>());
        let packed = packed.filter(|_| values.order.covers(values.times.len()));
        let packed = packed.ok_or_else(|| defect("gets no packed rows in order"))?;
        self.keys.prepare(&grouping.key_kinds(), &values.keys, values.times.len());
        let (rows, _) = self.spans.on_time();
        let numbers = self.table.resolve(&self.keys, rows)?;
        for (row, key) in rows.iter().zip(numbers) {
            let row = *row as usize;
            let parts = ranked::parts(packed.value(row));
            let (_, kept) = parts.ok_or_else(|| defect("gets a row that is not packed"))?;
            self.table.add(key, values.order.of(row), kept);
        }
        Ok(self.spans.late.len() as u64)
    }

    fn process_partials(
        &mut self,
        batch: &RecordBatch,
        watermark: i64,
        muted: bool,
    ) -> Result<u64, DataflowError> {
        let grouping = &self.plan.grouping;
        let foreign = || {
            let operator = &grouping.operator;
            DataflowError::Input(format!(
                "a record of the exchange of {operator} holds no packed row"
            ))
        };
        let hidden = grouping.hidden_columns().len();
        let ends = batch.column(0).as_primitive::<Int64Type>().values();
        let starts: Vec<i64> = ends.iter().map(|end| end.saturating_sub(SPAN_MS)).collect();
        self.spans.of_partials(&starts, ends, watermark, SPAN_MS)?;
        let (keys, states) = batch.columns()[hidden..].split_at(grouping.keys.len());
        let (packed, carried) = states.split_first().ok_or_else(foreign)?;
        self.late.take(&self.spans.late, carried, muted)?;
        let packed = packed.as_binary_opt::<i64>().ok_or_else(foreign)?;
        self.keys.prepare(&grouping.key_kinds(), keys, batch.num_rows());
        let (rows, _) = self.spans.on_time();
        let numbers = self.table.resolve(&self.keys, rows)?;
        for (row, key) in rows.iter().zip(numbers) {
            let row = *row as usize;
            let mut stored = packed.value(row);
            let (place, kept) = take_row(&mut stored).ok_or_else(foreign)?;
            if place.0 != starts[row] || !stored.is_empty() {
                return Err(foreign());
            }
            self.table.add(key, place, kept);
        }
        Ok(self.spans.late.len() as u64)
    }

    fn next_due(&self, watermark: i64) -> Option<i64> {
        if let Some(handing) = &self.handing {
            return handing.order.get(handing.next).map(|(time, _)| time + SPAN_MS);
        }
        let end = self.table.first_waiting()? + SPAN_MS;
        (watermark != UNDEFINED && end <= watermark).then_some(end)
    }

    fn waits_until(&self) -> Option<i64> {
        self.table.last_waiting().map(|time| time + SPAN_MS)
    }

    fn emit(
        &mut self,
        due: Due,
        budget: &mut Budget,
        out: &mut Handed,
    ) -> Result<Option<HandedOut>, DataflowError> {
        let mut handing = self.take_handing(due.watermark);
        let rest = &handing.order[handing.next..];
        let end = handing.next + rest.partition_point(|(time, _)| time + SPAN_MS <= due.until);
        while handing.next < end && !budget.is_spent() {
            let groups = &handing.order[handing.next..end];
            let groups = &groups[..self.fitting(groups, budget)];
            let rows = self.results.of(&self.plan.grouping, &self.table, groups)?;
            let rows = pipeline::run(&self.plan.steps, self.operator(), rows.into())?.batch;
            handing.next += groups.len();
            budget.spend(&rows);
            out.push_rows(rows);
        }
        let cut = handing.next < end;
        let progress = handing.progress().filter(|_| cut);
        self.handing = Some(handing);
        Ok(progress)
    }

    fn results_until(&self, watermark: i64) -> i64 {
        watermark
    }

    fn handed_out(&self, end: i64) -> u64 {
        let progress = self.handing.as_ref().and_then(Handing::progress);
        progress.filter(|done| done.end == end).map_or(0, |done| done.groups)
    }

    fn skip(&mut self, done: HandedOut, watermark: i64) -> Result<bool, DataflowError> {
        let mut handing = self.take_handing(watermark);
        let own = handing.order.iter().take_while(|(time, _)| time + SPAN_MS == done.end);
        let fits = done.groups <= own.count() as u64;
        if fits {
            handing.next = done.groups as usize;
        }
        self.handing = Some(handing);
        Ok(fits)
    }

    fn finish(&mut self, watermark: i64) -> Result<(), DataflowError> {
        self.handing = None;
        if watermark == UNDEFINED {
            return Ok(());
        }
        self.set_fired_until(watermark);
        self.table.trim(watermark)
    }

    fn set_fired_until(&mut self, end: i64) {
        self.fired_until = self.fired_until.max(end);
        self.table.hand_out(self.fired_until);
    }

    fn live_from(&self, watermark: i64) -> i64 {
        self.table.live_from(watermark)
    }

    fn hand_out_open(
        &mut self,
        late: &mut Vec<(usize, RecordBatch)>,
        _out: &mut Handed,
    ) -> Result<(), DataflowError> {
        self.late.drain(late);
        Ok(())
    }

    fn open_bytes(&self) -> usize {
        self.late.bytes()
    }

    fn discard_open(&mut self) {
        self.late.clear();
    }

    fn changes(&mut self) -> Entries {
        let mut entries = Entries::default();
        for (key, rows) in self.table.take_changed() {
            let Some(rows) = rows else {
                entries.push(&key, None);
                continue;
            };
            entries.push_with(
                |out| out.extend_from_slice(&key),
                |out| put_value(out, ColumnKind::Bytes, Value::Bytes(&rows)),
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
        let (end, key) = take_time(key).ok_or_else(|| grouping.corrupt("a key names no time"))?;
        if watermark != UNDEFINED && end < self.live_from(watermark) {
            return Ok(());
        }
        let state = mapping.state(value);
        let Some([Value::Bytes(rows)]) = state.as_deref() else {
            return Err(grouping.corrupt("a value does not decode"));
        };
        let time =
            end.checked_sub(SPAN_MS).ok_or_else(|| grouping.corrupt("a key names no time"))?;
        let restored = self.table.restore_entry(key, time, rows, self.fired_until);
        restored.ok_or_else(|| grouping.corrupt("an entry is double or does not decode"))
    }

    fn groups(&self) -> usize {
        self.table.len()
    }

    fn memory_bytes(&self) -> usize {
        let handing = self.handing.as_ref();
        let handing = handing.map_or(0, |h| size_of::<(i64, u32)>() * h.order.capacity());
        self.table.memory_bytes() + handing + self.open_bytes()
    }
}
