//! Windows over processing time: the moment at which a row was read becomes data, and from then on nothing that happens
//! to a worker or its clock changes a result. The job itself says when it has read each row, in a second sink.

use std::time::{Duration, Instant};

use tests::generator::Pace;
use tests::harness::job::Checkpoints;
use tests::kafka::topics;
use tests::oracle::{Query, Window};

use crate::soak::machine::Clock;
use crate::stage::{PARTITIONS, Stage, seed};

/// Of the windows, ms.
const SIZE: i64 = 2_000;
const ROWS: u64 = 12_000;

/// `claimed`: the source says that equal keys lie in one partition, which processing time makes no use of.
fn stage(name: &str, claimed: bool) -> Stage {
    let window = Some(Window::Tumble { size: SIZE });
    let query = Query { window, ..Query::bids_per_auction(claimed) }.clocked();
    let mut stage = Stage::real(name, query);
    let stamps = format!("{}-stamps", stage.job.sink);
    topics::create(&stage.job.bootstrap, &[(&stamps, PARTITIONS)]).unwrap();
    stage.job.more = Some((stamps, Query::bids_stamps()));
    stage.job.max_parallelism = Some(4);
    stage.job.checkpoint_interval = "500ms".into();
    stage
}

/// No row follows the last one: the clock alone ends its window.
#[test]
fn every_row_counts_once_in_the_window_of_its_stamp_whoever_is_killed() {
    let mut stage = stage("clocked", true);
    stage.job.parallelism = 2;
    stage.write_job();
    stage.plan();
    let mut crew = stage.generation(1, 2, true);
    let load = stage.load(stage.recipe(seed()), ROWS, Pace::PerSecond(4_000));
    for index in [0, 1, 0] {
        stage.until_progress(|| crew.tend().unwrap());
        crew.kill(index).unwrap();
    }
    let written = load.written().unwrap();
    stage.until_committed(written.rows as i64, || crew.tend().unwrap());
    let read = Instant::now();
    let verdict = stage.finish(written, || crew.tend().unwrap());
    crew.stop().unwrap();
    eprintln!("clocked, {:.1} s after the last row: {verdict}", read.elapsed().as_secs_f64());
    assert!(verdict.expected > 500, "{verdict}");
}

/// The next owner's clock is behind what the one before has stamped: its rows wait for it, and none is late.
#[test]
fn a_clock_that_was_ahead_makes_no_row_late() {
    const AHEAD: i64 = 7;
    let mut stage = stage("ahead", false);
    let folder = stage.scratch.folder("checkpoints").unwrap().display().to_string();
    stage.job.checkpoints = Checkpoints::Folder(folder);
    stage.write_job();
    stage.plan();
    let clock = Clock::make(&stage);
    clock.set(AHEAD);
    let mut worker = clock.start(&stage);
    let load = stage.load(stage.recipe(seed()), ROWS / 4, Pace::PerSecond(2_000));
    stage.until_progress(|| worker.process().require_running().unwrap());
    stage.until_progress(|| worker.process().require_running().unwrap());
    worker.process().kill().unwrap();
    clock.set(0);
    let mut worker = clock.start(&stage);
    let written = load.written().unwrap();
    let began = Instant::now();
    let verdict = stage.finish(written, || worker.process().require_running().unwrap());
    assert!(began.elapsed() < Duration::from_mins(1), "{verdict}");
    assert!(worker.process().stop().unwrap().success());
    eprintln!("ahead: {verdict}");
}
