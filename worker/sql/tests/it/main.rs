//! The corpus: every accepted query with its golden description, every refusal with its exact text; and plans that
//! run.
#![allow(clippy::unwrap_used, clippy::panic)]

mod corpus;
mod corpus_run;
mod declared;
mod docs;
mod fixture;
mod over_windows;
mod run;
mod runner;
mod stability;
