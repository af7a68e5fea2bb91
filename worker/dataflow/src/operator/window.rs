//! A window operator with state: one table per pane; windows merge panes when they fire.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, TimestampMillisecondArray};
use arrow::datatypes::{Int64Type, SchemaRef};
use arrow::record_batch::RecordBatch;

use super::row_values;
use super::tables::Tables;
use crate::assign::{Assigner, PaneId};
use crate::changes::{Entries, decode_time, encode_time};
use crate::codec::{Value, take_value};
use crate::error::DataflowError;
use crate::group::{BatchKeys, GroupTable};
use crate::limits::EMISSION_CHUNK_ROWS;
use crate::pipeline::{self, Flow};
use crate::plan::{WindowAggregate, WindowInput};
use crate::schema::MappedTable;
use crate::watermark::UNDEFINED;
use crate::window::Panes;

/// What is left of an emission's limit.
pub(crate) struct Budget {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

impl Budget {
    pub(crate) fn is_spent(&self) -> bool {
        self.rows == 0 || self.bytes == 0
    }
}

/// A window that is being handed out.
struct Firing {
    end: i64,
    source: Source,
    /// Groups in the order of C10.
    order: Vec<u32>,
    next: usize,
}

enum Source {
    /// The window is one pane: read where it lies.
    Pane(PaneId),
    Merged(GroupTable),
}

pub(crate) struct WindowOperator {
    plan: Box<WindowAggregate>,
    panes: Panes,
    result: SchemaRef,
    tables: Tables,
    assigner: Assigner,
    keys: BatchKeys,
    /// All windows that end here or before have been handed out.
    fired_until: i64,
    firing: Option<Firing>,
}

impl WindowOperator {
    pub(crate) fn new(plan: &WindowAggregate) -> Self {
        let grouping = &plan.grouping;
        let panes = grouping.window.panes();
        Self {
            plan: Box::new(plan.clone()),
            panes,
            result: grouping.result_schema(),
            tables: Tables::new(grouping.key_kinds(), grouping.aggregates.clone()),
            assigner: Assigner::new(panes),
            keys: BatchKeys::default(),
            fired_until: UNDEFINED,
            firing: None,
        }
    }

    pub(crate) fn plan(&self) -> &WindowAggregate {
        &self.plan
    }

    fn operator(&self) -> &str {
        &self.plan.grouping.operator
    }

    /// Adds rows, each against the watermark before it. Returns how many are late.
    pub(crate) fn process_rows(
        &mut self,
        batch: &RecordBatch,
        before: &[i64],
    ) -> Result<u64, DataflowError> {
        let grouping = &self.plan.grouping;
        let WindowInput::Rows(columns) = &self.plan.input else {
            return Err(DataflowError::Bug(format!("{} takes partials", grouping.operator)));
        };
        let values = row_values(grouping, columns, batch)?;
        let late = self.assigner.assign_rows(values.times, before)?;
        self.keys.prepare(&grouping.key_kinds(), &values.keys, batch.num_rows());
        for (pane, rows) in self.assigner.spans() {
            let table = self.tables.entry(pane)?;
            table.update(grouping, &self.keys, &rows, &values.arguments)?;
        }
        Ok(late)
    }

    /// Adds partial rows against the combined watermark. Returns how many rows are late.
    pub(crate) fn process_partials(
        &mut self,
        batch: &RecordBatch,
        watermark: i64,
    ) -> Result<u64, DataflowError> {
        let grouping = &self.plan.grouping;
        let hidden = grouping.hidden_columns().len();
        let times: Vec<&[i64]> = batch.columns()[..hidden]
            .iter()
            .map(|column| column.as_primitive::<Int64Type>().values().as_ref())
            .collect();
        let (ends, froms, counts) = (times[0], times[hidden - 2], times[hidden - 1]);
        let late = self.assigner.assign_partials(ends, froms, counts, watermark)?;
        let (keys, states) = batch.columns()[hidden..].split_at(grouping.keys.len());
        self.keys.prepare(&grouping.key_kinds(), keys, batch.num_rows());
        for (pane, rows) in self.assigner.spans() {
            self.tables.entry(pane)?.merge(grouping, &self.keys, &rows, states)?;
        }
        Ok(late)
    }

    /// End of the next window to hand out, if the watermark has reached it.
    pub(crate) fn next_due(&self, watermark: i64) -> Option<i64> {
        if let Some(firing) = &self.firing {
            return Some(firing.end);
        }
        let ends = self.tables.by_pane.keys().filter_map(|pane| {
            let end = if self.fired_until < pane.from {
                pane.from
            } else {
                self.panes.end_after(self.fired_until)
            };
            (end <= self.panes.last_end(pane.end)).then_some(end)
        });
        ends.min().filter(|end| *end <= watermark)
    }

