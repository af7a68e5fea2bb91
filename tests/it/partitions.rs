//! Partitions that are added to a source (S4): the next generation reads them from offset 0 on, none is counted twice
//! and none is missed; a claim is refused instead.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::{Value, json};
use tests::harness::{wait, worker};
use tests::kafka::logs::{self, Isolation};
use tests::kafka::topics;
use tests::oracle::Query;

use crate::stage::{PARTITIONS, Stage};

const STEP_MAX: Duration = Duration::from_mins(2);
/// 2026-01-01T00:00:00Z, where a window begins.
const START: i64 = 1_767_225_600_000;
const GROWN: u32 = PARTITIONS + 2;
const USERS: i64 = 13;
const SQL: &str = "INSERT INTO snk SELECT user, window_start, count(*) AS n
FROM TUMBLE(TABLE src, DESCRIPTOR(event_time), INTERVAL '10' SECOND)
GROUP BY user, window_start, window_end";

fn planned(mut stage: Stage, claim: bool) -> Stage {
    let mut object = stage.job.object();
    let source = &mut object["spec"]["sources"][0];
    source["columns"] =
        json!([{"name": "user", "type": "BIGINT"}, {"name": "event_time", "type": "TIMESTAMP"}]);
    source["watermark"] = json!({"column": "event_time", "delay": "5s"});
    if claim {
        source["partitionedBy"] = json!(["user"]);
        source["watermark"]["idleTimeout"] = json!("0s");
    }
    object["spec"]["sinks"][0]["key"] = json!([]);
    object["spec"]["parallelism"] = json!(2);
    object["spec"]["sql"] = json!(SQL);
    stage.job_path = stage.scratch.file("job.json", &object.to_string()).unwrap();
    stage.plan();
    stage
}

/// So many rows into each partition, a user always into the same.
fn write(stage: &Stage, partitions: u32, rows: i64, time: impl Fn(i64) -> i64) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &stage.job.bootstrap).set("enable.idempotence", "true");
    let producer: BaseProducer = config.create().unwrap();
    for partition in 0..partitions {
        for number in 0..rows {
            let user = (number % USERS) * i64::from(GROWN) + i64::from(partition);
            let value = json!({"user": user, "event_time": time(number)}).to_string();
            let record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&stage.job.source)
                .partition(partition as i32)
                .payload(value.as_bytes());
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
    }
    producer.flush(STEP_MAX).unwrap();
}

/// Counted rows by user.
fn output(stage: &Stage) -> BTreeMap<i64, i64> {
    let mut counts = BTreeMap::new();
    logs::read(&stage.job.bootstrap, &stage.job.sink, Isolation::Committed, &mut |record| {
        let row: Value = serde_json::from_slice(record.value.unwrap())?;
        *counts.entry(row["user"].as_i64().unwrap()).or_default() += row["n"].as_i64().unwrap();
        Ok(())
    })
    .unwrap();
    counts
}

#[test]
fn added_partitions_are_read_whole_by_the_next_generation() {
    const ROWS: i64 = 500;
    let stage = planned(Stage::real("added-partitions", Query::bids_filtered()), false);
    let mut crew = stage.generation(1, 2, true);
    write(&stage, PARTITIONS, ROWS, |number| START + number);
    stage.until_committed(ROWS * i64::from(PARTITIONS), || crew.tend().unwrap());
    topics::grow(&stage.job.bootstrap, &stage.job.source, GROWN).unwrap();
    // Before anybody plans for them: they must not be lost.
    write(&stage, GROWN, ROWS, |number| START + 1_000 + number);
    stage.until_committed(2 * ROWS * i64::from(PARTITIONS), || crew.tend().unwrap());
    stage.plan();
    crew.stop().unwrap();
    let mut crew = stage.generation(2, 2, true);
    write(&stage, GROWN, 1, |_| START + 3_600_000);
    let expected: i64 = ROWS * i64::from(PARTITIONS) + ROWS * i64::from(GROWN);
    wait::until_true("the rows of all partitions", STEP_MAX, || {
        crew.tend()?;
        wait::pause(Duration::from_millis(100));
        Ok(output(&stage).values().sum::<i64>() >= expected)
    })
    .unwrap();
    let found = output(&stage);
    for (user, count) in &found {
        let old = user % i64::from(GROWN) < i64::from(PARTITIONS);
        let of_user = (0..ROWS).filter(|n| n % USERS == user / i64::from(GROWN)).count() as i64;
        assert_eq!(*count, of_user * if old { 2 } else { 1 }, "user {user}");
    }
    assert_eq!(found.len() as i64, USERS * i64::from(GROWN));
    crew.stop().unwrap();
}

#[test]
fn a_claim_over_added_partitions_is_refused() {
    let stage = planned(Stage::development("added-to-claim", Query::bids_filtered()), true);
    let mut crew = stage.generation(1, 2, true);
    write(&stage, PARTITIONS, 10, |number| START + number);
    stage.until_committed(10 * i64::from(PARTITIONS), || crew.tend().unwrap());
    topics::grow(&stage.job.bootstrap, &stage.job.source, GROWN).unwrap();
    let log = stage.scratch.path().join("again.log");
    let refusal = worker::plan(&stage.job_path, &stage.secrets, &log).unwrap_err().to_string();
    assert!(refusal.contains("SourcePartitionsChanged"), "{refusal}");
    assert!(refusal.contains("has 6 partitions now and had 4"), "{refusal}");
    crew.stop().unwrap();
}
