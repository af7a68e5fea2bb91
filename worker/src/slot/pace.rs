//! How often a slot commits (C7): as often as wanted, but so that committing takes at most a fifth of its time.

use std::time::Duration;

/// One part in this many of a slot's time is for committing.
const SHARE: u32 = 5;
/// Weight of the newest boundary in the running mean: one in this many.
const WEIGHT: u32 = 8;
/// What one boundary counts at most: a producer that had to be replaced is no reason to commit seldom.
const COST_MAX: Duration = Duration::from_secs(1);

/// The interval between two boundaries, and what a boundary costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    wanted: Duration,
    cost: Duration,
}

impl Pace {
    /// Boundaries as often as `wanted`, until they are known to cost too much.
    pub(crate) fn new(wanted: Duration) -> Self {
        Self { wanted, cost: Duration::ZERO }
    }

    /// A boundary kept the slot from reading for so long, waiting for the commit before included.
    pub(crate) fn took(&mut self, cost: Duration) {
        self.cost = (self.cost * (WEIGHT - 1) + cost.min(COST_MAX)) / WEIGHT;
    }

    /// How long to read between two boundaries.
    pub(crate) fn interval(&self) -> Duration {
        self.wanted.max(self.cost * (SHARE - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Duration = Duration::from_millis(100);

    #[test]
    fn cheap_boundaries_keep_the_wanted_interval() {
        let mut pace = Pace::new(WANTED);
        for _ in 0..100 {
            pace.took(Duration::from_millis(24));
        }
        assert_eq!(pace.interval(), WANTED);
    }

    #[test]
    fn dear_boundaries_stretch_it_to_a_fifth_and_cheap_ones_take_it_back() {
        let mut pace = Pace::new(WANTED);
        for _ in 0..100 {
            pace.took(Duration::from_millis(200));
        }
        let share = 200.0 / (200.0 + pace.interval().as_secs_f64() * 1e3);
        assert!((0.19..0.21).contains(&share), "{share}");
        for _ in 0..100 {
            pace.took(Duration::ZERO);
        }
        assert_eq!(pace.interval(), WANTED);
    }

    #[test]
    fn one_outage_does_not_make_a_slot_commit_seldom() {
        let mut pace = Pace::new(WANTED);
        pace.took(Duration::from_mins(10));
        assert!(pace.interval() <= Duration::from_millis(500), "{:?}", pace.interval());
    }
}
