//! SIGKILL at random moments, also during recovery.

use std::time::{Duration, Instant};

use tests::checker::Verdict;
use tests::checker::progress::ProgressWatch;
use tests::generator::Pace;
use tests::generator::random::{Purpose, below, draw};
use tests::harness::wait;
use tests::oracle::Query;

use crate::stage::{PARTITIONS, Stage, scale, seed};

/// Longest time between two kills.
const CALM_MAX_MS: u64 = 1_500;

fn check(name: &str, query: Query, delivery: &str) -> Verdict {
    let (seed, kills) = (seed(), scale("STREAMJOB_KILLS", 6));
    let records = scale("STREAMJOB_RECORDS", 240_000);
    let mut stage = Stage::real(name, query);
    delivery.clone_into(&mut stage.job.delivery);
    stage.write_job();
    stage.plan();
    let mut crew = stage.generation(1, 2, true);
    let mut progress = ProgressWatch::default();
    // The load lasts as long as the kills, four times the mean calm each.
    let seconds = (2 * kills * CALM_MAX_MS / 1_000).max(1);
    let pace = Pace::PerSecond((records / seconds).max(1_000));
    let load = stage.load(stage.recipe(seed), records / u64::from(PARTITIONS), pace);
    for kill in 0..kills {
        // Every second one hits workers that work, the others whatever the one before left.
        if kill % 2 == 0 {
            stage.until_progress(|| {
                crew.tend().unwrap();
                progress.sample(Instant::now(), stage.committed_rows());
            });
        }
        let calm = below(draw(seed, 0, kill, Purpose::Disorder), CALM_MAX_MS);
        let until = Instant::now() + Duration::from_millis(calm);
        while Instant::now() < until {
            crew.tend().unwrap();
            progress.sample(Instant::now(), stage.committed_rows());
            wait::pause(Duration::from_millis(10));
        }
        progress.fault(Instant::now());
        let victim = below(draw(seed, 0, kill, Purpose::Key), crew.len() as u64) as usize;
        crew.kill(victim).unwrap();
    }
    while !load.is_done() {
        crew.tend().unwrap();
        progress.sample(Instant::now(), stage.committed_rows());
        wait::pause(Duration::from_millis(50));
    }
    let verdict = stage.finish(load.written().unwrap(), || crew.tend().unwrap());
    crew.stop().unwrap();
    // Every process that ended may have left an upload behind.
    let objects = stage.require_objects(kills as usize + crew.ended().len());
    assert!(objects.roots > 0, "{objects}");
    eprintln!("{kills} kills, {:?} ended by themselves: {verdict}", crew.ended());
    eprintln!("{objects}");
    for recovery in progress.recoveries() {
        eprintln!("{recovery}");
    }
    stage.survived(|figures| {
        (figures.faults, figures.kills) = (kills, kills);
        let first = progress.recoveries().into_iter().filter_map(|recovery| recovery.first);
        figures.recoveries_ms = first.map(|first| first.as_millis() as u64).collect();
    });
    verdict
}

#[test]
fn claimed_windows_survive_kills() {
    check("kills-claimed", Query::bids_per_auction(true), "ExactlyOnce");
}

#[test]
fn windows_behind_an_exchange_survive_kills() {
    check("kills-exchange", Query::bids_hopping(false), "ExactlyOnce");
}

/// Rows may come again, and how many did is printed; none is lost, none is wrong.
#[test]
fn at_least_once_nothing_is_lost_when_workers_are_killed() {
    let rows = check("kills-rows-again", Query::bids_filtered(), "AtLeastOnce");
    let windows = check("kills-windows-again", Query::bids_hopping(false), "AtLeastOnce");
    eprintln!("at least once: {} rows and {} windows came again", rows.doubled, windows.doubled);
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
        stage.require_objects(2 * (round as usize + 1));
        crew = stage.generation(1, 2, true);
    }
    stage.finish(load.written().unwrap(), || crew.tend().unwrap());
    stage.survived(|figures| (figures.faults, figures.kills) = (6, 6));
    crew.stop().unwrap();
}
