//! Tests of the whole: input, oracle, checker, the starting and stopping of real servers, the demo and the
//! benchmarks. Nothing of this is in an image.

pub mod bench;
pub mod broker_contract;
pub mod checker;
pub mod demo;
pub mod figures;
pub mod generator;
pub mod harness;
pub mod kafka;
pub mod oracle;
pub mod rules;