    /// Hands out the window that [`next_due`](Self::next_due) named, as far as the budget goes. Returns the groups
    /// handed out so far if it is not finished.
    pub(crate) fn emit(
        &mut self,
        end: i64,
        budget: &mut Budget,
        out: &mut Vec<(usize, RecordBatch)>,
    ) -> Result<Option<u64>, DataflowError> {
        let mut firing = match self.firing.take() {
            Some(firing) => firing,
            None => self.start_firing(end)?,
        };
        while firing.next < firing.order.len() && !budget.is_spent() {
            let left = firing.order.len() - firing.next;
            let room = usize::try_from(budget.rows).unwrap_or(usize::MAX);
            let count = left.min(EMISSION_CHUNK_ROWS).min(room);
            let groups = &firing.order[firing.next..firing.next + count];
            let rows = self.rows_of(&firing, groups)?;
            let flow = Flow { batch: rows, before: (&[]).into() };
            let flow = pipeline::run(&self.plan.steps, self.operator(), flow)?;
            firing.next += count;
            if flow.batch.num_rows() > 0 {
                budget.rows -= flow.batch.num_rows() as u64;
                budget.bytes = budget.bytes.saturating_sub(data_bytes(&flow.batch) as u64);
                out.push((self.plan.sink, flow.batch));
            }
        }
        if firing.next < firing.order.len() {
            let done = firing.next as u64;
            self.firing = Some(firing);
            return Ok(Some(done));
        }
        self.end_firing(firing);
        Ok(None)
    }

    /// Groups of that window that have been handed out so far.
    pub(crate) fn handed_out(&self, end: i64) -> u64 {
        self.firing.as_ref().filter(|f| f.end == end).map_or(0, |f| f.next as u64)
    }

    /// As if the first `groups` groups of that window had been handed out. `false`: it has not that many.
    pub(crate) fn skip(&mut self, end: i64, groups: u64) -> Result<bool, DataflowError> {
        let mut firing = match self.firing.take() {
            Some(firing) => firing,
            None => self.start_firing(end)?,
        };
        let fits = firing.end == end && groups <= firing.order.len() as u64;
        if fits {
            firing.next = groups as usize;
        }
        self.firing = Some(firing);
        Ok(fits)
    }

    fn start_firing(&mut self, end: i64) -> Result<Firing, DataflowError> {
        let first = PaneId { end: end - self.panes.size + 1, from: i64::MIN };
        let last = PaneId { end, from: i64::MAX };
        let parts = || {
            let range = self.tables.by_pane.range(first..=last);
            range.filter(|(pane, _)| pane.from <= end && self.panes.contains(end, pane.end))
        };
        let only = match (parts().next(), parts().nth(1)) {
            (Some((pane, _)), None) => Some(*pane),
            _ => None,
        };
        if let Some(pane) = only {
            let order = self.tables.by_pane[&pane].emission_order();
            return Ok(Firing { end, source: Source::Pane(pane), order, next: 0 });
        }
        let mut merged = self.tables.fresh()?;
        let range = self.tables.by_pane.range(first..=last);
        for (pane, table) in range {
            if pane.from <= end && self.panes.contains(end, pane.end) {
                merged.absorb(&self.plan.grouping, table)?;
            }
        }
        let order = merged.emission_order();
        Ok(Firing { end, source: Source::Merged(merged), order, next: 0 })
    }

    fn end_firing(&mut self, firing: Firing) {
        self.fired_until = self.fired_until.max(firing.end);
        if let Source::Merged(table) = firing.source {
            self.tables.give_back(table);
        }
    }

    fn rows_of(&self, firing: &Firing, groups: &[u32]) -> Result<RecordBatch, DataflowError> {
        let table = match &firing.source {
            Source::Pane(pane) => &self.tables.by_pane[pane],
            Source::Merged(table) => table,
        };
        let constant = |time: i64| -> ArrayRef {
            Arc::new(TimestampMillisecondArray::from_value(time, groups.len()))
        };
        let mut columns = table.key_columns(groups);
        columns.push(constant(firing.end - self.panes.size));
        columns.push(constant(firing.end));
        columns.push(constant(firing.end - 1));
        columns.extend(table.output_columns(groups));
        RecordBatch::try_new(self.result.clone(), columns)
            .map_err(|e| DataflowError::Bug(format!("rows of {}: {e}", self.operator())))
    }

    /// Everything up to the watermark has been handed out, or is dropped now.
    pub(crate) fn finish(&mut self, watermark: i64) {
        if let Some(firing) = self.firing.take() {
            self.end_firing(firing);
        }
        if watermark == UNDEFINED {
            return;
        }
        self.fired_until = self.fired_until.max(watermark);
        self.tables.drop_below(self.panes.live_from(watermark));
    }

    /// Windows that end at `end` or before have been handed out, later ones have not.
    pub(crate) fn set_fired_until(&mut self, end: i64) {
        self.fired_until = self.fired_until.max(end);
    }

    /// State entries whose first key bytes lie below are dead.
    pub(crate) fn live_from(&self, watermark: i64) -> i64 {
        self.panes.live_from(watermark)
    }

