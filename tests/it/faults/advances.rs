//! Forced advances of a watermark (R8, docs/decisions/0018) in real processes: logs go idle, and the windows that are
//! open there close once, whatever is killed around it; and no checkpoint from before is gone on from.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use protocol::admin::{SlotPhase, WorkerStatus};
use protocol::reason::Reason;
use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::{Value, json};
use tests::generator::random::{Purpose, draw};
use tests::harness::job::JobFile;
use tests::harness::wait;
use tests::harness::worker::{Role, Worker};
use tests::kafka::logs::{self, Isolation};
use tests::oracle::{Cell, Query};

use crate::stage::{PARTITIONS, Site, Stage, scale, seed};

const STEP_MAX: Duration = Duration::from_mins(1);
const START: i64 = 1_767_225_600_000;
/// Event time between two rounds: all of a round is behind the advance of the one before.
const ROUND: i64 = 100_000;
/// Rows of a key, ms after the start of their round: two in its first window of 10 s, one in the next. With a delay of
/// 4 s none of them closes either.
const TIMES: [i64; 3] = [0, 4_000, 12_000];
const KEYS: i64 = 3;
/// Windows of a round in all logs.
const WINDOWS: usize = (2 * KEYS * PARTITIONS as i64) as usize;
/// Where a process is killed that does nothing but force watermarks: its first commit is that of a nonce, the second
/// its claim.
const CELLS: [&str; 14] = [
    "checkpoint.snapshot:after:1",
    "checkpoint.upload:before:1",
    "checkpoint.upload:after:1",
    "checkpoint.manifest:before:1",
    "checkpoint.manifest:after:1",
    "checkpoint.name:before:1",
    "checkpoint.name:after:1",
    "commit.begin:before:3",
    "commit.produce:after:3",
    "commit.flush:after:3",
    "commit.offsets:after:3",
    "commit.end:before:3",
    "commit.end:after:3",
    "commit.known:before:1",
];
/// Of a run, unless `STREAMJOB_CELLS` asks for all.
const CELLS_DRAWN: u64 = 6;

/// Only an idle log asks for a checkpoint.
fn change(job: &mut JobFile) {
    "1h".clone_into(&mut job.checkpoint_interval);
    "500ms".clone_into(&mut job.idle_timeout);
}

/// The rows of a round; before them, in each log, one that the last advance has made late.
fn write(stage: &Stage, round: i64) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &stage.job.bootstrap).set("enable.idempotence", "true");
    let producer: BaseProducer = config.create().unwrap();
    let late = (round > 0).then_some((0, (round - 1) * ROUND + TIMES[0]));
    let keys = 0..KEYS;
    let own = keys.flat_map(|key| TIMES.map(|time| (key, round * ROUND + time)));
    let rows: Vec<(i64, i64)> = late.into_iter().chain(own).collect();
    for partition in 0..PARTITIONS as i32 {
        for (key, time) in &rows {
            let row = json!({
                "auction": key * i64::from(PARTITIONS) + i64::from(partition), "bidder": 1,
                "price": 7, "channel": "web", "event_time": START + time, "ref": "0:0",
            });
            let value = row.to_string();
            let record: BaseRecord<'_, [u8], str> =
                BaseRecord::to(&stage.job.source).partition(partition).payload(&value);
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
    }
    producer.flush(STEP_MAX).unwrap();
}

/// Every window in the sink: how many rows each time it came.
fn windows(stage: &Stage) -> BTreeMap<(i64, i64), Vec<i64>> {
    let mut found = BTreeMap::<_, Vec<i64>>::new();
    logs::read(&stage.job.bootstrap, &stage.job.sink, Isolation::Committed, &mut |record| {
        let row: Value = serde_json::from_slice(record.value.unwrap())?;
        let start = Cell::of_json(&row["window_start"], &Cell::Time(0))?;
        let Cell::Time(start) = start else { panic!("{row}") };
        let window = (row["auction"].as_i64().unwrap(), start - START);
        found.entry(window).or_default().push(row["bids"].as_i64().unwrap());
        Ok(())
    })
    .unwrap();
    found
}

