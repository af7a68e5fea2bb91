//! When checkpoints are taken, and how a completed one comes to be named. The upload runs beside the slot; commits
//! never wait for it.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use connectors::faults::{self, Point, Sabotage};
use connectors::turns;
use protocol::acquire::Stop;
use protocol::admin::CheckpointStatus;
use protocol::reason::Reason;
use protocol::registers::ShardRegisters;

use super::bug;
use super::checkpoint_task::{Done, ShardState, Snapshot, Uploader};
use super::context::Context;
use super::progress::Progress;
use super::replay::Shards;
use super::shard::{Chain, OwnedShard};
use super::stop::flow_stop;

/// How long one look at an upload waits.
const LOOK: Duration = Duration::from_millis(200);

/// What became of a snapshot.
pub(crate) enum Outcome {
    /// In the store, whole.
    Done(Box<Done>),
    /// Not in time; the next one carries everything.
    Failed(String),
    /// Must not happen, or needs a person.
    Stopped(Stop),
}

/// The checkpoints of a slot.
pub(crate) struct Checkpoints {
    uploader: Arc<Uploader>,
    /// The outcome of the one that is being uploaded.
    in_flight: Option<Receiver<Outcome>>,
    /// Completed, waiting to be named by every shard's next commit.
    naming: Option<CheckpointStatus>,
    last: Instant,
    /// What the newest snapshot holds of every shard: the state is a function of it. None before the first, and when
    /// that one did not come to the store.
    taken: Option<Vec<(i64, ShardRegisters)>>,
    /// The newest one did not come to the store.
    failed: bool,
}

