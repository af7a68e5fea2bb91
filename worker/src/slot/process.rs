//! The loop of a slot that owns its shards: read until the commit is due, close the boundary, commit while reading on.

use std::sync::Arc;

use connectors::Outcome;
use connectors::faults::{self, Point, Sabotage};
use connectors::turns;
use dataflow::EmissionLimit;
use protocol::acquire::Stop;
use protocol::admin::SlotPhase;
use protocol::limits::{COMMIT_BYTES_MAX, COMMIT_ROWS_MAX};
use protocol::reason::Reason;

use super::SlotEnd;
use super::acquire::Owned;
use super::align::Alignment;
use super::burst::{Encoder, Outgoing};
use super::checkpoint::Checkpoints;
use super::clock;
use super::committer::{Answer, Committer};
use super::context::Context;
use super::decode::Decoder;
use super::drain::Drain;
use super::idle;
use super::pace::Pace;
use super::progress::Progress;
use super::replace::replace_producer;
use super::replay::Shards;
use super::report::Reporter;
use super::stop::flow_stop;
use super::{bug, kafka_stop, sabotaged};

/// So often in a row the same commit is tried; after that the process starts over.
const ABORTS_MAX: u32 = 20;
/// Output that makes a commit due before its time.
const OUTPUT_BYTES_MAX: usize = 16 << 20;

/// The parts of a running slot.
pub(crate) struct Running {
    pub(crate) shards: Shards,
    pub(crate) committer: Committer,
    pub(crate) progress: Progress,
    pub(crate) encoder: Encoder,
    pub(crate) checkpoints: Checkpoints,
    pub(crate) reporter: Reporter,
    alignment: Alignment,
    pace: Pace,
    /// Something due at the last boundary did not fit into its commit (C10).
    unfinished: bool,
}

/// Processes until the slot has given up its shards.
pub(crate) fn process(context: &mut Context, owned: Owned) -> Result<SlotEnd, Stop> {
    let mut running = Running {
        alignment: Alignment::new(context, &owned.shards),
        encoder: Encoder::new(&context.task)?,
        checkpoints: Checkpoints::new(context),
        reporter: Reporter::default(),
        shards: owned.shards,
        committer: owned.committer,
        progress: owned.progress,
        pace: Pace::new(context.task.job.commit_interval),
        unfinished: false,
    };
    running.reporter.report_now(context, &running.shards);
    context.phase(SlotPhase::Running);
    let mut drain = Drain::default();
    loop {
        running.read(context)?;
        let began = turns::now();
        running.boundary(context)?;
        running.pace.took(turns::since(began));
        running.checkpoints.advance(context, &mut running.shards, &mut running.progress)?;
        running.reporter.report(context, &running.shards);
        let standing = context.task.orders.standing();
        if let Some(end) = drain.follow(context, &mut running, &standing)? {
            return super::release::release(context, running, end);
        }
    }
}

impl Running {
    /// Takes records until the commit is due.
    fn read(&mut self, context: &mut Context) -> Result<(), Stop> {
        let interval = self.pace.interval();
        Reporter::paced(context, interval);
        let until = turns::now() + interval;
        loop {
            let left = until.saturating_duration_since(turns::now());
            faults::before(Point::ProcessRead);
            self.shards.pump(context, left)?;
            faults::after(Point::ProcessRead);
            self.alignment.follow(context, &mut self.shards)?;
            if left.is_zero() || self.pending_bytes() >= OUTPUT_BYTES_MAX {
                return Ok(());
            }
        }
    }

    fn pending_bytes(&self) -> usize {
        let pending = |s: &super::shard::OwnedShard| {
            let letters = match &s.decoder {
                Decoder::Source(source) => source.pending_bytes(),
                Decoder::Exchange(_) => 0,
            };
            letters + s.flow.pending_output_bytes()
        };
        self.shards.all.iter().map(pending).sum()
    }

    /// Commits what every shard has done so far; more than once if it does not fit into one transaction (D4, C10).
    pub(crate) fn boundary(&mut self, context: &mut Context) -> Result<(), Stop> {
        idle::decide(context, &mut self.shards);
        for shard in &mut self.shards.all {
            shard.flush()?;
        }
        clock::tick(&mut self.shards);
        self.check_memory(context)?;
        loop {
            self.settle(context)?;
            self.commit_once(context, false)?;
            if !self.unfinished {
                return Ok(());
            }
        }
    }

    /// At a boundary with nothing cut and nothing under way?
    pub(crate) fn settled(&self) -> bool {
        !self.committer.is_busy() && !self.unfinished
    }

