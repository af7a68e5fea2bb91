//! Judges a run from the logs alone: the input read back is the truth, the sink topics read `read_committed` are
//! what happened, the committed offsets say how far.

pub mod arguments;
pub mod compare;
pub mod conservation;
pub mod fold;
pub mod generations;
pub mod judge;
pub mod objects;
pub mod order;
pub mod progress;
pub mod settle;
pub mod verdict;

pub use judge::{Case, Delivery, Open, Upto, judge};
pub use objects::{NamedShard, StoredFigures, StoredJob};
pub use settle::settle;
pub use verdict::{Finding, Verdict};
