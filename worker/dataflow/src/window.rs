//! Window arithmetic. A window is `[start, end)`; a pane is the largest span of time that no window boundary cuts,
//! so a row touches one pane whatever the ratio of size and slide, and windows merge panes when they fire.

use crate::frame::Frame;
use crate::limits::{EVENT_TIME_ABS_MAX, FOREVER_MS, PANES_PER_WINDOW_MAX};

/// Kind and measures of a window, ms. The offset moves all boundaries; 0 = aligned to the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowKind {
    /// Windows that touch and do not overlap.
    Tumble {
        /// Length.
        size_ms: i64,
        /// Moves the boundaries.
        offset_ms: i64,
    },
    /// A window of `size_ms` starts every `slide_ms`.
    Hop {
        /// Length.
        size_ms: i64,
        /// Distance of starts; at most the size.
        slide_ms: i64,
        /// Moves the boundaries.
        offset_ms: i64,
    },
    /// Windows that start together every `size_ms` and end one step after the other: growing results of the same
    /// span.
    Cumulate {
        /// Length of the longest.
        size_ms: i64,
        /// Distance of ends; the size is a multiple of it.
        step_ms: i64,
        /// Moves the boundaries.
        offset_ms: i64,
    },
    /// Rows of a key that lie no further apart than the gap: a window from the first to the last and the gap more.
    Session {
        /// Longest pause within a window.
        gap_ms: i64,
    },
    /// No window: all rows of a key, kept for ever.
    All,
    /// No window: the rows of a key since it last had none for so long. What came before is gone.
    Life {
        /// How long a key is kept that gets no row.
        ttl_ms: i64,
    },
    /// The first row of each life.
    First {
        /// As of a life; [`FOREVER_MS`](crate::limits::FOREVER_MS): a key has one.
        ttl_ms: i64,
    },
    /// No window: every row with aggregates over its frame.
    Over(Frame),
}

impl WindowKind {
    /// Checks the measures; the error says what is wrong with them.
    pub fn validate(&self) -> Result<(), String> {
        match self {
            Self::All | Self::First { ttl_ms: FOREVER_MS } => return Ok(()),
            Self::Session { gap_ms } => return check_span(*gap_ms, "gap of SESSION"),
            Self::Life { ttl_ms } | Self::First { ttl_ms } => {
                return check_span(*ttl_ms, "STATE TTL");
            }
            Self::Over(frame) => return frame.validate(),
            Self::Tumble { .. } | Self::Hop { .. } | Self::Cumulate { .. } => {}
        }
        let panes = self.panes();
        let distance = if panes.cumulates { "step" } else { "slide" };
        if panes.size <= 0 || panes.slide <= 0 {
            return Err(format!("window size and {distance} must be greater than zero"));
        }
        if panes.cumulates && panes.size % panes.slide != 0 {
            return Err("the size of CUMULATE must be a multiple of its step".to_owned());
        }
        if panes.slide > panes.size {
            return Err(
                "the slide is greater than the size: rows between two windows would be in none"
                    .to_owned(),
            );
        }
        if panes.size > EVENT_TIME_ABS_MAX {
            return Err("the window is longer than event time reaches".to_owned());
        }
        let pane = gcd(panes.size, panes.slide);
        if panes.size / pane > PANES_PER_WINDOW_MAX {
            return Err(format!(
                "size and {distance} make {} panes per window; at most {PANES_PER_WINDOW_MAX} are possible",
                panes.size / pane
            ));
        }
        Ok(())
    }