    /// One transaction with as much of what is due as fits. Nothing is under way.
    pub(crate) fn commit_once(
        &mut self,
        context: &mut Context,
        released: bool,
    ) -> Result<(), Stop> {
        let mut out = Outgoing::new(context.task.job.exactly_once);
        self.unfinished = false;
        let plan = context.task.plan.clone();
        faults::before(Point::ProcessBoundary);
        for (index, shard) in self.shards.all.iter_mut().enumerate() {
            let limit = EmissionLimit {
                rows: COMMIT_ROWS_MAX.saturating_sub(out.rows()) as u64,
                bytes: COMMIT_BYTES_MAX.saturating_sub(out.bytes()) as u64,
            };
            if limit.rows == 0 || limit.bytes == 0 {
                self.unfinished = true;
                continue; // its offset stands still until its rows go out
            }
            let emission = shard.flow.boundary(limit).map_err(|e| flow_stop(&shard.id, &e))?;
            self.encoder.rows(&plan, &emission, &mut out)?;
            if let Decoder::Source(source) = &mut shard.decoder {
                let letters = source.letters();
                Encoder::letters(letters, shard, &mut out);
            }
            self.unfinished |= emission.cut.is_some();
            if emission.watermark.is_some() {
                shard.due_watermark = emission.watermark;
            }
            if released || Progress::is_due(shard, emission.cut.is_some()) {
                let burst = &mut out.burst;
                self.progress.push_offset(context, burst, (index, shard), emission.cut, released);
            }
        }
        self.watermarks(&plan, &mut out)?;
        faults::after(Point::ProcessBoundary);
        out.burst.doctor();
        if out.burst.rows() > 0 {
            sabotaged::hang(context)?;
        }
        Reporter::sent(context, &out);
        if out.burst.is_empty() && out.plain.as_ref().is_none_or(connectors::Burst::is_empty) {
            return Ok(());
        }
        self.submit(Arc::new(out.burst), out.plain.as_ref())
    }

    fn submit(
        &mut self,
        burst: Arc<connectors::Burst>,
        plain: Option<&connectors::Burst>,
    ) -> Result<(), Stop> {
        match self.committer.submit(burst, plain)? {
            None => Ok(()),
            Some(refused) => Err(bug(format!("the producer refused a commit: {refused:?}"))),
        }
    }

    fn watermarks(&mut self, plan: &dataflow::JobPlan, out: &mut Outgoing) -> Result<(), Stop> {
        let differs = |s: &super::shard::OwnedShard| s.due_watermark != s.sent_watermark;
        let urgent =
            self.shards.all.iter().any(|s| {
                differs(s) && s.due_watermark.as_ref().is_some_and(|w| w.drained.is_some())
            });
        if !self.encoder.watermarks_due(urgent) {
            return Ok(());
        }
        let mut entries = Vec::new();
        for shard in self.shards.all.iter_mut().filter(|s| differs(s)) {
            if let Some(entry) = &shard.due_watermark {
                entries.push((shard.input, entry.clone()));
                shard.sent_watermark = shard.due_watermark.clone();
            }
        }
        self.encoder.watermarks(plan, &entries, out)
    }

    /// Waits for the commit under way and deals with its outcome.
    pub(crate) fn settle(&mut self, context: &mut Context) -> Result<(), Stop> {
        let mut aborted = 0;
        while self.committer.is_busy() {
            let Answer { outcome, burst, took } = self.committer.wait()?;
            match outcome {
                Outcome::Committed { clean } => {
                    faults::before(Point::CommitKnown);
                    self.progress.committed(&mut self.shards.all);
                    faults::after(Point::CommitKnown);
                    Reporter::committed(context, took);
                    if !clean {
                        replace_producer(context, &mut self.committer, &self.shards.all)?;
                    }
                }
                Outcome::Aborted { reason } => {
                    tracing::warn!(%reason, "commit aborted; the same commit is sent again");
                    let lasting = kafka_stop(&reason);
                    aborted += 1;
                    if lasting.reason != Reason::BrokerUnreachable
                        || aborted == ABORTS_MAX
                        || context.task.orders.standing().terminate
                    {
                        return Err(lasting);
                    }
                    context.task.board.update(context.task.slot, |e| {
                        e.counters.aborted_commits += 1;
                    });
                    replace_producer(context, &mut self.committer, &self.shards.all)?;
                    if faults::is_chosen(Sabotage::NextAfterAbort) {
                        self.progress.committed(&mut self.shards.all);
                        continue;
                    }
                    // Rows outside the transaction are out already.
                    self.submit(burst, None)?;
                }
                Outcome::Fenced(why) if faults::is_chosen(Sabotage::ZombieWrites) => {
                    self.committer.send_outside(&burst)?;
                    return Err(Stop::new(Reason::Fenced, why));
                }
                Outcome::Fenced(why) => return Err(Stop::new(Reason::Fenced, why)),
                Outcome::Unknown(why) => return Err(Stop::new(Reason::UnknownOutcome, why)),
            }
        }
        Ok(())
    }

    fn check_memory(&self, context: &Context) -> Result<(), Stop> {
        let state: usize = self.shards.all.iter().map(|s| s.flow.memory_bytes()).sum();
        let budget = context.task.memory_budget;
        if state + self.pending_bytes() > budget {
            return Err(Stop::new(
                Reason::MemoryBudgetExceeded,
                format!(
                    "state takes {} MiB of the {} MiB that this slot may use",
                    state >> 20,
                    budget >> 20
                ),
            ));
        }
        Ok(())
    }
}
