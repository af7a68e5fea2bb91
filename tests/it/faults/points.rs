//! SIGKILL at every step of the protocol, right before and right after its effect, and again during the recovery:
//! a real worker on a real Kafka and a real object store.
//!
//! Few jobs live through many deaths each. `make test` draws `STREAMJOB_CELLS` of the cells by the printed seed,
//! `make soak` takes all of them.

mod chain;

use std::thread;

use tests::generator::Pace;
use tests::generator::random::{Purpose, draw};
use tests::harness::prometheus;
use tests::harness::worker::{self, Role, Worker};
use tests::oracle::Query;

use self::chain::Chain;
use crate::stage::{Site, scale, seed};

/// Cells of a run, unless more are asked for.
const CELLS: u64 = 24;

/// A step, and whether its effect has come about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) point: String,
    pub(super) after: bool,
}

impl Cell {
    /// As a fault of the n-th time.
    pub(super) fn kill(&self, nth: u64) -> String {
        format!("kill:{}:{nth}", self.name())
    }

    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.point, if self.after { "after" } else { "before" })
    }
}

/// Every cell, in the order of the protocol.
fn all() -> Vec<Cell> {
    let cell = |point: String| [false, true].map(|after| Cell { point: point.clone(), after });
    worker::fault_names("point").unwrap().into_iter().flat_map(cell).collect()
}

/// Some of them, by the seed; what a fresh job alone can reach stays in front.
fn drawn(mut cells: Vec<Cell>, count: usize, seed: u64) -> Vec<Cell> {
    let mut n = 0;
    cells.sort_by_cached_key(|_| {
        n += 1;
        draw(seed, 0, n, Purpose::Key)
    });
    cells.truncate(count);
    cells.sort_by_key(|cell| (!cell.point.starts_with("plan."), cell.point != "acquire.unseal"));
    cells
}

#[test]
fn nothing_is_lost_or_doubled_whatever_step_a_worker_is_killed_at() {
    let seed = seed();
    let all = all();
    assert!(all.len() > 70, "{}", all.len());
    let cells = drawn(all.clone(), scale("STREAMJOB_CELLS", CELLS) as usize, seed);
    let site = Site::start("points");
    let queries = [
        Query::bids_per_auction(true),
        Query::bids_hopping(false),
        Query::bids_hopping(true),
        Query::bids_per_auction(false),
    ];
    let chains: Vec<Chain> = thread::scope(|scope| {
        let running: Vec<_> = (0..)
            .zip(queries)
            .map(|(number, query)| {
                let own: Vec<Cell> = cells.iter().skip(number).step_by(4).cloned().collect();
                let stage = site.stage(&format!("points-{number}"), query, |_| {});
                scope.spawn(move || Chain::new(stage, seed ^ number as u64).run(&own))
            })
            .collect();
        running.into_iter().map(|chain| chain.join().expect("a chain holds")).collect()
    });
    let mut deaths = 0;
    for chain in &chains {
        deaths += chain.deaths();
        let objects = chain.stage.require_objects(chain.deaths());
        eprintln!(
            "{}: {} deaths, {}\n  {objects}",
            chain.stage.job.sink,
            chain.deaths(),
            chain.verdict()
        );
    }
    let killed: usize = chains.iter().map(|chain| chain.killed().len()).sum();
    assert_eq!(killed, cells.len(), "a cell was not reached");
    eprintln!(
        "killed at {killed} of {} cells, {deaths} deaths with those during recovery: 0 lost, 0 doubled",
        all.len()
    );
}

#[test]
fn an_acquire_goes_on_when_its_commits_are_disturbed() {
    let site = Site::start("disturbed");
    let stage = site.stage("disturbed", Query::bids_filtered(), |_| {});
    stage.plan();
    let load = stage.load(stage.recipe(seed()), 1_000_000, Pace::PerSecond(2_000));
    let start = |name, fault| {
        let role = Role::only(1);
        Worker::start_faulty(&stage.setup(name, role), fault).unwrap()
    };
    for (commit, fault) in [("nonce", "disturb:1"), ("claim", "disturb:2")] {
        let mut worker = start(commit, fault);
        stage.until_progress(|| worker.process().require_running().unwrap());
        let page = worker.metrics().expect("it serves");
        let replaced: f64 =
            prometheus::samples(&page, "streamjob_producer_replacements_total").sum();
        assert!(replaced >= 1.0, "{commit}: {replaced} producers replaced");
        worker.process().kill().unwrap();
    }
    load.stop();
    let mut worker = start("last", "");
    stage.finish(load.written().unwrap(), || worker.process().require_running().unwrap());
    assert!(worker.process().stop().unwrap().success());
}
