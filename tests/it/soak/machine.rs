//! A machine that is not as it should be: its clock jumps, its disk is full, its memory ends. Of the worker alone:
//! nothing is changed for anybody else.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tests::generator::Pace;
use tests::harness::job::Checkpoints;
use tests::harness::worker::{Role, Worker, WorkerSetup};
use tests::harness::{crew, tools, wait};
use tests::oracle::Query;

use crate::stage::{Stage, seed};

const STEP_MAX: Duration = Duration::from_mins(2);
/// Seconds that the clock is ahead, one after another.
const CLOCKS: [i64; 5] = [3_600, -3_600, 0, -3_600, 3_600];
/// Kills by the end of memory.
const KILLS: usize = 5;

fn worker_program() -> Command {
    Command::new(tools::program("streamjob-worker").unwrap())
}

fn start(setup: &WorkerSetup, program: Command) -> Worker {
    Worker::start_as(setup, program).unwrap()
}

fn setup(stage: &Stage) -> WorkerSetup {
    stage.setup("g1", Role::only(1))
}

/// A clock for one process.
pub(crate) struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    pub(crate) fn make(stage: &Stage) -> Self {
        let folder = stage.scratch.path();
        let library = folder.join("clock.so");
        let source = tools::checkout().join("tests/tools/clock.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source);
        assert!(compiler.status().unwrap().success(), "a C compiler makes the clock");
        let clock = Self { library, file: folder.join("clock") };
        fs::write(&clock.file, [0; 8]).unwrap();
        clock
    }

    /// From now on it is so many seconds ahead.
    pub(crate) fn set(&self, ahead: i64) {
        let file = fs::OpenOptions::new().write(true).open(&self.file).unwrap();
        file.write_all_at(&ahead.to_ne_bytes(), 0).unwrap();
    }

    /// The worker under it.
    pub(crate) fn start(&self, stage: &Stage) -> Worker {
        let mut program = worker_program();
        program.env("LD_PRELOAD", &self.library).env("STREAMJOB_CLOCK_FILE", &self.file);
        start(&setup(stage), program)
    }
}

/// How far the worker's clock was ahead when it wrote its last line.
fn ahead(worker: &mut Worker) -> Duration {
    let output = worker.process().output();
    let written = output.rsplit("\"timestamp\":\"").next().and_then(|rest| rest.split('"').next());
    let written: jiff::Timestamp = written.unwrap().parse().unwrap();
    let now = jiff::Timestamp::now();
    Duration::try_from(written.duration_since(now)).unwrap_or_default()
}

/// The worker lives through each jump, and is killed and started again under each clock. Its objects lie in a folder:
/// a real store refuses whoever signs with a wrong time.
#[test]
fn a_clock_that_jumps_by_an_hour_changes_no_row() {
    let mut stage = Stage::real("clocks", Query::bids_per_auction(false));
    let folder = stage.scratch.folder("checkpoints").unwrap().display().to_string();
    stage.job.checkpoints = Checkpoints::Folder(folder);
    stage.write_job();
    stage.plan();
    let clock = Clock::make(&stage);
    clock.set(CLOCKS[0]);
    let mut worker = clock.start(&stage);
    let load = stage.load(stage.recipe(seed()), 10_000_000, Pace::PerSecond(4_000));
    stage.until_progress(|| worker.process().require_running().unwrap());
    assert!(ahead(&mut worker) > Duration::from_mins(50), "the clock is not the one of the file");
    for ahead in CLOCKS {
        clock.set(ahead);
        stage.until_progress(|| worker.process().require_running().unwrap());
        worker.until_checkpoint(STEP_MAX, 0).unwrap();
        worker.process().kill().unwrap();
        worker = clock.start(&stage);
        stage.until_progress(|| worker.process().require_running().unwrap());
    }
    load.stop();
    let written = load.written().unwrap();
    let verdict = stage.finish(written, || worker.process().require_running().unwrap());
    worker.process().kill().unwrap();
    let jumps = CLOCKS.len() as u64;
    stage.survived(|figures| (figures.faults, figures.kills) = (jumps, jumps));
    eprintln!("{jumps} jumps of the clock: {verdict}");
}

/// A folder with a disk of its own, taken away when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: PathBuf) -> Self {
        let options = ["-t", "tmpfs", "-o", "size=48m", "none"];
        let done = Command::new("mount").args(options).arg(&folder).status().unwrap();
        assert!(done.success(), "a disk of its own takes root");
        Self(folder)
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Leaves no room.
    fn fill(&self) {
        let mut zeros = fs::File::open("/dev/zero").unwrap();
        let mut filler = fs::File::create(self.filler()).unwrap();
        let full = std::io::copy(&mut zeros, &mut filler).unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("--lazy").arg(&self.0).status());
    }
}

/// Whatever the worker does about it: nothing is wrong, and it goes on once there is room.
#[test]
fn a_full_disk_costs_no_row() {
    let mut stage = Stage::real("full-disk", Query::bids_per_auction(true));
    "500ms".clone_into(&mut stage.job.checkpoint_interval);
    stage.write_job();
    stage.plan();
    let setup = setup(&stage);
    let disk = SmallDisk::mount(setup.state.clone());
    let mut worker = start(&setup, worker_program());
    let load = stage.load(stage.recipe(seed()), 10_000_000, Pace::PerSecond(4_000));
    let mut ended = Vec::new();
    let mut tend = || {
        if let Some(status) = worker.process().ended().unwrap() {
            ended.push(crew::passing(status).unwrap());
            worker = start(&setup, worker_program());
        }
    };
    stage.until_progress(&mut tend);
    for _ in 0..3 {
        disk.fill();
        let until = std::time::Instant::now() + Duration::from_secs(5);
        while std::time::Instant::now() < until {
            tend();
            wait::pause(Duration::from_millis(200));
        }
        fs::remove_file(disk.filler()).unwrap();
        stage.until_progress(&mut tend);
    }
    load.stop();
    let verdict = stage.finish(load.written().unwrap(), &mut tend);
    worker.process().kill().unwrap();
    stage.require_objects(ended.len() + 3);
    stage.survived(|figures| figures.faults = 3);
    eprintln!("a disk that was full three times, {ended:?} ended: {verdict}");
}

/// No more memory than it has now.
fn end_of_memory(worker: &mut Worker) {
    let pid = worker.process().pid().to_string();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let kib: u64 = size.trim().trim_end_matches(" kB").parse().unwrap();
    let limit = format!("--as={}", kib * 1024);
    let done = Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap();
    assert!(done.success(), "prlimit");
}

#[test]
fn the_end_of_memory_costs_no_row() {
    let mut stage = Stage::real("memory", Query::bids_per_auction(true));
    "300ms".clone_into(&mut stage.job.checkpoint_interval);
    stage.write_job();
    stage.plan();
    let mut worker = start(&setup(&stage), worker_program());
    let load = stage.load(stage.recipe(seed()), 10_000_000, Pace::PerSecond(4_000));
    for _ in 0..KILLS {
        stage.until_progress(|| worker.process().require_running().unwrap());
        end_of_memory(&mut worker);
        let status = worker.process().wait(STEP_MAX).unwrap();
        assert!(!status.success(), "{status}");
        worker = start(&setup(&stage), worker_program());
    }
    load.stop();
    let written = load.written().unwrap();
    let verdict = stage.finish(written, || worker.process().require_running().unwrap());
    worker.process().kill().unwrap();
    stage.survived(|figures| figures.faults = KILLS as u64);
    eprintln!("the memory ended {KILLS} times: {verdict}");
}
