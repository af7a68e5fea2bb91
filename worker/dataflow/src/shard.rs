//! One stage over one log.

mod advance;
mod emit;
mod results;
mod state;

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::TimestampMillisecondType;
use arrow::record_batch::RecordBatch;
use protocol::registers::{ShardRegisters, UpstreamWatermark};
use protocol::{Log, StageId};

use self::results::Results;
use crate::column::ListItem;
use crate::error::DataflowError;
use crate::limits::EVENT_TIME_ABS_MAX;
use crate::operator::{Partial, Windowed, check_partials, data_bytes, partial};
use crate::pipeline::{self, Flow};
use crate::plan::{End, Input, JobPlan, Pipeline, StageInput};
use crate::schema::TableMapping;
use crate::watermark::{UNDEFINED, take_entries, watermarks_before};

/// A stage over one log: a deterministic function of that log (D1, D2).
///
/// The order of calls: `restore` and `restore_entry`, rows muted up to the committed offset, `settle`; then rows,
/// `boundary` (again while it was cut), and at a boundary `changes`.
pub struct Shard {
    plan: Arc<JobPlan>,
    stage: StageId,
    input: Input,
    log: Log,
    registers: ShardRegisters,
    drained: Option<u64>,
    /// One per pipeline of the input.
    ends: Vec<EndState>,
    /// Table numbers of the window operators, sorted, and their positions in `ends`.
    windows: Vec<(u16, usize)>,
    mapping: TableMapping,
    muted: bool,
    /// An emission is cut: nothing may be read before the rest has been handed out.
    cut: bool,
    /// Rows came since the last boundary.
    open: bool,
    /// Reused between batches.
    before: Vec<i64>,
    /// Reused between batches; there if an aggregate depends on the order of the rows.
    positions: Option<Vec<i64>>,
}

enum EndState {
    Sink { sink: usize, rows: Vec<RecordBatch>, bytes: usize },
    Window(Results),
    Partial(Box<dyn Partial>),
}

