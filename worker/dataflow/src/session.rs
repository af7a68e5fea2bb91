//! Sessions: rows of a key that lie no further apart than the gap. A row alone is the session `[time, time + gap)`;
//! sessions that touch become one.
//!
//! A session is closed when the watermark has reached its end *and the gap beyond it*. A row that is not late has
//! `time + gap > watermark`, so it cannot touch a closed session: which rows belong together depends on the rows
//! alone, not on how far anything had been read or fired when they came.
//!
//! The lives of a key are sessions as well: their gap is the time after which a key without rows is forgotten. Where
//! only the first row of each is wanted, a row is late as soon as the watermark has passed its time, and nothing beyond
//! a session's end is waited for: no row that is on time can lie before it.

mod table;

pub(crate) use table::{Added, SessionTable, Span};

/// The largest end of a session that is closed at a watermark. `lag`: how far a row may lie behind the watermark and
/// still count.
pub(crate) fn closed_until(watermark: i64, lag: i64) -> i64 {
    watermark.saturating_sub(lag)
}
