//! What happens to a job in a bad week, drawn from the seed. What is done is allowed to be wrong:
//! the workers alone must keep the promises.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use connectors::turns;
use object_store::ObjectStoreExt as _;
use protocol::admin::{SavepointOrder, SlotPhase};
use protocol::manifest::Manifest;
use protocol::metadata::OffsetMetadata;
use protocol::{Generation, Log};
use tests::generator::recipe::START;
use worker::cluster::View;
use worker::gc::{self, Standing};

use crate::crew::{Crew, Pod};
use crate::process::{Process, Simulated};
use crate::seen::Sight;

impl Crew<'_> {
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

    /// Garbage goes, as whoever hosts slot 0 collects it, and logs lose what nobody may need any
    /// more. Every minute counts as an hour here, or nothing would be an hour old.
    pub(crate) fn tidy_up(&mut self) {
        let (cluster, objects) = (Arc::clone(&self.site.cluster), Arc::clone(&self.site.objects));
        let world = Simulated { cluster: Arc::clone(&cluster), objects };
        let (job, runtime) = (Arc::clone(&self.site.job), self.site.runtime.clone());
        let standing =
            [Standing::Proven, Standing::OnTrial, Standing::Unjudged][self.schedule.below(3)];
        let number = self.number();
        self.schedule.spawn(number, "housekeeping".to_owned(), move || {
            let now = START + 60 * (cluster.schedule.now_ms() - START);
            let done = View::open(&world, &job, runtime)
                .and_then(|view| gc::collect(&job, &view, standing, now));
            cluster.schedule.say(&format!("garbage: {done:?}"));
            cluster.seen.add(Sight::ObjectDeleted, done.map_or(0, |done| done.deleted as u64));
        });
        self.cut_logs();
    }

    /// Retention: a source keeps what the checkpoint that was named a minute ago needs.
    fn cut_logs(&self) {
        let Some(offsets) = self.site.cluster.retained() else { return };
        let stage = protocol::StageId(0);
        let group = self.site.job.names.group(stage);
        for ((_, topic, partition), (_, text)) in offsets.iter().filter(|(key, _)| key.0 == group) {
            let log = Log::new(topic.clone(), *partition);
            let named = OffsetMetadata::decode(text).ok().and_then(|metadata| metadata.manifest);
            let needed = named.and_then(|name| {
                let path = self.site.job.keys.manifest(&name).into();
                let read =
                    async { self.site.objects.inner.get(&path).await.ok()?.bytes().await.ok() };
                let bytes = self.site.runtime.block_on(read)?;
                let manifest = Manifest::decode(&bytes, &name, &self.site.job.uid).ok()?;
                manifest.shard(stage, &log).map(|snapshot| snapshot.offset)
            });
            if let Some(offset) = needed {
                self.site.cluster.delete_records(&log, offset);
            }
        }
    }

    /// Where time is when a row was read: a clock goes back or ahead.
    pub(crate) fn set_a_clock(&self) {
        let process = self.one().and_then(|at| self.pods[at].process.as_ref());
        if let Some(process) = process {
            self.site.set_clock(process.id);
        }
    }

    fn one(&self) -> Option<usize> {
        let alive = |pod: &Pod| pod.process.is_some();
        let alive: Vec<usize> = (0..self.pods.len()).filter(|at| alive(&self.pods[*at])).collect();
        (!alive.is_empty()).then(|| alive[self.schedule.below(alive.len())])
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
        self.change_plan();
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

    /// A generation that is given up while it warms up or acquires, for the next one.
    fn abandon(&mut self) {
        self.seen.note(Sight::Abandoned);
        let slots = 1 + self.schedule.below(self.widest() as usize) as u32;
        self.change_plan();
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
        self.change_plan();
        self.begin(slots, true);
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
