//! What a record costs, counted and not timed: requests for memory, and instructions.
#![allow(clippy::unwrap_used)]

mod allocations;
mod instructions;
mod parts;
