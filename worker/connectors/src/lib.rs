//! What the worker reads from and writes to: Kafka and an object store.
//!
//! Two rules hold this crate together. An outcome that is not known is never reported as success: the types have a
//! name for it ([`kafka::Outcome::Unknown`], [`store::Creation::AlreadyExists`]). And every wait has a bound, which
//! is in [`limits`] or comes in as an argument.
#![warn(missing_docs)]

pub mod faults;
mod fetch;
pub mod kafka;
pub mod limits;
mod reader;
pub mod store;
pub mod turns;

pub use kafka::{
    Admin, Burst, GroupOffsets, KafkaConfig, KafkaError, KafkaErrorKind, Outcome, PlainProducer,
    TransactionTimeouts, Transactions,
};
pub use reader::{Event, ReadLimits, Reader};
pub use store::{Creation, S3Credentials, S3Options, Store, StoreError, StoreErrorKind};
