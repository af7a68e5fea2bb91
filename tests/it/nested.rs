//! What lies within something else: rows in an envelope, and windows over windows.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::Generation;
use protocol::admin::{ReleaseOrder, SlotPhase};
use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::{Value, json};
use tests::generator::Pace;
use tests::generator::Shape;
use tests::harness::wait;
use tests::harness::worker::Worker;
use tests::kafka::logs::{self, Isolation};
use tests::oracle::Query;

use crate::stage::{PARTITIONS, Stage};

const STEP_MAX: Duration = Duration::from_mins(2);
const SQL: &str = "
CREATE VIEW seconds AS SELECT user, window_time AS at, count(*) AS n
FROM TUMBLE(TABLE src, DESCRIPTOR(event_time), INTERVAL '1' SECOND)
GROUP BY user, window_start, window_end, window_time;
INSERT INTO snk SELECT window_end, count(*) AS active, max(n) AS most, sum(n) AS n
FROM TUMBLE(TABLE seconds, DESCRIPTOR(at), INTERVAL '10' SECOND)
GROUP BY window_start, window_end;";
/// 2026-01-01T00:00:00Z, where a window of the query begins.
const START: i64 = 1_767_225_600_000;
const ROWS: i64 = 4_000;
const HALF: i64 = ROWS / 2;
/// Closes everything before it.
const FAR: i64 = START + 3_600_000;

fn stage() -> Stage {
    let mut stage = Stage::development("nested", Query::bids_filtered());
    let mut object = stage.job.object();
    object["spec"]["sources"][0]["columns"] = json!([
        {"name": "user", "type": "BIGINT", "path": ["by", "user"]},
        {"name": "event_time", "type": "TIMESTAMP"},
    ]);
    object["spec"]["sinks"][0]["key"] = json!([]);
    object["spec"]["maxParallelism"] = json!(4);
    object["spec"]["parallelism"] = json!(2);
    object["spec"]["sql"] = json!(SQL);
    stage.job_path = stage.scratch.file("job.json", &object.to_string()).unwrap();
    stage.plan();
    stage
}

/// User and time of a row; times rise.
fn row(number: i64) -> (i64, i64) {
    (number * 7 % 13, START + number * 17)
}

fn write(stage: &Stage, rows: impl Iterator<Item = (i32, (i64, i64))>) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &stage.job.bootstrap).set("enable.idempotence", "true");
    let producer: BaseProducer = config.create().unwrap();
    for (partition, (user, time)) in rows {
        let value = json!({"by": {"user": user}, "event_time": time}).to_string();
        let record: BaseRecord<'_, [u8], [u8]> =
            BaseRecord::to(&stage.job.source).partition(partition).payload(value.as_bytes());
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(STEP_MAX).unwrap();
}

fn spread(numbers: std::ops::Range<i64>) -> impl Iterator<Item = (i32, (i64, i64))> {
    numbers.map(|number| ((number % i64::from(PARTITIONS)) as i32, row(number)))
}

fn output(stage: &Stage) -> Vec<Value> {
    let mut rows: Vec<Value> = Vec::new();
    logs::read(&stage.job.bootstrap, &stage.job.sink, Isolation::Committed, &mut |record| {
        rows.push(serde_json::from_slice(record.value.unwrap())?);
        Ok(())
    })
    .unwrap();
    rows.sort_by_key(|row| row["window_end"].to_string());
    rows
}

/// By the definition of both windows.
fn expected() -> Vec<[i64; 3]> {
    let mut seconds: BTreeMap<(i64, i64), i64> = BTreeMap::new();
    for (user, time) in (0..ROWS).map(row) {
        *seconds.entry(((time - START) / 1_000, user)).or_default() += 1;
    }
    let mut tens: BTreeMap<i64, [i64; 3]> = BTreeMap::new();
    for ((second, _), n) in seconds {
        let [active, most, sum] = tens.entry(second / 10).or_default();
        (*active, *most, *sum) = (*active + 1, n.max(*most), *sum + n);
    }
    tens.into_values().collect()
}

#[test]
fn rows_in_an_envelope_equal_the_oracle() {
    let query = Query { shape: Shape::Nexmark, ..Query::bids_per_auction(false) };
    let stage = Stage::development("envelope", query);
    let mut worker = Worker::start(&stage.alone()).unwrap();
    let written = stage.load(stage.recipe(1), 10_000, Pace::FlatOut).written().unwrap();
    let verdict = stage.finish(written, || worker.process().require_running().unwrap());
    assert!(verdict.expected > 500, "{verdict}");
    assert!(worker.process().stop().unwrap().success());
}

/// In two processes: killed on the way, drained through all three stages at the end.
#[test]
fn windows_over_windows_survive_kills_and_drain() {
    let stage = stage();
    let mut crew = stage.generation(1, 2, true);
    write(&stage, spread(0..HALF));
    stage.until_committed(HALF, || crew.tend().unwrap());
    crew.kill(0).unwrap();
    write(&stage, spread(HALF..ROWS));
    stage.until_committed(ROWS - 100, || crew.tend().unwrap());
    crew.kill(1).unwrap();
    write(&stage, (0..PARTITIONS as i32).map(|partition| (partition, (99, FAR))));
    let expected = expected();
    wait::until_true("the rows of all windows", STEP_MAX, || {
        crew.tend()?;
        wait::pause(Duration::from_millis(100));
        Ok(output(&stage).len() >= expected.len())
    })
    .unwrap();
    let found: Vec<[i64; 3]> = output(&stage)
        .iter()
        .map(|row| ["active", "most", "n"].map(|name| row[name].as_i64().unwrap()))
        .collect();
    assert_eq!(found, expected);
    // A later stage may stand in the other process, and must hear that the earlier one rests.
    let release = ReleaseOrder { generation: Generation(1), drain: true, seal: true };
    wait::until_true("both to rest", STEP_MAX, || {
        let mut sealed = true;
        for index in 0..crew.len() {
            let worker = crew.worker(index)?;
            drop(worker.order("release", &release));
            let status = worker.status();
            sealed &=
                status.is_some_and(|s| s.slots.iter().all(|slot| slot.phase == SlotPhase::Sealed));
        }
        wait::pause(Duration::from_millis(100));
        Ok(sealed)
    })
    .unwrap();
    crew.stop().unwrap();
    assert_eq!(output(&stage).len(), expected.len());
}
