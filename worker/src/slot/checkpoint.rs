//! When checkpoints are taken, and how a completed one comes to be named. The upload runs beside the slot; commits
//! never wait for it.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use connectors::faults::{self, Point, Sabotage};
use protocol::acquire::Stop;
use protocol::admin::CheckpointStatus;
use protocol::manifest::ManifestName;
use protocol::reason::Reason;
use protocol::registers::ShardRegisters;

use super::bug;
use super::checkpoint_task::{Done, ShardState, Snapshot, Uploader};
use super::context::Context;
use super::progress::Progress;
use super::replay::Shards;
use super::shard::OwnedShard;
use super::stop::flow_stop;
use crate::clock::now_ms;

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
    requests: SyncSender<Snapshot>,
    outcomes: Receiver<Outcome>,
    in_flight: Option<ManifestName>,
    /// Completed, waiting to be named by every shard's next commit.
    naming: Option<CheckpointStatus>,
    last: Instant,
    /// What the newest snapshot holds of every shard: the state is a function of it. None before the first, and when
    /// that one did not come to the store.
    taken: Option<Vec<(i64, ShardRegisters)>>,
}

impl Checkpoints {
    /// Starts the thread that uploads.
    pub(crate) fn start(context: &Context) -> Result<Self, Stop> {
        let (requests, inbox) = sync_channel(1);
        let (outbox, outcomes) = sync_channel(1);
        let uploader = Uploader::new(context);
        std::thread::Builder::new()
            .name(format!("checkpoint-{}", context.task.slot))
            .spawn(move || uploader.serve(&inbox, &outbox))
            .map_err(|e| bug(format!("no thread for checkpoints: {e}")))?;
        Ok(Self {
            requests,
            outcomes,
            in_flight: None,
            naming: None,
            last: Instant::now(),
            taken: None,
        })
    }

    /// Takes up what has completed, and starts a checkpoint if one is due, at a boundary with nothing cut. One that
    /// would say what the newest says is not taken: a job at rest writes nothing.
    pub(crate) fn advance(
        &mut self,
        context: &mut Context,
        shards: &mut Shards,
        progress: &mut Progress,
    ) -> Result<(), Stop> {
        match self.outcomes.try_recv() {
            Ok(outcome) => self.take(context, shards, outcome)?,
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Err(bug("the checkpoint thread is gone")),
        }
        self.note_named(context, shards);
        if self.last.elapsed() < context.task.job.checkpoint_interval || !self.is_idle() {
            return Ok(());
        }
        if !self.is_current(shards) {
            return self.begin(context, shards, progress);
        }
        self.last = Instant::now();
        let current = Some(now_ms());
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
        let until = Instant::now() + at_most;
        while self.in_flight.is_some() && Instant::now() < until {
            if let Ok(outcome) = self.outcomes.recv_timeout(Duration::from_millis(200)) {
                self.take(context, shards, outcome)?;
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
        self.last = Instant::now();
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
                    registers: shard.flow.registers(),
                    tables: shard.flow.tables(),
                    changes: shard.flow.changes().map_err(|e| flow_stop(&shard.id, &e))?,
                    chain: shard.chain.clone(),
                })
            })
            .collect::<Result<Vec<_>, Stop>>()?;
        self.taken = Some(states.iter().map(|s| (s.offset, s.registers.clone())).collect());
        faults::after(Point::CheckpointSnapshot);
        let snapshot = Snapshot { name: name.clone(), shards: states, began: Instant::now() };
        self.requests.send(snapshot).map_err(|_| bug("the checkpoint thread is gone"))?;
        self.in_flight = Some(name);
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
                tracing::warn!("checkpoint failed: {why}");
                self.taken = None;
                for shard in &mut shards.all {
                    shard.flow.mark_all_changed();
                    shard.chain.rebase = true;
                }
                context.task.board.update(slot, |e| {
                    e.counters.checkpoint_failures += 1;
                    e.status.reason = Some(Reason::CheckpointFailed);
                    e.status.message = Some(why);
                });
                Ok(())
            }
            Outcome::Done(done) => {
                faults::before(Point::CheckpointName);
                let Done { name, chains, bytes, puts, took, completed_at } = *done;
                for (shard, runs) in shards.all.iter_mut().zip(chains) {
                    shard.chain.runs = runs;
                    shard.chain.rebase = false;
                    shard.naming = Some(name.clone());
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
