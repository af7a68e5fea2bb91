//! Sessions: rows of a key that lie no further apart than the gap. A row alone is the session `[time, time + gap)`;
//! sessions that touch become one.
//!
//! A session is closed when the watermark has reached its end *and the gap beyond it*. A row that is not late has
//! `time + gap > watermark`, so it cannot touch a closed session: which rows belong together depends on the rows
//! alone, not on how far anything had been read or fired when they came.

mod table;

pub(crate) use table::{Added, SessionTable, Span};

/// Late is a row whose own session the watermark has passed (R2).
#[inline]
pub(crate) fn is_late(end: i64, watermark: i64) -> bool {
    end <= watermark
}

/// The largest end of a session that is closed at a watermark.
pub(crate) fn closed_until(watermark: i64, gap: i64) -> i64 {
    watermark.saturating_sub(gap)
}
