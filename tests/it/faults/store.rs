//! The object store goes away for a while: commits go on, and the status says what is wrong.

use std::time::{Duration, Instant};

use protocol::reason::Reason;
use tests::generator::Pace;
use tests::harness::worker::Worker;
use tests::harness::{prometheus, wait};
use tests::oracle::Query;

use crate::stage::{Stage, scale, seed};

#[test]
fn commits_go_on_while_the_store_is_away() {
    let outage = Duration::from_secs(scale("STREAMJOB_STORE_OUTAGE", 12));
    let mut stage = Stage::real("store-away", Query::bids_per_auction(true));
    "1s".clone_into(&mut stage.job.checkpoint_interval);
    stage.write_job();
    stage.plan();
    let mut crew = stage.generation(1, 1, true);
    let rate = 10_000;
    let rows = rate / 4 * (outage.as_secs() + 10);
    let load = stage.load(stage.recipe(seed()), rows, Pace::PerSecond(rate));
    let checkpointed = |number: u64| {
        move |status: &protocol::admin::WorkerStatus| {
            let mut checkpoints = status.slots.iter().filter_map(|s| s.checkpoint.as_ref());
            checkpoints.any(|checkpoint| checkpoint.number.0 > number)
        }
    };
    let worker = crew.worker(0).unwrap();
    worker.until_status("a checkpoint", Duration::from_mins(2), checkpointed(0)).unwrap();

    let earlier = replacements(worker);
    stage.minio.as_mut().unwrap().kill().unwrap();
    let down = Instant::now();
    let mut told = false;
    // A commit that was slow or disturbed costs a new producer, and that needs the store: then commits wait too.
    let mut waits = false;
    while down.elapsed() < outage {
        assert!(!load.is_done(), "the load is too short for the outage");
        if waits {
            worker.process().require_running().unwrap();
            wait::pause(Duration::from_millis(100));
        } else {
            stage.until_progress_or(|| {
                worker.process().require_running().unwrap();
                waits |= replacements(worker) > earlier;
                waits
            });
        }
        told |= worker.status().is_some_and(|status| {
            status.slots.iter().any(|slot| {
                matches!(slot.reason, Some(Reason::StoreUnreachable | Reason::CheckpointFailed))
            })
        });
    }
    assert!(told, "the status never said that the store is away");
    let before = worker.status().unwrap();
    stage.minio.as_mut().unwrap().start_again().unwrap();
    let newest =
        before.slots.iter().filter_map(|s| s.checkpoint.as_ref()).map(|c| c.number.0).max();
    worker
        .until_status(
            "a checkpoint after the outage",
            Duration::from_mins(1),
            checkpointed(newest.unwrap()),
        )
        .unwrap();
    let verdict = stage.finish(load.written(), || crew.tend().unwrap());
    assert!(crew.ended().is_empty(), "{:?}", crew.ended());
    crew.stop().unwrap();
    // Nobody was killed: what was uploaded was named.
    let objects = stage.require_objects(0);
    assert!(objects.runs > 0, "{objects}");
    let waited = if waits { ", commits waited for a new producer" } else { "" };
    eprintln!("store away for {outage:?}{waited}: {verdict}\n{objects}");
}

/// How often the worker has replaced its producer.
fn replacements(worker: &Worker) -> u64 {
    let page = worker.metrics().unwrap_or_default();
    prometheus::samples(&page, "streamjob_producer_replacements_total").sum::<f64>() as u64
}
