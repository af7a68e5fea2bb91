//! Taking records from the logs, muted or not. A shard with a bound takes nothing at or beyond it: a follower stays
//! behind the owner, and a replay ends exactly at the committed offset.

use std::time::Duration;

use connectors::Event;
use connectors::faults::{self, Sabotage};
use connectors::turns;
use formats::Record;
use formats::exchange::ExchangeRecord;
use protocol::acquire::Stop;
use protocol::reason::Reason;

use super::context::Context;
use super::decode::{Decoder, exchange_record};
use super::shard::OwnedShard;
use super::stop::flow_stop;
use super::{bug, kafka_stop};

/// Records that one poll hands over at most.
const POLL_RECORDS_MAX: usize = 8_192;

/// The shards of a slot and the way from the reader's numbers to them.
#[derive(Default)]
pub(crate) struct Shards {
    pub(crate) all: Vec<OwnedShard>,
    by_log: Vec<Option<usize>>,
}

impl Shards {
    pub(crate) fn new(all: Vec<OwnedShard>) -> Self {
        Self { all, by_log: Vec::new() }
    }

    /// Starts to read the shards that may take something and are not read yet.
    pub(crate) fn assign(&mut self, context: &mut Context) -> Result<(), Stop> {
        let waiting: Vec<usize> = (0..self.all.len())
            .filter(|n| {
                let shard = &self.all[*n];
                shard.log.is_none() && (shard.bound.is_none() || !shard.reached_bound())
            })
            .collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let logs: Vec<_> =
            waiting.iter().map(|n| (self.all[*n].id.log.clone(), self.all[*n].position)).collect();
        let numbers = context.reader.assign(&logs).map_err(|e| kafka_stop(&e))?;
        for (shard, number) in waiting.into_iter().zip(numbers) {
            let at = number as usize;
            if self.by_log.len() <= at {
                self.by_log.resize(at + 1, None);
            }
            self.by_log[at] = Some(shard);
            self.all[shard].log = Some(number);
        }
        Ok(())
    }

    /// Reads until `timeout` or a good number of records; what a bound forbids is left in the log.
    pub(crate) fn pump(&mut self, context: &mut Context, timeout: Duration) -> Result<usize, Stop> {
        let mut failure = None;
        let mut parked = false;
        // The machine's clock, once for all that one poll hands over.
        let mut machine = None;
        let Self { all, by_log } = self;
        let taken = context
            .reader
            .poll(timeout, POLL_RECORDS_MAX, &mut |event| {
                if failure.is_none()
                    && let Err(stop) = take_event(all, by_log, event, (&mut machine, &mut parked))
                {
                    failure = Some(stop);
                }
            })
            .map_err(|e| kafka_stop(&e))?;
        if let Some(stop) = failure {
            return Err(stop);
        }
        if parked {
            self.park_bound(context)?;
        }
        Ok(taken)
    }

    /// Gives back the logs of the shards that stand at their bound.
    pub(crate) fn park_bound(&mut self, context: &mut Context) -> Result<(), Stop> {
        let parked: Vec<usize> = (0..self.all.len())
            .filter(|n| {
                let shard = &self.all[*n];
                shard.log.is_some() && shard.bound.is_some() && shard.reached_bound()
            })
            .collect();
        if parked.is_empty() {
            return Ok(());
        }
        let logs: Vec<_> = parked.iter().map(|n| self.all[*n].id.log.clone()).collect();
        context.reader.unassign(&logs).map_err(|e| kafka_stop(&e))?;
        for n in parked {
            self.all[n].waits = false; // when it is read again, it is read
            if let Some(log) = self.all[n].log.take() {
                self.by_log[log as usize] = None;
            }
        }
        Ok(())
    }

    /// Gives the place of a shard to another one of the same log, which is read anew.
    pub(crate) fn replace(
        &mut self,
        context: &mut Context,
        at: usize,
        shard: OwnedShard,
    ) -> Result<(), Stop> {
        if let Some(log) = self.all[at].log {
            let own = std::slice::from_ref(&shard.id.log);
            context.reader.unassign(own).map_err(|e| kafka_stop(&e))?;
            self.by_log[log as usize] = None;
        }
        self.all[at] = shard;
        Ok(())
    }

    /// The shards, none of them read any more.
    pub(crate) fn into_unassigned(
        mut self,
        context: &mut Context,
    ) -> Result<Vec<OwnedShard>, Stop> {
        for shard in &mut self.all {
            shard.bound = Some(shard.position);
        }
        self.park_bound(context)?;
        Ok(self.all)
    }

