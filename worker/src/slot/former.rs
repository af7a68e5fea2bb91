//! The former owners, as their successor sees them end: whether they have released, and how long nobody has committed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use connectors::faults::{self, Point, Sabotage};
use connectors::turns;
use protocol::acquire::{Stop, ids_to_fence};
use protocol::limits::RELEASE_WAIT;
use protocol::metadata::OffsetMetadata;
use protocol::reason::Reason;
use protocol::{CommitNumber, Generation, Nonce, ShardId};

use super::context::Context;
use super::kafka_stop;
use super::replay::Shards;
use super::warm::{READ_TIMEOUT, keep_up};
use crate::history::JobHistory;

/// How often a successor looks whether the shards were released.
pub(super) const RELEASE_POLL: Duration = Duration::from_millis(20);

/// What the commit point of a shard says while its former owner ends.
struct Seen {
    commit: (Nonce, CommitNumber),
    /// When it last said something else, by the own clock; when it was first read, if it never did.
    since: Instant,
}

/// The commit points of the own shards, from the order to acquire on.
#[derive(Default)]
pub(super) struct Former {
    seen: BTreeMap<ShardId, Seen>,
    looked: Option<Instant>,
}

/// One look at them.
struct Look {
    read: BTreeMap<ShardId, (i64, String)>,
    /// The generation that each shard names.
    named: Vec<(ShardId, Option<Generation>)>,
    /// Shards whose former owners have not released.
    waiting: usize,
}

impl Former {
    /// A first look, before anything that takes time. Where it fails the next one is the first.
    pub(super) fn watch(context: &Context) -> Self {
        let mut former = Self::default();
        if let Err(stop) = former.look(context) {
            tracing::info!("the former owners are not seen yet: {stop}");
        }
        former
    }

    fn look(&mut self, context: &Context) -> Result<Look, Stop> {
        let before = self.looked.replace(turns::now());
        let read = context.read_own(false, READ_TIMEOUT).map_err(|e| kafka_stop(&e))?;
        let mut look = Look { read, named: Vec::new(), waiting: 0 };
        for id in &context.shards {
            let found = look.read.get(id).and_then(|(_, text)| OffsetMetadata::decode(text).ok());
            look.named.push((id.clone(), found.as_ref().map(|m| m.generation)));
            let Some(found) = found.filter(|m| m.generation < context.task.generation) else {
                continue;
            };
            look.waiting += usize::from(!found.released);
            self.note(id, &found, before);
        }
        Ok(look)
    }

    /// Who had released when first looked at ended at a time that nobody here knows.
    fn note(&mut self, id: &ShardId, found: &OffsetMetadata, before: Option<Instant>) {
        let commit = (found.nonce.clone(), found.commit);
        match self.seen.get_mut(id) {
            Some(seen) if seen.commit == commit => {}
            Some(seen) => *seen = Seen { commit, since: before.unwrap_or(seen.since) },
            None if found.released => {}
            None => {
                let since = turns::now();
                self.seen.insert(id.clone(), Seen { commit, since });
            }
        }
    }

    /// How long ago the former owner of a shard last committed, ms; none where there was nobody, or nobody saw it.
    /// Too much by what a look takes at most, and too little only for one that had ended before the first.
    pub(super) fn gap_ms(&self, id: &ShardId) -> Option<u64> {
        self.seen.get(id).map(|seen| turns::since(seen.since).as_millis() as u64)
    }

    /// Step 4: waits, as a courtesy, until the former owners have released; then fences every id that may have owned
    /// one of the shards, released or not.
    pub(super) fn fence(
        &mut self,
        context: &mut Context,
        warmed: &mut Shards,
        history: &JobHistory,
    ) -> Result<(), Stop> {
        let look = self.wait(context, warmed)?;
        let job = &context.task.job;
        let ids = ids_to_fence(context.task.generation, &look.named, &history.generations)?;
        let spared = faults::is_chosen(Sabotage::FenceSkipped)
            || look.waiting == 0 && faults::is_chosen(Sabotage::ReleasedNotFenced);
        for (generation, slot) in ids.iter().filter(|_| !spared) {
            let id = job.names.transactional_id(*generation, *slot);
            tracing::info!(%id, "fencing");
            faults::before(Point::AcquireFence);
            context.task.world.fence(&context.kafka, &id).map_err(|e| kafka_stop(&e))?;
            faults::after(Point::AcquireFence);
            context.seen();
        }
        Ok(())
    }

    /// Follows the owners meanwhile: what has been replayed by their end need not be replayed after it.
    fn wait(&mut self, context: &mut Context, warmed: &mut Shards) -> Result<Look, Stop> {
        let began = turns::now();
        loop {
            let look = self.look(context)?;
            let standing = context.task.orders.standing();
            if standing.terminate {
                let message = "told to end while former owners release";
                return Err(Stop::new(Reason::Superseded, message));
            }
            let give_up = standing.acquire.is_some_and(|order| order.take_over);
            if look.waiting == 0 || give_up || turns::since(began) > RELEASE_WAIT {
                return Ok(look);
            }
            context.seen();
            if !keep_up(context, warmed, &look.read, RELEASE_POLL)? {
                context.task.orders.wait(RELEASE_POLL);
            }
        }
    }
}
