//! The worker: wiring only. Arguments, planning, the process that hosts slots, its ports, its supervisor, and the
//! work on jobs without slots. What a slot does is in `slot`; the decisions are in `protocol`.

pub mod admin;
pub mod args;
pub mod board;
pub mod clean;
pub mod cluster;
mod command;
mod embedded;
pub mod exit;
pub mod explain;
pub mod gc;
pub mod generations;
pub mod history;
pub mod host;
mod housekeeping;
pub mod job;
pub mod limits;
mod logs;
pub mod metrics;
pub mod nonce;
pub mod orders;
pub mod plan_command;
pub mod planning;
pub mod probes;
mod retention;
pub mod run;
pub mod slot;
pub mod slot_command;
pub mod supervise;
pub mod world;

pub use command::start;
