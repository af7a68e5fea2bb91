//! What tests need from a Kafka client: topics, reading logs back, offsets, transactions.

pub mod commits;
pub mod ends;
pub mod logs;
pub mod loss;
pub mod topics;
