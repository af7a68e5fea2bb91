//! The whole reconciler against an API server, controllers and workers in memory.
//!
//! `matrix` runs each scenario once undisturbed and then again and again with one disturbance: a
//! crash after a request, or one request that fails in one of the ways there are.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod api;
mod change_table;
mod chart;
mod contract;
mod controllers;
mod fences;
mod fields;
mod hardships;
mod health_table;
mod machine_table;
mod matrix;
mod moves;
mod objects;
mod orders_table;
mod partitions_table;
mod plan_table;
mod promises;
#[path = "../../../tests/random.rs"]
mod random;
mod reading;
mod reasons;
mod scenarios;
#[path = "../contract/steps.rs"]
mod steps;
mod store;
mod walks;
mod watches;
mod workers;
mod world;
