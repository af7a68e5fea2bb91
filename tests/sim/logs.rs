//! A reader over the modelled brokers: committed records in order, ends, high watermarks as of the last fetch.

use std::sync::Arc;
use std::time::Duration;

use connectors::{Event, KafkaError, KafkaErrorKind, turns};
use devbroker::model::{Broker, Isolation};
use formats::Headers;
use kafka_protocol::records::{Record, RecordBatchDecoder};
use protocol::Log;
use worker::world::SimulatedLogs;

use crate::cluster::Cluster;
use crate::producer::error;

/// Bytes of one fetch, small enough that logs are read in pieces.
const FETCH_BYTES: usize = 4_000;

struct Assigned {
    log: Log,
    next: i64,
    active: bool,
    paused: bool,
    end: Option<i64>,
    /// The end that was reported last.
    reported: Option<i64>,
}

/// See `connectors::Reader`.
pub(crate) struct SimulatedReader {
    cluster: Arc<Cluster>,
    logs: Vec<Assigned>,
}

/// What one log has for a reader.
pub(crate) struct Found {
    pub(crate) records: Vec<Record>,
    /// Where reading goes on.
    pub(crate) next: i64,
    pub(crate) stable: i64,
    pub(crate) end: i64,
}

/// Committed records of a log from an offset on.
pub(crate) fn read(broker: &Broker, log: &Log, from: i64, bytes: usize) -> Option<Found> {
    let found = broker.topics().get(&log.topic)?.log(log.partition)?;
    let fetched = found.fetch(from, bytes, true, Isolation::ReadCommitted).ok()?;
    let mut aborted = fetched.aborted;
    let mut skipped = std::collections::BTreeSet::new();
    let (mut records, mut next) = (Vec::new(), from);
    for batch in fetched.batches {
        let mut batch = batch;
        for record in
            RecordBatchDecoder::decode(&mut batch).expect("a batch as it was taken").records
        {
            next = record.offset + 1;
            aborted.retain(|a| {
                let begins = a.first_offset <= record.offset;
                if begins {
                    skipped.insert(a.producer_id);
                }
                !begins
            });
            if record.control {
                skipped.remove(&record.producer_id);
            } else if record.offset >= from
                && !(record.transactional && skipped.contains(&record.producer_id))
            {
                records.push(record);
            }
        }
    }
    Some(Found { records, next, stable: found.last_stable_offset(), end: found.high_watermark() })
}

impl SimulatedReader {
    pub(crate) fn new(cluster: &Arc<Cluster>) -> Self {
        Self { cluster: Arc::clone(cluster), logs: Vec::new() }
    }

    fn visit_one(&mut self, index: usize, visit: &mut dyn FnMut(Event<'_>)) -> usize {
        let log = &mut self.logs[index];
        let number = index as u32;
        let found = self.cluster.now(|broker, _| read(broker, &log.log, log.next, FETCH_BYTES));
        let Some(found) = found else {
            let what = format!("read {} from offset {}", log.log, log.next);
            let error = error(KafkaErrorKind::OffsetOutOfRange, &what, "out of range".to_owned());
            visit(Event::Failed { log: number, error });
            return 1;
        };
        let mut shown = 0;
        for record in &found.records {
            shown += 1;
            visit(Event::Record {
                log: number,
                offset: record.offset,
                timestamp_ms: Some(record.timestamp),
                key: record.key.as_deref(),
                payload: record.value.as_deref(),
                headers: Headers::default(),
            });
        }
        log.next = found.next.max(log.next);
        log.end = Some(found.end);
        if log.next >= found.stable && log.reported != Some(log.next) {
            log.reported = Some(log.next);
            shown += 1;
            visit(Event::Eof { log: number, offset: log.next });
        }
        shown
    }
}

impl SimulatedLogs for SimulatedReader {
    fn assign(&mut self, logs: &[(Log, i64)]) -> Result<Vec<u32>, KafkaError> {
        let mut numbers = Vec::new();
        for (log, next) in logs {
            let known = self.logs.iter().position(|known| known.log == *log);
            let fresh = Assigned {
                log: log.clone(),
                next: *next,
                active: true,
                paused: false,
                end: None,
                reported: None,
            };
            let at = if let Some(at) = known {
                self.logs[at] = fresh;
                at
            } else {
                self.logs.push(fresh);
                self.logs.len() - 1
            };
            numbers.push(at as u32);
        }
        Ok(numbers)
    }

    fn unassign(&mut self, logs: &[Log]) -> Result<(), KafkaError> {
        for assigned in self.logs.iter_mut().filter(|assigned| logs.contains(&assigned.log)) {
            assigned.active = false;
        }
        Ok(())
    }

    fn pause(&mut self, logs: &[u32]) -> Result<(), KafkaError> {
        for log in logs {
            self.logs[*log as usize].paused = true;
        }
        Ok(())
    }

    fn resume(&mut self, logs: &[u32]) -> Result<(), KafkaError> {
        for log in logs {
            let assigned = &mut self.logs[*log as usize];
            // As if it were assigned anew: its end is reported again.
            (assigned.paused, assigned.reported) = (false, None);
        }
        Ok(())
    }

    fn poll(
        &mut self,
        timeout: Duration,
        max: usize,
        visit: &mut dyn FnMut(Event<'_>),
    ) -> Result<usize, KafkaError> {
        let schedule = Arc::clone(&self.cluster.schedule);
        let until = schedule.now() + timeout;
        loop {
            self.cluster.travel();
            let mut shown = 0;
            let first = schedule.below(self.logs.len().max(1));
            for at in 0..self.logs.len() {
                let index = (first + at) % self.logs.len();
                // Some answers come later than others.
                let log = &self.logs[index];
                if log.active && !log.paused && shown < max && !schedule.one_in(4) {
                    shown += self.visit_one(index, visit);
                }
            }
            if shown > 0 || schedule.now() >= until {
                return Ok(shown);
            }
            turns::pause(schedule.millis(5, 60).min(until.saturating_sub(schedule.now())));
        }
    }

    fn high_watermark(&self, log: u32) -> Option<i64> {
        self.logs.get(log as usize)?.end
    }
}
