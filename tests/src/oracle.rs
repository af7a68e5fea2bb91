//! What a query must give: computed in batch from the input logs alone, by other code than the worker's.
//!
//! Lateness and windows are decided per log, record by record, by the product's one rule (`lateness`); the rest of
//! the query is SQL that `DataFusion` runs over the rows that remain (`batch`).

pub mod batch;
pub mod cell;
pub mod lateness;
pub mod query;
pub mod rows;
pub mod stamps;

pub use batch::{Expected, ExpectedRow};
pub use cell::Cell;
pub use query::{Query, Window};
pub use rows::Input;
pub use stamps::Stamps;
