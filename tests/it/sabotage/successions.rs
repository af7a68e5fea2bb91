//! One generation after another, and one of the two does not keep to the rules.

use std::fs;

use protocol::Generation;
use protocol::admin::{AcquireOrder, SlotPhase, WorkerStatus};
use tests::generator::{Load, Pace};
use tests::harness::wait;
use tests::harness::worker::Worker;
use tests::oracle::Query;

use super::breaches::{ROWS_MAX, STEP_MAX, committing, faults, stage, start};
use crate::stage::{Site, Stage};

const PACE: u64 = 4_000;

fn runs(status: &WorkerStatus) -> bool {
    status.slots.iter().any(|slot| slot.phase == SlotPhase::Running)
}

/// A job at work: every commit has rows.
fn at_work(site: &Site, name: &str, faults: &str) -> (Stage, Load, Worker) {
    let stage = stage(site, name, Query::bids_filtered());
    let load = stage.load(stage.recipe(17), ROWS_MAX, Pace::PerSecond(PACE));
    let mut old = start(&stage, 1, faults);
    stage.until_progress(|| old.process().require_running().unwrap());
    (stage, load, old)
}

/// The next generation, which does not wait for a release.
fn successor(stage: &Stage, faults: &str) -> Worker {
    let mut new = start(stage, 2, faults);
    let order = AcquireOrder { generation: Generation(2), take_over: true };
    new.until_status("to serve", STEP_MAX, |_| true).unwrap();
    new.order("acquire", &order).unwrap();
    new.until_status("running", STEP_MAX, runs).unwrap();
    new
}

/// What the checker says when everything is committed.
fn judged(stage: &Stage, load: Load, mut workers: [Worker; 2]) -> Vec<String> {
    stage.until_progress(|| {});
    load.stop();
    let rows = load.written().unwrap().rows as i64;
    stage.until_committed(rows, || {});
    for worker in &mut workers {
        worker.process().kill().unwrap();
    }
    faults(stage)
}

pub(super) fn of_a_live_owner(site: &Site, name: &str) -> Vec<String> {
    let (stage, load, old) = at_work(site, name, "");
    let new = successor(&stage, &committing(name));
    judged(&stage, load, [old, new])
}

pub(super) fn of_a_zombie(site: &Site, name: &str) -> Vec<String> {
    let (stage, load, old) = at_work(site, name, &committing(name));
    let new = successor(&stage, "");
    judged(&stage, load, [old, new])
}

pub(super) fn of_a_blind_owner(site: &Site, name: &str) -> Vec<String> {
    let stage = stage(site, name, Query::bids_filtered());
    let load = stage.load(stage.recipe(17), ROWS_MAX, Pace::PerSecond(PACE));
    let mut old = start(&stage, 1, &format!("{},disturb:20", committing(name)));
    // Only then the other one comes: before, it would be fenced like anybody.
    wait::until_true("a producer to be replaced", STEP_MAX, || {
        old.process().require_running()?;
        Ok(old.process().output().contains("awaiting another owner"))
    })
    .unwrap();
    let new = successor(&stage, "");
    judged(&stage, load, [old, new])
}

/// Released; then its process was started again, and slept between reading and claiming.
pub(super) fn of_a_sleeper(site: &Site, name: &str) -> Vec<String> {
    let (stage, load, mut old) = at_work(site, name, "");
    assert!(old.process().stop().unwrap().success());
    let mut sleeper = start(&stage, 1, "freeze:acquire.read:after");
    wait::until_true("the sleep", STEP_MAX, || {
        sleeper.process().require_running()?;
        let stat = fs::read_to_string(format!("/proc/{}/stat", sleeper.process().pid()))?;
        Ok(stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T')))
    })
    .unwrap();
    let new = successor(&stage, &committing(name));
    sleeper.process().wake().unwrap();
    judged(&stage, load, [sleeper, new])
}
