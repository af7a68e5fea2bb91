//! Rows with aggregates over their frames. A frame is folded from its first row to its last, anew for every row:
//! nothing is taken back from a sum, so what comes out follows from the rows of the frame alone, also of DOUBLE.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;

use super::FrameTable;
use crate::accumulate::{Accumulator, Order, Rows};
use crate::codec::{ColumnBuilder, take_value};
use crate::column::ColumnKind;
use crate::error::DataflowError;
use crate::plan::{FrameCall, Framed, Grouping};

/// Makes the rows that are handed out.
pub(crate) struct FrameResults {
    schema: SchemaRef,
    /// What is kept of a row.
    kinds: Vec<ColumnKind>,
    calls: Vec<FrameCall>,
    accumulators: Vec<Box<dyn Accumulator>>,
}

/// Rows of some keys, unpacked.
struct Unpacked {
    columns: Vec<ArrayRef>,
    /// By key: which of its rows they are, and the place of the first.
    places: BTreeMap<u32, (Range<usize>, usize)>,
    /// Numbers of all.
    numbers: Vec<u32>,
}

impl Unpacked {
    fn place(&self, key: u32, row: usize) -> usize {
        let (rows, first) = &self.places[&key];
        first + row - rows.start
    }
}

impl FrameResults {
    pub(crate) fn new(framed: &Framed, operator: &str) -> Result<Self, DataflowError> {
        let wrong = |what: &str| DataflowError::Bug(format!("rows of {operator}: {what}"));
        let fields = framed.schema.fields();
        let kept = fields.len().checked_sub(framed.calls.len());
        let kept = kept.ok_or_else(|| wrong("there are more aggregates than columns"))?;
        let kinds = fields[..kept].iter().map(|field| ColumnKind::of(field.data_type()));
        let kinds: Option<Vec<ColumnKind>> = kinds.collect();
        let kinds = kinds.ok_or_else(|| wrong("a column has a type that is not kept"))?;
        if framed.calls.iter().any(|call| call.column.is_some_and(|column| column >= kept)) {
            return Err(wrong("an aggregate is over a column that is not kept"));
        }
        let accumulators = framed
            .calls
            .iter()
            .map(|call| call.aggregate.accumulator())
            .collect::<Result<_, _>>()?;
        let (schema, calls) = (framed.schema.clone(), framed.calls.clone());
        Ok(Self { schema, kinds, calls, accumulators })
    }

    /// The rows of these times and keys, in that order.
    pub(crate) fn of(
        &mut self,
        grouping: &Grouping,
        table: &FrameTable,
        groups: &[(i64, u32)],
    ) -> Result<RecordBatch, DataflowError> {
        let unpacked = self
            .unpack(table, groups)
            .ok_or_else(|| grouping.corrupt("a kept row does not decode"))?;
        // Places of the rows, their frames by number, and the frame of each row.
        let (mut rows, mut frames, mut frame_of) = (Vec::new(), Vec::new(), Vec::new());
        for (time, key) in groups {
            let own = table.of_time(*key, *time);
            for row in own.clone() {
                rows.push(unpacked.place(*key, row) as u32);
                if row == own.start || !table.has_peers() {
                    let last = if table.has_peers() { own.end - 1 } else { row };
                    let first = unpacked.place(*key, table.frame_start(*key, row));
                    frames.push(first..=unpacked.place(*key, last));
                }
                frame_of.push(frames.len() as u32 - 1);
            }
        }
        self.fold(grouping, &unpacked, &frames)?;
        let defect = |error: &dyn std::fmt::Display| {
            DataflowError::Bug(format!("rows of {}: {error}", grouping.operator))
        };
        let rows = UInt32Array::from(rows);
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for column in &unpacked.columns {
            columns.push(take(column.as_ref(), &rows, None).map_err(|e| defect(&e))?);
        }
        columns.extend(self.accumulators.iter().map(|accumulator| accumulator.output(&frame_of)));
        self.accumulators.iter_mut().for_each(|accumulator| accumulator.clear());
        RecordBatch::try_new(self.schema.clone(), columns).map_err(|e| defect(&e))
    }

    /// All rows that the frames of these times and keys reach; `None` if one does not decode.
    fn unpack(&self, table: &FrameTable, groups: &[(i64, u32)]) -> Option<Unpacked> {
        let mut reached: BTreeMap<u32, Range<usize>> = BTreeMap::new();
        for (time, key) in groups {
            let own = table.of_time(*key, *time);
            // Frames of later rows begin later.
            let first = table.frame_start(*key, own.start);
            let rows = reached.entry(*key).or_insert(first..own.end);
            *rows = rows.start.min(first)..rows.end.max(own.end);
        }
        let total = reached.values().map(ExactSizeIterator::len).sum();
        let mut builders: Vec<ColumnBuilder> =
            self.kinds.iter().map(|kind| ColumnBuilder::new(*kind, total)).collect();
        let mut places = BTreeMap::new();
        let mut first = 0;
        for (key, rows) in reached {
            for row in table.keys[key as usize].rows.range(rows.clone()) {
                let mut values: &[u8] = &row.kept;
                for (kind, builder) in self.kinds.iter().zip(&mut builders) {
                    builder.push(take_value(*kind, &mut values)?);
                }
            }
            let count = rows.len();
            places.insert(key, (rows, first));
            first += count;
        }
        let columns = builders.into_iter().map(ColumnBuilder::finish).collect();
        Some(Unpacked { columns, places, numbers: (0..total as u32).collect() })
    }

    /// One group of the accumulators for each frame.
    fn fold(
        &mut self,
        grouping: &Grouping,
        unpacked: &Unpacked,
        frames: &[std::ops::RangeInclusive<usize>],
    ) -> Result<(), DataflowError> {
        // Rows of a key lie in the order of their places.
        let order: Vec<i64> = unpacked.numbers.iter().map(|number| i64::from(*number)).collect();
        let order = Order { times: &order, partition: 0, positions: &order };
        let mut groups = Vec::new();
        for (call, accumulator) in self.calls.iter().zip(&mut self.accumulators) {
            accumulator.grow(frames.len());
            let argument = call.column.map(|column| &unpacked.columns[column]);
            for (number, frame) in frames.iter().enumerate() {
                let rows = &unpacked.numbers[frame.clone()];
                groups.clear();
                groups.resize(rows.len(), number as u32);
                accumulator
                    .update(&Rows::Picked(rows), &groups, argument, order)
                    .map_err(|e| e.of(grouping, &call.aggregate.name))?;
            }
        }
        Ok(())
    }
}
