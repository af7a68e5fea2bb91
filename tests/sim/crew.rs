//! Who starts, kills, freezes and orders the processes: an operator and a bad week, drawn from the seed. What it does
//! is allowed to be wrong: the workers alone must keep the promises.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use connectors::turns;
use protocol::acquire::Stop;
use protocol::admin::{AcquireOrder, ReleaseOrder, SavepointOrder, SlotPhase};
use protocol::reason::Reason;
use protocol::{Generation, SlotIndex};
use worker::slot::SlotEnd;

use crate::process::{Identity, Process, Site};
use crate::schedule::Schedule;
use crate::seen::{Seen, Sight};

/// What nobody may be stopped for where no object and no log is damaged.
const EXPECTED: &[(Reason, Sight)] = &[
    (Reason::Fenced, Sight::EndFenced),
    (Reason::UnknownOutcome, Sight::EndUnknownOutcome),
    (Reason::Superseded, Sight::EndSuperseded),
    (Reason::BrokerUnreachable, Sight::EndBrokerUnreachable),
    (Reason::StoreUnreachable, Sight::EndStoreUnreachable),
    (Reason::OffsetsMovedByOther, Sight::EndOffsetsMoved),
];

/// A process that is to be there.
struct Pod {
    identity: Identity,
    process: Option<Process>,
    /// When it is started again.
    due: Duration,
    disk: PathBuf,
    acquires: bool,
    /// It has given up its shards, or is of a generation that nobody needs.
    done: bool,
}

