//! Watches that are broken: told once when they break and once when they work again, counted, and, where it takes long,
//! said by `/readyz`: what changes meanwhile is not seen.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;

use crate::limits::{WATCH_BROKEN_LONG, WATCH_RETRY_MAX, WATCH_RETRY_MIN};
use crate::metrics::Number;

/// Which kind is watched.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct OfWatch {
    /// Such as `Pod`.
    pub kind: String,
}

/// A watch: its kind and its namespace; none: all of them.
pub type Watch = (String, Option<String>);

/// A watch that is broken.
struct Outage {
    since: Instant,
    failures: u32,
    forbidden: bool,
    error: String,
}

/// Those that are broken now.
#[derive(Default)]
pub struct Outages {
    broken: Mutex<BTreeMap<Watch, Outage>>,
    count: Family<OfWatch, Number>,
}

impl Outages {
    /// None yet; `count` is the metric.
    pub fn new(count: Family<OfWatch, Number>) -> Self {
        Self { broken: Mutex::default(), count }
    }

    /// A watch begins.
    pub fn begin(&self, watch: &Watch) {
        // So that it is there to be read before it is wanted.
        self.count(watch);
    }

    /// It failed. How long to wait before it is tried again.
    pub fn failed(&self, watch: &Watch, error: &str, forbidden: bool, now: Instant) -> Duration {
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !broken.contains_key(watch);
        let outage = broken.entry(watch.clone()).or_insert_with(|| Outage {
            since: now,
            failures: 0,
            forbidden,
            error: String::new(),
        });
        let wait = wait(outage.failures);
        outage.failures = outage.failures.saturating_add(1);
        let differs = std::mem::replace(&mut outage.forbidden, forbidden) != forbidden;
        error.clone_into(&mut outage.error);
        drop(broken);
        let (kind, namespace) = watch;
        if is_new || differs {
            tracing::warn!(%kind, ?namespace, forbidden, %error, "a watch is broken");
        } else {
            tracing::debug!(%kind, ?namespace, %error, "a watch is still broken");
        }
        if is_new {
            self.count(watch).inc();
        }
        wait
    }

    /// It works.
    pub fn works(&self, watch: &Watch) {
        let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(outage) = broken.remove(watch) else { return };
        drop(broken);
        let (kind, namespace) = watch;
        let (after, failures) = (outage.since.elapsed(), outage.failures);
        tracing::info!(%kind, ?namespace, ?after, failures, "a watch works again");
        self.count(watch).dec();
    }

    /// What has been broken for long, in words; empty: nothing.
    pub fn long(&self, now: Instant) -> String {
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        let age = |outage: &Outage| now.saturating_duration_since(outage.since);
        let long = broken.iter().filter(|(_, outage)| age(outage) >= WATCH_BROKEN_LONG);
        let lines = long.map(|((kind, namespace), outage)| {
            let place = namespace.as_deref().unwrap_or("every namespace");
            let secs = age(outage).as_secs();
            format!("{kind} in {place} not watched for {secs} s: {}\n", outage.error)
        });
        lines.collect()
    }

    fn count(&self, (kind, _): &Watch) -> Number {
        self.count.get_or_create(&OfWatch { kind: kind.clone() }).clone()
    }
}

/// Longer with every failure, up to a bound: an edit waits no longer than that once the API server answers.
fn wait(failures: u32) -> Duration {
    WATCH_RETRY_MIN.saturating_mul(1 << failures.min(16)).min(WATCH_RETRY_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_counted_and_named_when_it_is_long() {
        let (outages, began) = (Outages::default(), Instant::now());
        let (pods, jobs) = (("Pod".to_owned(), None), ("Job".to_owned(), Some("n".to_owned())));
        outages.begin(&pods);
        let count = |kind: &str| outages.count(&(kind.to_owned(), None)).get();
        let waits: Vec<u128> =
            (0..8).map(|_| outages.failed(&pods, "refused", false, began).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        outages.failed(&jobs, "forbidden", true, began + WATCH_BROKEN_LONG / 2);
        assert_eq!((count("Pod"), count("Job")), (1, 1));
        let just_before = began + WATCH_BROKEN_LONG.saturating_sub(Duration::from_millis(1));
        assert_eq!(outages.long(just_before), "");
        let long = outages.long(began + WATCH_BROKEN_LONG);
        assert_eq!(long, "Pod in every namespace not watched for 60 s: refused\n");
        outages.works(&pods);
        outages.works(&pods);
        assert_eq!((count("Pod"), count("Job")), (0, 1));
        let long = outages.long(began + WATCH_BROKEN_LONG * 2);
        assert_eq!(long, "Job in n not watched for 90 s: forbidden\n");
        assert_eq!(outages.failed(&pods, "refused", false, began), WATCH_RETRY_MIN, "from anew");
    }
}
