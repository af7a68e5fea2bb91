//! The product's rule about late rows, written down a second time.
//!
//! The watermark of a log is the largest event time in it so far, less the delay. A row counts in those of its
//! windows `[start, end)` whose end lies beyond the watermark *before* the row; it is late when there is none.

use super::query::Window;

/// One log, read in order.
#[derive(Clone, Debug)]
pub struct LogClock {
    delay: i64,
    latest: Option<i64>,
    late: u64,
    /// The largest end of a window in which a row counts.
    last_end: Option<i64>,
}

impl LogClock {
    /// A log of which nothing was read. `delay` in ms.
    pub fn new(delay: i64) -> Self {
        Self { delay, latest: None, late: 0, last_end: None }
    }

    /// The watermark now, ms; none before the first row.
    pub fn watermark(&self) -> Option<i64> {
        self.latest.map(|latest| latest - self.delay)
    }

    /// Rows that were late so far.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Takes the next row and gives the starts of the windows in which it counts, earliest first.
    pub fn take(&mut self, event_time: i64, window: Window, starts: &mut Vec<i64>) {
        starts.clear();
        let (size, slide) = (window.size(), window.slide());
        let watermark = self.watermark();
        let mut start = event_time.div_euclid(slide) * slide;
        while start + size > event_time {
            if watermark.is_none_or(|watermark| start + size > watermark) {
                starts.push(start);
            }
            start -= slide;
        }
        starts.reverse();
        self.last_end = self.last_end.max(starts.last().map(|start| start + size));
        if starts.is_empty() {
            self.late += 1;
        }
        self.pass(event_time);
    }

    /// The log was idle here: the watermark goes to the largest end of the windows that are open, and nowhere else.
    pub fn advance(&mut self, to: i64) -> anyhow::Result<()> {
        let open = self.last_end.filter(|end| self.watermark().is_some_and(|now| *end > now));
        anyhow::ensure!(
            open == Some(to),
            "the watermark of a log was forced to {to}; the last window open ends at {open:?}"
        );
        self.latest = Some(to + self.delay);
        Ok(())
    }

    /// Takes the next row of a query without windows, or what else moves the watermark.
    pub fn pass(&mut self, event_time: i64) {
        self.latest = Some(self.latest.map_or(event_time, |latest| latest.max(event_time)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(event time, starts)` in log order.
    fn check(window: Window, delay: i64, rows: &[(i64, &[i64])], late: u64) {
        let mut clock = LogClock::new(delay);
        let mut starts = Vec::new();
        for (event_time, expected) in rows {
            clock.take(*event_time, window, &mut starts);
            assert_eq!(&starts, expected, "row at {event_time}");
        }
        assert_eq!(clock.late(), late);
    }

    #[test]
    fn tumbling_rows_are_late_from_the_end_of_their_window_on() {
        let rows: &[(i64, &[i64])] =
            &[(0, &[0]), (11, &[10]), (9, &[0]), (12, &[10]), (9, &[]), (22, &[20]), (9, &[])];
        check(Window::Tumble { size: 10 }, 2, rows, 2);
    }

    #[test]
    fn the_row_itself_does_not_make_itself_late() {
        check(Window::Tumble { size: 10 }, 0, &[(5, &[0]), (100, &[100]), (9, &[])], 1);
    }

    #[test]
    fn a_hopping_row_counts_in_the_windows_that_are_left() {
        let rows: &[(i64, &[i64])] =
            &[(9, &[0, 2, 4, 6, 8]), (13, &[4, 6, 8, 10, 12]), (9, &[4, 6, 8]), (1, &[])];
        check(Window::Hop { size: 10, slide: 2 }, 0, rows, 1);
    }

    #[test]
    fn an_idle_log_closes_what_is_open_and_what_comes_after_is_late() {
        let window = Window::Hop { size: 10, slide: 5 };
        let (mut clock, mut starts) = (LogClock::new(2), Vec::new());
        assert!(clock.advance(10).is_err(), "nothing is open");
        clock.take(7, window, &mut starts);
        assert!(clock.advance(10).is_err(), "a window is open that ends at 15");
        clock.advance(15).unwrap();
        assert!(clock.advance(15).is_err(), "nothing is open any more");
        clock.take(8, window, &mut starts);
        assert_eq!((&starts[..], clock.late()), (&[][..], 1));
        clock.take(13, window, &mut starts);
        assert_eq!((&starts[..], clock.watermark()), (&[10][..], Some(15)));
        clock.advance(20).unwrap();
    }

    #[test]
    fn times_before_1970_fall_into_the_window_below() {
        check(Window::Tumble { size: 10 }, 0, &[(-1, &[-10]), (-10, &[-10])], 0);
    }
}
