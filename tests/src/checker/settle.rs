//! Judging a run whose last results are still on their way.

use std::time::{Duration, Instant};

use super::judge::{Case, judge};
use super::verdict::Verdict;

/// Pause between two judgements.
const PAUSE: Duration = Duration::from_millis(200);

/// Judges again and again while rows are missing and nothing else is wrong, up to a bound. `meanwhile` is called in
/// between and ends it by `false`; then there is no verdict.
pub fn settle(
    case: &Case,
    bound: Duration,
    mut meanwhile: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<Option<Verdict>> {
    let start = Instant::now();
    loop {
        let verdict = judge(case)?;
        if !is_incomplete(&verdict) || start.elapsed() > bound {
            return Ok(Some(verdict));
        }
        if !meanwhile()? {
            return Ok(None);
        }
        std::thread::sleep(PAUSE);
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
