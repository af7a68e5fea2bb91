//! Ownership and commit (C1–C10, O1–O5, O7): what the operator, the brokers and the faults do. What a slot does is in
//! `slot` and `burst`.

use std::fmt;

use super::bounds::Bounds;
use super::decide::Decisions;
use super::explore::Model;
use super::rules::Rule;
use super::seen::fingerprint;
use super::world::{PROCESSES, Phase, Process, Request, State, World};

/// The model, with all rules but one.
pub(crate) struct Ownership {
    pub(crate) bounds: Bounds,
    pub(crate) removed: Option<Rule>,
    pub(crate) decide: Decisions,
}

/// A step, for the reader of a trace.
pub(crate) enum Action {
    /// Of a process: its place, generation, slot, and what it does.
    Process(usize, u8, u8, &'static str),
    /// About an id.
    Id((u8, u8), &'static str),
    /// Of the rest.
    World(&'static str, u8),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(at, generation, slot, what) => {
                write!(f, "process {} (slot {generation}.{slot}): {what}", at + 1)
            }
            Self::Id((generation, slot), what) => write!(f, "id {generation}.{slot}: {what}"),
            Self::World(what, number) => write!(f, "{what} {number}"),
        }
    }
}

/// The states that follow one.
pub(crate) type Next = Vec<(Action, World)>;

impl Ownership {
    pub(crate) fn new(bounds: Bounds, removed: Option<Rule>) -> Self {
        Self { bounds, removed, decide: Decisions::new(&bounds) }
    }

    pub(crate) fn lacks(&self, rule: Rule) -> bool {
        self.removed == Some(rule)
    }

    /// The transactional id of a slot (O1).
    pub(crate) fn id(&self, generation: u8, slot: u8) -> u8 {
        if self.lacks(Rule::O1IdNamesGeneration) {
            return slot;
        }
        self.bounds.slots[..generation as usize - 1].iter().sum::<u8>() + slot
    }

    fn ids(&self) -> impl Iterator<Item = (u8, u8)> + '_ {
        let slots = |(at, slots): (usize, &u8)| (0..*slots).map(move |slot| (at as u8 + 1, slot));
        self.bounds.slots.iter().enumerate().flat_map(slots)
    }

    /// Adds what follows from a change, unless the change could not happen.
    pub(crate) fn step(
        world: &World,
        found: &mut Next,
        action: Action,
        change: impl FnOnce(&mut World) -> bool,
    ) {
        let mut next = *world;
        if change(&mut next) {
            next.normalize();
            found.push((action, next));
        }
    }

    /// `InitProducerId` on an id: whoever had it can commit no more.
    pub(crate) fn init(&self, world: &mut World, id: u8) -> bool {
        if !world.init(id) {
            return false;
        }
        for slot in world.slots.iter_mut().filter(|s| s.phase != Phase::Absent && s.current) {
            if self.id(slot.generation, slot.slot) == id {
                slot.current = false;
                if self.bounds.planned && slot.phase != Phase::Released {
                    world.broken = super::world::Promise::FencedInPeace;
                }
            }
        }
        true
    }

    fn operator_steps(&self, world: &World, found: &mut Next) {
        let next = world.ordered + 1;
        let names = |entry: &super::world::Entry| entry.get().map(|c| c.generation);
        let mut shown = world.visible[..self.bounds.shards as usize].iter();
        let ready = !self.bounds.planned || shown.all(|e| names(e) == Some(world.ordered));
        if ready && next <= self.bounds.last_generation() && next != self.bounds.warms_only {
            let action = Action::World("the operator orders to acquire generation", next);
            Self::step(world, found, action, |w| {
                w.ordered = next;
                true
            });
        }
        let warms = self.bounds.warms_only;
        if warms != 0 && self.lacks(Rule::O2WarmWritesNothing) && world.objects >> warms & 1 == 0 {
            Self::step(
                world,
                found,
                Action::World("pods warm up and create generation", warms),
                |w| {
                    w.objects |= 1 << warms;
                    true
                },
            );
        }
        if self.lacks(Rule::O1ObjectsStay) {
            for old in (1..world.ordered).filter(|g| world.objects >> g & 1 == 1) {
                if world.objects >> (old + 1) == 0 {
                    continue;
                }
                Self::step(
                    world,
                    found,
                    Action::World("deletes the object of generation", old),
                    |w| {
                        w.objects &= !(1 << old);
                        true
                    },
                );
            }
        }
    }

    fn broker_steps(&self, world: &World, found: &mut Next) {
        for (generation, slot) in self.ids() {
            let id = self.id(generation, slot);
            let name = (generation, slot);
            match world.ids[id as usize].state {
                State::Prepared => {
                    Self::step(
                        world,
                        found,
                        Action::Id(name, "its commit gets its markers"),
                        |w| {
                            w.write_markers(id, &self.bounds);
                            true
                        },
                    );
                }
                State::Late => {
                    Self::step(world, found, Action::Id(name, "its offsets are shown"), |w| {
                        w.show_offsets(id);
                        true
                    });
                }
                _ => {}
            }
        }
        for (at, request) in world.delayed.iter().enumerate() {
            let what = match request {
                Request::None => continue,
                Request::Offsets { .. } => "the delayed TxnOffsetCommit arrives, id number",
                Request::Commit { .. } => "the delayed EndTxn(commit) arrives, id number",
                Request::Abort { .. } => "the delayed EndTxn(abort) arrives, id number",
            };
            let action = Action::World(what, request.id().unwrap_or(0));
            Self::step(world, found, action, |w| w.arrive(at));
        }
        if self.bounds.cut_off && world.stale.is_none() {
            let action =
                Action::World("a coordinator is cut off and stays at what it knows, group", 0);
            Self::step(world, found, action, |w| {
                w.stale = Some(w.visible);
                true
            });
        }
    }

    fn fault_steps(&self, world: &World, found: &mut Next) {
        for (at, slot) in world.slots.iter().enumerate() {
            if world.crashes == 0 || matches!(slot.phase, Phase::Absent | Phase::Down) {
                continue;
            }
            let name = |what| Action::Process(at, slot.generation, slot.slot, what);
            Self::step(world, found, name("is killed"), |w| {
                w.crashes -= 1;
                let phase = if self.bounds.dead_stay { Phase::Absent } else { Phase::Down };
                w.slots[at].phase = phase;
                true
            });
            if self.bounds.twins {
                Self::step(
                    world,
                    found,
                    name("is cut off from Kubernetes; a second pod starts"),
                    |w| {
                        w.crashes -= 1;
                        let twin = Process { phase: Phase::Down, ..*slot };
                        let free = w.slots.iter_mut().find(|slot| slot.phase == Phase::Absent);
                        free.is_some_and(|place| {
                            *place = twin;
                            true
                        })
                    },
                );
            }
        }
        for (generation, slot) in self.ids() {
            let id = self.id(generation, slot);
            let held = self.is_held(world, id);
            if world.fences > 0 && held {
                let what = "fenced by another worker, or its transaction timed out";
                Self::step(world, found, Action::Id((generation, slot), what), |w| {
                    w.fences -= 1;
                    self.init(w, id)
                });
            }
            let dead = world.ids[id as usize].state == State::Ongoing && !held;
            if self.bounds.dead_stay && dead && !self.lacks(Rule::O5FenceTheDead) {
                let action = Action::Id((generation, slot), "a living worker fences the dead slot");
                Self::step(world, found, action, |w| self.init(w, id));
            }
        }
    }

    fn is_held(&self, world: &World, id: u8) -> bool {
        let holds = |s: &Process| s.current && self.id(s.generation, s.slot) == id;
        world.slots.iter().any(|s| s.phase != Phase::Absent && holds(s))
    }
}