impl Shard {
    /// An empty shard. `input`: index in the stage's inputs; `log`: a partition of that input's topic.
    pub fn new(
        plan: Arc<JobPlan>,
        stage: StageId,
        input: usize,
        log: Log,
    ) -> Result<Self, DataflowError> {
        let found = plan.stage(stage).and_then(|stage| stage.inputs.get(input));
        let found = found.ok_or_else(|| {
            DataflowError::Bug(format!("the plan has no input {input} of stage {stage}"))
        })?;
        let mut ends = Vec::with_capacity(found.pipelines.len());
        for pipeline in &found.pipelines {
            ends.push(match &pipeline.end {
                End::Sink(sink) => EndState::Sink { sink: *sink, rows: Vec::new(), bytes: 0 },
                End::Window(window) => {
                    check_grouping(&window.grouping)?;
                    EndState::Window(Results::new(&plan, window, log.partition)?)
                }
                End::Partial(plan_of) => {
                    check_grouping(&plan_of.grouping)?;
                    let partitions = plan.exchanges[plan_of.exchange].partitions;
                    EndState::Partial(partial(plan_of, log.partition, partitions)?)
                }
            });
        }
        let mut windows: Vec<(u16, usize)> = Vec::new();
        for (at, end) in ends.iter().enumerate() {
            if let EndState::Window(window) = end {
                windows.push((window.operator.plan().grouping.table_number(), at));
            }
        }
        windows.sort_unstable();
        if let Some(double) = windows.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            let (a, b) = (operator_of(&ends[double[0].1]), operator_of(&ends[double[1].1]));
            return Err(DataflowError::Bug(format!("operators {a} and {b} share a table number")));
        }
        let input = found.input;
        let positions = found.pipelines.iter().any(is_ordered).then(Vec::new);
        let mut shard = Self {
            plan,
            stage,
            input,
            log,
            registers: ShardRegisters::default(),
            drained: None,
            ends,
            windows,
            mapping: TableMapping::default(),
            muted: false,
            cut: false,
            open: false,
            before: Vec::new(),
            positions,
        };
        shard.mapping = shard.identity()?;
        Ok(shard)
    }

    /// Takes rows of the source in log order; their schema is [`SourcePlan::schema`](crate::SourcePlan).
    pub fn process_rows(&mut self, batch: &RecordBatch) -> Result<(), DataflowError> {
        let plan = Arc::clone(&self.plan);
        let Input::Source(source) = self.input else {
            return Err(DataflowError::Bug("rows for a stage that reads an exchange".to_owned()));
        };
        let source = &plan.sources[source];
        self.check_reading()?;
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if batch.num_columns() != source.schema.fields().len() {
            return Err(DataflowError::Input(format!("rows of {} lack columns", source.name)));
        }
        self.before.clear();
        if source.event_time.is_none() {
            // Nothing is late without one.
            self.before.resize(batch.num_rows(), UNDEFINED);
        }
        if let Some(column) = source.event_time {
            let times = batch.column(column).as_primitive_opt::<TimestampMillisecondType>();
            let times = times.filter(|times| times.null_count() == 0).ok_or_else(|| {
                DataflowError::Input(format!("a row of {} has no event time", source.name))
            })?;
            if times.values().iter().any(|time| time.unsigned_abs() > EVENT_TIME_ABS_MAX as u64) {
                let message = format!("a row of {} has an impossible event time", source.name);
                return Err(DataflowError::Input(message));
            }
            let maximum = self.registers.max_event_time;
            let delay = source.delay_ms;
            self.registers.max_event_time =
                watermarks_before(times.values(), delay, maximum, &mut self.before);
        }
        if let Some(positions) = &mut self.positions {
            let first = self.registers.rows as i64;
            positions.clear();
            positions.extend(first..first + batch.num_rows() as i64);
        }
        self.registers.rows += batch.num_rows() as u64;
        self.registers.idle = false;
        self.drained = None;
        self.open = true;
        let before = std::mem::take(&mut self.before);
        let positions = self.positions.take();
        let done = self.run_pipelines(&plan, batch, &before, positions.as_deref().unwrap_or(&[]));
        (self.before, self.positions) = (before, positions);
        done
    }

    fn run_pipelines(
        &mut self,
        plan: &JobPlan,
        batch: &RecordBatch,
        before: &[i64],
        positions: &[i64],
    ) -> Result<(), DataflowError> {
        let muted = self.muted;
        let input = own_input(plan, self.stage, self.input)?;
        for (pipeline, end) in input.pipelines.iter().zip(&mut self.ends) {
            if muted && matches!(end, EndState::Sink { .. }) {
                continue;
            }
            let name = match end {
                EndState::Sink { sink, .. } => plan.sinks[*sink].name.as_str(),
                EndState::Window(window) => window.operator.plan().grouping.operator.as_str(),
                EndState::Partial(partial) => &partial.plan().grouping.operator,
            };
            let (before, positions) = (Cow::Borrowed(before), Cow::Borrowed(positions));
            let flow = Flow { batch: batch.clone(), before, positions };
            let flow = pipeline::run(&pipeline.steps, name, flow)?;
            if flow.batch.num_rows() == 0 {
                continue;
            }
            let late = match end {
                EndState::Sink { rows, bytes, .. } => {
                    *bytes += data_bytes(&flow.batch);
                    rows.push(flow.batch);
                    continue;
                }
                EndState::Window(window) => window.operator.process_rows(&flow, muted)?,
                EndState::Partial(partial) => partial.process(&flow, muted)?,
            };
            add_late(&mut self.registers, operator_of(end), late);
        }
        Ok(())
    }

    /// Takes partial rows of the exchange in log order; their schema is
    /// [`ExchangePlan::schema`](crate::ExchangePlan).
    pub fn process_partials(&mut self, batch: &RecordBatch) -> Result<(), DataflowError> {
        let Input::Exchange(exchange) = self.input else {
            return Err(DataflowError::Bug("partials for a stage that reads a source".to_owned()));
        };
        self.check_reading()?;
        check_partials(batch, &self.plan.exchanges[exchange].schema)?;
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.registers.rows += batch.num_rows() as u64;
        self.open = true;
        let watermark = self.registers.combined.unwrap_or(UNDEFINED);
        for end in &mut self.ends {
            let EndState::Window(window) = end else {
                return Err(DataflowError::Bug("an exchange feeds windows only".to_owned()));
            };
            let late = window.operator.process_partials(batch, watermark, self.muted)?;
            add_late(&mut self.registers, operator_of(end), late);
        }
        Ok(())
    }

    /// Takes watermark entries of the exchange (R6).
    pub fn process_watermarks(
        &mut self,
        upstream_shards: u32,
        entries: &[UpstreamWatermark],
    ) -> Result<(), DataflowError> {
        if !matches!(self.input, Input::Exchange(_)) {
            return Err(DataflowError::Bug(
                "watermarks for a stage that reads a source".to_owned(),
            ));
        }
        self.check_reading()?;
        self.open = true;
        take_entries(&mut self.registers, upstream_shards, entries);
        Ok(())
    }

    fn check_reading(&self) -> Result<(), DataflowError> {
        if self.cut {
            let log = &self.log;
            return Err(DataflowError::Bug(format!("{log} is read on before its emission is out")));
        }
        Ok(())
    }

    /// Stage 0: idle by R7. The next row ends it.
    pub fn set_idle(&mut self, idle: bool) {
        if matches!(self.input, Input::Source(_)) {
            self.registers.idle = idle;
        }
    }

    /// Stage 0, where the watermark is a clock: it stands there now. No later row may be older.
    ///
    /// # Panics
    /// If the watermark is none, or if state depends on it here: a replay would find another time.
    pub fn set_clock(&mut self, now_ms: i64) {
        assert!(
            self.is_clocked() && self.windows.is_empty(),
            "what a clock closes lies behind an exchange"
        );
        self.registers.max_event_time = self.registers.max_event_time.max(Some(now_ms));
    }

    /// Where that clock stands; none before the first row or word of it.
    pub fn clock(&self) -> Option<i64> {
        self.registers.max_event_time.filter(|_| self.is_clocked())
    }

    /// Rows came since the last boundary.
    pub fn has_rows(&self) -> bool {
        self.open
    }

    fn is_clocked(&self) -> bool {
        matches!(self.input, Input::Source(source) if self.plan.sources[source].is_clocked())
    }

    /// Marks the watermark entries of the next emissions as the last of a drain; the next row ends it.
    pub fn set_drained(&mut self, generation: Option<u64>) {
        self.drained = generation;
    }

    /// While muted, rows for sinks and partials are not kept: what a replay would do only to drop it.
    /// [`settle`](Self::settle) ends it.
    pub fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// Counts records that did not become rows.
    pub fn add_bad_rows(&mut self, rows: u64) {
        self.registers.bad_rows += rows;
    }

    /// Stage and log.
    pub fn id(&self) -> protocol::ShardId {
        protocol::ShardId { stage: self.stage, log: self.log.clone() }
    }

    /// The registers as of now.
    pub fn registers(&self) -> ShardRegisters {
        self.registers.clone()
    }

    /// What the shards before an exchange have promised, as this shard of it has read so far.
    pub fn upstream(&self) -> &[UpstreamWatermark] {
        &self.registers.upstream
    }

    /// Idle by R7, or because all upstream shards are.
    pub fn is_idle(&self) -> bool {
        self.registers.idle
    }

    /// The shard's watermark: of its log in stage 0, combined in later stages.
    pub fn watermark(&self) -> Option<i64> {
        match self.input {
            Input::Source(source) => {
                let delay = self.plan.sources[source].delay_ms;
                self.registers.max_event_time.map(|time| time - delay)
            }
            Input::Exchange(_) => self.registers.combined,
        }
    }

    /// Bytes of all tables and rows held.
    pub fn memory_bytes(&self) -> usize {
        let of = |end: &EndState| match end {
            EndState::Sink { rows, .. } => {
                rows.iter().map(RecordBatch::get_array_memory_size).sum::<usize>()
            }
            EndState::Window(window) => window.memory_bytes(),
            EndState::Partial(partial) => partial.memory_bytes(),
        };
        self.ends.iter().map(of).sum::<usize>() + 8 * self.before.capacity()
    }

    /// Bytes that the next emission holds already, without windows: when it is much, a boundary is due.
    pub fn pending_output_bytes(&self) -> usize {
        let of = |end: &EndState| match end {
            EndState::Sink { bytes, .. } => *bytes,
            EndState::Window(window) => window.operator.open_bytes(),
            EndState::Partial(partial) => partial.pending_bytes(),
        };
        self.ends.iter().map(of).sum()
    }

    /// By place in the order of table numbers.
    fn results_mut(&mut self, place: usize) -> Result<&mut Results, DataflowError> {
        match self.windows.get(place).map(|(_, at)| &mut self.ends[*at]) {
            Some(EndState::Window(results)) => Ok(results),
            _ => Err(DataflowError::Bug(format!("there is no window operator {place}"))),
        }
    }

    /// By place in the order of table numbers.
    fn window_mut(&mut self, place: usize) -> Result<&mut dyn Windowed, DataflowError> {
        Ok(self.results_mut(place)?.operator.as_mut())
    }
}

