//! What needs real time to pass: `make soak`.

pub(crate) mod machine;
mod rotation;

use std::time::{Duration, Instant};

use protocol::Generation;
use protocol::admin::{ReleaseOrder, SlotPhase};
use protocol::metadata::OffsetMetadata;
use tests::generator::Pace;
use tests::harness::wait;
use tests::kafka::ends::held_back;
use tests::oracle::Query;

use crate::faults::requests::behind_a_proxy;
use crate::kafka_proxy::{Fault, Request};
use crate::stage::{Stage, seed};
use crate::tampering::newest_of_all;

const STEP_MAX: Duration = Duration::from_mins(2);
/// Twice what the broker allows at most.
const OUTAGE: Duration = Duration::from_secs(22);

/// T2: the rows are in the log, the offsets too, only the end is missing; then nobody is there for longer than the
/// broker keeps any transaction.
#[test]
fn an_outage_longer_than_the_transaction_timeout_costs_no_row() {
    let (stage, proxy) = behind_a_proxy("long-outage", Query::bids_filtered());
    let (bootstrap, sink) = (&stage.job.bootstrap, &stage.job.sink);
    let mut crew = stage.generation(1, 1, true);
    let load = stage.load(stage.recipe(seed()), 10_000_000, Pace::PerSecond(4_000));
    stage.until_progress(|| crew.tend().unwrap());
    proxy.arm(Request::Commit, Fault::Gone);
    wait::until_true("the outage", STEP_MAX, || Ok(proxy.is_gone())).unwrap();
    let gone = Instant::now();
    assert!(!held_back(bootstrap, sink).unwrap().is_empty(), "a transaction is open");
    wait::until_true("the transaction to be given up", STEP_MAX, || {
        crew.tend()?;
        wait::pause(Duration::from_millis(200));
        Ok(gone.elapsed() > OUTAGE && held_back(bootstrap, sink)?.is_empty())
    })
    .unwrap();
    proxy.come_back();
    stage.until_progress(|| crew.tend().unwrap());
    load.stop();
    let verdict = stage.finish(load.written().unwrap(), || crew.tend().unwrap());
    crew.stop().unwrap();
    eprintln!("away for {OUTAGE:?}, {} processes ended: {verdict}", crew.ended().len());
}

/// A26: no checkpoint comes about; the shards are released all the same, and the successor replays more.
#[test]
fn a_release_without_the_store_is_late_but_comes() {
    let mut stage = Stage::real("release-storeless", Query::bids_per_auction(true));
    stage.plan();
    let mut crew = stage.generation(1, 1, true);
    let load = stage.load(stage.recipe(seed()), 10_000_000, Pace::PerSecond(4_000));
    let worker = crew.worker(0).unwrap();
    worker.until_checkpoint(STEP_MAX, 0).unwrap();
    stage.minio.as_mut().unwrap().kill().unwrap();
    stage.until_progress(|| worker.process().require_running().unwrap());
    let order = ReleaseOrder { generation: Generation(1), drain: false, seal: false };
    worker.order("release", &order).unwrap();
    worker.until_phase(STEP_MAX, SlotPhase::Released).unwrap();
    for last in newest_of_all(&stage).values() {
        let metadata = OffsetMetadata::decode(&last.metadata).unwrap();
        assert!(metadata.released && metadata.manifest.is_some(), "{metadata:?}");
    }
    stage.minio.as_mut().unwrap().start_again().unwrap();
    let mut next = stage.generation(2, 1, true);
    stage.until_progress(|| next.tend().unwrap());
    load.stop();
    let verdict = stage.finish(load.written().unwrap(), || next.tend().unwrap());
    next.stop().unwrap();
    eprintln!("released without the store: {verdict}");
}
