//! One job, killed at one cell after another.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::Duration;

use futures::TryStreamExt as _;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use protocol::Generation;
use protocol::admin::{AcquireOrder, ReleaseOrder, SlotPhase, WorkerStatus};
use tests::checker::Verdict;
use tests::generator::random::{Purpose, below, draw};
use tests::generator::{Load, Pace, Recipe};
use tests::harness::wait;
use tests::harness::worker::{self, Role, Worker, WorkerSetup};

use super::Cell;
use crate::stage::Stage;

const SIGKILL: i32 = 9;
/// A step that is not reached within this time is tried once more, with another history.
const REACH_MAX: Duration = Duration::from_secs(15);
const TRIES_MAX: u32 = 4;
const STEP_MAX: Duration = Duration::from_mins(1);
/// Of an input that ends when the chain does.
const ROWS_MAX: u64 = 10_000_000;
const ROWS_PER_SECOND: u64 = 2_000;
/// Rows of a partition per second of event time: a window closes every other second.
const DENSITY: u64 = 100;
/// The steps of a recovery, of which one is drawn for the second death.
const RECOVERY: [&str; 8] = [
    "acquire.generation",
    "acquire.producer",
    "acquire.list",
    "acquire.nonce",
    "acquire.read",
    "acquire.restore",
    "acquire.replay",
    "acquire.claim",
];
/// Checkpoints after which there is garbage: more than are kept.
const CHECKPOINTS: u64 = 5;

pub(super) struct Chain {
    pub(super) stage: Stage,
    seed: u64,
    draws: u64,
    generation: u64,
    deaths: usize,
    killed: Vec<String>,
    verdict: Option<Verdict>,
}

fn runs(status: &WorkerStatus) -> bool {
    status.slots.first().is_some_and(|slot| slot.phase == SlotPhase::Running)
}

fn is_kill(status: ExitStatus) -> bool {
    status.signal() == Some(SIGKILL)
}

/// Its end at the point, or none: then it was not reached.
fn death(worker: &mut Worker) -> Option<ExitStatus> {
    let status = worker.process().wait(REACH_MAX).ok();
    if status.is_none() {
        worker.process().kill().unwrap();
    }
    status.filter(|status| is_kill(*status))
}

impl Chain {
    pub(super) fn new(stage: Stage, seed: u64) -> Self {
        let (draws, generation, deaths) = (0, 1, 0);
        Self { stage, seed, draws, generation, deaths, killed: Vec::new(), verdict: None }
    }

    pub(super) fn deaths(&self) -> usize {
        self.deaths
    }

    pub(super) fn killed(&self) -> &[String] {
        &self.killed
    }

    pub(super) fn verdict(&self) -> &Verdict {
        self.verdict.as_ref().expect("the chain has run")
    }

    /// Kills at every cell, lets the job finish, and judges.
    pub(super) fn run(mut self, cells: &[Cell]) -> Self {
        let (planning, rest): (Vec<&Cell>, Vec<&Cell>) =
            cells.iter().partition(|cell| cell.point.starts_with("plan."));
        for cell in planning {
            let status = self.once(&["plan", "--apply"], &cell.kill(1));
            self.died(cell, status);
        }
        assert!(self.once(&["plan", "--apply"], "").success());
        let pace = Pace::PerSecond(ROWS_PER_SECOND);
        let recipe = Recipe { density: DENSITY, ..self.stage.recipe(self.seed) };
        let load = self.stage.load(recipe, ROWS_MAX, pace);
        for cell in rest {
            self.cell(cell);
            self.recovery();
        }
        self.finish(load);
        self
    }

    fn finish(&mut self, load: Load) {
        let mut last = self.worker("");
        last.until_status("running", STEP_MAX, runs).unwrap();
        load.stop();
        let verdict = self
            .stage
            .finish(load.written().unwrap(), || last.process().require_running().unwrap());
        assert!(last.process().stop().unwrap().success());
        let deaths = self.deaths as u64;
        self.stage.survived(|figures| (figures.faults, figures.kills) = (deaths, deaths));
        self.verdict = Some(verdict);
    }

    /// A number below `bound`, by the seed.
    fn below(&mut self, bound: u64) -> u64 {
        self.draws += 1;
        below(draw(self.seed, 1, self.draws, Purpose::Disorder), bound)
    }

    fn setup(&self, acquire_now: bool) -> WorkerSetup {
        let generation = self.generation;
        let role = Role::Slot { generation, slots: 1, ordinal: 0, acquire_now };
        self.stage.setup(&format!("g{generation}"), role)
    }

    fn worker(&self, faults: &str) -> Worker {
        Worker::start_faulty(&self.setup(true), faults).unwrap()
    }

    fn once(&self, arguments: &[&str], faults: &str) -> ExitStatus {
        let log = self.stage.scratch.path().join(format!("{}.log", arguments[0]));
        let own = (&*self.stage.job_path, &*self.stage.secrets);
        let program = worker::faulty(faults).unwrap();
        worker::once(program, arguments, own, &log).unwrap().0
    }

    fn died(&mut self, cell: &Cell, status: ExitStatus) {
        assert!(is_kill(status), "{}: {status}", cell.name());
        self.deaths += 1;
        self.killed.push(cell.name());
    }

