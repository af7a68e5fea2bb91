//! What a slot does: acquire (O3), and look again with a new producer (C6). Its commits are in `burst`.

use protocol::reason::Reason;

use super::ownership::{Action, Next, Ownership};
use super::rules::Rule;
use super::world::{Burst, Entry, IDS, Own, Phase, Process, SHARDS, World};

impl Ownership {
    /// All that the process at this place can do next.
    pub(crate) fn slot_steps(&self, world: &World, at: usize, found: &mut Next) {
        let slot = world.slots[at];
        let id = self.id(slot.generation, slot.slot);
        let name = |what| Action::Process(at, slot.generation, slot.slot, what);
        match slot.phase {
            Phase::Down if world.ordered < slot.generation => {} // its pod may not even be there
            Phase::Absent | Phase::Released => {}
            Phase::Down => {
                Self::step(world, found, name("starts and creates its generation"), |w| {
                    if !self.lacks(Rule::O3Create) {
                        w.objects |= 1 << slot.generation;
                    }
                    let me = &mut w.slots[at];
                    me.nonce = at as u8 + 1;
                    me.shards = self.decide.shards(slot.generation, slot.slot);
                    me.phase = Phase::Created;
                    true
                });
            }
            Phase::Created => {
                Self::step(world, found, name("opens its transactional id"), |w| {
                    let opened = self.init(w, id);
                    w.slots[at].current = true;
                    w.slots[at].phase = Phase::Opened;
                    opened
                });
            }
            Phase::Opened => self.list(world, at, Phase::Listed, found),
            Phase::Listed => self.look_whom_to_fence(world, at, found),
            Phase::Fencing if slot.fencing != 0 => {
                for target in (0..IDS as u8).filter(|id| slot.fencing >> id & 1 == 1) {
                    Self::step(world, found, name("fences an id of an older generation"), |w| {
                        w.slots[at].fencing &= !(1 << target);
                        self.init(w, target)
                    });
                }
            }
            Phase::Fencing => self.read(world, at, found),
            Phase::Spent => {
                Self::step(world, found, name("opens its id with a new producer"), |w| {
                    let opened = self.init(w, id);
                    w.slots[at].current = true;
                    w.slots[at].phase = Phase::Reopened;
                    opened
                });
            }
            Phase::Reopened => self.list(world, at, Phase::Relisted, found),
            Phase::Relisted => self.look_again(world, at, found),
            _ => self.burst_steps(world, at, found),
        }
    }

    /// O3, 3, and the same within C6.
    fn list(&self, world: &World, at: usize, then: Phase, found: &mut Next) {
        let slot = world.slots[at];
        let skips = match then {
            Phase::Listed => self.lacks(Rule::O3List),
            _ => self.lacks(Rule::C6List),
        };
        // Without the object of O3, 1 nothing is to be found, not even the own one.
        let objects = world.objects | 1 << slot.generation;
        let listed = self.decide.list(slot.generation, objects);
        let what = match listed {
            Err(_) if !skips => "finds a newer generation and ends",
            _ => "lists the generations, none is newer",
        };
        Self::step(world, found, Action::Process(at, slot.generation, slot.slot, what), |w| {
            w.slots[at].phase = if listed.is_ok() || skips { then } else { Phase::Absent };
            true
        });
    }

    /// The first half of O3, 4: what the metadata says by now, from whichever coordinator answers.
    fn look_whom_to_fence(&self, world: &World, at: usize, found: &mut Next) {
        self.look_at(world, at, world.visible, "looks whose shards they were", found);
        if let Some(stale) = world.stale {
            self.look_at(world, at, stale, "asks a cut-off coordinator whose they were", found);
        }
    }

    fn look_at(
        &self,
        world: &World,
        at: usize,
        shown: [Entry; SHARDS],
        what: &'static str,
        found: &mut Next,
    ) {
        let slot = world.slots[at];
        let commit = |shard: usize| shown[shard].get();
        let mine = |shard: &usize| slot.shards >> shard & 1 == 1;
        let waits = |shard: usize| {
            commit(shard).is_some_and(|c| !c.released && c.generation < slot.generation)
        };
        if self.bounds.planned && (0..SHARDS).filter(mine).any(waits) {
            return;
        }
        let skipped = |shard: usize| {
            self.lacks(Rule::O3FenceReleased) && commit(shard).is_some_and(|c| c.released)
        };
        let shards = (0..SHARDS).filter(|s| mine(s) && !skipped(*s)).fold(0, |all, s| all | 1 << s);
        let named = std::array::from_fn(|shard| commit(shard).map(|c| c.generation));
        // Without objects the slots of older generations would have to be known from elsewhere.
        let all = if self.lacks(Rule::O3Create) { 0xf } else { 0 };
        let objects = world.objects | 1 << slot.generation | all;
        let fence = self.decide.fence(slot.generation, shards, named, objects);
        let action = Action::Process(at, slot.generation, slot.slot, what);
        Self::step(world, found, action, |w| {
            let me = &mut w.slots[at];
            let Ok(mut ids) = fence else {
                me.phase = Phase::Absent;
                return true;
            };
            if self.lacks(Rule::O3FenceSince) {
                ids.retain(|(generation, _)| named.contains(&Some(*generation)));
            }
            if self.lacks(Rule::O3Fence) {
                ids.clear();
            }
            me.fencing = ids.iter().fold(0, |all, (g, s)| all | 1 << self.id(*g, *s));
            me.phase = Phase::Fencing;
            if self.lacks(Rule::O3ReadAfterFence) {
                return self.take(w, at, shown);
            }
            true
        });
    }

