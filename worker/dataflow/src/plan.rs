//! What the planner makes: immutable, shared by the shards of a slot.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion_physical_expr::PhysicalExpr;
use protocol::{Fingerprint, Origin, StageId};

use crate::column::ColumnKind;
use crate::window::WindowKind;

/// A whole query as stages.
#[derive(Debug, Clone)]
pub struct JobPlan {
    /// Of the canonical description of the logic.
    pub fingerprint: Fingerprint,
    /// The sources that the query reads.
    pub sources: Vec<SourcePlan>,
    /// The exchanges between stages.
    pub exchanges: Vec<ExchangePlan>,
    /// The sinks that the query writes.
    pub sinks: Vec<SinkPlan>,
    /// Sorted by id; ids are depths: stage 0 reads the sources, stage 1 the exchanges that stage 0 writes.
    pub stages: Vec<Stage>,
}

impl JobPlan {
    /// The stage of that id.
    pub fn stage(&self, id: StageId) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.id == id)
    }
}

/// A source topic.
#[derive(Debug, Clone)]
pub struct SourcePlan {
    /// Name in the SQL.
    pub name: String,
    /// Kafka topic.
    pub topic: String,
    /// Only the columns that the query needs, in declared order; the event time is always among them.
    pub schema: SchemaRef,
    /// Where in a record each of them stands.
    pub origins: Vec<Origin>,
    /// How records are read beyond that, in words.
    pub reading: Option<String>,
    /// Column of the event time, `Timestamp(Millisecond)` without nulls.
    pub event_time: Option<usize>,
    /// Watermark = running maximum of the event time − this, ms.
    pub delay_ms: i64,
    /// Idle after this long at the end of the log (R7).
    pub idle_timeout_ms: Option<u64>,
}

impl SourcePlan {
    /// The event time is when a row was read: the watermark is a clock, and what depends on it lies behind an exchange.
    pub fn is_clocked(&self) -> bool {
        self.event_time.is_some_and(|time| self.origins[time] == Origin::ProcessingTime)
    }
}

/// An exchange topic between a partial and a merging window operator.
#[derive(Debug, Clone)]
pub struct ExchangePlan {
    /// The operator that it serves.
    pub id: String,
    /// Of format, key and row type.
    pub fingerprint: Fingerprint,
    /// Partial rows: [`Grouping::partial_schema`].
    pub schema: SchemaRef,
    /// Fixed at creation.
    pub partitions: u32,
}

/// A sink topic.
#[derive(Debug, Clone)]
pub struct SinkPlan {
    /// Name in the SQL.
    pub name: String,
    /// Kafka topic.
    pub topic: String,
    /// Rows as written.
    pub schema: SchemaRef,
    /// Columns of the Kafka key.
    pub key: Vec<usize>,
    /// Of the rows with one key the last one counts, and a key may be deleted.
    pub upsert: bool,
}

/// The part of the query between two exchanges.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Its depth.
    pub id: StageId,
    /// What it reads. Every log of an input is a shard.
    pub inputs: Vec<StageInput>,
}

/// A log is read once; every pipeline over it gets the batch.
#[derive(Debug, Clone)]
pub struct StageInput {
    /// Source or exchange.
    pub input: Input,
    /// What happens to its rows.
    pub pipelines: Vec<Pipeline>,
}

/// What a stage reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Index into [`JobPlan::sources`]; stage 0 only.
    Source(usize),
    /// Index into [`JobPlan::exchanges`]; later stages only.
    Exchange(usize),
}

/// Steps over each batch and where the rows end up.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// In order.
    pub steps: Vec<Step>,
    /// What takes the rows.
    pub end: End,
}

/// A stateless step.
#[derive(Debug, Clone)]
pub enum Step {
    /// Keeps the rows for which it is true.
    Filter(Arc<dyn PhysicalExpr>),
    /// Computes new columns.
    Project {
        /// One per column.
        exprs: Vec<Arc<dyn PhysicalExpr>>,
        /// Of the result.
        schema: SchemaRef,
    },
    /// Results of which the last column is that of a [`Function::Top`]: one row for each that it has kept. The columns
    /// are the others, the number of the row from 1 as BIGINT, and what was kept of it.
    Unpack {
        /// Of the result.
        schema: SchemaRef,
    },
}

/// What takes the rows of a pipeline.
#[derive(Debug, Clone)]
pub enum End {
    /// Index into [`JobPlan::sinks`].
    Sink(usize),
    /// A window whose state lives in this shard.
    Window(Box<WindowAggregate>),
    /// Aggregates what came since the last boundary, before an exchange.
    Partial(Box<PartialAggregate>),
}

/// Windows, keys and aggregates, common to both phases.
#[derive(Debug, Clone)]
pub struct Grouping {
    /// Stable id of the window operator; both phases carry it.
    pub operator: String,
    /// Kind of window.
    pub window: WindowKind,
    /// How long a window that has fired is kept for rows that come after all, ms. With every one of them it fires
    /// again.
    pub lateness_ms: i64,
    /// Results go out with every change. Part of what is stored: a window of which nothing went out so far would be
    /// left out otherwise.
    pub changes: bool,
    /// The `GROUP BY` keys other than the window.
    pub keys: Vec<KeyColumn>,
    /// In the order of the output.
    pub aggregates: Vec<Aggregate>,
    /// Where late rows go; without, they are counted only. With it an exchange carries rows, not partials.
    pub late: Option<LateRows>,
}

/// Where late rows go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateRows {
    /// Index into [`JobPlan::sinks`].
    pub sink: usize,
    /// What is kept of a row.
    pub columns: Vec<KeyColumn>,
}