    /// Entries that changed since the last call, sorted by key.
    pub(crate) fn changes(&mut self) -> Entries {
        let tumble = self.plan.grouping.window.is_tumble();
        let mut entries = Entries::default();
        for (pane, table) in &mut self.tables.by_pane {
            for group in table.take_dirty() {
                entries.push_with(
                    |out| {
                        out.extend_from_slice(&encode_time(pane.end));
                        if !tumble {
                            out.extend_from_slice(&encode_time(pane.from));
                        }
                        table.put_key(group, out);
                    },
                    |out| table.put_state(group, out),
                );
            }
        }
        entries
    }

    pub(crate) fn mark_all_changed(&mut self) {
        self.tables.by_pane.values_mut().for_each(GroupTable::mark_all_dirty);
    }

    /// Takes one stored entry; dead ones are skipped.
    pub(crate) fn restore_entry(
        &mut self,
        mapping: &MappedTable,
        key: &[u8],
        value: &[u8],
        watermark: i64,
    ) -> Result<(), DataflowError> {
        let corrupt = |message: &str| DataflowError::Corrupt {
            operator: self.plan.grouping.operator.clone(),
            message: message.to_owned(),
        };
        let (pane, key) = self.stored_pane(key).ok_or_else(|| corrupt("a key names no pane"))?;
        if watermark != UNDEFINED && pane.end < self.panes.live_from(watermark) {
            return Ok(());
        }
        let mut rest = value;
        let mut stored: Vec<Value<'_>> = Vec::with_capacity(mapping.kinds.len());
        for kind in &mapping.kinds {
            let value = take_value(*kind, &mut rest);
            stored.push(value.ok_or_else(|| corrupt("a value does not decode"))?);
        }
        if !rest.is_empty() {
            return Err(corrupt("a value is longer than its columns"));
        }
        let place = |column: &Option<usize>| column.map_or(Value::Null, |at| stored[at]);
        let state: Vec<Value<'_>> = mapping.columns.iter().map(place).collect();
        let table = self.tables.entry(pane)?;
        if table.restore(key, &state).is_none() {
            return Err(corrupt("an entry is double or does not decode"));
        }
        Ok(())
    }

    fn stored_pane<'a>(&self, key: &'a [u8]) -> Option<(PaneId, &'a [u8])> {
        let (end, rest) = key.split_first_chunk::<8>()?;
        let end = decode_time(*end);
        let aligned = end.unsigned_abs() < u64::MAX / 4 && self.panes.pane_end(end - 1) == end;
        if !aligned {
            return None;
        }
        if self.plan.grouping.window.is_tumble() {
            return Some((PaneId { end, from: end }, rest));
        }
        let (from, rest) = rest.split_first_chunk::<8>()?;
        let from = decode_time(*from);
        let windows = self.panes.first_end(end)..=self.panes.last_end(end);
        windows.contains(&from).then_some((PaneId { end, from }, rest))
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        let merged = match &self.firing {
            Some(Firing { source: Source::Merged(table), .. }) => table.memory_bytes(),
            _ => 0,
        };
        self.tables.memory_bytes() + merged
    }
}

/// Bytes of the values in a batch, without what its buffers hold beside them.
pub(crate) fn data_bytes(batch: &RecordBatch) -> usize {
    let bytes = |array: &ArrayRef| array.to_data().get_slice_memory_size().unwrap_or(0);
    batch.columns().iter().map(bytes).sum()
}

/// Checks that a batch is what the exchange's plan says.
pub(crate) fn check_partials(batch: &RecordBatch, schema: &SchemaRef) -> Result<(), DataflowError> {
    let same = batch.num_columns() == schema.fields().len()
        && batch.columns().iter().zip(schema.fields()).all(|(column, field)| {
            column.data_type() == field.data_type()
                && (field.is_nullable() || column.null_count() == 0)
        });
    if same {
        return Ok(());
    }
    Err(DataflowError::Input(format!(
        "partial rows are ({}), the exchange has ({})",
        types(&batch.schema()),
        types(schema)
    )))
}

fn types(schema: &SchemaRef) -> String {
    let columns = schema.fields().iter().map(|f| format!("{} {}", f.name(), f.data_type()));
    columns.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use arrow::array::Int64Array;

    use super::*;

    #[test]
    fn partials_of_another_shape_are_refused() {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        let batch = RecordBatch::try_from_iter([("a", column)]).expect("one column");
        let schema = |kind: arrow::datatypes::DataType, nullable| -> SchemaRef {
            let field = arrow::datatypes::Field::new("b", kind, nullable);
            Arc::new(arrow::datatypes::Schema::new(vec![field]))
        };
        use arrow::datatypes::DataType::{Int64, Utf8};
        assert_eq!(check_partials(&batch, &schema(Int64, true)), Ok(()));
        assert!(check_partials(&batch, &schema(Int64, false)).is_err());
        assert!(check_partials(&batch, &schema(Utf8, true)).is_err());
    }
}
