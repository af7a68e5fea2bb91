//! Logs that are apart (`watermark.maxDrift`): one is far denser than the others, so that reading all at one pace
//! leaves it behind. The others wait for it, across workers and through a kill, and the results are as without waiting.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::config::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::{Value, json};
use tests::harness::crew::Crew;
use tests::harness::wait;
use tests::kafka::logs::{self, Isolation};
use tests::oracle::Query;

use crate::stage::{PARTITIONS, Stage};

const STEP_MAX: Duration = Duration::from_mins(3);
/// 2026-01-01T00:00:00Z, where a window begins.
const START: i64 = 1_767_225_600_000;
/// Event time from the first row of a log to its last, ms.
const SPAN: i64 = 100 * 60_000;
/// Rows of the dense log; it is read by another worker than half of the others.
const DENSE: i64 = 300_000;
const DENSE_LOG: usize = 1;
/// Rows of each other.
const SPARSE: i64 = 60_000;
const DRIFT: i64 = 20 * 60_000;
/// What a slot takes of a log between two decisions: rows that wait for the decoder to be full, and those of a poll.
const BATCHES: i64 = 2 * 8_192;
const USERS: i64 = 7;
const SQL: &str =
    "INSERT INTO snk SELECT user, window_start, count(*) AS n, max(event_time) AS last
FROM TUMBLE(TABLE src, DESCRIPTOR(event_time), INTERVAL '1' MINUTE)
GROUP BY user, window_start, window_end";

fn rows(partition: usize) -> i64 {
    if partition == DENSE_LOG { DENSE } else { SPARSE }
}

/// Event time of a row, ms after the start.
fn time(partition: usize, number: i64) -> i64 {
    number * (SPAN / rows(partition))
}

fn stage(name: &str, drift: Option<&str>) -> Stage {
    let mut stage = Stage::development(name, Query::bids_filtered());
    let mut object = stage.job.object();
    let source = &mut object["spec"]["sources"][0];
    source["columns"] =
        json!([{"name": "user", "type": "BIGINT"}, {"name": "event_time", "type": "TIMESTAMP"}]);
    source["watermark"] = json!({"column": "event_time", "idleTimeout": "1h"});
    if let Some(drift) = drift {
        source["watermark"]["maxDrift"] = json!(drift);
    }
    object["spec"]["sinks"][0]["key"] = json!([]);
    object["spec"]["maxParallelism"] = json!(4);
    object["spec"]["parallelism"] = json!(2);
    object["spec"]["sql"] = json!(SQL);
    stage.job_path = stage.scratch.file("job.json", &object.to_string()).unwrap();
    stage.plan();
    stage
}

/// All rows, and one behind them in each log that closes the windows.
fn write(stage: &Stage) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &stage.job.bootstrap).set("enable.idempotence", "true");
    config.set("queue.buffering.max.messages", "1000000");
    let producer: BaseProducer = config.create().unwrap();
    for partition in 0..PARTITIONS as usize {
        for number in 0..=rows(partition) {
            let last = number == rows(partition);
            let time = if last { 2 * SPAN } else { time(partition, number) };
            let value = format!("{{\"user\":{},\"event_time\":{}}}", number % USERS, START + time);
            let record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&stage.job.source)
                .partition(partition as i32)
                .payload(value.as_bytes());
            producer.send(record).map_err(|(error, _)| error).unwrap();
            if number % 1_024 == 0 {
                producer.poll(Duration::ZERO);
            }
        }
    }
    producer.flush(STEP_MAX).unwrap();
}

type Output = BTreeMap<(i64, String), (i64, String)>;

/// The results so far, of which each may come once.
fn output(stage: &Stage) -> Output {
    let mut results = Output::new();
    logs::read(&stage.job.bootstrap, &stage.job.sink, Isolation::Committed, &mut |record| {
        let row: Value = serde_json::from_slice(record.value.unwrap())?;
        let text = |column: &str| row[column].to_string();
        let (user, n) = (row["user"].as_i64().unwrap(), row["n"].as_i64().unwrap());
        let before = results.insert((user, text("window_start")), (n, text("last")));
        assert!(before.is_none(), "two results: {row}");
        Ok(())
    })
    .unwrap();
    results
}

/// How far the logs are apart by what is committed of them, ms of event time.
fn apart(committed: &[i64]) -> i64 {
    let reached = committed.iter().enumerate();
    let reached = reached.map(|(partition, offset)| time(partition, *offset).min(SPAN));
    let reached: Vec<i64> = reached.collect();
    reached.iter().max().unwrap() - reached.iter().min().unwrap()
}

/// How often logs have begun to wait, of the workers as they run now.
fn waits(crew: &mut Crew) -> u64 {
    let of = |page: String| {
        let mut samples = page.lines().filter(|l| l.starts_with("streamjob_log_waits_total{"));
        samples.next().and_then(|sample| sample.rsplit(' ').next()?.parse::<u64>().ok())
    };
    let pages = (0..crew.len()).filter_map(|at| crew.worker(at).ok()?.metrics());
    pages.filter_map(of).sum()
}

struct Seen {
    results: Output,
    apart_max: i64,
    waits: u64,
}

/// Runs the job over the whole input; `kills` the worker of the sparse logs once, while they wait.
fn run(name: &str, drift: Option<&str>, mut kills: bool) -> Seen {
    let stage = stage(name, drift);
    write(&stage);
    let mut crew = stage.generation(1, 2, true);
    let total: i64 = (0..PARTITIONS as usize).map(|partition| rows(partition) + 1).sum();
    let (mut apart_max, mut seen_waits) = (0, 0);
    wait::until_true("all rows committed", STEP_MAX, || {
        crew.tend()?;
        let committed = stage.committed();
        apart_max = apart_max.max(apart(&committed));
        seen_waits = seen_waits.max(waits(&mut crew));
        if kills && committed[DENSE_LOG] > DENSE / 4 {
            kills = false;
            crew.kill(0)?;
        }
        Ok(committed.iter().sum::<i64>() >= total)
    })
    .unwrap();
    let mut results = Output::new();
    wait::until_true("all windows closed", STEP_MAX, || {
        crew.tend()?;
        wait::pause(Duration::from_millis(100));
        results = output(&stage);
        Ok(results.values().map(|(n, _)| n).sum::<i64>() >= total - i64::from(PARTITIONS))
    })
    .unwrap();
    crew.stop().unwrap();
    Seen { results, apart_max, waits: seen_waits }
}

#[test]
fn logs_that_are_ahead_wait_and_the_results_are_the_same() {
    let bound = DRIFT + BATCHES * (SPAN / SPARSE);
    assert!(bound < SPAN / 2, "the bound says nothing");
    let aligned = run("aligned", Some("20m"), true);
    let free = run("unaligned", None, false);
    assert_eq!(aligned.results, free.results);
    assert!(!aligned.results.is_empty());
    assert!(aligned.apart_max <= bound, "{} s apart", aligned.apart_max / 1_000);
    assert!(aligned.waits > 0, "no log has waited");
    assert_eq!(free.waits, 0);
    eprintln!(
        "apart at most: {} s aligned, {} s free; {} waits",
        aligned.apart_max / 1_000,
        free.apart_max / 1_000,
        aligned.waits
    );
}
