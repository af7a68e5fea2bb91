//! A slot's commits: one burst at the boundary, and what becomes of it (C1, C4, C5, C9, C10, O4).

use super::kafka::Ended;
use super::ownership::{Action, Next, Ownership};
use super::rules::Rule;
use super::world::{Burst, Commit, Entry, Phase, Process, Request, SHARDS, World};

impl Ownership {
    /// The steps of a slot that owns its shards.
    pub(crate) fn burst_steps(&self, world: &World, at: usize, found: &mut Next) {
        let slot = world.slots[at];
        match slot.phase {
            Phase::Reading => self.begin(world, at, found),
            Phase::ReadingOpen => {
                Self::step(world, found, name(&slot, at, "comes to its boundary"), |w| {
                    w.slots[at].phase = Phase::Produced;
                    true
                });
            }
            Phase::Restored | Phase::Produced => self.send_offsets(world, at, found),
            Phase::OffsetsSent => self.end_txn(world, at, found),
            _ => unreachable!("{:?} is no phase of a commit", slot.phase),
        }
    }

    /// At a boundary: rows, or the release that was ordered, or the commit that was aborted before, unchanged.
    fn begin(&self, world: &World, at: usize, found: &mut Next) {
        let slot = world.slots[at];
        let resend = slot.kept.then_some(slot.burst);
        let has_rows = self.advancing(&slot) != 0;
        if has_rows && resend.is_none_or(|burst| burst == Burst::Rows) {
            self.produce(world, at, found);
        }
        let told = world.ordered > slot.generation && !self.lacks(Rule::O4Release);
        if resend == Some(Burst::Release) || told && resend.is_none() {
            Self::step(world, found, name(&slot, at, "is told to release"), |w| {
                w.slots[at].burst = Burst::Release;
                w.slots[at].phase = Phase::Produced;
                true
            });
        }
    }

    /// Shards that have rows for the next commit.
    fn advancing(&self, slot: &Process) -> u8 {
        let advances = |shard: &usize| {
            slot.shards >> shard & 1 == 1 && slot.own[*shard].unit < self.bounds.units
        };
        (0..SHARDS).filter(advances).fold(0, |all, shard| all | 1 << shard)
    }

    fn produce(&self, world: &World, at: usize, found: &mut Next) {
        let slot = world.slots[at];
        let id = self.id(slot.generation, slot.slot);
        if !slot.current {
            return self.learns(world, at, found);
        }
        let rows = (0..SHARDS).filter(|s| self.advancing(&slot) >> s & 1 == 1).fold(0, |all, s| {
            let unit = slot.own[s].unit + slot.dropped;
            let bits = match () {
                () if slot.unmuted => (1 << (unit + 1)) - 1,
                () if unit == self.bounds.units => 0,
                () => 1 << unit,
            };
            all | bits << (s * 4)
        });
        let early = self.lacks(Rule::C1BurstAtTheBoundary);
        Self::step(world, found, name(&slot, at, "begins and produces"), |w| {
            w.slots[at].burst = Burst::Rows;
            w.slots[at].phase = if early { Phase::ReadingOpen } else { Phase::Produced };
            w.produce(id, rows)
        });
        if world.disturbances > 0 {
            Self::step(world, found, name(&slot, at, "produces in part, a delivery fails"), |w| {
                w.disturbances -= 1;
                w.slots[at].burst = Burst::Rows;
                w.produce(id, rows) && self.aborted(w, at)
            });
        }
    }

    /// What the commit says of its shards (C2, C10).
    fn entries(&self, slot: &Process) -> [Entry; SHARDS] {
        let said = match slot.burst {
            Burst::Rows => self.advancing(slot),
            Burst::Release if self.lacks(Rule::O4AllAtOnce) => {
                slot.shards & slot.shards.wrapping_neg()
            }
            Burst::Claim | Burst::Release => slot.shards,
        };
        std::array::from_fn(|shard| {
            if said >> shard & 1 == 0 {
                return Entry::NONE;
            }
            let own = slot.own[shard];
            let unit = own.unit + Self::advance(slot);
            let cut = self.bounds.cut && unit == 1;
            Entry::of(Commit {
                generation: slot.generation,
                slot: slot.slot,
                number: own.number + 1,
                nonce: slot.nonce,
                released: slot.burst == Burst::Release,
                unit: match () {
                    () if cut && self.lacks(Rule::C10Cursor) => 0,
                    () if cut && self.lacks(Rule::C10OffsetStands) => 2,
                    () => unit,
                },
            })
        })
    }

    /// How far a commit takes each of its shards.
    fn advance(slot: &Process) -> u8 {
        if slot.burst == Burst::Rows { 1 + slot.dropped } else { 0 }
    }

