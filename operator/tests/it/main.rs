//! The whole reconciler against an API server, controllers and workers in memory.
//!
//! `matrix` runs each scenario once undisturbed and then again and again with one disturbance: a
//! crash after a write, or one request that fails. Every run must end in the same state, having
//! created each object once, and then write nothing.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod api;
mod chart;
mod machine_table;
mod matrix;
mod objects;
mod orders_table;
mod plan_table;
mod scenarios;
mod store;
mod workers;
mod world;