    /// A worker without faults, until it has a checkpoint and has committed more; then it is killed.
    fn calm(&mut self) {
        let mut worker = self.worker("");
        worker.until_checkpoint(STEP_MAX, 0).unwrap();
        self.stage.until_progress(|| worker.process().require_running().unwrap());
        worker.process().kill().unwrap();
        self.deaths += 1;
    }

    /// The next generation, after the one before has released its shards.
    fn hand_over(&mut self) {
        let mut worker = self.worker("");
        self.stage.until_progress(|| worker.process().require_running().unwrap());
        assert!(worker.process().stop().unwrap().success());
        self.generation += 1;
    }

    /// One death at the cell. The steps of a commit come again and again: which time it is is drawn.
    fn cell(&mut self, cell: &Cell) {
        for attempt in 1.. {
            if let Some(status) = self.attempt(cell).filter(|status| is_kill(*status)) {
                return self.died(cell, status);
            }
            assert!(attempt < TRIES_MAX, "{} was not reached", cell.name());
            self.deaths += 1;
            self.calm();
        }
    }

    fn attempt(&mut self, cell: &Cell) -> Option<ExitStatus> {
        let nth = match cell.point.split_once('.').map(|(phase, _)| phase) {
            Some("commit" | "process") => 1 + self.below(12),
            Some("checkpoint") => 1 + self.below(3),
            Some("gc") => return Some(self.collection(cell)),
            Some("release") => return self.release(cell),
            Some("warm") => return self.warm_up(cell),
            _ => 1,
        };
        let fault = match cell.point.as_str() {
            // The claim, or a commit after it.
            "replace.producer" | "replace.look" => {
                format!("disturb:{},{}", 2 + self.below(3), cell.kill(1))
            }
            "acquire.fence" => {
                self.hand_over();
                cell.kill(1)
            }
            _ => cell.kill(nth),
        };
        let mut worker = self.worker(&fault);
        death(&mut worker)
    }

    /// The next generation follows the one that was killed, and takes over afterwards.
    fn warm_up(&mut self, cell: &Cell) -> Option<ExitStatus> {
        self.calm();
        self.generation += 1;
        let mut worker = Worker::start_faulty(&self.setup(false), &cell.kill(1)).unwrap();
        let status = death(&mut worker);
        let mut next = self.worker("");
        next.until_status("to serve", STEP_MAX, |_| true).unwrap();
        let order = AcquireOrder { generation: Generation(self.generation), take_over: true };
        next.order("acquire", &order).unwrap();
        next.until_status("running", STEP_MAX, runs).unwrap();
        next.process().kill().unwrap();
        self.deaths += 1;
        status
    }

    /// Told to end; or, for the seal, to come to rest.
    fn release(&mut self, cell: &Cell) -> Option<ExitStatus> {
        let mut worker = self.worker(&cell.kill(1));
        self.stage.until_progress(|| worker.process().require_running().unwrap());
        if cell.point != "release.seal" {
            return Some(worker.process().stop().unwrap());
        }
        let order =
            ReleaseOrder { generation: Generation(self.generation), drain: true, seal: true };
        worker.order("release", &order).unwrap();
        // At rest or not: the next one to acquire is a generation of its own.
        self.generation += 1;
        death(&mut worker)
    }

    /// A collection beside a worker that works.
    fn collection(&mut self, cell: &Cell) -> ExitStatus {
        let mut worker = self.worker("");
        let first = worker.until_checkpoint(STEP_MAX, 0).unwrap();
        worker.until_checkpoint(STEP_MAX, first + CHECKPOINTS - 1).unwrap();
        if cell.point == "gc.delete" {
            assert!(self.once(&["clean", "--gc"], "").success());
            self.age_marks();
        }
        let status = self.once(&["clean", "--gc"], &cell.kill(1));
        assert!(self.once(&["clean", "--gc"], "").success(), "a collection after one that was cut");
        worker.process().require_running().unwrap();
        worker.process().kill().unwrap();
        self.deaths += 1;
        status
    }

    /// What was marked was marked long ago.
    fn age_marks(&self) {
        let bucket = self.stage.bucket.as_deref().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let folder = Path::from(format!("jobs/{}/garbage", self.stage.job.uid));
            let marks: Vec<_> = bucket.list(Some(&folder)).try_collect().await.unwrap();
            assert!(!marks.is_empty(), "nothing was marked");
            for mark in marks {
                bucket.put(&mark.location, "1000".into()).await.unwrap();
            }
        });
    }

    /// The recovery is cut short too; what it takes to reach the drawn step again comes with the next cell.
    fn recovery(&mut self) {
        let point = RECOVERY[self.below(RECOVERY.len() as u64) as usize].to_owned();
        let cell = Cell { point, after: self.below(2) == 1 };
        let mut worker = self.worker(&cell.kill(1));
        let ended = wait::until("death during recovery", STEP_MAX, || worker.process().ended());
        let status = ended.unwrap();
        assert!(is_kill(status), "{} during recovery: {status}", cell.name());
        self.deaths += 1;
    }
}
