//! Rows with aggregates over their frames.
//!
//! A row is handed out when the watermark of what it came from is beyond its time, and is late from then on: so all
//! rows of its frame are there, and no row on time comes before one that has been handed out.

mod results;
mod stored;
mod table;

pub(crate) use results::FrameResults;
pub(crate) use stored::take_row;
pub(crate) use table::FrameTable;
