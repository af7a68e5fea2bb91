//! Keys without windows, through a broker: of the records with one key the last one counts, and one without a value
//! deletes it.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::{Value, json};
use tests::harness::wait;
use tests::kafka::logs::{self, Isolation};
use tests::oracle::Query;

use crate::stage::{PARTITIONS, Stage};

const STEP_MAX: Duration = Duration::from_mins(2);
/// In the first half there are odd users too; their pause until the end is longer than the TTL, twice.
const SQL: &str = "
INSERT INTO snk SELECT user, count(*) AS n, max(event_time) AS last FROM src GROUP BY user
HAVING count(*) <> 250 EMIT CHANGES STATE TTL INTERVAL '10' SECOND";
/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000;
const ROWS: i64 = 3_000;
const HALF: i64 = ROWS / 2;

fn stage() -> Stage {
    let mut stage = Stage::development("keyed", Query::bids_filtered());
    let mut object = stage.job.object();
    object["spec"]["sources"][0]["columns"] = json!([
        {"name": "user", "type": "BIGINT"},
        {"name": "event_time", "type": "TIMESTAMP"},
    ]);
    // A log that waits for its slot is no idle one.
    object["spec"]["sources"][0]["watermark"]["idleTimeout"] = json!("1h");
    object["spec"]["sinks"][0]["key"] = json!(["user"]);
    object["spec"]["maxParallelism"] = json!(4);
    object["spec"]["parallelism"] = json!(2);
    object["spec"]["sql"] = json!(SQL);
    stage.job_path = stage.scratch.file("job.json", &object.to_string()).unwrap();
    stage.plan();
    stage
}

/// User and time of a row; times rise.
fn row(number: i64) -> (i64, i64) {
    let user = if number < HALF { number % 12 } else { number % 6 * 2 };
    let pause = if number < HALF { 0 } else { 60_000 };
    (user, START + number * 17 + pause)
}

fn write(stage: &Stage, numbers: std::ops::Range<i64>) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &stage.job.bootstrap).set("enable.idempotence", "true");
    let producer: BaseProducer = config.create().unwrap();
    for number in numbers {
        let (user, time) = row(number);
        let value = json!({"user": user, "event_time": time}).to_string();
        let partition = (number / 12 % i64::from(PARTITIONS)) as i32;
        let record: BaseRecord<'_, [u8], [u8]> =
            BaseRecord::to(&stage.job.source).partition(partition).payload(value.as_bytes());
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(STEP_MAX).unwrap();
}

/// The table that the sink is, and how many keys were deleted on the way.
fn table(stage: &Stage) -> (BTreeMap<String, i64>, usize) {
    let (mut rows, mut deletions) = (BTreeMap::new(), 0);
    logs::read(&stage.job.bootstrap, &stage.job.sink, Isolation::Committed, &mut |record| {
        let key = String::from_utf8(record.key.unwrap().to_vec())?;
        if let Some(value) = record.value {
            let value: Value = serde_json::from_slice(value)?;
            assert_eq!(value["user"].to_string(), key);
            rows.insert(key, value["n"].as_i64().unwrap());
        } else {
            deletions += 1;
            rows.remove(&key);
        }
        Ok(())
    })
    .unwrap();
    (rows, deletions)
}

#[test]
fn the_table_of_a_sink_survives_kills_and_forgets_by_event_time() {
    let stage = stage();
    let mut crew = stage.generation(1, 2, true);
    write(&stage, 0..HALF);
    stage.until_committed(HALF, || crew.tend().unwrap());
    crew.kill(0).unwrap();
    write(&stage, HALF..ROWS - 12);
    stage.until_committed(ROWS - 60, || crew.tend().unwrap());
    crew.kill(1).unwrap();
    write(&stage, ROWS - 12..ROWS);
    // Every user of the second half has as many rows there, and those alone count.
    assert_eq!((ROWS - HALF) / 6, 250, "the number that HAVING drops: nobody is left");
    wait::until_true("the last rows of all keys", STEP_MAX, || {
        crew.tend()?;
        wait::pause(Duration::from_millis(100));
        let (rows, deletions) = table(&stage);
        // Six keys by HAVING, six by their TTL.
        Ok(rows.is_empty() && deletions >= 12)
    })
    .unwrap();
    write(&stage, ROWS..ROWS + 12);
    let expected: BTreeMap<String, i64> =
        (0..6).map(|user| ((user * 2).to_string(), 252)).collect();
    wait::until_true("two rows more for each", STEP_MAX, || {
        crew.tend()?;
        wait::pause(Duration::from_millis(100));
        Ok(table(&stage).0 == expected)
    })
    .unwrap();
    crew.stop().unwrap();
}
