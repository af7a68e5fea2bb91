//! Frames: a row, and rows of its key before it, which aggregates with `OVER` are over.

use crate::limits::{EVENT_TIME_ABS_MAX, FOREVER_MS, FRAME_ROWS_MAX};

/// Which rows before a row are in its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The last ones by event time, partition and place in it, as far as each lies no further from the next than the
    /// TTL.
    Rows {
        /// How many at most.
        preceding: u32,
        /// As of a life; [`FOREVER_MS`](crate::limits::FOREVER_MS): a key has one.
        ttl_ms: i64,
    },
    /// Those whose time lies no further back, and all of its own time.
    Range {
        /// How far.
        preceding_ms: i64,
    },
}

impl Frame {
    pub(crate) fn validate(&self) -> Result<(), String> {
        match *self {
            Self::Rows { preceding, ttl_ms } => {
                if !(1..=FRAME_ROWS_MAX).contains(&preceding) {
                    return Err(format!(
                        "a frame has from 1 to {FRAME_ROWS_MAX} rows before its own"
                    ));
                }
                if ttl_ms != FOREVER_MS && !(1..=EVENT_TIME_ABS_MAX).contains(&ttl_ms) {
                    return Err("the STATE TTL must be greater than zero, and not longer than event time reaches"
                        .to_owned());
                }
                Ok(())
            }
            Self::Range { preceding_ms: 0..=EVENT_TIME_ABS_MAX } => Ok(()),
            Self::Range { .. } => Err(
                "the interval of a frame must not be negative, nor longer than event time reaches"
                    .to_owned(),
            ),
        }
    }
}

impl std::fmt::Display for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rows { preceding, ttl_ms: FOREVER_MS } => write!(f, "OVER({preceding} ROWS)"),
            Self::Rows { preceding, ttl_ms } => {
                write!(f, "OVER({preceding} ROWS, LIFE({ttl_ms} ms))")
            }
            Self::Range { preceding_ms } => write!(f, "OVER({preceding_ms} ms)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn impossible_frames_are_refused() {
        let bad = [
            Frame::Rows { preceding: 0, ttl_ms: FOREVER_MS },
            Frame::Rows { preceding: FRAME_ROWS_MAX + 1, ttl_ms: 1 },
            Frame::Rows { preceding: 1, ttl_ms: 0 },
            Frame::Rows { preceding: 1, ttl_ms: FOREVER_MS - 1 },
            Frame::Range { preceding_ms: -1 },
            Frame::Range { preceding_ms: EVENT_TIME_ABS_MAX + 1 },
        ];
        for frame in bad {
            assert!(frame.validate().is_err(), "{frame}");
        }
        assert_eq!(Frame::Range { preceding_ms: 0 }.validate(), Ok(()));
        assert_eq!(Frame::Rows { preceding: 1, ttl_ms: FOREVER_MS }.validate(), Ok(()));
    }
}
