//! Faults under load on a real Kafka and a real object store; after each the checker judges everything.

mod advances;
mod blocked;
mod brokers;
mod claims;
mod corruption;
mod kills;
mod points;
pub(crate) mod requests;
mod rescale;
mod store;
mod store_proxy;
mod transfers;
mod twins;
mod way_back;