    fn send_offsets(&self, world: &World, at: usize, found: &mut Next) {
        let slot = world.slots[at];
        let id = self.id(slot.generation, slot.slot);
        if !slot.current {
            return self.learns(world, at, found);
        }
        let offsets = self.entries(&slot);
        let request = Request::Offsets { id, offsets };
        let sent = |w: &mut World| {
            w.slots[at].phase = Phase::OffsetsSent;
            let opened = w.open(id);
            w.add_offsets(id, offsets);
            opened
        };
        Self::step(world, found, name(&slot, at, "sends its offsets"), sent);
        if world.disturbances == 0 {
            return;
        }
        let what = "sends its offsets; the request hangs, a repeated one arrives";
        Self::step(world, found, name(&slot, at, what), |w| {
            w.disturbances -= 1;
            w.slots[at].unclean = true;
            sent(w) && w.delay(request)
        });
        let what = "sends its offsets; the request hangs and is given up";
        Self::step(world, found, name(&slot, at, what), |w| {
            w.disturbances -= 1;
            w.open(id) && w.delay(request) && self.aborted(w, at)
        });
    }

    fn end_txn(&self, world: &World, at: usize, found: &mut Next) {
        let slot = world.slots[at];
        let id = self.id(slot.generation, slot.slot);
        if !slot.current {
            return self.learns(world, at, found);
        }
        let ended = |w: &mut World, unclean: bool| match w.end(id, true) {
            Ended::Done => {
                w.slots[at].unclean |= unclean;
                self.committed(w, at)
            }
            Ended::Refused => {
                w.slots[at].phase = Phase::Down; // C4: whatever it means, it is no success
                true
            }
        };
        Self::step(world, found, name(&slot, at, "commits"), |w| ended(w, false));
        if world.disturbances == 0 {
            return;
        }
        let what = "commits; the request hangs, a repeated one arrives";
        Self::step(world, found, name(&slot, at, what), |w| {
            w.disturbances -= 1;
            w.delay(Request::Commit { id }) && ended(w, true)
        });
        let what = "commits; the answer is lost, a repeated request is answered";
        Self::step(world, found, name(&slot, at, what), |w| {
            w.disturbances -= 1;
            ended(w, true)
        });
        let unknown = |w: &mut World| {
            w.disturbances -= 1;
            if self.lacks(Rule::C4UnknownEnds) {
                return self.committed(w, at);
            }
            if self.lacks(Rule::C4UnknownIsNotAborted) {
                return self.aborted(w, at);
            }
            w.slots[at].phase = Phase::Down;
            true
        };
        Self::step(world, found, name(&slot, at, "commits; no answer comes"), |w| {
            w.end(id, true);
            unknown(w)
        });
        let what = "commits; the request hangs, no answer comes";
        Self::step(world, found, name(&slot, at, what), |w| {
            w.delay(Request::Commit { id }) && unknown(w)
        });
    }

    /// The outcome is known: committed. Unclean, and the producer is replaced (C5).
    fn committed(&self, world: &mut World, at: usize) -> bool {
        let me = &mut world.slots[at];
        let (said, advance) = (self.entries(me), Self::advance(me));
        for shard in (0..SHARDS).filter(|shard| said[*shard] != Entry::NONE) {
            me.own[shard].number += 1;
            me.own[shard].unit += advance;
            if me.burst == Burst::Release {
                me.shards &= !(1 << shard);
            }
        }
        let unclean = std::mem::take(&mut me.unclean) && !self.lacks(Rule::C5UncleanReplaces);
        me.kept = false;
        me.dropped = 0;
        me.unmuted &= me.burst == Burst::Claim;
        me.phase = match me.burst {
            Burst::Claim if unclean => Phase::Down,
            Burst::Release if me.shards == 0 => Phase::Released,
            _ if unclean => Phase::Spent,
            _ => Phase::Reading,
        };
        true
    }

    /// The outcome is known: the coordinator was never asked to commit (C9).
    pub(crate) fn aborted(&self, world: &mut World, at: usize) -> bool {
        let me = &mut world.slots[at];
        me.unclean = false;
        if me.burst == Burst::Claim {
            me.phase = Phase::Down;
            return true;
        }
        me.kept = true;
        me.phase = Phase::Spent;
        if self.lacks(Rule::C9SameCommit) {
            me.dropped = u8::from(me.burst == Burst::Rows);
            me.kept = false;
        }
        if self.lacks(Rule::C9NewProducer) {
            let id = self.id(me.generation, me.slot);
            me.phase = Phase::Reading;
            // The abort hangs, and a repeated one arrives.
            world.end(id, false);
            world.delay(Request::Abort { id });
        }
        true
    }
}

fn name(slot: &Process, at: usize, what: &'static str) -> Action {
    Action::Process(at, slot.generation, slot.slot, what)
}
