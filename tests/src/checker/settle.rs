//! Judging a run whose last results are still on their way.

use std::time::{Duration, Instant};

use super::judge::{self, Case};
use super::verdict::Verdict;
use crate::harness::wait;

/// Pause between two judgements.
const PAUSE: Duration = Duration::from_millis(200);

/// Judges again and again while rows are missing and nothing else is wrong, up to a bound. The input is complete and
/// read once. `meanwhile` is called in between and ends it by `false`; then there is no verdict.
pub fn settle(
    case: &Case,
    bound: Duration,
    mut meanwhile: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<Option<Verdict>> {
    let start = Instant::now();
    let (expected, begun) = judge::expected(case)?;
    loop {
        let verdict = judge::judge_against(case, &expected, begun.clone())?;
        if !is_incomplete(&verdict) || start.elapsed() > bound {
            return Ok(Some(verdict));
        }
        if !meanwhile()? {
            return Ok(None);
        }
        wait::pause(PAUSE);
    }
}

fn is_incomplete(verdict: &Verdict) -> bool {
    verdict.lost > 0 && verdict.findings.len() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_missing_rows_are_waited_for() {
        let mut verdict = Verdict { lost: 3, ..Verdict::default() };
        verdict.note("row lost", 3, None);
        assert!(is_incomplete(&verdict));
        verdict.note("row doubled", 1, None);
        assert!(!is_incomplete(&verdict));
        assert!(!is_incomplete(&Verdict::default()));
    }
}