    /// Takes muted records until every shard stands at its bound.
    pub(crate) fn replay(&mut self, context: &mut Context) -> Result<u64, Stop> {
        let mut rows = 0;
        self.assign(context)?;
        while !self.all.iter().all(OwnedShard::reached_bound) {
            let taken = self.pump(context, Duration::from_millis(50))? as u64;
            for shard in &mut self.all {
                shard.mute()?;
            }
            rows += taken;
            context.task.board.update(context.task.slot, |e| e.status.replayed_rows += taken);
            if context.task.orders.standing().terminate {
                return Err(Stop::new(Reason::Superseded, "told to end during the replay"));
            }
        }
        Ok(rows)
    }
}

#[inline]
fn take_event(
    all: &mut [OwnedShard],
    by_log: &[Option<usize>],
    event: Event<'_>,
    (machine, parked): (&mut Option<i64>, &mut bool),
) -> Result<(), Stop> {
    let number = match &event {
        Event::Record { log, .. } | Event::Eof { log, .. } | Event::Failed { log, .. } => *log,
    };
    let Some(at) = by_log.get(number as usize).copied().flatten() else {
        return Ok(()); // rows that were on their way when the log was given back
    };
    let shard = &mut all[at];
    if shard.log != Some(number) {
        return Ok(());
    }
    match event {
        Event::Record { offset, timestamp_ms, key, payload, headers, .. } => {
            if shard.bound.is_some_and(|bound| offset >= bound) {
                shard.position = shard.bound.unwrap_or(shard.position);
                *parked = true;
                return Ok(());
            }
            if offset < shard.position {
                return Err(bug(format!(
                    "{} handed out offset {offset} again, {} is next",
                    shard.id.log, shard.position
                )));
            }
            let partition = shard.id.log.partition;
            let read_ms = shard.clock.as_mut().map(|clock| clock.read(machine));
            shard.take(Record {
                payload,
                key,
                headers,
                timestamp_ms,
                partition,
                offset,
                read_ms,
            })?;
            shard.position = offset + 1;
            shard.at_end = None;
        }
        Event::Eof { offset, .. } => {
            shard.position = shard.position.max(offset);
            if let Some(bound) = shard.bound
                && shard.position >= bound
            {
                shard.position = bound;
                *parked = true;
            }
            if shard.at_end.is_none_or(|(end, _)| end != offset) {
                shard.at_end = Some((offset, turns::now()));
            }
        }
        Event::Failed { error, .. } => return Err(kafka_stop(&error)),
    }
    Ok(())
}

impl OwnedShard {
    fn take(&mut self, record: Record<'_>) -> Result<(), Stop> {
        match &mut self.decoder {
            Decoder::Source(source) => {
                source.take(record, &self.id.log)?;
                if source.is_full() {
                    self.flush()?;
                }
            }
            Decoder::Exchange(exchange) => {
                let flow = &mut self.flow;
                match exchange_record(exchange, record, &self.id.log)? {
                    ExchangeRecord::Rows(batch) => flow.process_partials(&batch),
                    ExchangeRecord::Watermarks { upstream_shards, entries } => {
                        flow.process_watermarks(upstream_shards, &entries)
                    }
                }
                .map_err(|e| flow_stop(&self.id, &e))?;
            }
        }
        Ok(())
    }

    /// Hands the decoded rows to the operators.
    pub(crate) fn flush(&mut self) -> Result<(), Stop> {
        let Decoder::Source(source) = &mut self.decoder else { return Ok(()) };
        let (batch, bad) = source.rows();
        self.flow.add_bad_rows(bad);
        if let Some(batch) = batch {
            if faults::due(Sabotage::StateAppliedTwice) {
                self.flow.process_rows(&batch).map_err(|e| flow_stop(&self.id, &e))?;
            }
            self.flow.process_rows(&batch).map_err(|e| flow_stop(&self.id, &e))?;
        }
        Ok(())
    }

    /// Hands over what a replay has decoded and drops what it would have sent.
    pub(crate) fn mute(&mut self) -> Result<(), Stop> {
        self.flush()?;
        if let Decoder::Source(source) = &mut self.decoder {
            drop(source.letters());
        }
        Ok(())
    }

    /// At a boundary of the owner: drops what was due there, so that a follower's tables do not grow.
    pub(crate) fn rest(&mut self) -> Result<(), Stop> {
        self.mute()?;
        self.flow.settle(None).map_err(|e| flow_stop(&self.id, &e))?;
        self.flow.set_muted(true);
        Ok(())
    }

    /// Ends the muted replay at the committed offset.
    pub(crate) fn end_replay(&mut self) -> Result<(), Stop> {
        self.mute()?;
        let cursor = self.start.as_ref().and_then(|s| s.cursor);
        self.flow.settle(cursor).map_err(|e| flow_stop(&self.id, &e))?;
        self.bound = None;
        Ok(())
    }
}
