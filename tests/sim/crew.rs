//! Who starts the processes, looks how they end, and orders them about.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use connectors::turns;
use protocol::acquire::Stop;
use protocol::admin::{AcquireOrder, ReleaseOrder, SlotPhase};
use protocol::reason::Reason;
use protocol::{Generation, SlotIndex};
use worker::slot::SlotEnd;

use crate::process::{Identity, Process, Site};
use crate::schedule::Schedule;
use crate::seen::{Seen, Sight};
use crate::upgrade::{AFTER, BEFORE, Upgrade};

/// What a slot may be stopped by where no object and no log is damaged.
const EXPECTED: &[(Reason, Sight)] = &[
    (Reason::Fenced, Sight::EndFenced),
    (Reason::UnknownOutcome, Sight::EndUnknownOutcome),
    (Reason::Superseded, Sight::EndSuperseded),
    (Reason::BrokerUnreachable, Sight::EndBrokerUnreachable),
    (Reason::StoreUnreachable, Sight::EndStoreUnreachable),
    (Reason::OffsetsMovedByOther, Sight::EndOffsetsMoved),
];

/// What a way back may be refused with.
const NO_WAY_BACK: &[Reason] =
    &[Reason::IncompatibleState, Reason::NoWayBack, Reason::ReplayGapLost];

/// A process that is to be there.
pub(crate) struct Pod {
    pub(crate) identity: Identity,
    pub(crate) process: Option<Process>,
    /// When it is started again.
    due: Duration,
    pub(crate) disk: PathBuf,
    pub(crate) acquires: bool,
    /// It has given up its shards, or is of a generation that nobody needs.
    pub(crate) done: bool,
}

/// All processes of a seed.
pub(crate) struct Crew<'a> {
    pub(crate) site: &'a Site,
    pub(crate) schedule: Arc<Schedule>,
    pub(crate) seen: Arc<Seen>,
    pub(crate) pods: Vec<Pod>,
    /// Second processes of one identity, and others that nobody knows of.
    pub(crate) strays: Vec<Process>,
    pub(crate) generation: u64,
    /// The plan of the next generation.
    pub(crate) version: usize,
    pub(crate) numbers: u32,
    pub(crate) savepoints: u32,
    /// What must not have happened.
    pub(crate) faults: Vec<String>,
}

impl<'a> Crew<'a> {
    pub(crate) fn new(site: &'a Site) -> Self {
        Self {
            site,
            schedule: Arc::clone(&site.cluster.schedule),
            seen: Arc::clone(&site.cluster.seen),
            pods: Vec::new(),
            strays: Vec::new(),
            generation: 0,
            version: BEFORE,
            numbers: 0,
            savepoints: 0,
            faults: Vec::new(),
        }
    }

    pub(crate) fn widest(&self) -> u32 {
        self.site.layout.widest()
    }

    /// A new generation of so many slots; its processes warm up, or acquire at once.
    pub(crate) fn begin(&mut self, slots: u32, acquires: bool) {
        self.generation += 1;
        let generation = Generation(self.generation);
        let version = self.version;
        self.site.note_generation(generation, version);
        self.schedule.say(&format!("generation {generation} of {slots} slots, plan {version}"));
        for slot in 0..slots {
            let identity = Identity { generation, slot: SlotIndex(slot), slots, version };
            let disk = self.site.scratch.join(format!("{generation}-{slot}"));
            let due = self.schedule.now();
            self.pods.push(Pod { identity, process: None, due, disk, acquires, done: false });
        }
        self.tend();
    }

    pub(crate) fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    /// Starts what is due and looks at what has ended.
    pub(crate) fn tend(&mut self) {
        for at in 0..self.pods.len() {
            self.look_after(at);
            self.start_if_due(at);
        }
        for at in (0..self.strays.len()).rev() {
            if let Some(end) = self.strays[at].take_end() {
                let stray = self.strays.swap_remove(at);
                self.note_end(&end, &stray);
                self.schedule.kill(stray.id);
            }
        }
    }

    fn look_after(&mut self, at: usize) {
        let Some(end) = self.pods[at].process.as_ref().and_then(Process::take_end) else { return };
        self.look_at_board(at);
        let Some(process) = self.pods[at].process.take() else { return };
        self.note_end(&end, &process);
        let refused = end.as_ref().is_err_and(|stop| self.is_no_way_back(stop, &process));
        self.schedule.kill(process.id); // with its other threads
        let due = self.schedule.now() + self.schedule.millis(50, 2_000);
        let pod = &mut self.pods[at];
        pod.due = due;
        pod.done |= match &end {
            Ok(_) => true,
            Err(stop) => stop.reason == Reason::Superseded || refused,
        };
    }

    fn start_if_due(&mut self, at: usize) {
        let pod = &self.pods[at];
        if pod.process.is_none() && !pod.done && pod.due <= self.schedule.now() {
            let (identity, disk, acquires) = (pod.identity, pod.disk.clone(), pod.acquires);
            let number = self.number();
            let process = Process::start(self.site, number, identity, disk, acquires);
            self.pods[at].process = Some(process);
        }
    }

