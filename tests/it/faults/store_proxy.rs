//! The object store behind a line that loses, breaks, delays and damages: commits go on, and nothing wrong is taken for
//! right.

use std::time::Duration;

use tests::checker::Verdict;
use tests::generator::Pace;
use tests::harness::job::Checkpoints;
use tests::harness::store_proxy::{StoreFault, StoreProxy};
use tests::harness::worker::{Role, Worker};
use tests::harness::{crew, wait};
use tests::oracle::Query;

use crate::stage::{Stage, scale, seed};

/// One request in this many is spoilt.
const SPOILT: u64 = 4;
/// Starts that read their state through the proxy.
const STARTS: u64 = 4;
/// By then every fault has come.
const STARTS_MAX: u64 = 40;
const CALM: Duration = Duration::from_millis(700);

/// A worker without a local copy: its state comes from the store.
fn start(stage: &Stage, number: u64) -> Worker {
    let role = Role::only(1);
    Worker::start(&stage.setup(&format!("start-{number}"), role)).unwrap()
}

/// Starts it again where the store was not to be had.
fn tend(stage: &Stage, worker: &mut Worker, number: u64) {
    if let Some(status) = worker.process().ended().unwrap() {
        crew::passing(status).unwrap();
        *worker = start(stage, number);
    }
}

#[test]
fn a_store_behind_a_bad_line_costs_no_row() {
    let seed = seed();
    let mut stage = Stage::real("bad-line", Query::bids_per_auction(true));
    let proxy = StoreProxy::start(&stage.minio.as_ref().unwrap().endpoint(), seed).unwrap();
    stage.job.checkpoints = Checkpoints::Bucket(proxy.endpoint());
    "300ms".clone_into(&mut stage.job.checkpoint_interval);
    stage.write_job();
    stage.plan();
    let load = stage.load(stage.recipe(seed), 1_000_000, Pace::PerSecond(4_000));
    let mut worker = start(&stage, 0);
    stage.until_progress(|| worker.process().require_running().unwrap());
    proxy.spoil_one_in(SPOILT);
    let starts = scale("STREAMJOB_KILLS", STARTS);
    let mut started = 0;
    while started < starts || proxy.spoilt().len() < StoreFault::ALL.len() {
        assert!(started < STARTS_MAX.max(starts), "not every fault came: {:?}", proxy.spoilt());
        started += 1;
        // Checkpoints are written, or tried, before it is killed.
        wait::pause(CALM);
        worker.process().kill().unwrap();
        worker = start(&stage, started);
        stage.until_progress(|| tend(&stage, &mut worker, started));
    }
    let spoilt = proxy.spoilt();
    proxy.spoil_one_in(0);
    load.stop();
    let verdict: Verdict =
        stage.finish(load.written().unwrap(), || tend(&stage, &mut worker, started));
    worker.process().kill().unwrap();
    let objects = stage.require_objects(started as usize * 4);
    stage.survived(|figures| {
        figures.kills = started;
        figures.faults = started + spoilt.values().sum::<u64>();
    });
    eprintln!("{started} starts through a bad line {spoilt:?}: {verdict}\n{objects}");
}
