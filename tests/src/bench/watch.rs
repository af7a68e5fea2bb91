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
/// Arrivals that are written down; later ones are counted.
const ARRIVALS_MAX: usize = 4_000_000;

#[derive(Default)]
struct Seen {
    count: u64,
    arrivals: Vec<Instant>,
}

/// Writes down when results become visible.
pub(super) struct Watch {
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    /// Reads the committed results of a topic from its beginning.
    pub(super) fn start(bootstrap: &str, topic: &str) -> anyhow::Result<Self> {
        Self::of(bootstrap, topic, Isolation::Committed)
    }

    /// The same with an isolation level.
    pub(super) fn of(bootstrap: &str, topic: &str, isolation: Isolation) -> anyhow::Result<Self> {
        let consumer = logs::consumer(bootstrap, isolation)?;
        // Leaders are known before, and a new topic begins at 0: who has to ask for either may wait for half a second.
        consumer.fetch_metadata(Some(topic), RESULT_MAX).context("the topic of the results")?;
        let mut assignment = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            assignment.add_partition_offset(topic, partition as i32, Offset::Offset(0))?;
        }
        consumer.assign(&assignment).context("the results")?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, stopped) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                if let Some(Ok(_)) = consumer.poll(Duration::from_millis(20)) {
                    let mut seen = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    seen.count += 1;
                    if seen.arrivals.len() < ARRIVALS_MAX {
                        seen.arrivals.push(Instant::now());
                    }
                }
            }
        });
        Ok(Self { seen, stop, thread: Some(thread) })
    }

    /// Results seen so far.
    pub(super) fn count(&self) -> u64 {
        self.lock().count
    }

    /// When the first one was seen.
    pub(super) fn first(&self) -> Option<Instant> {
        self.lock().arrivals.first().copied()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn first_after(&self, moment: Instant) -> Option<Instant> {
        self.lock().arrivals.iter().copied().find(|arrival| *arrival > moment)
    }

    /// How long after a moment the next result came.
    pub(super) fn until_after(&self, moment: Instant) -> anyhow::Result<Duration> {
        let arrival = wait::until("a result", RESULT_MAX, || Ok(self.first_after(moment)))?;
        Ok(arrival - moment)
    }

    /// The longest time without a result within a span.
    pub(super) fn longest_gap(&self, from: Instant, to: Instant) -> Duration {
        let seen = self.lock();
        let inside = seen.arrivals.iter().copied().filter(|arrival| (from..to).contains(arrival));
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