    fn note_end(&mut self, end: &Result<SlotEnd, Stop>, process: &Process) {
        match end {
            Ok(SlotEnd::Released) => self.seen.note(Sight::EndReleased),
            Ok(SlotEnd::Sealed) => self.seen.note(Sight::EndSealed),
            Ok(SlotEnd::NeverOwned) => self.seen.note(Sight::EndNeverOwned),
            Err(stop) => match EXPECTED.iter().find(|(reason, _)| *reason == stop.reason) {
                Some((_, sight)) => self.seen.note(*sight),
                // Whoever came after keeps only what itself needs, and this one may not have heard of it.
                None if stop.reason == Reason::ReplayGapLost && self.has_successor(process) => {
                    self.seen.note(Sight::EndFenced);
                }
                None if self.is_no_way_back(stop, process) => self.seen.note(Sight::WayBackRefused),
                None => self.faults.push(format!("a slot stopped: {stop}")),
            },
        }
    }

    /// Does a slot of the plan before refuse what the other plan has left? The way back leads over a checkpoint of its
    /// own, which may be gone, its log too, or a forced advance lies behind it (R8).
    fn is_no_way_back(&self, stop: &Stop, process: &Process) -> bool {
        let refuses = self.site.upgrade.as_ref().is_some_and(Upgrade::may_refuse);
        refuses && self.site.goes_back(process.identity) && NO_WAY_BACK.contains(&stop.reason)
    }

    /// Was another process started after this one that may own its shards?
    fn has_successor(&self, process: &Process) -> bool {
        let all = self.pods.iter().filter_map(|pod| pod.process.as_ref()).chain(&self.strays);
        let later = |other: &Process| other.id > process.id;
        let same = |other: &Process| other.identity.generation >= process.identity.generation;
        all.into_iter().any(|other| later(other) && same(other))
    }

    /// What the process said of itself before it went.
    fn look_at_board(&self, pod: usize) {
        let Some(process) = &self.pods[pod].process else { return };
        for entry in process.board.entries(false) {
            let counters = &entry.counters;
            self.seen.add(Sight::CheckpointFailed, counters.checkpoint_failures);
            self.seen.add(Sight::Replaced, counters.replaced_producers);
            self.seen.add(Sight::LogWaited, counters.waits);
            let waits = entry.status.shards.iter().any(|shard| shard.waits);
            self.seen.add(Sight::WaitEnded, u64::from(waits));
            self.seen.add(Sight::Checkpoint, u64::from(entry.status.checkpoint.is_some()));
        }
    }

    pub(crate) fn kill(&mut self, at: usize) {
        self.look_at_board(at);
        let pause = self.schedule.millis(1, 3_000);
        let pod = &mut self.pods[at];
        if let Some(process) = pod.process.take() {
            self.schedule.say(&format!("process {} is killed", process.id));
            self.schedule.kill(process.id);
        }
        pod.due = self.schedule.now() + pause;
    }

    pub(crate) fn order_release(&self, up_to: u64, drain: bool) {
        for pod in self.pods.iter().filter(|pod| pod.identity.generation.0 <= up_to) {
            if let Some(process) = &pod.process {
                let order =
                    ReleaseOrder { generation: pod.identity.generation, drain, seal: drain };
                process.orders.change(|standing| standing.release = Some(order));
            }
        }
    }

    pub(crate) fn order_acquire(&mut self, take_over: bool) {
        let generation = Generation(self.generation);
        for pod in self.pods.iter_mut().filter(|pod| pod.identity.generation == generation) {
            pod.acquires = true;
            if let Some(process) = &pod.process {
                let order = AcquireOrder { generation, take_over };
                process.orders.change(|standing| standing.acquire = Some(order));
            }
        }
    }

    /// The bad week is over: one generation is left to itself, whoever else still runs is ignored.
    pub(crate) fn settle(&mut self) {
        let before = self.generation;
        let slots = 1 + self.schedule.below(self.widest() as usize) as u32;
        if self.site.upgrade.as_ref().is_some_and(Upgrade::may_refuse) {
            self.version = AFTER; // which takes up what either has left
        }
        for at in 0..self.pods.len() {
            self.kill(at);
            self.pods[at].done = true;
        }
        self.begin(slots, true);
        self.order_acquire(true);
        self.schedule.say(&format!("generation {before} is history"));
    }

    /// Do all slots of the last generation run?
    pub(crate) fn runs(&self) -> bool {
        let own = self.pods.iter().filter(|pod| pod.identity.generation.0 == self.generation);
        let runs = |pod: &Pod| {
            let entries = pod.process.as_ref().map(|process| process.board.entries(false));
            entries.is_some_and(|all| all.iter().all(|e| e.status.phase == SlotPhase::Running))
        };
        own.into_iter().all(runs)
    }

    /// What the processes say of themselves, for a seed that does not come to its end.
    pub(crate) fn describe(&self) -> String {
        let pods = self.pods.iter().filter(|pod| !pod.done).map(|pod| {
            let entries = pod.process.as_ref().map(|process| process.board.entries(false));
            let said = entries.iter().flatten().map(|e| {
                format!("{:?} {:?} {:?}", e.status.phase, e.status.reason, e.status.message)
            });
            format!("{:?}: {}", pod.identity, said.collect::<Vec<_>>().join("; "))
        });
        pods.collect::<Vec<_>>().join("\n")
    }

    /// Ends everybody.
    pub(crate) fn end(&mut self) {
        for at in 0..self.pods.len() {
            self.kill(at);
        }
        for stray in self.strays.drain(..) {
            self.schedule.kill(stray.id);
        }
        turns::pause(Duration::from_secs(1));
    }
}