    /// The same windows with the smallest offset that is not negative.
    #[must_use]
    pub fn normalized(self) -> Self {
        match self {
            Self::Tumble { size_ms, offset_ms } if size_ms > 0 => {
                Self::Tumble { size_ms, offset_ms: offset_ms.rem_euclid(size_ms) }
            }
            Self::Hop { size_ms, slide_ms, offset_ms } if slide_ms > 0 => {
                Self::Hop { size_ms, slide_ms, offset_ms: offset_ms.rem_euclid(slide_ms) }
            }
            Self::Cumulate { size_ms, step_ms, offset_ms } if size_ms > 0 => {
                Self::Cumulate { size_ms, step_ms, offset_ms: offset_ms.rem_euclid(size_ms) }
            }
            other => other,
        }
    }

    /// Windows that one row counts in.
    pub(crate) fn windows_per_row(&self) -> i64 {
        let panes = self.panes();
        (panes.size + panes.slide - 1) / panes.slide.max(1)
    }

    /// Windows do not overlap: every pane is a window.
    pub fn is_tumble(&self) -> bool {
        matches!(self, Self::Tumble { .. } | Self::All | Self::Over(_))
    }

    /// No window: every row goes out.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Over(_))
    }

    /// The gap of sessions, which lives are.
    pub fn session_gap(&self) -> Option<i64> {
        match self {
            Self::Session { gap_ms: gap }
            | Self::Life { ttl_ms: gap }
            | Self::First { ttl_ms: gap } => Some(*gap),
            _ => None,
        }
    }

    /// How far a row may lie behind the watermark and still count, ms. Of sessions; elsewhere windows decide.
    pub(crate) fn row_lag(&self) -> i64 {
        match self {
            // Its place among the others must be known when it goes out.
            Self::First { .. } => 0,
            // The millisecond that is its window.
            Self::Over(_) => 1,
            _ => self.session_gap().unwrap_or(0),
        }
    }

    /// Of sessions: those of single rows.
    pub(crate) fn panes(&self) -> Panes {
        let (size, slide, offset) = match self.normalized() {
            Self::Tumble { size_ms, offset_ms } => (size_ms, size_ms, offset_ms),
            Self::Hop { size_ms, slide_ms, offset_ms } => (size_ms, slide_ms, offset_ms),
            Self::Cumulate { size_ms, step_ms, offset_ms } => (size_ms, step_ms, offset_ms),
            Self::Session { gap_ms: gap }
            | Self::Life { ttl_ms: gap }
            | Self::First { ttl_ms: gap } => (gap, gap, 0),
            Self::Over(_) => (1, 1, 0),
            Self::All => {
                let size = 2 * EVENT_TIME_ABS_MAX + 1;
                (size, size, -EVENT_TIME_ABS_MAX)
            }
        };
        let cumulates = matches!(self, Self::Cumulate { .. });
        Panes { size, slide, offset, pane: gcd(size, slide).max(1), cumulates }
    }
}

impl std::fmt::Display for WindowKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let offset = match *self {
            Self::Tumble { size_ms, offset_ms } => {
                write!(f, "TUMBLE({size_ms} ms")?;
                offset_ms
            }
            Self::Hop { size_ms, slide_ms, offset_ms } => {
                write!(f, "HOP({slide_ms} ms, {size_ms} ms")?;
                offset_ms
            }
            Self::Cumulate { size_ms, step_ms, offset_ms } => {
                write!(f, "CUMULATE({step_ms} ms, {size_ms} ms")?;
                offset_ms
            }
            Self::Session { gap_ms } => {
                write!(f, "SESSION({gap_ms} ms")?;
                0
            }
            Self::All => return f.write_str("ALL"),
            Self::Life { ttl_ms } => return write!(f, "LIFE({ttl_ms} ms)"),
            Self::First { ttl_ms: FOREVER_MS } => return f.write_str("FIRST"),
            Self::First { ttl_ms } => return write!(f, "FIRST({ttl_ms} ms)"),
            Self::Over(frame) => return frame.fmt(f),
        };
        if offset != 0 {
            write!(f, ", offset {offset} ms")?;
        }
        f.write_str(")")
    }
}

