//! Benchmarks against a real Kafka: the engine, the bare C client and other engines in one run, round by round, and the
//! times that a user waits. Every output is compared with the oracle; one that differs voids its row.

pub mod arguments;
pub mod bare;
mod compare;
mod engine;
mod flink_sql;
mod fold;
mod goals;
mod inputs;
mod latency;
mod lines;
mod markdown;
mod measure;
mod moments;
mod peers;
mod pipelines;
mod processors;
mod report;
mod run;
mod watch;

pub use markdown::table;
pub use run::run;
