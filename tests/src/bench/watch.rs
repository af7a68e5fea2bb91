//! A reader of results, as a user would be one: when does what become visible?

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::consumer::Consumer as _;
use rdkafka::{Offset, TopicPartitionList};

use super::inputs::PARTITIONS;
use crate::harness::wait;
use crate::kafka::logs::{self, Isolation};

const RESULT_MAX: Duration = Duration::from_mins(1);

/// Writes down when committed results become visible.
pub(super) struct Watch {
    arrivals: Arc<Mutex<Vec<Instant>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Reads a topic from its beginning.
    pub(super) fn start(bootstrap: &str, topic: &str) -> anyhow::Result<Self> {
        let consumer = logs::consumer(bootstrap, Isolation::Committed)?;
        let mut assignment = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            assignment.add_partition_offset(topic, partition as i32, Offset::Beginning)?;
        }
        consumer.assign(&assignment).context("the results")?;
        let arrivals = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, stopped) = (Arc::clone(&arrivals), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                if let Some(Ok(_)) = consumer.poll(Duration::from_millis(20)) {
                    let mut arrivals = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    arrivals.push(Instant::now());
                }
            }
        });
        Ok(Self { arrivals, stop, thread: Some(thread) })
    }

    /// Results seen so far.
    pub(super) fn count(&self) -> u64 {
        self.lock().len() as u64
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Instant>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn first_after(&self, moment: Instant) -> Option<Instant> {
        let arrivals = self.lock();
        arrivals.iter().copied().find(|arrival| *arrival > moment)
    }

    /// How long after a moment the next result came.
    pub(super) fn until_after(&self, moment: Instant) -> anyhow::Result<Duration> {
        let arrival = wait::until("a result", RESULT_MAX, || Ok(self.first_after(moment)))?;
        Ok(arrival - moment)
    }

    /// The longest time without a result within a span.
    pub(super) fn longest_gap(&self, from: Instant, to: Instant) -> Duration {
        let arrivals = self.lock();
        let inside = arrivals.iter().copied().filter(|arrival| (from..to).contains(arrival));
        let mut last = from;
        let mut longest = Duration::ZERO;
        for arrival in inside.chain([to]) {
            longest = longest.max(arrival - last);
            last = arrival;
        }
        longest
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
