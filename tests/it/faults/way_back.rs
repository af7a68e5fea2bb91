//! Back to the plan before (O7): an upgrade adds windows to a log, and the plan before, which has no place for them,
//! takes over again from its own newest checkpoint. And what would make a way back, or forward, lose rows is refused.

use std::time::Duration;

use protocol::admin::{SlotPhase, WorkerStatus};
use protocol::reason::Reason;
use tests::generator::Pace;
use tests::harness::crew::Crew;
use tests::kafka::{loss, topics};
use tests::oracle::{Query, Window};

use super::rescale::hand_over;
use crate::stage::{PARTITIONS, Stage, seed};

const STEP_MAX: Duration = Duration::from_mins(1);
const REFUSED: i32 = 20;

/// The job with windows of another length over the same rows, to a sink of their own.
fn add_windows(stage: &mut Stage) {
    let sink = format!("{}-more", stage.job.sink);
    topics::create(&stage.job.bootstrap, &[(&sink, PARTITIONS)]).unwrap();
    let window = Some(Window::Tumble { size: 4_000 });
    stage.job.more = Some((sink, Query { window, ..stage.job.query.clone() }));
    stage.write_job();
}

/// Generation 1 of the plan, then generation 2 of the one with more windows, each with a checkpoint of its own.
fn upgraded(stage: &mut Stage) -> Crew {
    stage.plan();
    let mut crew = stage.generation(1, 1, true);
    crew.worker(0).unwrap().until_checkpoint(STEP_MAX, 0).unwrap();
    add_windows(stage);
    stage.plan();
    let mut crew = hand_over(stage, crew, 1, 1);
    crew.worker(0).unwrap().until_checkpoint(STEP_MAX, 0).unwrap();
    stage.until_progress(|| crew.tend().unwrap());
    crew
}

#[test]
fn the_plan_before_goes_on_from_its_own_checkpoint() {
    let mut stage = Stage::real("way-back", Query::bids_per_auction(true));
    stage.job.checkpoint_interval = "500ms".into();
    stage.write_job();
    let load = stage.load(stage.recipe(seed()), 40_000, Pace::PerSecond(20_000));
    let crew = upgraded(&mut stage);
    stage.job.more = None;
    stage.write_job();
    let mut crew = hand_over(&stage, crew, 2, 1);
    let log = crew.worker(0).unwrap().process().output();
    assert!(log.contains("restored from an older checkpoint"), "{log}");
    let verdict = stage.finish(load.written().unwrap(), || crew.tend().unwrap());
    crew.stop().unwrap();
    eprintln!("way-back: {verdict}");
}

#[test]
fn a_way_back_whose_rows_are_gone_is_refused_while_the_new_plan_runs_on() {
    let mut stage = Stage::development("no-way-back", Query::bids_per_auction(true));
    stage.job.checkpoint_interval = "500ms".into();
    stage.write_job();
    let load = stage.load(stage.recipe(seed()), 40_000, Pace::PerSecond(5_000));
    let mut crew = upgraded(&mut stage);
    loss::delete_records(&stage.job.bootstrap, &stage.job.source, &stage.committed()).unwrap();
    stage.job.more = None;
    stage.write_job();
    let mut back = stage.generation(3, 1, false);
    let is_refused = |status: &WorkerStatus| {
        let slot = status.slots.first();
        slot.is_some_and(|slot| {
            slot.phase == SlotPhase::Blocked && slot.reason == Some(Reason::ReplayGapLost)
        })
    };
    back.worker(0).unwrap().until_status("the refusal", STEP_MAX, is_refused).unwrap();
    stage.until_progress(|| crew.tend().unwrap());
    crew.stop().unwrap();
    drop((back, load));
}

#[test]
fn a_watermark_by_which_windows_have_closed_is_not_moved() {
    let mut stage = Stage::development("moved-line", Query::bids_per_auction(true));
    stage.job.checkpoint_interval = "500ms".into();
    stage.write_job();
    stage.plan();
    let load = stage.load(stage.recipe(seed()), 5_000, Pace::FlatOut);
    let mut crew = stage.generation(1, 1, true);
    crew.worker(0).unwrap().until_checkpoint(STEP_MAX, 0).unwrap();
    crew.stop().unwrap();
    load.written().unwrap();
    stage.job.query.delay = 1_000;
    stage.write_job();
    let (code, said) = stage.planner_says();
    assert_eq!(code, Some(REFUSED), "{said}");
    for part in ["IncompatibleState", "event_time - 4000 ms", "event_time - 1000 ms"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
