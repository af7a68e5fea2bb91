//! The stateful ends of pipelines.

mod batches;
mod firing;
mod handed;
mod late;
mod merge_tree;
mod over;
mod partial;
mod parts;
mod refire;
mod session;
mod session_emit;
mod singles;
mod stored;
mod tables;
mod window;

pub(crate) use batches::{check_partials, data_bytes};
pub(crate) use firing::Budget;
pub(crate) use handed::Handed;
use over::OverOperator;
use partial::{Panes, PartialOperator, Sessions};
use session::SessionOperator;
use window::WindowOperator;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::TimestampMillisecondType;
use arrow::record_batch::RecordBatch;

use crate::accumulate::Order;
use crate::changes::Entries;
use crate::error::DataflowError;
use crate::pipeline::Flow;
use crate::plan::{Emit, Grouping, PartialAggregate, RowColumns, WindowAggregate};
use crate::schema::MappedTable;
use crate::window::WindowKind;

/// What keeps groups until the watermark says that nothing can change them any more. Groups go out in the order of a
/// time and, within it, of hash and key (C10).
pub(crate) trait Windowed: Send + Sync {
    fn plan(&self) -> &WindowAggregate;
    /// Adds rows, each against the watermark before it. Returns how many are late.
    fn process_rows(&mut self, flow: &Flow<'_>, muted: bool) -> Result<u64, DataflowError>;
    /// Adds partial rows against the combined watermark. Returns how many rows are late.
    fn process_partials(
        &mut self,
        batch: &RecordBatch,
        watermark: i64,
        muted: bool,
    ) -> Result<u64, DataflowError>;
    /// The time of what is handed out next, if the watermark has reached it.
    fn next_due(&self, watermark: i64) -> Option<i64>;
    /// The watermark by which everything that waits for one has been handed out; none if nothing waits. What closes
    /// without a result does not count.
    fn waits_until(&self) -> Option<i64>;
    /// Hands out what `next_due` named, and may go on with what follows up to `due.until`, as far as the budget goes.
    /// Says how far it came if it is not finished.
    fn emit(
        &mut self,
        due: Due,
        budget: &mut Budget,
        out: &mut Handed,
    ) -> Result<Option<HandedOut>, DataflowError>;
    /// No later result has a `window_time` before this, once everything up to the watermark has been handed out.
    fn results_until(&self, watermark: i64) -> i64;
    /// Groups of that time that have been handed out so far.
    fn handed_out(&self, end: i64) -> u64;
    /// As if the first groups of that time, which `next_due` named, had been handed out. `false`: it has not that many.
    fn skip(&mut self, done: HandedOut, watermark: i64) -> Result<bool, DataflowError>;
    /// Everything up to the watermark has been handed out, or is dropped now.
    fn finish(&mut self, watermark: i64) -> Result<(), DataflowError>;
    /// What is named by `end` or earlier has been handed out, what is named later has not.
    fn set_fired_until(&mut self, end: i64);
    /// State entries whose first key bytes lie below are dead.
    fn live_from(&self, watermark: i64) -> i64;
    /// Hands out what does not wait for a watermark: late rows with their sink, and groups that have changed: of fired
    /// windows, or all.
    fn hand_out_open(
        &mut self,
        late: &mut Vec<(usize, RecordBatch)>,
        out: &mut Handed,
    ) -> Result<(), DataflowError>;
    /// Bytes that `hand_out_open` would hand out, roughly.
    fn open_bytes(&self) -> usize;
    /// Nothing that `hand_out_open` would hand out is wanted.
    fn discard_open(&mut self);
    /// Entries that changed since the last call, sorted by key.
    fn changes(&mut self) -> Entries;
    fn mark_all_changed(&mut self);
    /// Takes one stored entry; dead ones are skipped.
    fn restore_entry(
        &mut self,
        mapping: &MappedTable,
        key: &[u8],
        value: &[u8],
        watermark: i64,
    ) -> Result<(), DataflowError>;
    /// Entries of state.
    fn groups(&self) -> usize;
    fn memory_bytes(&self) -> usize;
}

/// What is handed out next.
#[derive(Clone, Copy)]
pub(crate) struct Due {
    /// Its time.
    pub(crate) end: i64,
    /// Nothing of other operators comes before what is of this time.
    pub(crate) until: i64,
    /// Nothing later is due.
    pub(crate) watermark: i64,
}

/// How far an operator came: groups of that time that have been handed out.
#[derive(Clone, Copy)]
pub(crate) struct HandedOut {
    pub(crate) end: i64,
    pub(crate) groups: u64,
}

/// What prepares rows for an exchange, and holds nothing across a boundary.
pub(crate) trait Partial: Send + Sync {
    fn plan(&self) -> &PartialAggregate;
    /// Adds rows; muted, only decides which are late. Returns how many are.
    fn process(&mut self, flow: &Flow<'_>, muted: bool) -> Result<u64, DataflowError>;
    /// Bytes that `drain` would hand out, roughly.
    fn pending_bytes(&self) -> usize;
    /// Hands out the late rows since the last boundary.
    fn drain_late(&mut self, out: &mut Vec<(usize, RecordBatch)>);
    /// Everything since the last boundary, one batch per partition that has rows, partitions in order.
    fn drain(&mut self, partitions: u32) -> Result<Vec<(u32, RecordBatch)>, DataflowError>;
    /// Nothing since the last boundary will be handed out.
    fn discard(&mut self);
    fn memory_bytes(&self) -> usize;
}

/// `partition`: of the log.
pub(crate) fn windowed(
    plan: &WindowAggregate,
    partition: i32,
) -> Result<Box<dyn Windowed>, DataflowError> {
    let window = plan.grouping.window;
    if let (WindowKind::Over(frame), Emit::Framed(framed)) = (window, &plan.emit) {
        return Ok(Box::new(OverOperator::new(plan, frame, framed, partition)?));
    }
    if window.is_over() || matches!(plan.emit, Emit::Framed(_)) {
        let operator = &plan.grouping.operator;
        return Err(DataflowError::Bug(format!(
            "{operator}: frames and their aggregates go together"
        )));
    }
    Ok(match window.session_gap() {
        Some(gap) => Box::new(SessionOperator::new(plan, gap, partition)?),
        None => Box::new(WindowOperator::new(plan, partition)),
    })
}

/// `partition`: of the log; `partitions`: of the exchange.
pub(crate) fn partial(
    plan: &PartialAggregate,
    partition: i32,
    partitions: u32,
) -> Result<Box<dyn Partial>, DataflowError> {
    let grouping = &plan.grouping;
    let alone = grouping.window.is_over().then_some(over::SPAN_MS);
    Ok(match grouping.window.session_gap().or(alone) {
        Some(gap) => {
            let sessions = Sessions::new(grouping, gap)?;
            Box::new(PartialOperator::new(plan, sessions, partition, partitions)?)
        }
        None => Box::new(PartialOperator::new(plan, Panes::new(grouping), partition, partitions)?),
    })
}

/// The values that a window operator needs from rows.
struct RowValues<'a> {
    times: &'a [i64],
    keys: Vec<ArrayRef>,
    arguments: Vec<Option<ArrayRef>>,
    /// What is kept of late rows.
    carried: Vec<ArrayRef>,
    order: Order<'a>,
}

fn row_values<'a>(
    grouping: &Grouping,
    columns: &RowColumns,
    flow: &'a Flow<'_>,
    partition: i32,
) -> Result<RowValues<'a>, DataflowError> {
    let batch = &flow.batch;
    let mismatch =
        |what: &str| DataflowError::Input(format!("operator {}: {what}", grouping.operator));
    let times = batch.columns().get(columns.event_time);
    let times = times.and_then(|c| c.as_primitive_opt::<TimestampMillisecondType>());
    let times = times.ok_or_else(|| mismatch("the event time is not a TIMESTAMP"))?;
    if arrow::array::Array::null_count(times) > 0 {
        return Err(mismatch("a row has no event time"));
    }
    let mut keys = Vec::with_capacity(columns.keys.len());
    for (column, key) in columns.keys.iter().zip(&grouping.keys) {
        let values = batch.columns().get(*column);
        match values.filter(|values| *values.data_type() == key.kind.data_type()) {
            Some(values) => keys.push(values.clone()),
            None => return Err(mismatch(&format!("key {} is not a {}", key.name, key.kind))),
        }
    }
    let mut arguments = Vec::with_capacity(columns.arguments.len());
    for column in &columns.arguments {
        let values = column.map(|column| batch.columns().get(column).cloned());
        arguments.push(match values {
            Some(None) => return Err(mismatch("an argument is missing")),
            other => other.flatten(),
        });
    }
    let mut carried = Vec::with_capacity(columns.carried.len());
    for column in &columns.carried {
        let values = batch.columns().get(*column).cloned();
        carried.push(values.ok_or_else(|| mismatch("a column of late rows is missing"))?);
    }
    let order = Order { times: times.values(), partition, positions: &flow.positions };
    Ok(RowValues { times: times.values(), keys, arguments, carried, order })
}
