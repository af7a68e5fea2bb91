//! The exactly-once protocol as values and decisions: what is written, what it is called, and what to do about
//! what was read. No I/O, no clock, no randomness, no threads: everything comes in as an argument.
//!
//! The rules carry the ids of `docs/protocol.md` (R1 … G4); comments here name the rule they carry out.
#![warn(missing_docs)]

pub mod acquire;
pub mod admin;
pub mod assignment;
pub mod gc;
pub mod generation;
pub mod hash;
pub mod ids;
pub mod keys;
pub mod limits;
pub mod manifest;
pub mod metadata;
pub mod names;
pub mod origin;
pub mod reason;
pub mod redact;
pub mod registers;
pub mod restore;
pub mod verdict;

pub use ids::{
    CheckpointNumber, CommitNumber, Fingerprint, Generation, Log, Nonce, ShardId, SlotIndex,
    StageId,
};
pub use origin::{Origin, PathStep, path_text};
