//! Follows the sink topic as a reader of the results would: `read_committed`.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};

use crate::kafka::logs::{self, Isolation};

/// Results that are kept for showing.
const KEPT: usize = 5;

/// What has been seen so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Results {
    /// Committed rows.
    pub(super) rows: u64,
    /// The last few, oldest first.
    pub(super) last: VecDeque<String>,
}

/// A thread that reads along.
pub(super) struct Tail {
    results: Arc<Mutex<Results>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Tail {
    /// Starts at the beginning of the topic.
    pub(super) fn start(bootstrap: &str, topic: &str, partitions: u32) -> anyhow::Result<Self> {
        let consumer = logs::consumer(bootstrap, Isolation::Committed)?;
        let mut assignment = TopicPartitionList::new();
        for partition in 0..partitions {
            assignment.add_partition_offset(topic, partition as i32, Offset::Beginning)?;
        }
        consumer.assign(&assignment).context("cannot read the results")?;
        let results = Arc::new(Mutex::new(Results::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, stopped) = (Arc::clone(&results), Arc::clone(&stop));
        let thread = std::thread::spawn(move || follow(&consumer, &shared, &stopped));
        Ok(Self { results, stop, thread: Some(thread) })
    }

    /// A copy of what has been seen.
    pub(super) fn results(&self) -> Results {
        lock(&self.results).clone()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn lock(results: &Mutex<Results>) -> MutexGuard<'_, Results> {
    results.lock().unwrap_or_else(PoisonError::into_inner)
}

fn follow(consumer: &BaseConsumer, results: &Mutex<Results>, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        // Errors are the client's to repair; the verdict reads everything again.
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) else { continue };
        let line = message.payload().and_then(describe);
        let mut results = lock(results);
        results.rows += 1;
        results.last.extend(line);
        while results.last.len() > KEPT {
            results.last.pop_front();
        }
    }
}

/// `user 17 at 11:20:30: 42 clicks, top 99.5`.
fn describe(value: &[u8]) -> Option<String> {
    let json: serde_json::Value = serde_json::from_slice(value).ok()?;
    let start: jiff::Timestamp = json.get("window_start")?.as_str()?.parse().ok()?;
    let time = jiff::tz::TimeZone::UTC.to_datetime(start).time();
    let text = |name: &str| json.get(name).map(serde_json::Value::to_string);
    let (user, clicks, top) = (text("user_id")?, text("clicks")?, text("top")?);
    Some(format!("user {user:<4} {time}  {clicks:>6} clicks  top {top}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_one_line() {
        let value = br#"{"user_id":7,"window_start":"2026-01-01T00:00:10Z","clicks":42,"top":9.5}"#;
        assert_eq!(describe(value).as_deref(), Some("user 7    00:00:10      42 clicks  top 9.5"));
        assert_eq!(describe(b"{}"), None);
    }
}
