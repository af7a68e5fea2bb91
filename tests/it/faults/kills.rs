//! SIGKILL at random moments, also during recovery.

use std::time::{Duration, Instant};

use tests::generator::Pace;
use tests::generator::random::{Purpose, below, draw};
use tests::harness::wait;
use tests::oracle::Query;

use crate::stage::{PARTITIONS, Stage, scale, seed};

/// Longest time between two kills.
const CALM_MAX_MS: u64 = 1_500;

fn check(name: &str, query: Query) {
    let (seed, kills) = (seed(), scale("STREAMJOB_KILLS", 6));
    let records = scale("STREAMJOB_RECORDS", 240_000);
    let stage = Stage::real(name, query);
    stage.plan();
    let mut crew = stage.generation(1, 2, true);
    // The load lasts as long as the kills, twice the mean calm each.
    let seconds = (kills * CALM_MAX_MS / 1_000).max(1);
    let pace = Pace::PerSecond((records / seconds).max(1_000));
    let load = stage.load(stage.recipe(seed), records / u64::from(PARTITIONS), pace);
    for kill in 0..kills {
        let calm = below(draw(seed, 0, kill, Purpose::Disorder), CALM_MAX_MS);
        let until = Instant::now() + Duration::from_millis(calm);
        while Instant::now() < until {
            crew.tend().unwrap();
            wait::pause(Duration::from_millis(10));
        }
        let victim = below(draw(seed, 0, kill, Purpose::Key), crew.len() as u64) as usize;
        crew.kill(victim).unwrap();
    }
    while !load.is_done() {
        crew.tend().unwrap();
        wait::pause(Duration::from_millis(50));
    }
    let verdict = stage.finish(load.written(), || crew.tend().unwrap());
    crew.stop().unwrap();
    eprintln!("{kills} kills, {:?} ended by themselves: {verdict}", crew.ended());
}

#[test]
fn claimed_windows_survive_kills() {
    check("kills-claimed", Query::bids_per_auction(true));
}

#[test]
fn windows_behind_an_exchange_survive_kills() {
    check("kills-exchange", Query::bids_hopping(false));
}

/// Killed for good in the middle: what is committed is exactly the output of the input that is committed.
#[test]
fn outputs_and_offsets_are_committed_together() {
    let seed = seed();
    let stage = Stage::real("atomic", Query::bids_per_auction(true));
    stage.plan();
    let mut crew = stage.generation(1, 2, true);
    let load = stage.load(stage.recipe(seed), 60_000, Pace::PerSecond(6_000));
    for round in 0..3u64 {
        assert!(!load.is_done() || round > 0, "the load is too short for one round");
        if load.is_done() {
            break;
        }
        stage.until_progress(|| crew.tend().unwrap());
        let calm = below(draw(seed, 1, round, Purpose::Disorder), 500);
        wait::pause(Duration::from_millis(calm));
        for index in 0..crew.len() {
            crew.worker(index).unwrap().process().kill().unwrap();
        }
        stage.require_atomic();
        crew = stage.generation(1, 2, true);
    }
    stage.finish(load.written(), || crew.tend().unwrap());
    crew.stop().unwrap();
}
