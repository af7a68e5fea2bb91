//! The connectors against a broker: the development broker inside this process, or any cluster named by
//! `STREAMJOB_TEST_BOOTSTRAP` (topics and groups are made with names of their own and left there).
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

mod cluster;
mod commits;
mod faults;
mod foreign;
mod offsets;
mod proxy;
mod reading;
mod reading_alike;
mod store;
mod topics;
