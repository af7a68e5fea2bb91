//! The operators: a shard is a deterministic function of one log (D1, D2). Arrow batches go in, state tables and
//! emissions come out. No clock, no I/O, no threads, no randomness: everything comes in as an argument.
#![warn(missing_docs)]

mod accumulate;
mod assign;
mod changes;
mod codec;
mod column;
mod emission;
mod error;
mod frame;
mod group;
pub mod limits;
mod operator;
mod over;
mod pipeline;
mod plan;
mod ranked;
mod schema;
mod session;
mod shard;
mod ticks;
mod watermark;
mod window;

pub use changes::{Entries, TableChanges};
pub use column::{ColumnKind, ListItem};
pub use emission::{Emission, EmissionLimit};
pub use error::{DataflowError, Incompatible};
pub use frame::Frame;
pub use plan::{
    Aggregate, Deletion, Emit, End, ExchangePlan, FrameCall, Framed, Function, Grouping, Input,
    JobPlan, KeyColumn, LateRows, Output, PartialAggregate, Pipeline, RowColumns, SinkPlan,
    SourcePlan, Stage, StageInput, Step, WindowAggregate, WindowInput,
};
pub use ranked::{RowOrder, pack_rows};
pub use schema::TableMapping;
pub use shard::Shard;
pub use ticks::Ticks;
pub use window::WindowKind;
