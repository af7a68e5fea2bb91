//! Shards against a naive implementation, under random batch splits, boundaries, restarts and interleavings.
#![allow(clippy::unwrap_used, clippy::panic)]

mod advances;
mod cursor;
mod exchange;
mod failures;
mod keyed;
mod late_rows;
mod lateness;
mod naive;
mod over;
mod random;
mod restart;
mod splits;
mod state_schema;
mod support;
mod top;