    /// O3, 5: reads for real. The nonce that proves it fresh is committed by the own producer.
    fn read(&self, world: &World, at: usize, found: &mut Next) {
        let slot = world.slots[at];
        let name = |what| Action::Process(at, slot.generation, slot.slot, what);
        if !slot.current {
            return self.learns(world, at, found);
        }
        if self.lacks(Rule::O3ReadAfterFence) {
            return Self::step(world, found, name("goes on with what it read before"), |w| {
                self.restored(w, at)
            });
        }
        let waits = self.waits(world, &slot);
        if !waits {
            Self::step(world, found, name("reads its shards and restores them"), |w| {
                self.take(w, at, world.visible) && self.restored(w, at)
            });
        }
        if let Some(stale) = world.stale.filter(|_| self.lacks(Rule::O3ReadFresh)) {
            Self::step(world, found, name("reads its shards from a cut-off coordinator"), |w| {
                self.take(w, at, stale) && self.restored(w, at)
            });
        }
    }

    /// A stable answer waits for offsets that are pending.
    fn waits(&self, world: &World, slot: &Process) -> bool {
        let mut mine = (0..SHARDS).filter(|shard| slot.shards >> shard & 1 == 1);
        !self.lacks(Rule::O3ReadStable) && mine.any(|shard| world.is_pending(shard))
    }

    /// Remembers where the shards stand; a process that may not have them ends.
    fn take(&self, world: &mut World, at: usize, shown: [Entry; SHARDS]) -> bool {
        let me = &mut world.slots[at];
        for shard in (0..SHARDS).filter(|shard| me.shards >> shard & 1 == 1) {
            let own = (me.generation, me.slot);
            let Ok(start) = self.decide.start(own, shard as u8, shown[shard]) else {
                me.phase = Phase::Absent;
                return true;
            };
            me.own[shard] = start;
            if self.lacks(Rule::O7OffsetsStay) && me.generation == self.bounds.last_generation() {
                me.own[shard].unit = 0;
            }
        }
        true
    }

    fn restored(&self, world: &mut World, at: usize) -> bool {
        let me = &mut world.slots[at];
        if me.phase != Phase::Absent {
            me.phase = if self.lacks(Rule::O3Claim) { Phase::Reading } else { Phase::Restored };
            me.burst = if self.lacks(Rule::O3Claim) { Burst::Rows } else { Burst::Claim };
            me.unmuted = self.lacks(Rule::O3Muted);
        }
        true
    }

    /// C6: only behind exactly its own last commit the state in memory is kept.
    fn look_again(&self, world: &World, at: usize, found: &mut Next) {
        let slot = world.slots[at];
        let name = |what| Action::Process(at, slot.generation, slot.slot, what);
        if !slot.current {
            return self.learns(world, at, found);
        }
        if self.waits(world, &slot) {
            return;
        }
        let mut sources = vec![(world.visible, "looks again and finds its own last commit")];
        if let Some(stale) = world.stale.filter(|_| self.lacks(Rule::O3ReadFresh)) {
            sources.push((stale, "a cut-off coordinator shows its own last commit"));
        }
        for (shown, what) in sources {
            let kept = self.lacks(Rule::C6Read) || self.is_own(&slot, shown).is_ok();
            let what = if kept { what } else { "finds another commit than its own and ends" };
            Self::step(world, found, name(what), |w| {
                let me = &mut w.slots[at];
                me.phase = match (kept, me.kept, me.burst) {
                    (false, ..) => Phase::Down,
                    (true, false, Burst::Release) => Phase::Released,
                    _ => Phase::Reading,
                };
                true
            });
        }
    }

    fn is_own(&self, slot: &Process, shown: [Entry; SHARDS]) -> Result<(), Reason> {
        for shard in (0..SHARDS).filter(|shard| slot.shards >> shard & 1 == 1) {
            let (mut own, mut nonce): (Own, u8) = (slot.own[shard], slot.nonce);
            // What is not written cannot differ.
            if let Some(read) = shown[shard].get() {
                if self.lacks(Rule::C2Identity) || self.lacks(Rule::C2Number) {
                    own.number = read.number;
                }
                if self.lacks(Rule::C2Identity) || self.lacks(Rule::C2Nonce) {
                    nonce = read.nonce;
                }
            }
            self.decide.replaced(shard as u8, own, nonce, shown[shard])?;
        }
        Ok(())
    }

    /// A process whose epoch is over finds out, and ends (C4).
    pub(crate) fn learns(&self, world: &World, at: usize, found: &mut Next) {
        let slot = world.slots[at];
        let name = |what| Action::Process(at, slot.generation, slot.slot, what);
        Self::step(world, found, name("is told that it is fenced, and ends"), |w| {
            w.slots[at].phase = Phase::Down;
            true
        });
        if world.disturbances > 0 && matches!(slot.phase, Phase::Reading | Phase::Produced) {
            let what = "sends, but the word that it is fenced is lost: it gives the commit up";
            Self::step(world, found, name(what), |w| {
                w.disturbances -= 1;
                if slot.phase == Phase::Reading {
                    w.slots[at].burst = Burst::Rows;
                }
                self.aborted(w, at)
            });
        }
    }
}