impl Checkpoints {
    /// None yet.
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            uploader: Arc::new(Uploader::new(context)),
            in_flight: None,
            naming: None,
            last: turns::now(),
            taken: None,
            failed: false,
        }
    }

    /// Takes up what has completed, and starts a checkpoint if one is due, at a boundary with nothing cut. One that
    /// would say what the newest says is not taken: a job at rest writes nothing.
    pub(crate) fn advance(
        &mut self,
        context: &mut Context,
        shards: &mut Shards,
        progress: &mut Progress,
    ) -> Result<(), Stop> {
        match self.in_flight.as_ref().map(Receiver::try_recv) {
            Some(Ok(outcome)) => self.take(context, shards, outcome)?,
            None | Some(Err(TryRecvError::Empty)) => {}
            Some(Err(TryRecvError::Disconnected)) => return Err(thread_gone()),
        }
        self.note_named(context, shards);
        // An advance waits for nothing but the store: where that failed, for the next checkpoint.
        let advances = shards.all.iter().any(|s| s.wants_advance);
        let hurries = advances && !self.failed;
        let due = hurries || turns::since(self.last) >= context.task.job.checkpoint_interval;
        if !due || !self.is_idle() {
            return Ok(());
        }
        if advances || !self.is_current(shards) {
            return self.begin(context, shards, progress);
        }
        self.last = turns::now();
        let current = Some(turns::now_ms());
        context.task.board.update(context.task.slot, |e| e.checkpoint_current_ms = current);
        Ok(())
    }

    /// Does the newest checkpoint hold what the shards hold now?
    fn is_current(&self, shards: &Shards) -> bool {
        let same = |((offset, registers), shard): (&(i64, ShardRegisters), &OwnedShard)| {
            *offset == shard.position && *registers == shard.flow.registers()
        };
        self.taken.as_ref().is_some_and(|taken| taken.iter().zip(&shards.all).all(same))
    }

    /// Nothing is being uploaded or waits to be named.
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.is_none() && self.naming.is_none()
    }

    /// Waits for the upload under way.
    pub(crate) fn wait(
        &mut self,
        context: &mut Context,
        shards: &mut Shards,
        at_most: Duration,
    ) -> Result<(), Stop> {
        let until = turns::now() + at_most;
        while let Some(outcomes) = &self.in_flight
            && turns::now() < until
        {
            match turns::receive(outcomes, LOOK) {
                Ok(outcome) => self.take(context, shards, outcome)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(thread_gone()),
            }
            context.seen();
        }
        Ok(())
    }

    /// Takes a snapshot of every shard. The caller is at a boundary with nothing cut.
    pub(crate) fn begin(
        &mut self,
        context: &Context,
        shards: &mut Shards,
        progress: &mut Progress,
    ) -> Result<(), Stop> {
        self.last = turns::now();
        let name = progress.draw_checkpoint(context);
        faults::before(Point::CheckpointSnapshot);
        let states = shards
            .all
            .iter_mut()
            .map(|shard| {
                Ok(ShardState {
                    id: shard.id.clone(),
                    topic_id: shard.topic_id.clone(),
                    offset: shard.position,
                    registers: shard.registers_for(&name),
                    tables: shard.flow.tables(),
                    changes: shard.flow.changes().map_err(|e| flow_stop(&shard.id, &e))?,
                    chain: shard.chain.clone(),
                })
            })
            .collect::<Result<Vec<_>, Stop>>()?;
        self.taken = Some(states.iter().map(|s| (s.offset, s.registers.clone())).collect());
        faults::after(Point::CheckpointSnapshot);
        let snapshot = Snapshot { name, shards: states, began: turns::now() };
        let (outbox, outcomes) = sync_channel(1);
        let uploader = Arc::clone(&self.uploader);
        let upload = move || {
            // Nobody takes it when the slot has ended meanwhile.
            drop(outbox.send(uploader.checkpoint(snapshot).unwrap_or_else(Outcome::Stopped)));
        };
        turns::spawn(format!("checkpoint-{}", context.task.slot), upload)
            .map_err(|e| bug(format!("no thread for checkpoints: {e}")))?;
        self.in_flight = Some(outcomes);
        Ok(())
    }

    fn take(
        &mut self,
        context: &Context,
        shards: &mut Shards,
        outcome: Outcome,
    ) -> Result<(), Stop> {
        self.in_flight = None;
        let slot = context.task.slot;
        match outcome {
            Outcome::Stopped(stop) => Err(stop),
            Outcome::Failed(why) => {
                self.not_stored(context, shards, why);
                Ok(())
            }
            Outcome::Done(done) => {
                faults::before(Point::CheckpointName);
                let Done { name, chains, bytes, puts, took, completed_at } = *done;
                self.failed = false;
                for (shard, runs) in shards.all.iter_mut().zip(chains) {
                    let happened = shard.carry_out();
                    shard.chain = Chain { runs, rebase: !happened };
                    if happened {
                        shard.naming = Some(name.clone());
                    } else {
                        shard.flow.mark_all_changed();
                    }
                }
                context.task.board.update(slot, |e| {
                    e.counters.checkpoint_seconds.push(took.as_secs_f64());
                    e.counters.checkpoint_bytes += bytes;
                    e.counters.checkpoint_puts += puts;
                    let of_store = [Some(Reason::CheckpointFailed), Some(Reason::StoreUnreachable)];
                    if of_store.contains(&e.status.reason) {
                        e.status.reason = None;
                        e.status.message = None;
                    }
                });
                self.naming = Some(CheckpointStatus {
                    number: name.number,
                    manifest: name,
                    completed_at,
                    bytes,
                    duration_ms: took.as_millis() as u64,
                });
                Ok(())
            }
        }
    }

    /// The next one holds everything, and no shard has advanced.
    fn not_stored(&mut self, context: &Context, shards: &mut Shards, mut why: String) {
        (self.taken, self.failed) = (None, true);
        let mut waiting = 0;
        for shard in &mut shards.all {
            shard.flow.mark_all_changed();
            shard.chain.rebase = true;
            waiting += u32::from(shard.advance.take().is_some());
        }
        if waiting > 0 {
            why = format!("{why}; {waiting} idle logs keep windows open and count as slow");
        }
        tracing::warn!("checkpoint failed: {why}");
        context.task.board.update(context.task.slot, |e| {
            e.counters.checkpoint_failures += 1;
            e.status.reason = Some(Reason::CheckpointFailed);
            e.status.message = Some(why);
        });
    }

    /// The checkpoint counts once commits of every shard name it.
    pub(crate) fn note_named(&mut self, context: &Context, shards: &Shards) {
        if self.naming.is_some() && shards.all.iter().all(|s| s.naming.is_none()) {
            faults::after(Point::CheckpointName);
            let named = self.naming.take();
            if let Some(named) = named.as_ref().filter(|_| faults::due(Sabotage::LiveObjectDeleted))
            {
                let key = context.task.job.keys.runs(&named.manifest);
                context.block_on(context.store.delete(&key)).ok();
            }
            context.task.board.update(context.task.slot, |e| e.status.checkpoint = named);
        }
    }
}

fn thread_gone() -> Stop {
    bug("the thread of the checkpoint ended without a word")
}
