//! Waiting for a condition, always with a bound.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// Pause between two looks.
const POLL: Duration = Duration::from_millis(20);

/// Looks until there is something. An error ends the waiting at once.
pub fn until<T>(
    what: &str,
    bound: Duration,
    mut look: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look().with_context(|| format!("waiting for {what}"))? {
            return Ok(found);
        }
        if start.elapsed() > bound {
            bail!("not within {bound:?}: {what}");
        }
        pause(POLL);
    }
}

/// Lets time pass between two looks; nothing may depend on how much.
#[expect(clippy::disallowed_methods, reason = "every caller looks again afterwards, with a bound")]
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Looks until it is so.
pub fn until_true(
    what: &str,
    bound: Duration,
    mut look: impl FnMut() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    until(what, bound, || Ok(look()?.then_some(())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_with_the_condition_an_error_or_the_bound() {
        let mut looks = 0;
        let found = until("three", Duration::from_secs(5), || {
            looks += 1;
            Ok((looks == 3).then_some(looks))
        });
        assert_eq!(found.expect("comes"), 3);
        let never = until::<()>("never", Duration::from_millis(1), || Ok(None));
        assert!(never.expect_err("never comes").to_string().contains("never"));
        assert!(until::<()>("error", Duration::from_secs(5), || bail!("broken")).is_err());
    }
}
