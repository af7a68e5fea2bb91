//! Check 9: after a fault the work goes on at the rate of before. The figures are printed, not asserted: how fast a
//! machine is that others use too says nothing about the code.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

/// Rates are taken over this time.
const WINDOW: Duration = Duration::from_secs(2);
/// Samples closer together than this say nothing new.
const SAMPLE_PAUSE: Duration = Duration::from_millis(100);
/// Share of the rate before that counts as recovered.
const RECOVERED: f64 = 0.8;

/// How the work went on after one fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recovery {
    /// Rows a second over the time before.
    pub before: f64,
    /// Until the first row after the fault.
    pub first: Option<Duration>,
    /// Until the rate was back; `None`: it never was while anybody looked.
    pub back: Option<Duration>,
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |time: Option<Duration>| {
            time.map_or("never".to_owned(), |time| format!("after {:.1} s", time.as_secs_f64()))
        };
        write!(f, "{:.0} rows/s before; first progress {}, ", self.before, text(self.first))?;
        write!(f, "{:.0} % of the rate {}", RECOVERED * 100.0, text(self.back))
    }
}

struct Watched {
    at: Instant,
    rows: i64,
    recovery: Recovery,
}

/// Takes samples of how many rows are committed.
#[derive(Default)]
pub struct ProgressWatch {
    samples: VecDeque<(Instant, i64)>,
    faults: Vec<Watched>,
}

impl ProgressWatch {
    /// So many rows are committed now. Numbers that go back are ignored: an open transaction hides them.
    pub fn sample(&mut self, now: Instant, rows: i64) {
        if let Some((at, last)) = self.samples.back()
            && (rows < *last || now.duration_since(*at) < SAMPLE_PAUSE)
        {
            return;
        }
        self.samples.push_back((now, rows));
        while self.samples.len() > 2 && now.duration_since(self.samples[1].0) >= WINDOW {
            self.samples.pop_front();
        }
        let rate = self.rate();
        for fault in &mut self.faults {
            let passed = now.duration_since(fault.at);
            if rows > fault.rows {
                fault.recovery.first.get_or_insert(passed);
            }
            // A window that reaches back before the fault holds rows of before.
            let is_back = rate >= RECOVERED * fault.recovery.before;
            if passed >= WINDOW && is_back && fault.recovery.first.is_some() {
                fault.recovery.back.get_or_insert(passed);
            }
        }
    }

    /// A fault happens now.
    pub fn fault(&mut self, now: Instant) {
        let rows = self.samples.back().map_or(0, |(_, rows)| *rows);
        // Still recovering, the work goes on from the rate before the fault before.
        let unrecovered = self.faults.last().filter(|last| last.recovery.back.is_none());
        let before = unrecovered.map_or_else(|| self.rate(), |last| last.recovery.before);
        let recovery = Recovery { before, first: None, back: None };
        self.faults.push(Watched { at: now, rows, recovery });
    }

    /// One line for each fault so far.
    pub fn recoveries(&self) -> Vec<Recovery> {
        self.faults.iter().map(|fault| fault.recovery).collect()
    }

    fn rate(&self) -> f64 {
        let (Some((from, first)), Some((to, last))) = (self.samples.front(), self.samples.back())
        else {
            return 0.0;
        };
        let seconds = to.duration_since(*from).as_secs_f64();
        if seconds > 0.0 { (last - first) as f64 / seconds } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows a second from one time to another, sampled every 200 ms; a fault at 10 s.
    fn watch(rates: &[(u64, u64, f64)]) -> Recovery {
        let start = Instant::now();
        let mut watch = ProgressWatch::default();
        let (mut rows, mut faulted) = (0.0, false);
        for (from, to, rate) in rates {
            for tick in from * 5..to * 5 {
                let now = start + Duration::from_millis(tick * 200);
                if tick == 50 {
                    watch.fault(now);
                    faulted = true;
                }
                rows += rate / 5.0;
                watch.sample(now, rows as i64);
            }
        }
        assert!(faulted);
        watch.recoveries()[0]
    }

    #[test]
    fn work_that_stops_for_a_while_is_back_when_its_rate_is() {
        let found = watch(&[(0, 10, 1_000.0), (10, 13, 0.0), (13, 20, 1_000.0)]);
        assert!((found.before - 1_000.0).abs() < 1.0, "{found}");
        assert_eq!(found.first, Some(Duration::from_secs(3)));
        let back = found.back.expect("it came back");
        assert!(back >= Duration::from_secs(4) && back <= Duration::from_millis(5_200), "{found}");
    }

    #[test]
    fn work_that_goes_on_too_slowly_or_not_at_all_is_told() {
        let slow = watch(&[(0, 10, 1_000.0), (10, 30, 500.0)]);
        assert!(slow.first.is_some() && slow.back.is_none(), "{slow}");
        let dead = watch(&[(0, 10, 1_000.0), (10, 30, 0.0)]);
        assert!(dead.first.is_none() && dead.back.is_none(), "{dead}");
        // Before there was nothing, and there is nothing: that is no recovery.
        let never = watch(&[(0, 30, 0.0)]);
        assert!(never.first.is_none() && never.back.is_none(), "{never}");
        assert!(dead.to_string().ends_with("first progress never, 80 % of the rate never"));
    }
}
