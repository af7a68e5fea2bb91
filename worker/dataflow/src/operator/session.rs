//! Sessions with state: rows or partial rows come in, closed sessions go out.

use arrow::array::AsArray;
use arrow::datatypes::{Int64Type, SchemaRef};
use arrow::record_batch::RecordBatch;

use super::late::LateOutput;
use super::row_values;
use super::session_emit::Closing;
use crate::assign::{LateRow, check_time};
use crate::error::DataflowError;
use crate::group::BatchKeys;
use crate::pipeline::Flow;
use crate::plan::{WindowAggregate, WindowInput};
use crate::session::{Added, SessionTable, Span};
use crate::watermark::UNDEFINED;

pub(crate) struct SessionOperator {
    pub(super) plan: Box<WindowAggregate>,
    pub(super) gap: i64,
    /// How far a row may lie behind the watermark.
    pub(super) lag: i64,
    pub(super) result: SchemaRef,
    pub(super) table: SessionTable,
    keys: BatchKeys,
    /// Of the log.
    partition: i32,
    /// Sessions that this watermark closes have been handed out.
    pub(super) fired_until: i64,
    pub(super) closing: Option<Closing>,
    pub(super) late: LateOutput,
    spans: OnTime,
}

impl SessionOperator {
    /// `partition`: of the log.
    pub(super) fn new(
        plan: &WindowAggregate,
        gap: i64,
        partition: i32,
    ) -> Result<Self, DataflowError> {
        let grouping = &plan.grouping;
        Ok(Self {
            plan: Box::new(plan.clone()),
            gap,
            lag: grouping.window.row_lag(),
            result: grouping.result_schema(),
            table: SessionTable::new(grouping, grouping.aggregates.clone())?,
            keys: BatchKeys::default(),
            partition,
            fired_until: UNDEFINED,
            closing: None,
            late: LateOutput::of(plan),
            spans: OnTime::new(grouping.window.row_lag() - gap),
        })
    }

    pub(super) fn operator(&self) -> &str {
        &self.plan.grouping.operator
    }

    /// Adds rows, each against the watermark before it. Returns how many are late.
    pub(super) fn add_rows(&mut self, flow: &Flow<'_>, muted: bool) -> Result<u64, DataflowError> {
        let grouping = &self.plan.grouping;
        let WindowInput::Rows(columns) = &self.plan.input else {
            return Err(DataflowError::Bug(format!("{} takes partials", grouping.operator)));
        };
        let values = row_values(grouping, columns, flow, self.partition)?;
        self.spans.of_rows(values.times, &flow.before, self.gap)?;
        self.late.take(&self.spans.late, &values.carried, muted)?;
        self.keys.prepare(&grouping.key_kinds(), &values.keys, values.times.len());
        let added = Added::Rows { arguments: &values.arguments, order: values.order };
        self.table.add(grouping, &self.keys, self.spans.on_time(), &added)?;
        Ok(self.spans.late.len() as u64)
    }

    /// Adds partial rows against the combined watermark. Returns how many rows are late.
    pub(super) fn add_partials(
        &mut self,
        batch: &RecordBatch,
        watermark: i64,
        muted: bool,
    ) -> Result<u64, DataflowError> {
        let grouping = &self.plan.grouping;
        let hidden = grouping.hidden_columns().len();
        let times: Vec<&[i64]> = batch.columns()[..hidden]
            .iter()
            .map(|column| column.as_primitive::<Int64Type>().values().as_ref())
            .collect();
        let (ends, starts, counts) = (times[0], times[1], times[2]);
        self.spans.of_partials(starts, ends, watermark, self.gap)?;
        let (keys, states) = batch.columns()[hidden..].split_at(grouping.keys.len());
        let carried = grouping.late.as_ref().map_or(0, |late| late.columns.len());
        let (states, carried) = states.split_at(states.len() - carried);
        self.late.take(&self.spans.late, carried, muted)?;
        self.keys.prepare(&grouping.key_kinds(), keys, batch.num_rows());
        self.table.add(grouping, &self.keys, self.spans.on_time(), &Added::States(states))?;
        let late = self.spans.late.iter().map(|late| counts[late.row as usize].unsigned_abs());
        Ok(late.sum())
    }
}

/// The rows of a batch, parted into late ones and others; its memory is reused.
pub(super) struct OnTime {
    /// A span is late when the watermark has reached its end moved by this.
    shift: i64,
    rows: Vec<u32>,
    spans: Vec<Span>,
    pub(super) late: Vec<LateRow>,
}

impl OnTime {
    pub(super) fn new(shift: i64) -> Self {
        Self { shift, rows: Vec::new(), spans: Vec::new(), late: Vec::new() }
    }

    /// Rows by event time; `before` is the watermark before each.
    pub(super) fn of_rows(
        &mut self,
        times: &[i64],
        before: &[i64],
        gap: i64,
    ) -> Result<(), DataflowError> {
        assert_eq!(times.len(), before.len(), "one watermark per row");
        self.clear();
        for (row, (time, watermark)) in times.iter().zip(before).enumerate() {
            check_time(*time)?;
            let span = Span { start: *time, end: *time + gap, watermark: *watermark };
            self.push(row as u32, span);
        }
        Ok(())
    }

    /// Partial rows, all against one watermark.
    pub(super) fn of_partials(
        &mut self,
        starts: &[i64],
        ends: &[i64],
        watermark: i64,
        gap: i64,
    ) -> Result<(), DataflowError> {
        self.clear();
        for (row, (start, end)) in starts.iter().zip(ends).enumerate() {
            check_time(*start)?;
            if end.checked_sub(*start).is_none_or(|length| length < gap) {
                return Err(DataflowError::Input(format!(
                    "a partial row is a session from {start} to {end}, shorter than the gap"
                )));
            }
            check_time(end - gap)?;
            self.push(row as u32, Span { start: *start, end: *end, watermark });
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.rows.clear();
        self.spans.clear();
        self.late.clear();
    }

    fn push(&mut self, row: u32, span: Span) {
        let Span { start, end, watermark } = span;
        let due = end + self.shift;
        if due <= watermark {
            self.late.push(LateRow { row, window: (start, due), watermark });
        } else {
            self.rows.push(row);
            self.spans.push(span);
        }
    }

    /// Rows that are not late, and their spans.
    pub(super) fn on_time(&self) -> (&[u32], &[Span]) {
        (&self.rows, &self.spans)
    }
}
