//! The whole job in one process on the development broker: every query equals the oracle, and a second start goes on.

use std::time::Duration;

use tests::generator::Pace;
use tests::harness::worker::Worker;
use tests::oracle::Query;

use crate::stage::Stage;

const START_MAX: Duration = Duration::from_mins(2);

fn check(name: &str, query: Query) {
    let stage = Stage::development(name, query);
    let mut worker = Worker::start(&stage.alone()).unwrap();
    worker.until_status("a running job", START_MAX, |_| true).unwrap();
    let written = stage.load(stage.recipe(1), 20_000, Pace::FlatOut).written();
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