/// A column of keys, or of late rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyColumn {
    /// Stable name: of a key the canonical text of its expression.
    pub name: String,
    /// Type.
    pub kind: ColumnKind,
}

/// An aggregate function over an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aggregate {
    /// Stable name: the canonical text, for example `max(price)`. State columns are named after it.
    pub name: String,
    /// The function.
    pub function: Function,
    /// Type of the argument; none for `count(*)`.
    pub argument: Option<ColumnKind>,
}

/// The aggregate functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `count(*)` and `count(x)`.
    Count,
    /// Over BIGINT, DOUBLE and DECIMAL.
    Sum,
    /// Over BIGINT, INT, DOUBLE, VARCHAR, TIMESTAMP and DECIMAL.
    Min,
    /// As `Min`.
    Max,
    /// Over BIGINT (exact sum) and DOUBLE; gives DOUBLE.
    Avg,
    /// Over DOUBLE.
    Variance {
        /// Divides by one less than the count: the estimate for what the values are a sample of.
        sample: bool,
    },
    /// Over DOUBLE: the root of the variance.
    Deviation {
        /// As of the variance.
        sample: bool,
    },
    /// `count(DISTINCT x)`, exact.
    CountDistinct,
    /// About that, in state that does not grow with the values.
    ApproxDistinct,
    /// The value of the first row by event time; of rows with one time the first by partition, then by place in it.
    FirstValue,
    /// The reverse.
    LastValue,
    /// As `FirstValue`, nulls among the values: what one row has in a column.
    FirstRow,
    /// The reverse.
    LastRow,
    /// The values in that order, as an array.
    ArrayAgg {
        /// Keeps the first so many.
        limit: u32,
    },
    /// The first rows in an order of their own, over rows that [`pack_rows`](crate::pack_rows) has packed: packed
    /// still, for [`Step::Unpack`].
    Top {
        /// Keeps the first so many.
        limit: u32,
        /// Of rows that are equal in that order the first is the one with the lower event time, then partition, then
        /// place in it. Without, what is kept of them decides.
        by_place: bool,
    },
}

/// A window operator that keeps state.
///
/// Its result has the columns: keys, `window_start`, `window_end`, `window_time`, aggregates.
#[derive(Debug, Clone)]
pub struct WindowAggregate {
    /// Windows, keys, aggregates.
    pub grouping: Grouping,
    /// What comes in.
    pub input: WindowInput,
    /// `HAVING` and the projection, over the result.
    pub steps: Vec<Step>,
    /// What takes the rows then.
    pub output: Output,
    /// What goes out, and when.
    pub emit: Emit,
}

/// What a window operator hands out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Emit {
    /// Results, once: no row can change them any more.
    #[default]
    Final,
    /// At every boundary the current result of each group that has changed since the last.
    Changes(Deletion),
    /// Rows, once, each with aggregates over its frame. What is kept of them is the state of the one aggregate of the
    /// grouping, a [`Function::Top`] of all rows by place.
    Framed(Framed),
}

/// Rows with aggregates over their frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Framed {
    /// Of the result: what is kept of a row, then the aggregates.
    pub schema: SchemaRef,
    /// In that order.
    pub calls: Vec<FrameCall>,
}

/// An aggregate over the rows of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameCall {
    /// The function.
    pub aggregate: Aggregate,
    /// The column of its argument; none for `count(*)`.
    pub column: Option<usize>,
}

/// How a group becomes a deletion: where the steps drop its result, or its state is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// Of the sink.
    pub schema: SchemaRef,
    /// For each column of the sink the column of the result that it is, if it is one of its key.
    pub columns: Vec<Option<usize>>,
}

/// What takes the results of a window.
#[derive(Debug, Clone)]
pub enum Output {
    /// Index into [`JobPlan::sinks`].
    Sink(usize),
    /// The first phase of a window over the results, by their `window_time`.
    Partial(Box<PartialAggregate>),
}

/// What a window operator reads.
#[derive(Debug, Clone)]
pub enum WindowInput {
    /// Rows: the complete aggregation in stage 0.
    Rows(RowColumns),
    /// Partial rows of an exchange, [`Grouping::partial_schema`].
    Partials,
}

/// Where a window operator finds its values in the rows that reach it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowColumns {
    /// Column of the event time.
    pub event_time: usize,
    /// One per key.
    pub keys: Vec<usize>,
    /// One per aggregate; none for `count(*)`.
    pub arguments: Vec<Option<usize>>,
    /// One per column of late rows; empty where those are counted only.
    pub carried: Vec<usize>,
}

/// The first phase, before an exchange. Holds nothing across a boundary.
#[derive(Debug, Clone)]
pub struct PartialAggregate {
    /// Windows, keys, aggregates.
    pub grouping: Grouping,
    /// Where the values are.
    pub input: RowColumns,
    /// Index into [`JobPlan::exchanges`].
    pub exchange: usize,
}

impl Pipeline {
    /// Index into [`JobPlan::exchanges`], if rows of the pipeline go there.
    pub fn exchange(&self) -> Option<usize> {
        self.end.partial().map(|partial| partial.exchange)
    }
}

impl End {
    /// The first phase that prepares rows for an exchange.
    pub fn partial(&self) -> Option<&PartialAggregate> {
        match self {
            Self::Sink(_) => None,
            Self::Window(window) => match &window.output {
                Output::Sink(_) => None,
                Output::Partial(partial) => Some(partial),
            },
            Self::Partial(partial) => Some(partial),
        }
    }
}
