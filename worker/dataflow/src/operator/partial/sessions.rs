//! Sessions of the rows since the last boundary: what belongs together crosses as one partial row.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::{Held, partial_columns, with_row_count};
use crate::assign::{LateRow, PaneId};
use crate::error::DataflowError;
use crate::group::BatchKeys;
use crate::operator::RowValues;
use crate::operator::parts::hand_over;
use crate::operator::session::OnTime;
use crate::plan::Grouping;
use crate::session::{Added, SessionTable};

pub(in crate::operator) struct Sessions {
    gap: i64,
    spans: OnTime,
    table: SessionTable,
}

impl Sessions {
    pub(in crate::operator) fn new(grouping: &Grouping, gap: i64) -> Result<Self, DataflowError> {
        let table = SessionTable::new(grouping, with_row_count(grouping))?;
        Ok(Self { gap, spans: OnTime::new(grouping.window.row_lag() - gap), table })
    }
}

impl Held for Sessions {
    fn assign(&mut self, times: &[i64], before: &[i64]) -> Result<(), DataflowError> {
        self.spans.of_rows(times, before, self.gap)
    }

    fn late(&self) -> &[LateRow] {
        &self.spans.late
    }

    fn on_time(&self) -> impl Iterator<Item = (u32, PaneId)> {
        let (rows, spans) = self.spans.on_time();
        let own = rows.iter().zip(spans);
        own.map(|(row, span)| (*row, PaneId { end: span.end, from: span.start }))
    }

    fn add(
        &mut self,
        grouping: &Grouping,
        keys: &BatchKeys,
        values: &RowValues<'_>,
    ) -> Result<(), DataflowError> {
        let added = Added::Rows { arguments: &values.arguments, order: values.order };
        self.table.add(grouping, keys, self.spans.on_time(), &added)
    }

    fn groups(&self) -> usize {
        self.table.len()
    }

    fn part(&self, schema: &SchemaRef, parts: &mut [Vec<RecordBatch>]) -> Result<(), ArrowError> {
        let table = &self.table;
        let numbers = table.all();
        if numbers.is_empty() {
            return Ok(());
        }
        let sessions = numbers.into_iter().map(|number| (number, table.key_hash(number)));
        hand_over(schema, sessions, parts, |order| {
            let ends = order.iter().map(|number| table.end(*number));
            let starts = order.iter().map(|number| table.start(*number));
            let times: Vec<ArrayRef> = vec![
                Arc::new(Int64Array::from_iter_values(ends)),
                Arc::new(Int64Array::from_iter_values(starts)),
            ];
            partial_columns(times, table.key_columns(order), table.state_columns(order))
        })
    }

    fn clear(&mut self) {
        self.table.clear();
    }

    fn held_bytes(&self) -> usize {
        self.table.held_bytes()
    }

    fn memory_bytes(&self) -> usize {
        self.table.memory_bytes()
    }
}
