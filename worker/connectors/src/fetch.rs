//! Our own way of reading logs: the broker's record batches are taken whole and walked in place,
//! without an object per record. Everything else about Kafka is the C client's ([`crate::kafka`]).
//!
//! Values without sockets: [`wire`] and [`messages`] (the protocol), [`batch`], [`walk`], [`unpack`]
//! and [`lz4`] (the records), [`feeds`], [`feed`] and [`refusal`] (what is read from whom, and what
//! an answer means), [`way`] (whether it is this way that is taken). With sockets: [`connection`]
//! (one connection to one broker), [`hub`] and [`fetcher`] (a thread that keeps every broker busy).
//! [`reader`] is what the owner of the logs holds. [`ending`] is the one thing that is not reading.

mod batch;
mod connection;
mod ending;
mod feed;
mod feeds;
mod fetcher;
mod hub;
mod lz4;
mod messages;
mod reader;
mod refusal;
mod unpack;
mod walk;
mod way;
mod wire;

pub(crate) use ending::end_former;
pub(crate) use reader::FetchReader;
pub(crate) use way::{Way, decide};

#[cfg(test)]
mod tests;
