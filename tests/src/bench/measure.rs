//! Numbers out of runs: slopes between a small and a large one, medians over rounds.

use std::time::Duration;

/// One run to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sample {
    /// Rows read.
    pub(super) rows: u64,
    /// Processor time of every process of the system.
    pub(super) cpu: Duration,
    /// From start to end.
    pub(super) wall: Duration,
    /// Most memory.
    pub(super) peak_bytes: u64,
    /// From start to the first result that a user can see.
    pub(super) first: Option<Duration>,
}

/// One round: a small and a large run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Round {
    pub(super) small: Sample,
    pub(super) large: Sample,
}

impl Round {
    /// Processor time per further row, ns: what starting costs cancels.
    pub(super) fn ns_per_event(&self) -> f64 {
        let rows = self.large.rows.saturating_sub(self.small.rows).max(1);
        (self.large.cpu.as_nanos() as f64 - self.small.cpu.as_nanos() as f64) / rows as f64
    }

    /// Further rows per second of wall time; none when they took no longer.
    pub(super) fn events_per_second(&self) -> Option<f64> {
        let rows = self.large.rows.saturating_sub(self.small.rows) as f64;
        let longer = self.large.wall.checked_sub(self.small.wall)?;
        (!longer.is_zero()).then(|| rows / longer.as_secs_f64())
    }
}

/// Middle, smallest and largest of some numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Spread {
    /// Of at least one number.
    pub(super) fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut numbers: Vec<f64> = numbers.into_iter().collect();
        numbers.sort_by(f64::total_cmp);
        let (min, max) = (*numbers.first()?, *numbers.last()?);
        let middle = numbers.len() / 2;
        let median = if numbers.len() % 2 == 1 {
            numbers[middle]
        } else {
            f64::midpoint(numbers[middle - 1], numbers[middle])
        };
        Some(Self { median, min, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_leaves_out_what_starting_costs() {
        let sample = |rows, ms| Sample {
            rows,
            cpu: Duration::from_millis(ms),
            wall: Duration::from_millis(2 * ms),
            peak_bytes: 0,
            first: None,
        };
        let round = Round { small: sample(1_000_000, 700), large: sample(5_000_000, 1_500) };
        assert!((round.ns_per_event() - 200.0).abs() < 1e-6);
        let rate = round.events_per_second().expect("the large run took longer");
        assert!((rate - 2.5e6).abs() < 1.0);
        let reversed = Round { small: round.large, large: round.small };
        assert_eq!(reversed.events_per_second(), None);
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(Spread::of([]), None);
        let spread = |numbers: &[f64]| Spread::of(numbers.iter().copied()).expect("some");
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(spread(&[4.0, 1.0]), Spread { median: 2.5, min: 1.0, max: 4.0 });
    }
}