/// All processes of a seed.
pub(crate) struct Crew<'a> {
    site: &'a Site,
    schedule: Arc<Schedule>,
    seen: Arc<Seen>,
    pods: Vec<Pod>,
    /// Second processes of one identity, and others that nobody knows of.
    strays: Vec<Process>,
    generation: u64,
    numbers: u32,
    savepoints: u32,
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
            numbers: 0,
            savepoints: 0,
            faults: Vec::new(),
        }
    }

    fn widest(&self) -> u32 {
        self.site.layout.widest()
    }

    /// A new generation of so many slots; its processes warm up, or acquire at once.
    pub(crate) fn begin(&mut self, slots: u32, acquires: bool) {
        self.generation += 1;
        let generation = Generation(self.generation);
        self.schedule.say(&format!("generation {generation} of {slots} slots"));
        for slot in 0..slots {
            let identity = Identity { generation, slot: SlotIndex(slot), slots };
            let disk = self.site.scratch.join(format!("{generation}-{slot}"));
            let due = self.schedule.now();
            self.pods.push(Pod { identity, process: None, due, disk, acquires, done: false });
        }
        self.tend();
    }

    fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    /// Starts what is due and looks at what has ended.
    pub(crate) fn tend(&mut self) {
        let now = self.schedule.now();
        for at in 0..self.pods.len() {
            if let Some(end) = self.pods[at].process.as_ref().and_then(Process::take_end) {
                self.note_end(&end);
                let pause = self.schedule.millis(50, 2_000);
                let pod = &mut self.pods[at];
                pod.done |= match &end {
                    Ok(_) => true,
                    Err(stop) => stop.reason == Reason::Superseded,
                };
                self.look_at_board(at);
                let pod = &mut self.pods[at];
                pod.due = now + pause;
                if let Some(process) = pod.process.take() {
                    self.schedule.kill(process.id); // with its other threads
                }
            }
            let pod = &self.pods[at];
            if pod.process.is_none() && !pod.done && pod.due <= now {
                let (identity, disk, acquires) = (pod.identity, pod.disk.clone(), pod.acquires);
                let number = self.number();
                let process = Process::start(self.site, number, identity, disk, acquires);
                self.pods[at].process = Some(process);
            }
        }
        for at in (0..self.strays.len()).rev() {
            if let Some(end) = self.strays[at].take_end() {
                self.note_end(&end);
                self.schedule.kill(self.strays.swap_remove(at).id);
            }
        }
    }

    fn note_end(&mut self, end: &Result<SlotEnd, Stop>) {
        match end {
            Ok(SlotEnd::Released) => self.seen.note(Sight::EndReleased),
            Ok(SlotEnd::Sealed) => self.seen.note(Sight::EndSealed),
            Ok(SlotEnd::NeverOwned) => self.seen.note(Sight::EndNeverOwned),
            Err(stop) => match EXPECTED.iter().find(|(reason, _)| *reason == stop.reason) {
                Some((_, sight)) => self.seen.note(*sight),
                None => self.faults.push(format!("a slot stopped: {stop}")),
            },
        }
    }

    /// What the process said of itself before it went.
    fn look_at_board(&self, pod: usize) {
        let Some(process) = &self.pods[pod].process else { return };
        for entry in process.board.entries(false) {
            let counters = &entry.counters;
            self.seen.add(Sight::CheckpointFailed, counters.checkpoint_failures);
            self.seen.add(Sight::Replaced, counters.replaced_producers);
            self.seen.add(Sight::Checkpoint, u64::from(entry.status.checkpoint.is_some()));
        }
    }

    /// One thing that happens.
    pub(crate) fn act(&mut self) {
        match self.schedule.below(16) {
            0..=3 => self.kill_one(),
            4 => self.freeze_one(),
            5 | 14 | 15 => self.twin(),
            6 => self.terminate_one(),
            7..=9 => self.rescale(),
            10 => self.abandon(),
            11 => self.savepoint(),
            12 => self.seal_and_resume(),
            _ => {}
        }
    }

    fn one(&self) -> Option<usize> {
        let alive = |pod: &Pod| pod.process.is_some();
        let alive: Vec<usize> = (0..self.pods.len()).filter(|at| alive(&self.pods[*at])).collect();
        (!alive.is_empty()).then(|| alive[self.schedule.below(alive.len())])
    }

    fn kill(&mut self, at: usize) {
        self.look_at_board(at);
        let pause = self.schedule.millis(1, 3_000);
        let pod = &mut self.pods[at];
        if let Some(process) = pod.process.take() {
            self.schedule.say(&format!("process {} is killed", process.id));
            self.schedule.kill(process.id);
        }
        pod.due = self.schedule.now() + pause;
    }

    fn kill_one(&mut self) {
        let Some(at) = self.one() else { return };
        self.kill(at);
        // Its threads are gone before the next moment.
        turns::pause(Duration::from_nanos(1));
        let disk = self.pods[at].disk.clone();
        let copy = disk.with_extension("older");
        match self.schedule.below(4) {
            0 => {
                self.seen.note(Sight::DiskLost);
                remove(&disk);
            }
            1 if copy.exists() => {
                self.seen.note(Sight::DiskOlder);
                remove(&disk);
                fs::rename(&copy, &disk).expect("the copy takes its place");
            }
            2 => {
                self.seen.note(Sight::Killed);
                remove(&copy);
                copy_folder(&disk, &copy);
            }
            _ => self.seen.note(Sight::Killed),
        }
    }

    fn freeze_one(&mut self) {
        let Some(at) = self.one() else { return };
        let time = self.schedule.millis(500, 40_000);
        let Some(process) = &self.pods[at].process else { return };
        self.seen.note(Sight::Frozen);
        self.schedule.say(&format!("process {} is frozen for {time:?}", process.id));
        self.schedule.freeze(process.id, time);
        if self.schedule.one_in(2) {
            // Somebody thinks it is dead, and starts another one.
            let identity = self.pods[at].identity;
            let disk = self.pods[at].disk.with_extension(format!("twin-{}", self.numbers));
            let number = self.number();
            let acquires = self.pods[at].acquires;
            let twin = Process::start(self.site, number, identity, disk.clone(), acquires);
            let pod = &mut self.pods[at];
            pod.disk = disk;
            self.strays.extend(pod.process.replace(twin));
        }
    }

    fn twin(&mut self) {
        let Some(at) = self.one() else { return };
        self.seen.note(Sight::Twin);
        let identity = self.pods[at].identity;
        let disk = self.pods[at].disk.with_extension(format!("twin-{}", self.numbers));
        let number = self.number();
        let twin = Process::start(self.site, number, identity, disk, self.pods[at].acquires);
        self.strays.push(twin);
    }

    fn terminate_one(&mut self) {
        let Some(at) = self.one() else { return };
        self.seen.note(Sight::Terminated);
        let Some(process) = &self.pods[at].process else { return };
        process.orders.change(|standing| standing.terminate = true);
        // It comes back: a node was drained.
        let id = process.id;
        for _ in 0..40 {
            turns::pause(Duration::from_secs(1));
            if !self.schedule.lives(id) {
                break;
            }
        }
        self.kill(at);
        self.pods[at].done = false;
    }

    /// A new generation with another number of slots, as the operator goes about it; sometimes the old one never
    /// hears of it, or is not waited for.
    fn rescale(&mut self) {
        self.seen.note(Sight::Rescaled);
        let slots = 1 + self.schedule.below(self.widest() as usize) as u32;
        let before = self.generation;
        self.begin(slots, false);
        self.wait_warm();
        if !self.schedule.one_in(4) {
            self.order_release(before, false);
        }
        let take_over = self.schedule.one_in(3);
        if take_over {
            self.seen.note(Sight::TakenOver);
        }
        self.order_acquire(take_over);
        if self.schedule.one_in(2) {
            turns::pause(self.schedule.millis(1, 20_000));
            self.tend();
            self.retire(before);
        }
    }

    /// The pods of older generations go; one of them may go on unseen.
    fn retire(&mut self, up_to: u64) {
        for at in 0..self.pods.len() {
            if self.pods[at].identity.generation.0 > up_to || self.pods[at].done {
                continue;
            }
            if self.schedule.one_in(5) {
                self.strays.extend(self.pods[at].process.take());
            } else {
                self.kill(at);
            }
            self.pods[at].done = true;
        }
    }

    fn wait_warm(&mut self) {
        for _ in 0..self.schedule.below(40) {
            turns::pause(Duration::from_millis(250));
            self.tend();
            let own = self.pods.iter().filter(|pod| pod.identity.generation.0 == self.generation);
            let warm = |pod: &Pod| {
                let entries = pod.process.as_ref().map(|process| process.board.entries(false));
                entries.is_some_and(|all| all.iter().all(|e| e.status.phase == SlotPhase::Warm))
            };
            if own.into_iter().all(warm) {
                return;
            }
        }
    }

    fn order_release(&self, up_to: u64, drain: bool) {
        for pod in self.pods.iter().filter(|pod| pod.identity.generation.0 <= up_to) {
            if let Some(process) = &pod.process {
                let order =
                    ReleaseOrder { generation: pod.identity.generation, drain, seal: drain };
                process.orders.change(|standing| standing.release = Some(order));
            }
        }
    }

    fn order_acquire(&mut self, take_over: bool) {
        let generation = Generation(self.generation);
        for pod in self.pods.iter_mut().filter(|pod| pod.identity.generation == generation) {
            pod.acquires = true;
            if let Some(process) = &pod.process {
                let order = AcquireOrder { generation, take_over };
                process.orders.change(|standing| standing.acquire = Some(order));
            }
        }
    }

    /// A generation that is given up while it warms up or acquires, for the next one.
    fn abandon(&mut self) {
        self.seen.note(Sight::Abandoned);
        let slots = 1 + self.schedule.below(self.widest() as usize) as u32;
        self.begin(slots, self.schedule.one_in(2));
        turns::pause(self.schedule.millis(1, 3_000));
        self.tend();
        self.rescale();
    }

    fn savepoint(&mut self) {
        self.seen.note(Sight::Savepoint);
        self.savepoints += 1;
        let name = format!("s{}", self.savepoints);
        let generation = Generation(self.generation);
        let order = |resume| SavepointOrder { generation, name: name.clone(), resume };
        let tell = |crew: &Self, order: &SavepointOrder| {
            for process in crew.pods.iter().filter_map(|pod| pod.process.as_ref()) {
                process.orders.change(|standing| standing.savepoint = Some(order.clone()));
            }
        };
        tell(self, &order(false));
        turns::pause(self.schedule.millis(100, 15_000));
        self.tend();
        tell(self, &order(true));
    }

    /// Suspends the job, and resumes it with a new generation.
    fn seal_and_resume(&mut self) {
        let before = self.generation;
        self.order_release(before, true);
        let mut sealed = false;
        for _ in 0..60 {
            turns::pause(Duration::from_millis(500));
            self.tend();
            let own = self.pods.iter().filter(|pod| pod.identity.generation.0 == before);
            sealed = own.into_iter().all(|pod| pod.done);
            if sealed {
                break;
            }
        }
        if sealed {
            self.seen.note(Sight::Drained);
        }
        self.retire(before);
        let slots = 1 + self.schedule.below(self.widest() as usize) as u32;
        self.begin(slots, true);
    }

    /// The bad week is over: one generation is left to itself, whoever else still runs is ignored.
    pub(crate) fn settle(&mut self) {
        let before = self.generation;
        let slots = 1 + self.schedule.below(self.widest() as usize) as u32;
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

fn remove(folder: &Path) {
    if folder.exists() {
        fs::remove_dir_all(folder).expect("the folder goes");
    }
}

/// A copy, as a disk that comes back with what was on it some time ago.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("the folder is read") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("the file is copied");
        }
    }
}
