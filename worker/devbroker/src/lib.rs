//! A Kafka broker for development and tests, in memory.
//!
//! Three layers: [`model`] is one broker as a value, without clock, randomness, threads or sockets,
//! so that a simulation can drive it; `wire` translates the Kafka protocol to calls of the model;
//! [`Server`] puts both behind a socket. What it promises is what a real broker promises, held to
//! it by one contract suite: idempotent and transactional producers, fencing, the last stable
//! offset, offsets inside transactions. What it does not do: durability, replication, groups with
//! members, authentication, retention, compaction.

pub mod args;
mod connection;
mod frame;
pub mod limits;
pub mod model;
mod options;
mod server;
mod wire;

pub use options::Options;
pub use server::{Server, ServerError};
pub use wire::{Answer, Call, Node, SUPPORTED, answer};
