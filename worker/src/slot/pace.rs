//! How often a slot commits (C7): as often as wanted, but so that committing takes at most a fifth of its time. Who has
//! just taken its shards over commits soon, so that readers do not wait for a whole interval more, then ever later.

use std::time::Duration;

/// One part in this many of a slot's time is for committing.
const SHARE: u32 = 5;
/// Weight of the newest boundary in the running mean: one in this many.
const WEIGHT: u32 = 8;
/// What one boundary counts at most: a producer that had to be replaced is no reason to commit seldom.
const COST_MAX: Duration = Duration::from_secs(1);

/// The first interval of an owner; each further one is twice as long, up to what is wanted.
const FIRST: Duration = Duration::from_millis(10);

/// The interval between two boundaries, and what a boundary costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    wanted: Duration,
    at_most: Duration,
    cost: Duration,
}

impl Pace {
    /// Boundaries soon, then as often as `wanted`, until they are known to cost too much.
    pub(crate) fn new(wanted: Duration) -> Self {
        Self { wanted, at_most: FIRST, cost: Duration::ZERO }
    }

    /// A boundary kept the slot from reading for so long, waiting for the commit before included.
    pub(crate) fn took(&mut self, cost: Duration) {
        self.at_most = self.at_most.saturating_mul(2);
        self.cost = (self.cost * (WEIGHT - 1) + cost.min(COST_MAX)) / WEIGHT;
    }

    /// How long to read between two boundaries.
    pub(crate) fn interval(&self) -> Duration {
        self.wanted.min(self.at_most).max(self.cost * (SHARE - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WANTED: Duration = Duration::from_millis(100);

    #[test]
    fn an_owner_begins_with_short_intervals() {
        let mut pace = Pace::new(WANTED);
        let mut intervals = Vec::new();
        for _ in 0..6 {
            intervals.push(pace.interval().as_millis());
            pace.took(Duration::from_millis(1));
        }
        assert_eq!(intervals, [10, 20, 40, 80, 100, 100]);
        assert_eq!(Pace::new(Duration::from_millis(5)).interval(), Duration::from_millis(5));
    }

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
