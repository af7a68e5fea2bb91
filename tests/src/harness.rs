//! Starts and stops what a scenario needs: brokers, an object store, workers. Everything listens on loopback, is
//! stopped by process id, and leaves nothing behind; when a test fails, the ends of all logs are shown.

pub mod broker;
pub mod crew;
pub mod http;
pub mod job;
pub mod kafka;
pub mod minio;
pub mod ports;
pub mod process;
pub mod prometheus;
pub mod scratch;
pub mod secured;
mod server;
pub mod store_proxy;
pub mod tools;
pub mod wait;
pub mod worker;

pub use process::Process;
pub use scratch::Scratch;
