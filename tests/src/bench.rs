//! Benchmarks against a real Kafka: the engine and the bare C client in one run, round by round, and the times that a
//! user waits. Every output is compared with the oracle; one that differs voids its row.

pub mod arguments;
pub mod bare;
mod engine;
mod inputs;
mod measure;
mod moments;
mod report;
mod run;
mod watch;

pub use run::run;
