//! The object store goes away for a while: commits go on, and the status says what is wrong.

use std::time::{Duration, Instant};

use protocol::reason::Reason;
use tests::generator::Pace;
use tests::harness::worker::Worker;
use tests::harness::{prometheus, wait};
use tests::oracle::Query;

use crate::stage::{Stage, scale, seed};

/// Outages at most, until one of them disturbs no commit.
const OUTAGES_MAX: usize = 5;

#[test]
fn commits_go_on_while_the_store_is_away() {
    let outage = Duration::from_secs(scale("STREAMJOB_STORE_OUTAGE", 12));
    let mut stage = Stage::real("store-away", Query::bids_per_auction(true));
    "1s".clone_into(&mut stage.job.checkpoint_interval);
    stage.write_job();
    stage.plan();
    let mut crew = stage.generation(1, 1, true);
    let load = stage.load(stage.recipe(seed()), 10_000_000, Pace::PerSecond(10_000));
    let worker = crew.worker(0).unwrap();
    worker.until_checkpoint(Duration::from_mins(2), 0).unwrap();
    // A commit that was slow or disturbed costs a new producer, and that needs the store: then commits wait too.
    let mut disturbed = 0;
    while !goes_on_without_store(&mut stage, worker, outage) {
        disturbed += 1;
        assert!(disturbed < OUTAGES_MAX, "{disturbed} outages, and every time a producer was lost");
    }
    load.stop();
    let verdict = stage.finish(load.written().unwrap(), || crew.tend().unwrap());
    assert!(crew.ended().is_empty(), "{:?}", crew.ended());
    crew.stop().unwrap();
    // Nobody was killed: what was uploaded was named.
    let objects = stage.require_objects(0);
    assert!(objects.runs > 0, "{objects}");
    eprintln!("store away for {outage:?}, after {disturbed} disturbed ones: {verdict}\n{objects}");
}

/// Takes the store away for a while. Did commits go on all the time? If not, a producer had to be replaced.
fn goes_on_without_store(stage: &mut Stage, worker: &mut Worker, outage: Duration) -> bool {
    let earlier = replacements(worker);
    stage.minio.as_mut().unwrap().kill().unwrap();
    let down = Instant::now();
    let mut told = false;
    let mut replaced = false;
    while down.elapsed() < outage {
        if replaced {
            worker.process().require_running().unwrap();
            wait::pause(Duration::from_millis(100));
        } else {
            stage.until_progress_or(|| {
                worker.process().require_running().unwrap();
                replaced |= replacements(worker) > earlier;
                replaced
            });
        }
        told |= worker.status().is_some_and(|status| {
            status.slots.iter().any(|slot| {
                matches!(slot.reason, Some(Reason::StoreUnreachable | Reason::CheckpointFailed))
            })
        });
    }
    assert!(told, "the status never said that the store is away");
    let newest = worker.until_checkpoint(outage, 0).unwrap();
    stage.minio.as_mut().unwrap().start_again().unwrap();
    worker.until_checkpoint(Duration::from_mins(1), newest).unwrap();
    !replaced
}

/// How often the worker has replaced its producer.
fn replacements(worker: &Worker) -> u64 {
    let page = worker.metrics().unwrap_or_default();
    prometheus::samples(&page, "streamjob_producer_replacements_total").sum::<f64>() as u64
}
