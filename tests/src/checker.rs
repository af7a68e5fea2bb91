//! Judges a run from the logs alone: the input read back is the truth, the sink topics read `read_committed` are
//! what happened, the committed offsets say how far.

pub mod arguments;
pub mod compare;
pub mod fold;
pub mod generations;
pub mod judge;
pub mod order;
pub mod settle;
pub mod verdict;

pub use judge::{Case, Open, Upto, judge};
pub use settle::settle;
pub use verdict::{Finding, Verdict};