fn own_input(plan: &JobPlan, stage: StageId, input: Input) -> Result<&StageInput, DataflowError> {
    let inputs = plan.stage(stage).map(|stage| stage.inputs.as_slice()).unwrap_or_default();
    inputs
        .iter()
        .find(|own| own.input == input)
        .ok_or_else(|| DataflowError::Bug(format!("stage {stage} does not read {input:?}")))
}

fn is_ordered(pipeline: &Pipeline) -> bool {
    let grouping = match &pipeline.end {
        End::Window(window) => &window.grouping,
        End::Partial(partial) => &partial.grouping,
        End::Sink(_) => return false,
    };
    grouping.aggregates.iter().any(|aggregate| aggregate.function.is_ordered())
}

fn check_grouping(grouping: &crate::plan::Grouping) -> Result<(), DataflowError> {
    let operator = &grouping.operator;
    grouping
        .window
        .validate()
        .and_then(|()| grouping.check_lateness())
        .map_err(|why| DataflowError::Bug(format!("window of {operator}: {why}")))?;
    if let Some(key) = grouping.keys.iter().find(|key| ListItem::of(key.kind).is_none()) {
        let (name, kind) = (&key.name, key.kind);
        return Err(DataflowError::Bug(format!("window of {operator}: key {name} is {kind}")));
    }
    grouping.aggregates.iter().try_for_each(|aggregate| aggregate.accumulator().map(drop))
}

fn operator_of(end: &EndState) -> &str {
    match end {
        EndState::Sink { .. } => "",
        EndState::Window(window) => &window.operator.plan().grouping.operator,
        EndState::Partial(partial) => &partial.plan().grouping.operator,
    }
}

fn add_late(registers: &mut ShardRegisters, operator: &str, late: u64) {
    if late == 0 {
        return;
    }
    match registers.late_rows.get_mut(operator) {
        Some(count) => *count += late,
        None => {
            registers.late_rows.insert(operator.to_owned(), late);
        }
    }
}
