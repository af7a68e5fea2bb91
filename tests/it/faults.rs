//! Faults under load on a real Kafka and a real object store; after each the checker judges everything.

mod brokers;
mod kills;
mod rescale;
mod store;
mod transfers;
mod twins;
