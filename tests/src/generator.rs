//! Input for demos, tests and benchmarks: every row is a pure function of (seed, partition, n), so that a run
//! can be repeated from one printed number and every row tells where it came from (`ref` is `partition:n`).

pub mod arguments;
pub mod encode;
pub mod load;
pub mod random;
pub mod recipe;
pub mod writer;

pub use load::Load;
pub use recipe::{Recipe, Row, Shape};
pub use writer::{Pace, Progress, WriteOptions, Written};
