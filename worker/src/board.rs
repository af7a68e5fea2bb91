//! What the slots of this process last said of themselves; read by the admin port and the metrics.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use connectors::turns;
use protocol::admin::{SlotPhase, SlotStatus};
use protocol::{Nonce, SlotIndex};

/// Counters of a slot since its start that are no part of the status.
#[derive(Clone, Debug, Default)]
pub struct SlotCounters {
    /// Rows sent to sinks.
    pub sink_rows: u64,
    /// Bytes sent to sinks and exchanges.
    pub sent_bytes: u64,
    /// Durations of commits, seconds, newest last; taken by the metrics at each scrape.
    pub commit_seconds: Vec<f64>,
    /// Durations of checkpoints, seconds.
    pub checkpoint_seconds: Vec<f64>,
    /// Bytes uploaded by checkpoints.
    pub checkpoint_bytes: u64,
    /// Objects put by checkpoints.
    pub checkpoint_puts: u64,
    /// Checkpoints that failed.
    pub checkpoint_failures: u64,
    /// Commits that were aborted and sent again.
    pub aborted_commits: u64,
    /// Producers replaced.
    pub replaced_producers: u64,
    /// Times that a log ahead of others began to wait.
    pub waits: u64,
}

/// One slot's entry.
#[derive(Clone, Debug)]
pub struct Entry {
    /// As the admin port shows it.
    pub status: SlotStatus,
    /// For the metrics.
    pub counters: SlotCounters,
    /// When the newest checkpoint was last seen to hold everything there is, ms since the epoch.
    pub checkpoint_current_ms: Option<i64>,
    /// When the slot thread last came by: the watchdog of liveness.
    pub seen: Instant,
    /// The slot is inside a restore or replay, which may take long and never fails liveness.
    pub restoring: bool,
}

/// All slots of the process.
#[derive(Debug, Default)]
pub struct Board {
    entries: Mutex<Vec<Entry>>,
    source_partitions: Mutex<BTreeMap<String, u32>>,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a slot at its start.
    pub fn add(&self, slot: SlotIndex, nonce: Nonce) {
        let status = SlotStatus {
            slot,
            phase: SlotPhase::Warming,
            reason: None,
            message: None,
            nonce,
            shards: Vec::new(),
            lag: 0,
            commits: 0,
            commit_ms: 0.0,
            commit_interval_ms: 0,
            rows: 0,
            late_rows: 0,
            bad_rows: 0,
            replayed_rows: 0,
            state_bytes: 0,
            checkpoint: None,
            savepoint: None,
            gap_ms: None,
        };
        let (counters, seen) = (SlotCounters::default(), turns::now());
        let mut entries = self.lock();
        entries.retain(|e| e.status.slot != slot); // a slot that tries again
        entries.push(Entry {
            status,
            counters,
            checkpoint_current_ms: None,
            seen,
            restoring: true,
        });
    }

    /// Changes the entry of a slot and notes that it was seen.
    pub fn update(&self, slot: SlotIndex, apply: impl FnOnce(&mut Entry)) {
        let mut entries = self.lock();
        if let Some(entry) = entries.iter_mut().find(|e| e.status.slot == slot) {
            entry.seen = turns::now();
            apply(entry);
        }
    }

    /// Changes the entry of a slot from outside its thread: says nothing about its life.
    pub fn note(&self, slot: SlotIndex, apply: impl FnOnce(&mut Entry)) {
        let mut entries = self.lock();
        if let Some(entry) = entries.iter_mut().find(|e| e.status.slot == slot) {
            apply(entry);
        }
    }

    /// Partitions of the source topics, as the brokers said last.
    pub fn source_partitions(&self) -> BTreeMap<String, u32> {
        self.source_partitions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes what the brokers said.
    pub fn set_source_partitions(&self, found: BTreeMap<String, u32>) {
        *self.source_partitions.lock().unwrap_or_else(PoisonError::into_inner) = found;
    }

    /// A copy of all entries; `drain` empties the lists of durations.
    pub fn entries(&self, drain: bool) -> Vec<Entry> {
        let mut entries = self.lock();
        let copy = entries.clone();
        if drain {
            for entry in entries.iter_mut() {
                entry.counters.commit_seconds.clear();
                entry.counters.checkpoint_seconds.clear();
            }
        }
        copy
    }
}
