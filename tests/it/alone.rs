//! The whole job in one process on the development broker: every query equals the oracle, and a second start goes on.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use protocol::admin::CheckpointStatus;
use tests::generator::Pace;
use tests::harness::worker::Worker;
use tests::harness::{prometheus, wait};
use tests::oracle::Query;

use crate::stage::Stage;

const START_MAX: Duration = Duration::from_mins(2);

fn check(name: &str, query: Query) {
    let stage = Stage::development(name, query);
    let mut worker = Worker::start(&stage.alone()).unwrap();
    worker.until_status("a running job", START_MAX, |_| true).unwrap();
    let written = stage.load(stage.recipe(1), 20_000, Pace::FlatOut).written().unwrap();
    let verdict = stage.finish(written, || worker.process().require_running().unwrap());
    assert!(verdict.expected > 1_000, "{verdict}");
    assert!(worker.process().stop().unwrap().success());
    stage.require_atomic();

    // Started again, it has nothing to do, and does nothing twice.
    let mut again = Worker::start(&stage.alone()).unwrap();
    again
        .until_status("a running job", START_MAX, |status| {
            status.slots.iter().all(|slot| slot.commits > 0)
        })
        .unwrap();
    assert!(again.process().stop().unwrap().success());
    stage.finish(written, || {});
}

#[test]
fn tumbling_windows_over_claimed_logs() {
    check("tumble-claimed", Query::bids_per_auction(true));
}

#[test]
fn tumbling_windows_through_an_exchange() {
    check("tumble-exchange", Query::bids_per_auction(false));
}

#[test]
fn hopping_windows_over_claimed_logs() {
    check("hop-claimed", Query::bids_hopping(true));
}

#[test]
fn hopping_windows_through_an_exchange() {
    check("hop-exchange", Query::bids_hopping(false));
}

#[test]
fn a_filter_and_a_projection() {
    check("filter", Query::bids_filtered());
}

#[test]
fn a_job_at_rest_takes_no_checkpoint() {
    let mut stage = Stage::development("at-rest", Query::bids_per_auction(false));
    "200ms".clone_into(&mut stage.job.checkpoint_interval);
    stage.write_job();
    let mut worker = Worker::start(&stage.alone()).unwrap();
    worker.until_status("a running job", START_MAX, |_| true).unwrap();
    let written = stage.load(stage.recipe(1), 5_000, Pace::FlatOut).written().unwrap();
    stage.finish(written, || worker.process().require_running().unwrap());
    // Many intervals later the newest one is the same, and has been seen to hold everything.
    wait::until_true("rest", START_MAX, || {
        worker.process().require_running()?;
        let Some((status, page)) = worker.status().zip(worker.metrics()) else { return Ok(false) };
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as i64;
        let old = |c: &CheckpointStatus| now - c.completed_at > 3_000;
        let mut slots = status.slots.iter();
        let mut ages = prometheus::samples(&page, "streamjob_checkpoint_age_seconds");
        Ok(slots.all(|slot| slot.checkpoint.as_ref().is_some_and(old)) && ages.all(|age| age < 1.0))
    })
    .unwrap();
    assert!(worker.process().stop().unwrap().success());
}
