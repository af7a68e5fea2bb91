//! Everything that needs more than one crate: the rules of the code, and scenarios with real processes.
//!
//! `STREAMJOB_SEED`, `STREAMJOB_KILLS`, `STREAMJOB_CELLS`, `STREAMJOB_RECORDS` and `STREAMJOB_STORE_OUTAGE` (seconds)
//! make a run longer or repeat one; `STREAMJOB_FIGURES` names a file for its figures; `STREAMJOB_KEEP=1` keeps the
//! folders. `make test` passes over `soak`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod aligned;
mod alone;
mod bad_input;
mod broker;
mod clocked;
mod faults;
mod judging;
mod kafka_proxy;
mod keyed;
mod nested;
mod partitions;
mod planning;
mod runbooks;
mod sabotage;
mod secured;
mod soak;
mod stage;
mod store_contract;
mod tampering;
mod tidy;
