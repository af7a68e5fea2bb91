//! Forced advances (R8): the log of a shard is idle, and windows over it are open. A checkpoint of the state behind the
//! advance is written first; when it is in the store the shard advances, and the commit that sends what closes names
//! that checkpoint. So a replay begins behind the advance or ends before it, and never has to know when it happened.

use protocol::acquire::Stop;
use protocol::manifest::ManifestName;
use protocol::registers::ShardRegisters;
use protocol::restore::{covering, is_damage};

use super::context::Context;
use super::restore::Manifests;
use super::shard::OwnedShard;

/// An advance that the checkpoint under way holds.
pub(crate) struct Advance {
    /// Where the shard stood.
    offset: i64,
    before: ShardRegisters,
    after: ShardRegisters,
}

impl OwnedShard {
    /// What a checkpoint says of the registers: if an advance is wanted, they are those behind it.
    pub(crate) fn registers_for(&mut self, checkpoint: &ManifestName) -> ShardRegisters {
        let before = self.flow.registers();
        let wanted = std::mem::take(&mut self.wants_advance);
        let after = wanted.then(|| self.flow.advanced(checkpoint)).flatten();
        self.advance = after.map(|after| Advance { offset: self.position, before, after });
        self.advance.as_ref().map_or_else(|| self.flow.registers(), |advance| advance.after.clone())
    }

    /// The checkpoint is in the store: carries out the advance that it holds. `false`: the log went on meanwhile, so
    /// that state never was, and the shard must not name it.
    pub(crate) fn carry_out(&mut self) -> bool {
        let Some(Advance { offset, before, after }) = self.advance.take() else { return true };
        // What is parked for a drain has said that nothing more comes.
        let stands = self.log.is_some()
            && self.position == offset
            && self.at_end.is_some()
            && self.flow.registers() == before;
        if stands {
            tracing::info!(shard = %self.id, advances = after.advances, "the watermark is forced");
            self.flow.advance(after);
        }
        stands
    }
}

/// May the shard be replayed on to what `named` is the checkpoint of? Not where a forced advance lies between.
pub(crate) fn leads_to(
    context: &Context,
    manifests: &mut Manifests,
    shard: &OwnedShard,
    (job_uid, named): (&str, &ManifestName),
) -> Result<bool, Stop> {
    if !shard.flow.keeps_source_windows() || shard.committed.manifest.as_ref() == Some(named) {
        return Ok(true);
    }
    let own = job_uid == context.task.job.uid;
    let found = manifests
        .get(context, job_uid, named)
        .and_then(|manifest| covering(manifest, &shard.id, own))
        .map(|snapshot| snapshot.registers.is_same_advance(&shard.flow.registers()));
    match found {
        Err(stop) if is_damage(&stop) => Ok(false),
        other => other,
    }
}
