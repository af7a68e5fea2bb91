//! Attempts with growing pauses until a deadline.

use std::future::Future;
use std::time::Instant;

use super::error::{StoreError, StoreErrorKind, full_text, kind_of};
use crate::limits::{STORE_BACKOFF_MAX, STORE_BACKOFF_MIN};
use crate::turns;

/// Runs `attempt` until it succeeds, fails for good, or `until` has come. The first attempt always runs.
pub(crate) async fn attempts<T, F>(
    operation: &'static str,
    location: &str,
    key: &str,
    until: Instant,
    mut attempt: impl FnMut() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, object_store::Error>>,
{
    let error = |kind, detail| StoreError::new(kind, operation, location, key, detail);
    let mut pause = STORE_BACKOFF_MIN;
    let mut tried = 0_u32;
    let mut last = "no answer came in time".to_owned();
    loop {
        tried += 1;
        match turns::within(until, attempt()).await {
            Some(Ok(value)) => return Ok(value),
            Some(Err(failure)) => {
                let kind = kind_of(&failure);
                last = full_text(&failure);
                if kind != StoreErrorKind::Retry {
                    return Err(error(kind, last));
                }
            }
            None => {
                let detail = format!("{last} ({tried} attempts)");
                return Err(error(StoreErrorKind::Retry, detail));
            }
        }
        tracing::debug!(operation, location, key, tried, "store: {last}");
        let next = turns::now() + jittered(pause);
        if next >= until {
            return Err(error(StoreErrorKind::Retry, format!("{last} ({tried} attempts)")));
        }
        turns::sleep_until(next).await;
        pause = (pause * 2).min(STORE_BACKOFF_MAX);
    }
}

/// Half to all of the pause, so that slots that failed together do not come back together.
fn jittered(pause: std::time::Duration) -> std::time::Duration {
    let noise = turns::random().map_or_else(subsecond, |random| random as u32);
    let half = pause / 2;
    half + half * (noise % 1024) / 1024
}

fn subsecond() -> u32 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    fn broken() -> object_store::Error {
        object_store::Error::Generic { store: "test", source: "503".into() }
    }

    #[tokio::test]
    async fn a_failure_that_may_pass_is_tried_again() {
        let count = Cell::new(0);
        let until = Instant::now() + Duration::from_secs(10);
        let attempt = || {
            count.set(count.get() + 1);
            let result = if count.get() < 4 { Err(broken()) } else { Ok(count.get()) };
            async move { result }
        };
        assert_eq!(attempts("get", "s3://b", "k", until, attempt).await, Ok(4));
    }

    #[tokio::test]
    async fn the_deadline_ends_it_and_the_last_cause_is_told() {
        let until = Instant::now() + Duration::from_millis(300);
        let attempt = || async { Err::<(), _>(broken()) };
        let error = attempts("get", "s3://b", "k", until, attempt).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Retry);
        assert!(error.detail.contains("503"), "{error}");
        // A machine that does other things meanwhile wakes late.
        assert!(Instant::now() <= until + Duration::from_secs(5));
    }

    #[tokio::test]
    async fn a_hanging_request_does_not_outlive_the_deadline() {
        let until = Instant::now() + Duration::from_millis(300);
        let attempt = std::future::pending::<Result<(), object_store::Error>>;
        let error = attempts("get", "s3://b", "k", until, attempt).await.unwrap_err();
        assert_eq!((error.kind, Instant::now() >= until), (StoreErrorKind::Retry, true));
    }
}
