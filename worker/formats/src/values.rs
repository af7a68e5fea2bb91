//! Typed values and the rows of a batch: the same for every format.

pub(crate) mod columns;
pub(crate) mod metadata;
pub(crate) mod rows;
pub(crate) mod timestamp;

pub use rows::EventTimeRule;
pub use timestamp::TimestampFormat;
