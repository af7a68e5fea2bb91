//! Two processes that believe to be the same, or that the other is gone.

use std::time::Duration;

use protocol::admin::{SlotPhase, WorkerStatus};
use protocol::reason::Reason;
use tests::generator::Pace;
use tests::harness::worker::{Role, Worker};
use tests::harness::{crew::Crew, wait};
use tests::oracle::Query;

use crate::stage::{Stage, seed};

const START_MAX: Duration = Duration::from_mins(2);

fn is_superseded(status: &WorkerStatus) -> bool {
    let all = status.slots.iter().all(|slot| slot.reason == Some(Reason::Superseded));
    !status.slots.is_empty() && all
}

/// The younger one fences the elder, which ends; nothing is doubled.
#[test]
fn of_two_processes_with_one_identity_one_commits() {
    let stage = Stage::real("twins", Query::bids_per_auction(true));
    stage.plan();
    let role = Role::only(1);
    let mut elder = Worker::start(&stage.setup("elder", role.clone())).unwrap();
    let load = stage.load(stage.recipe(seed()), 60_000, Pace::PerSecond(20_000));
    stage.until_progress(|| {});
    let mut younger = Worker::start(&stage.setup("younger", role)).unwrap();
    let status = elder.process().wait(START_MAX).unwrap();
    assert_eq!(status.code(), Some(11), "the elder reads what happened when it starts again");
    younger.until_phase(START_MAX, SlotPhase::Running).unwrap();
    stage.finish(load.written().unwrap(), || younger.process().require_running().unwrap());
    assert!(younger.process().stop().unwrap().success());
}

/// Frozen, replaced by a new generation, woken: its commits come too late and are refused.
#[test]
fn a_process_that_wakes_up_after_it_was_replaced_commits_nothing() {
    let stage = Stage::real("zombie", Query::bids_per_auction(false));
    stage.plan();
    let role = |generation| Role::only(generation);
    let mut old = Crew::start(&[stage.setup("old", role(1))]).unwrap();
    let load = stage.load(stage.recipe(seed()), 60_000, Pace::PerSecond(12_000));
    stage.until_progress(|| old.tend().unwrap());
    let old = old.worker(0).unwrap();
    old.process().freeze().unwrap();
    let mut new = Crew::start(&[stage.setup("new", role(2))]).unwrap();
    new.worker(0).unwrap().until_phase(START_MAX, SlotPhase::Running).unwrap();
    stage.until_progress(|| new.tend().unwrap());
    old.process().wake().unwrap();
    wait::until_true("the old process to give up", START_MAX, || {
        let ended = old.process().ended()?.is_some_and(|status| !status.success());
        Ok(ended || old.status().is_some_and(|status| is_superseded(&status)))
    })
    .unwrap();
    // The history of committed offsets is part of the judgement: no generation 1 after generation 2.
    stage.finish(load.written().unwrap(), || new.tend().unwrap());
    new.stop().unwrap();
}