fn check_span(span: i64, name: &str) -> Result<(), String> {
    match span {
        ..=0 => Err(format!("the {name} must be greater than zero")),
        1..=EVENT_TIME_ABS_MAX => Ok(()),
        _ => Err(format!("the {name} is longer than event time reaches")),
    }
}

fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Measures of windows and panes. All ends lie on `offset + size + k · slide`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panes {
    pub(crate) size: i64,
    pub(crate) slide: i64,
    pub(crate) offset: i64,
    pub(crate) pane: i64,
    /// Windows start every `size`; else every `slide`.
    cumulates: bool,
}

impl Panes {
    /// End of the pane that contains the time.
    pub(crate) fn pane_end(&self, time: i64) -> i64 {
        time - (time - self.offset).rem_euclid(self.pane) + self.pane
    }

    /// Number of the pane that ends there.
    pub(crate) fn index(&self, pane_end: i64) -> i64 {
        (pane_end - self.offset).div_euclid(self.pane)
    }

    /// End of the pane with that number.
    pub(crate) fn end_of(&self, index: i64) -> i64 {
        index * self.pane + self.offset
    }

    /// The smallest window end `≥ time`.
    fn end_at_or_after(&self, time: i64) -> i64 {
        time + (self.offset + self.size - time).rem_euclid(self.slide)
    }

    /// The smallest window end `> time`.
    pub(crate) fn end_after(&self, time: i64) -> i64 {
        self.end_at_or_after(time + 1)
    }

    /// End of the first window that contains the pane.
    pub(crate) fn first_end(&self, pane_end: i64) -> i64 {
        self.end_at_or_after(pane_end)
    }

    /// Start of the last window that contains the time.
    fn last_start(&self, time: i64) -> i64 {
        let distance = if self.cumulates { self.size } else { self.slide };
        time - (time - self.offset).rem_euclid(distance)
    }

    /// End of the last window that contains the pane.
    pub(crate) fn last_end(&self, pane_end: i64) -> i64 {
        self.last_start(pane_end - self.pane) + self.size
    }

    /// Start of the window that ends there.
    pub(crate) fn start_of(&self, window_end: i64) -> i64 {
        if self.cumulates { self.last_start(window_end - 1) } else { window_end - self.size }
    }

    /// The window that ends at `window_end` contains the pane.
    pub(crate) fn contains(&self, window_end: i64, pane_end: i64) -> bool {
        pane_end <= window_end && pane_end > self.start_of(window_end)
    }

