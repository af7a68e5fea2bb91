//! More workers, fewer workers, under load, the way the operator does it: the new set warms up, then the old releases
//! and the new acquires.

use std::time::Duration;

use protocol::Generation;
use protocol::admin::{AcquireOrder, ReleaseOrder, SlotPhase, SlotStatus, WorkerStatus};
use protocol::reason::Reason;
use tests::generator::Pace;
use tests::harness::{crew::Crew, wait};
use tests::oracle::Query;

use crate::stage::{Stage, seed};

const STEP_MAX: Duration = Duration::from_mins(3);

fn all(phase: SlotPhase) -> impl FnMut(&WorkerStatus) -> bool {
    move |status| status.slots.iter().all(|slot| slot.phase == phase)
}

/// Released; or superseded: whoever has to replace its producer just then finds the new generation and stays away (C6).
fn gone(status: &WorkerStatus) -> bool {
    let superseded = |slot: &SlotStatus| slot.reason == Some(Reason::Superseded);
    status.slots.iter().all(|slot| slot.phase == SlotPhase::Released || superseded(slot))
}

/// From `old` of generation `g` to `slots` workers of generation `g + 1`.
pub(super) fn hand_over(stage: &Stage, mut old: Crew, g: u64, slots: u32) -> Crew {
    let mut new = stage.generation(g + 1, slots, false);
    for index in 0..new.len() {
        new.worker(index).unwrap().until_status("warm", STEP_MAX, all(SlotPhase::Warm)).unwrap();
    }
    let release = ReleaseOrder { generation: Generation(g), drain: false, seal: false };
    let acquire = AcquireOrder { generation: Generation(g + 1), take_over: false };
    for index in 0..new.len() {
        new.worker(index).unwrap().order("acquire", &acquire).unwrap();
    }
    for index in 0..old.len() {
        old.worker(index).unwrap().order("release", &release).unwrap();
    }
    // Orders are levels: they are given again until they are carried out, to processes that started again too.
    wait::until_true("every new worker to run", STEP_MAX, || {
        new.tend()?;
        let mut running = true;
        for index in 0..new.len() {
            let worker = new.worker(index)?;
            drop(worker.order("acquire", &acquire));
            running &= worker.status().is_some_and(|status| all(SlotPhase::Running)(&status));
        }
        wait::pause(Duration::from_millis(100));
        Ok(running)
    })
    .unwrap();
    for index in 0..new.len() {
        let status = new.worker(index).unwrap().status().unwrap();
        let shards = status.slots.iter().flat_map(|slot| &slot.shards);
        let gaps: Vec<_> = shards.map(|shard| shard.gap_ms).collect();
        assert!(
            gaps.iter().all(Option::is_some),
            "who saw its predecessor end knows when: {gaps:?}"
        );
        eprintln!("generation {} worker {index}: gaps {gaps:?} ms", g + 1);
    }
    for index in 0..old.len() {
        let worker = old.worker(index).unwrap();
        let status = worker.until_status("released", STEP_MAX, gone).unwrap();
        let replaced = worker.process().output().contains("replacing the producer");
        assert!(all(SlotPhase::Released)(&status) || replaced, "superseded without a reason");
    }
    old.stop().unwrap();
    new
}

fn check(name: &str, query: Query) {
    let stage = Stage::real(name, query);
    stage.plan();
    let mut crew = stage.generation(1, 1, true);
    let load = stage.load(stage.recipe(seed()), 100_000, Pace::PerSecond(20_000));
    stage.until_progress(|| crew.tend().unwrap());
    for (generation, slots) in [(1, 4), (2, 2)] {
        crew = hand_over(&stage, crew, generation, slots);
        stage.until_progress(|| crew.tend().unwrap());
    }
    let verdict = stage.finish(load.written().unwrap(), || crew.tend().unwrap());
    crew.stop().unwrap();
    let objects = stage.require_objects(0);
    assert!(objects.runs > 0, "{objects}");
    eprintln!("{name}: {verdict}\n{objects}");
}

#[test]
fn claimed_windows_go_from_one_worker_to_four_to_two() {
    check("rescale-claimed", Query::bids_per_auction(true));
}

#[test]
fn windows_behind_an_exchange_go_from_one_worker_to_four_to_two() {
    check("rescale-exchange", Query::bids_per_auction(false));
}
