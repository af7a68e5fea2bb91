//! Where a watermark is a clock: how often those behind an exchange must hear of it while no rows come.

use crate::limits::{CLOCK_PAUSE_MAX_MS, CLOCK_STEP_MS};
use crate::plan::{End, Grouping, JobPlan, Output};
use crate::window::WindowKind;

/// The moments at which something of a plan closes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ticks {
    /// Distance and offset, ms, of the times at which windows may end.
    grids: Vec<(i64, i64)>,
    /// Something closes by the time of its rows, at any moment.
    any: bool,
}

impl Ticks {
    /// Of everything in a plan.
    pub fn of(plan: &JobPlan) -> Self {
        let mut ticks = Self::default();
        for pipeline in plan.stages.iter().flat_map(|s| &s.inputs).flat_map(|i| &i.pipelines) {
            match &pipeline.end {
                End::Sink(_) => {}
                End::Partial(partial) => ticks.add(&partial.grouping),
                End::Window(window) => {
                    ticks.add(&window.grouping);
                    if let Output::Partial(partial) = &window.output {
                        ticks.add(&partial.grouping);
                    }
                }
            }
        }
        ticks
    }

    fn add(&mut self, grouping: &Grouping) {
        match grouping.window {
            WindowKind::All => {}
            WindowKind::Tumble { .. } | WindowKind::Hop { .. } | WindowKind::Cumulate { .. } => {
                let panes = grouping.window.panes();
                let grid = (panes.pane, panes.offset);
                if !self.grids.contains(&grid) {
                    self.grids.push(grid);
                }
            }
            WindowKind::Session { .. }
            | WindowKind::Life { .. }
            | WindowKind::First { .. }
            | WindowKind::Over(_) => self.any = true,
        }
    }

    /// Does something close between two watermarks, or has nobody heard of it for long?
    pub fn lie_between(&self, told: i64, now: i64) -> bool {
        let pause = if self.any { CLOCK_STEP_MS } else { CLOCK_PAUSE_MAX_MS };
        let crossed = |(pane, offset): &(i64, i64)| {
            (now - offset).div_euclid(*pane) > (told - offset).div_euclid(*pane)
        };
        now - told >= pause || self.grids.iter().any(crossed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_end_on_their_grid() {
        let ticks = Ticks { grids: vec![(10, 3), (25, 0)], any: false };
        for (told, now, expected) in [
            (0, 2, false),
            (0, 3, true),
            (3, 12, false),
            (3, 13, true),
            (13, 22, false),
            (24, 25, true),
            (25, 25, false),
            (-8, -7, true),
        ] {
            assert_eq!(ticks.lie_between(told, now), expected, "{told} to {now}");
        }
    }

    #[test]
    fn what_closes_by_its_rows_is_looked_at_now_and_then() {
        let ticks = Ticks { grids: Vec::new(), any: true };
        assert!(!ticks.lie_between(5, 4 + CLOCK_STEP_MS));
        assert!(ticks.lie_between(5, 5 + CLOCK_STEP_MS));
        assert!(!Ticks::default().lie_between(5, 4 + CLOCK_PAUSE_MAX_MS), "nothing waits for it");
        assert!(Ticks::default().lie_between(5, 5 + CLOCK_PAUSE_MAX_MS));
    }
}
