//! Everything that needs more than one crate: the rules of the code, and scenarios with real processes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod judging;
