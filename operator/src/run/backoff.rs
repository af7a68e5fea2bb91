//! How long to wait after a pass that failed: longer with every failure, per object.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::limits::{ERROR_BACKOFF_MAX, ERROR_BACKOFF_MIN};

/// Failures in a row, by object.
#[derive(Default)]
pub(super) struct Backoff {
    failures: Mutex<HashMap<String, u32>>,
}

impl Backoff {
    /// Notes a failure and says how long to wait.
    pub(super) fn next(&self, key: &str) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(key.to_owned()).or_default();
        let wait = ERROR_BACKOFF_MIN.saturating_mul(1 << (*count).min(16));
        *count = count.saturating_add(1);
        wait.min(ERROR_BACKOFF_MAX)
    }

    /// Objects whose last pass failed.
    pub(super) fn len(&self) -> u64 {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        u64::try_from(failures.len()).unwrap_or(u64::MAX)
    }

    /// Forgets the failures of an object.
    pub(super) fn reset(&self, key: &str) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_start_over() {
        let backoff = Backoff::default();
        let waits: Vec<u128> = (0..9).map(|_| backoff.next("a").as_millis()).collect();
        assert_eq!(waits, [500, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000]);
        backoff.reset("a");
        assert_eq!(backoff.next("a"), ERROR_BACKOFF_MIN);
    }
}