impl Model for Ownership {
    type State = World;
    type Action = Action;

    fn initial(&self) -> World {
        let mut slots = [Process::default(); PROCESSES];
        for (place, (generation, slot)) in slots.iter_mut().zip(self.ids()) {
            *place = Process { generation, slot, phase: Phase::Down, ..Process::default() };
        }
        let mut world = World {
            ordered: 1,
            objects: 0,
            crashes: self.bounds.crashes,
            disturbances: self.bounds.disturbances,
            fences: self.bounds.fences,
            visible: Default::default(),
            stale: None,
            sink: Default::default(),
            ids: Default::default(),
            slots,
            delayed: Default::default(),
            broken: super::world::Promise::Kept,
        };
        world.normalize();
        world
    }

    fn next(&self, world: &World, found: &mut Next) {
        self.operator_steps(world, found);
        self.broker_steps(world, found);
        self.fault_steps(world, found);
        for at in (0..PROCESSES).filter(|at| world.slots[*at].phase != Phase::Absent) {
            self.slot_steps(world, at, found);
        }
    }

    fn broken(&self, world: &World) -> Option<String> {
        let reads = |s: &Process| matches!(s.phase, Phase::Reading | Phase::ReadingOpen);
        let open = |s: &Process| {
            let txn = world.ids[self.id(s.generation, s.slot) as usize];
            s.current && txn.state == State::Ongoing && txn.rows != 0
        };
        if self.bounds.readers && world.slots.iter().any(|slot| reads(slot) && open(slot)) {
            let text = "readers: a slot holds the last stable offset back while it waits for input";
            return Some(text.to_owned());
        }
        world.broken.text().map(str::to_owned)
    }

    fn fingerprint(&self, world: &World) -> u64 {
        let seen = fingerprint(world);
        if self.bounds.shards < 2 || self.removed.is_some() {
            return seen;
        }
        seen.min(fingerprint(&world.mirrored(self.bounds.slots)))
    }

    fn is_goal(&self, world: &World) -> Option<bool> {
        if !self.bounds.progress {
            return None;
        }
        if self.bounds.dead_stay {
            return Some(!world.ids.iter().any(|id| id.state == State::Ongoing && id.rows != 0));
        }
        let last = if self.bounds.warms_only == 0 { self.bounds.last_generation() } else { 1 };
        let done = |shard: usize| {
            let commit = world.visible[shard].get().unwrap_or_default();
            commit.generation == last && commit.unit == self.bounds.units && !commit.released
        };
        Some(world.ordered == last && (0..self.bounds.shards as usize).all(done))
    }
}