/// Waits for the windows of all rounds so far, and requires each to be there once, without what was late.
fn until_closed(stage: &Stage, rounds: i64, worker: &mut Worker) {
    let wanted = rounds as usize * WINDOWS;
    wait::until_true(&format!("{wanted} windows"), STEP_MAX, || {
        worker.process().require_running()?;
        wait::pause(Duration::from_millis(100));
        Ok(windows(stage).len() >= wanted)
    })
    .unwrap();
    let found = windows(stage);
    assert_eq!(found.len(), wanted);
    for ((key, start), rows) in found {
        let expected = if start % ROUND == 0 { 2 } else { 1 };
        assert_eq!(rows, [expected], "key {key}, window at {start}");
    }
}

fn start(stage: &Stage, folder: &str) -> Worker {
    Worker::start(&stage.setup(folder, Role::only(1))).unwrap()
}

/// A process that is killed at a step.
fn dies_at(stage: &Stage, cell: &str) {
    let setup = stage.setup("killed", Role::only(1));
    let mut worker = Worker::start_faulty(&setup, &format!("kill:{cell}")).unwrap();
    let status = worker.process().wait(STEP_MAX);
    let log = worker.process().output();
    let status = status.unwrap_or_else(|error| panic!("{cell}: {error:#}\n{log}"));
    assert!(status.code().is_none(), "{cell}: {status}\n{log}");
}

#[test]
fn a_forced_advance_closes_its_windows_once_whatever_step_a_worker_is_killed_at() {
    let seed = seed();
    let mut cells = CELLS.to_vec();
    cells.sort_by_cached_key(|cell| draw(seed, 0, cell_number(cell), Purpose::Key));
    cells.truncate(scale("STREAMJOB_CELLS", CELLS_DRAWN) as usize);
    let site = Site::start("advances");
    let stage = site.stage("advances", Query::bids_per_auction(true), change);
    stage.plan();
    for (round, cell) in (0..).zip(&cells) {
        write(&stage, round);
        // All that was read is committed when the first log is idle.
        dies_at(&stage, "checkpoint.snapshot:before:1");
        dies_at(&stage, cell);
        let mut worker = start(&stage, "killed");
        until_closed(&stage, round + 1, &mut worker);
        worker.process().kill().unwrap();
    }
    let objects = stage.require_objects(3 * cells.len());
    eprintln!("forced advances, killed at {}: each window once; {objects}", cells.join(", "));
}

/// Its place among all.
fn cell_number(cell: &str) -> u64 {
    CELLS.iter().position(|known| *known == cell).expect("one of them") as u64
}

/// The objects of a kind, by path.
fn objects(stage: &Stage, kind: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let folder = stage.scratch.path().join("checkpoints").join(&stage.job.uid).join(kind);
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_file()).map(|p| (p.clone(), fs::read(p).unwrap())).collect()
}

/// Without the checkpoints of the second advance, or their runs, there are still those of the first. A replay from
/// there would keep the windows open that the second one has closed, and close them again at the next (0010, 0018).
#[test]
fn the_fallback_to_an_older_checkpoint_does_not_cross_a_forced_advance() {
    let mut stage = Stage::development("advance-damaged", Query::bids_per_auction(true));
    change(&mut stage.job);
    stage.write_job();
    stage.plan();
    let kinds = ["manifests", "runs"];
    let mut worker = start(&stage, "first");
    write(&stage, 0);
    until_closed(&stage, 1, &mut worker);
    let first = kinds.map(|kind| objects(&stage, kind));
    write(&stage, 1);
    until_closed(&stage, 2, &mut worker);
    worker.process().kill().unwrap();
    for (kind, first) in kinds.iter().zip(&first) {
        assert!(!first.is_empty(), "{kind}");
        let mut second = objects(&stage, kind);
        second.retain(|path, _| !first.contains_key(path));
        assert!(!second.is_empty(), "{kind}");
        for path in second.keys() {
            fs::remove_file(path).unwrap();
        }
        // A new folder: the local copy would do as well as the store.
        let mut worker = start(&stage, kind);
        let blocked = |s: &WorkerStatus| s.slots.iter().any(|s| s.phase == SlotPhase::Blocked);
        let status = worker.until_status("blocked", STEP_MAX, blocked).unwrap();
        let message = &status.slots[0].message;
        assert_eq!(status.slots[0].reason, Some(Reason::ManifestMissing), "{kind}: {message:?}");
        worker.process().kill().unwrap();
        for (path, bytes) in &second {
            fs::write(path, bytes).unwrap();
        }
    }
    let mut worker = start(&stage, "last");
    write(&stage, 2);
    until_closed(&stage, 3, &mut worker);
    worker.process().kill().unwrap();
}
