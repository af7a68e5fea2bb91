//! Coming to rest stage by stage (S3): stage 0 stops and says so in the exchange logs; a later stage is drained when
//! all its upstream shards have said it and its log is read to the end. No slot waits for another inside a commit.

use protocol::acquire::Stop;
use protocol::admin::SlotPhase;
use protocol::hash::key_hash_v1;

use super::context::Context;
use super::process::Running;
use super::release::Parting;
use super::replay::Shards;
use super::shard::OwnedShard;
use crate::orders::Standing;

/// How the slot is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    /// Write where the shards rest.
    pub(crate) seal: bool,
    /// The last checkpoint is to hold exactly what has been committed; else one was taken shortly before.
    pub(crate) at_rest: bool,
}

/// What the slot is draining for.
#[derive(Default)]
pub(crate) struct Drain {
    token: Option<u64>,
    /// The savepoint whose part is written.
    savepoint: Option<String>,
    parting: Parting,
}

impl Drain {
    /// Carries the standing orders on by a step; `Some` when the slot is to release now.
    pub(crate) fn follow(
        &mut self,
        context: &mut Context,
        running: &mut Running,
        standing: &Standing,
    ) -> Result<Option<Ending>, Stop> {
        let released = standing.release.as_ref();
        if standing.terminate || released.is_some_and(|order| !order.drain && !order.seal) {
            let leaves = self.parting.follow(context, running, standing.terminate)?;
            return Ok(leaves.then_some(Ending { seal: false, at_rest: false }));
        }
        if let Some(order) = released {
            let ending = Ending { seal: order.seal, at_rest: true };
            if !order.drain {
                return Ok(Some(ending));
            }
            let what = format!("release:{}", order.generation);
            let drained = self.step(context, running, &what, SlotPhase::Draining)?;
            return Ok(drained.then_some(ending));
        }
        match &standing.savepoint {
            Some(order) if !order.resume => {
                let what = format!("savepoint:{}", order.name);
                let written = self.savepoint.as_deref() == Some(order.name.as_str());
                if !written && self.step(context, running, &what, SlotPhase::Draining)? {
                    super::release::savepoint(context, running, &order.name)?;
                    self.savepoint = Some(order.name.clone());
                    // Whoever sees the pause reads where it is.
                    running.reporter.report_now(context, &running.shards);
                    context.phase(SlotPhase::Paused);
                }
            }
            _ => self.resume(context, running)?,
        }
        Ok(None)
    }

    /// Stops stage 0, then reports whether every shard of the slot is drained and committed.
    fn step(
        &mut self,
        context: &mut Context,
        running: &mut Running,
        what: &str,
        phase: SlotPhase,
    ) -> Result<bool, Stop> {
        let token = key_hash_v1(format!("{}:{what}", context.task.job.uid).as_bytes());
        if self.token != Some(token) {
            self.token = Some(token);
            context.phase(phase);
            running.shards.park_stage_0(context)?;
            for shard in running.shards.all.iter_mut().filter(|s| s.id.stage.0 == 0) {
                shard.flow.set_drained(Some(token));
            }
            return Ok(false); // the next boundary says it
        }
        let mut all = true;
        for shard in running.shards.all.iter_mut().filter(|s| s.id.stage.0 > 0) {
            let drained = is_drained(shard, token);
            if drained {
                shard.flow.set_drained(Some(token));
            }
            // What feeds a further stage has to say so before it goes; the next boundary says it.
            let said = shard.due_watermark.as_ref().is_none_or(|w| w.drained == Some(token));
            all &= drained && said;
        }
        all &= running.shards.all.iter().all(|s| s.due_watermark == s.sent_watermark);
        running.settle(context)?;
        let committed = running
            .shards
            .all
            .iter()
            .all(|s| s.position == s.committed.offset && s.naming.is_none());
        Ok(all && committed)
    }

    /// Reads on after a savepoint.
    fn resume(&mut self, context: &mut Context, running: &mut Running) -> Result<(), Stop> {
        if self.token.take().is_none() {
            return Ok(());
        }
        self.savepoint = None;
        for shard in &mut running.shards.all {
            shard.flow.set_drained(None);
            shard.bound = None;
        }
        running.shards.assign(context)?;
        context.phase(SlotPhase::Running);
        Ok(())
    }
}

fn is_drained(shard: &OwnedShard, token: u64) -> bool {
    let registers = shard.flow.registers();
    registers.upstream_shards > 0
        && registers.upstream.len() >= registers.upstream_shards as usize
        && registers.upstream.iter().all(|u| u.drained == Some(token))
        && shard.at_end.is_some()
}

impl Shards {
    /// Stops reading the sources where they stand.
    fn park_stage_0(&mut self, context: &mut Context) -> Result<(), Stop> {
        for shard in self.all.iter_mut().filter(|s| s.id.stage.0 == 0) {
            shard.bound = Some(shard.position);
        }
        self.park_bound(context)
    }
}
