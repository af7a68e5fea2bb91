//! A log whose end is held back by a producer's open transaction is slow, not idle.

use std::ops::Range;
use std::time::Duration;

use rdkafka::producer::{BaseProducer, Producer as _};
use tests::harness::wait;
use tests::kafka::logs::{self, Isolation};
use tests::oracle::Query;

use super::breaches::{STEP_MAX, committing, faults, start};
use crate::judging::open_transaction;
use crate::stage::{PARTITIONS, Site, Stage};

const COMMIT_MAX: Duration = Duration::from_secs(10);
const START: i64 = 1_767_225_600_000;
/// Far enough to close the windows of the rows before.
const LATER: i64 = 100_000;

/// Rows of some partitions in an open transaction; at each of the event times one for each partition.
fn write(stage: &Stage, partitions: Range<u32>, times: &[i64]) -> BaseProducer {
    let id = format!("{}-{partitions:?}", stage.job.source);
    let rows = partitions.flat_map(|partition| {
        times.iter().enumerate().map(move |(n, time)| {
            let row = serde_json::json!({
                "auction": 1, "bidder": 1, "price": 10 + n, "channel": "web",
                "event_time": START + time, "ref": format!("{partition}:{n}"),
            });
            (partition, row.to_string())
        })
    });
    open_transaction(&stage.job.bootstrap, &id, &stage.job.source, rows)
}

fn output_rows(stage: &Stage) -> anyhow::Result<u64> {
    let mut rows = 0;
    logs::read(&stage.job.bootstrap, &stage.job.sink, Isolation::Committed, &mut |_| {
        rows += 1;
        Ok(())
    })?;
    Ok(rows)
}

pub(super) fn scenario(site: &Site, name: &str) -> Vec<String> {
    let stage = site.stage(name, Query::bids_per_auction(false), |job| {
        "1s".clone_into(&mut job.idle_timeout);
    });
    stage.plan();
    let open = write(&stage, 0..1, &[0, 1_000, LATER]);
    let rest = write(&stage, 1..PARTITIONS, &[0, 1_000, LATER]);
    rest.commit_transaction(COMMIT_MAX).unwrap();
    let mut worker = start(&stage, 1, &committing(name));
    let fired = wait::until_true("a window without the open rows", STEP_MAX / 4, || {
        worker.process().require_running()?;
        Ok(output_rows(&stage)? > 0)
    });
    open.commit_transaction(COMMIT_MAX).unwrap();
    stage.until_committed(i64::from(PARTITIONS), || worker.process().require_running().unwrap());
    if fired.is_err() {
        return Vec::new(); // the worker behaved
    }
    wait::until_true("the open rows to be read", STEP_MAX, || {
        let committed = stage.committed();
        Ok(committed.iter().all(|offset| *offset >= 3))
    })
    .unwrap();
    worker.process().kill().unwrap();
    faults(&stage)
}
