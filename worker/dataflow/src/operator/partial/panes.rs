//! Groups by pane.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use super::{Held, partial_columns, with_row_count};
use crate::assign::{Assigner, LateRow, PaneId};
use crate::error::DataflowError;
use crate::group::BatchKeys;
use crate::operator::RowValues;
use crate::operator::parts::hand_over;
use crate::operator::tables::Tables;
use crate::plan::Grouping;

pub(in crate::operator) struct Panes {
    assigner: Assigner,
    tables: Tables,
    tumble: bool,
}

impl Panes {
    pub(in crate::operator) fn new(grouping: &Grouping) -> Self {
        Self {
            assigner: Assigner::new(grouping.window.panes(), grouping.lateness_ms),
            tables: Tables::new(grouping.key_kinds(), with_row_count(grouping)),
            tumble: grouping.window.is_tumble(),
        }
    }
}

impl Held for Panes {
    fn assign(&mut self, times: &[i64], before: &[i64]) -> Result<(), DataflowError> {
        self.assigner.assign_rows(times, before).map(drop)
    }

    fn late(&self) -> &[LateRow] {
        self.assigner.late()
    }

    fn on_time(&self) -> impl Iterator<Item = (u32, PaneId)> {
        self.assigner.on_time()
    }

    fn add(
        &mut self,
        grouping: &Grouping,
        keys: &BatchKeys,
        values: &RowValues<'_>,
    ) -> Result<(), DataflowError> {
        for (pane, rows) in self.assigner.spans() {
            let table = self.tables.entry(pane)?;
            table.update(grouping, keys, &rows, &values.arguments, values.order)?;
        }
        Ok(())
    }

    fn groups(&self) -> usize {
        self.tables.groups()
    }

    fn part(&self, schema: &SchemaRef, parts: &mut [Vec<RecordBatch>]) -> Result<(), ArrowError> {
        for (pane, table) in &self.tables.by_pane {
            let groups = (0..table.len() as u32).map(|group| (group, table.key_hash(group)));
            hand_over(schema, groups, parts, |order| {
                let constant =
                    |time: i64| -> ArrayRef { Arc::new(Int64Array::from_value(time, order.len())) };
                let mut times = vec![constant(pane.end)];
                if !self.tumble {
                    times.push(constant(pane.from));
                }
                partial_columns(times, table.key_columns(order), table.state_columns(order))
            })?;
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.tables.clear();
    }

    fn held_bytes(&self) -> usize {
        self.tables.held_bytes()
    }

    fn memory_bytes(&self) -> usize {
        self.tables.memory_bytes()
    }
}