    /// The smallest pane end whose last window is still open: everything below is dead.
    pub(crate) fn live_from(&self, watermark: i64) -> i64 {
        let end = self.end_after(watermark);
        let open = if self.cumulates { self.last_start(watermark) } else { end - self.size };
        open + self.pane
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(size_ms: i64, slide_ms: i64, offset_ms: i64) -> Panes {
        WindowKind::Hop { size_ms, slide_ms, offset_ms }.panes()
    }

    /// By definition: every window that contains the time.
    fn windows_of(time: i64, size: i64, slide: i64, offset: i64) -> Vec<i64> {
        (time - size..=time)
            .filter(|start| (start - offset).rem_euclid(slide) == 0 && time < start + size)
            .map(|start| start + size)
            .collect()
    }

    #[test]
    fn panes_agree_with_the_definition_of_windows() {
        for (size, slide, offset) in
            [(10, 10, 0), (10, 10, 3), (10, 2, 0), (10, 4, 0), (10, 4, -3), (7, 3, 1), (9, 6, 20)]
        {
            let panes = hop(size, slide, offset);
            for time in -40..40 {
                let ends = windows_of(time, size, slide, offset);
                let pane = panes.pane_end(time);
                let case = format!("time {time} size {size} slide {slide} offset {offset}");
                assert!(time < pane && time >= pane - panes.pane, "{case}");
                assert_eq!(Some(&panes.first_end(pane)), ends.first(), "{case}");
                assert_eq!(Some(&panes.last_end(pane)), ends.last(), "{case}");
                for end in -60..80 {
                    if (end - size - offset).rem_euclid(slide) == 0 {
                        assert_eq!(panes.contains(end, pane), ends.contains(&end), "{case}");
                    }
                }
                for watermark in time - 15..time + 15 {
                    let dead = panes.last_end(pane) <= watermark;
                    assert_eq!(pane < panes.live_from(watermark), dead, "{case} wm {watermark}");
                }
            }
        }
    }

    #[test]
    fn panes_agree_with_the_definition_of_cumulating_windows() {
        for (size, step, offset) in [(12, 4, 0), (12, 4, 5), (10, 10, 0), (6, 1, -2)] {
            let kind = WindowKind::Cumulate { size_ms: size, step_ms: step, offset_ms: offset };
            let panes = kind.panes();
            for time in -40..40 {
                let start = time - (time - offset).rem_euclid(size);
                let ends: Vec<i64> = (1..=size / step)
                    .map(|steps| start + steps * step)
                    .filter(|end| *end > time)
                    .collect();
                let pane = panes.pane_end(time);
                let case = format!("time {time} size {size} step {step} offset {offset}");
                assert!(time < pane && time >= pane - step, "{case}");
                assert_eq!(Some(&panes.first_end(pane)), ends.first(), "{case}");
                assert_eq!(Some(&panes.last_end(pane)), ends.last(), "{case}");
                for end in (-60..80).filter(|end| (end - offset).rem_euclid(step) == 0) {
                    assert_eq!(panes.contains(end, pane), ends.contains(&end), "{case} {end}");
                }
                for end in &ends {
                    assert_eq!(panes.start_of(*end), start, "{case}");
                }
                for watermark in time - 15..time + 15 {
                    let dead = panes.last_end(pane) <= watermark;
                    assert_eq!(pane < panes.live_from(watermark), dead, "{case} wm {watermark}");
                }
            }
        }
    }

    #[test]
    fn without_a_window_every_time_lies_in_one_pane_that_never_ends() {
        let panes = WindowKind::All.panes();
        let end = panes.pane_end(0);
        for time in [-EVENT_TIME_ABS_MAX, -1, 7, EVENT_TIME_ABS_MAX] {
            assert_eq!((panes.pane_end(time), panes.last_end(end)), (end, end));
            assert!(time < end && panes.live_from(time) <= end, "{time}");
        }
    }

    #[test]
    fn impossible_measures_are_refused() {
        let bad = [
            WindowKind::Tumble { size_ms: 0, offset_ms: 0 },
            WindowKind::Hop { size_ms: 10, slide_ms: 0, offset_ms: 0 },
            WindowKind::Hop { size_ms: 10, slide_ms: 11, offset_ms: 0 },
            WindowKind::Hop { size_ms: 86_400_000, slide_ms: 7, offset_ms: 0 },
            WindowKind::Tumble { size_ms: i64::MAX, offset_ms: 0 },
            WindowKind::Cumulate { size_ms: 10, step_ms: 4, offset_ms: 0 },
            WindowKind::Cumulate { size_ms: 10, step_ms: 20, offset_ms: 0 },
            WindowKind::Cumulate { size_ms: 10, step_ms: 0, offset_ms: 0 },
            WindowKind::Cumulate { size_ms: 86_400_000, step_ms: 1, offset_ms: 0 },
            WindowKind::Session { gap_ms: 0 },
            WindowKind::Session { gap_ms: i64::MAX },
            WindowKind::Life { ttl_ms: 0 },
            WindowKind::First { ttl_ms: FOREVER_MS - 1 },
        ];
        for kind in bad {
            assert!(kind.validate().is_err(), "{kind}");
        }
        assert_eq!(WindowKind::Hop { size_ms: 10, slide_ms: 4, offset_ms: 1 }.validate(), Ok(()));
    }
}
