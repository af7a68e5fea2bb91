//! What the commit under way says of every shard, and what becomes true of them when it is known.

use connectors::Burst;
use connectors::turns;
use protocol::CheckpointNumber;
use protocol::limits::REAFFIRM_INTERVAL;
use protocol::manifest::ManifestName;
use protocol::metadata::{EmissionCursor, OffsetMetadata};

use super::context::Context;
use super::shard::{Committed, OwnedShard};

/// One shard's line in the commit under way.
struct Line {
    shard: usize,
    committed: Committed,
}

/// The commit under way and the numbers that are used up.
pub(crate) struct Progress {
    lines: Vec<Line>,
    next_checkpoint: CheckpointNumber,
}

impl Progress {
    /// Checkpoint numbers go on above every manifest of this slot that the store lists, named or not (G1).
    pub(crate) fn new(context: &Context, manifests: &[ManifestName]) -> Self {
        let own = |m: &&ManifestName| {
            m.generation == context.task.generation && m.slot == context.task.slot
        };
        let newest = manifests.iter().filter(own).map(|m| m.number).max();
        let next_checkpoint = newest.map_or(CheckpointNumber(1), CheckpointNumber::next);
        Self { lines: Vec::new(), next_checkpoint }
    }

    /// A name that was never used.
    pub(crate) fn draw_checkpoint(&mut self, context: &Context) -> ManifestName {
        let number = self.next_checkpoint;
        self.next_checkpoint = number.next();
        ManifestName {
            generation: context.task.generation,
            slot: context.task.slot,
            number,
            nonce: context.task.nonce.clone(),
        }
    }

    /// Does the next commit have something to say of a shard?
    pub(crate) fn is_due(shard: &OwnedShard, cut: bool) -> bool {
        shard.position != shard.committed.offset
            || shard.naming.is_some()
            || cut
            || shard.flow.clock() != shard.committed.clock
            || shard.committed.cursor_open
            || turns::since(shard.committed.at) >= REAFFIRM_INTERVAL
    }

    /// Adds a shard's offset and metadata to a burst. `index` is the shard's place among the slot's.
    pub(crate) fn push_offset(
        &mut self,
        context: &Context,
        burst: &mut Burst,
        (index, shard): (usize, &OwnedShard),
        cursor: Option<EmissionCursor>,
        released: bool,
    ) {
        let task = &context.task;
        let number = shard.committed.number.next();
        let manifest = shard.naming.clone().or_else(|| shard.committed.manifest.clone());
        let metadata = OffsetMetadata {
            generation: task.generation,
            slot: task.slot,
            commit: number,
            nonce: task.nonce.clone(),
            manifest: manifest.clone(),
            released,
            cursor,
            clock: shard.flow.clock(),
        };
        let group = task.job.names.group(shard.id.stage);
        assert!(shard.position >= shard.committed.offset, "an offset never moves back");
        burst.push_offset(&group, shard.id.log.clone(), shard.position, metadata.encode());
        let committed = Committed {
            offset: shard.position,
            number,
            manifest,
            cursor_open: cursor.is_some(),
            clock: metadata.clock,
            at: turns::now(),
        };
        self.lines.push(Line { shard: index, committed });
    }

    /// The commit under way is known to have happened.
    pub(crate) fn committed(&mut self, shards: &mut [OwnedShard]) {
        for line in self.lines.drain(..) {
            let shard = &mut shards[line.shard];
            if shard.naming.is_some() && shard.naming == line.committed.manifest {
                shard.naming = None;
            }
            shard.committed = line.committed;
        }
    }
}
