//! Every breach, the scenario that gives it an occasion, and the findings that catch it.

use std::time::Duration;

use tests::checker::judge;
use tests::generator::{Load, Pace, Recipe};
use tests::harness::worker::{self, Role, Worker, WorkerSetup};
use tests::kafka::topics;
use tests::oracle::Query;

use super::{idle, successions};
use crate::stage::{Site, Stage};

pub(super) const STEP_MAX: Duration = Duration::from_mins(1);
/// Rows per partition, and rows per second over all.
const ROWS: u64 = 4_000;
const PACE: u64 = 8_000;
/// Of an input that ends when it is told to.
pub(super) const ROWS_MAX: u64 = 1_000_000;

pub(super) struct Breach {
    pub(super) name: &'static str,
    /// Check 1 to 8, by what it says: one of these.
    pub(super) expected: &'static [&'static str],
    pub(super) scenario: fn(&Site, &str) -> Vec<String>,
}

const fn breach(
    name: &'static str,
    expected: &'static [&'static str],
    scenario: fn(&Site, &str) -> Vec<String>,
) -> Breach {
    Breach { name, expected, scenario }
}

const LOST: &[&str] = &["row lost"];
const DOUBLED: &[&str] = &["row doubled"];
const WRONG: &[&str] = &["row with wrong values"];
const WENT_BACK: &[&str] = &["generation that went back"];

pub(super) const BREACHES: [Breach; 17] = [
    breach("hanging-transaction", &["output log held back by a transaction"], in_windows),
    breach("idle-at-open-transaction", &["row lost", "row with wrong values"], idle::scenario),
    breach("drop-one", LOST, in_windows),
    breach("double-one", DOUBLED, in_windows),
    breach("swap-two", &["row out of order"], in_order),
    breach("offsets-without-output", LOST, in_windows),
    breach("output-without-offsets", DOUBLED, in_windows),
    breach("state-applied-twice", WRONG, in_windows),
    breach("older-snapshot", &["row with wrong values", "row doubled"], restored),
    breach("fence-skipped", WENT_BACK, successions::of_a_live_owner),
    breach("timeout-is-success", LOST, in_windows),
    breach("live-object-deleted", &["run of a named manifest that is gone"], deleted),
    breach("zombie-writes", DOUBLED, successions::of_a_zombie),
    breach("blind-replacement", WENT_BACK, successions::of_a_blind_owner),
    breach("released-not-fenced", WENT_BACK, successions::of_a_sleeper),
    breach("next-after-abort", LOST, in_windows),
    breach("deleted-by-age", &["named manifest that is gone"], collected),
];

pub(super) fn setup(stage: &Stage, generation: u64) -> WorkerSetup {
    let role = Role::only(generation);
    stage.setup(&format!("g{generation}"), role)
}

pub(super) fn start(stage: &Stage, generation: u64, faults: &str) -> Worker {
    Worker::start_faulty(&setup(stage, generation), faults).unwrap()
}

pub(super) fn committing(name: &str) -> String {
    format!("commit:{name}")
}

/// A planned job.
pub(super) fn stage(site: &Site, name: &str, query: Query) -> Stage {
    let stage = site.stage(name, query, |_| {});
    stage.plan();
    stage
}

/// Windows close every thousand rows of a partition.
pub(super) fn load(stage: &Stage, rows: u64) -> Load {
    dense_load(stage, rows, 100)
}

/// With so many rows of a partition for a second of event time.
fn dense_load(stage: &Stage, rows: u64, density: u64) -> Load {
    let recipe = Recipe { density, ..stage.recipe(17) };
    stage.load(recipe, rows, Pace::PerSecond(PACE))
}

/// What the checker says of a job.
pub(super) fn faults(stage: &Stage) -> Vec<String> {
    let verdict = judge(&stage.case()).unwrap();
    verdict.findings.into_iter().map(|finding| finding.fault).collect()
}

fn object_faults(stage: &Stage) -> Vec<String> {
    stage.objects(usize::MAX).1.findings.into_iter().map(|finding| finding.fault).collect()
}

/// To the end of the input; a worker that dies is followed by an honest one.
fn finished(stage: &Stage, load: Load, mut worker: Worker) -> Vec<String> {
    let written = load.written().unwrap();
    stage.until_committed(written.rows as i64, || {
        if worker.process().ended().unwrap().is_some() {
            worker = start(stage, 1, "");
        }
    });
    worker.process().kill().unwrap();
    faults(stage)
}

fn in_windows(site: &Site, name: &str) -> Vec<String> {
    let stage = stage(site, name, Query::bids_per_auction(true));
    let load = load(&stage, ROWS);
    let worker = start(&stage, 1, &committing(name));
    finished(&stage, load, worker)
}

/// All output in one log: then two rows that change places have an order.
fn in_order(site: &Site, name: &str) -> Vec<String> {
    let mut stage = site.stage(name, Query::bids_filtered(), |_| {});
    stage.job.sink = format!("{name}-one");
    topics::create(&stage.job.bootstrap, &[(&stage.job.sink, 1)]).unwrap();
    stage.write_job();
    stage.plan();
    let load = load(&stage, ROWS);
    let worker = start(&stage, 1, &committing(name));
    finished(&stage, load, worker)
}

/// Killed after some checkpoints; the breach comes with the restart.
fn restored(site: &Site, name: &str) -> Vec<String> {
    let stage = stage(site, name, Query::bids_per_auction(true));
    // What is open at the checkpoint must still be open at the kill: what fired before is not sent again.
    let load = dense_load(&stage, ROWS_MAX, 1_000);
    let mut honest = start(&stage, 1, "");
    honest.until_checkpoint(STEP_MAX, 2).unwrap();
    honest.process().kill().unwrap();
    let mut worker = start(&stage, 1, &committing(name));
    stage.until_progress(|| worker.process().require_running().unwrap());
    load.stop();
    let rows = load.written().unwrap().rows as i64;
    stage.until_committed(rows, || worker.process().require_running().unwrap());
    worker.process().kill().unwrap();
    faults(&stage)
}

fn deleted(site: &Site, name: &str) -> Vec<String> {
    let stage = site.stage(name, Query::bids_per_auction(true), |job| {
        "2s".clone_into(&mut job.checkpoint_interval);
    });
    stage.plan();
    let load = load(&stage, ROWS);
    let mut worker = start(&stage, 1, &committing(name));
    worker.until_checkpoint(STEP_MAX, 0).unwrap();
    worker.process().kill().unwrap();
    load.stop();
    object_faults(&stage)
}

fn collected(site: &Site, name: &str) -> Vec<String> {
    let stage = stage(site, name, Query::bids_per_auction(true));
    // A slot at rest takes no second checkpoint.
    let load = load(&stage, ROWS_MAX);
    let mut honest = start(&stage, 1, "");
    honest.until_checkpoint(STEP_MAX, 1).unwrap();
    honest.process().kill().unwrap();
    load.stop();
    let log = stage.scratch.path().join("clean.log");
    let program = worker::faulty(&committing(name)).unwrap();
    let own = (&*stage.job_path, &*stage.secrets);
    let (status, output) = worker::once(program, &["clean", "--gc"], own, &log).unwrap();
    assert!(status.success(), "{output}");
    object_faults(&stage)
}
