//! Records that are no rows, under every policy: what is right passes, what is wrong goes where the job says, and the
//! counts are exact.

mod future;
mod lines;
mod places;
mod records;

use std::time::Duration;

use protocol::admin::WorkerStatus;
use rdkafka::config::ClientConfig;
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use serde_json::{Value, json};
use tests::harness::worker::Worker;
use tests::kafka::logs::{self, Isolation};
use tests::kafka::topics;
use tests::oracle::Query;

use crate::stage::Stage;
use records::{Record, records};

const STEP_MAX: Duration = Duration::from_mins(1);
const DEAD_LETTERS: &str = "dead-letters";

/// Source offset, key and value.
type Letter = (i64, Option<Vec<u8>>, Option<Vec<u8>>);

/// A job that passes every row on.
fn stage(name: &str, policy: Value) -> Stage {
    let mut stage = Stage::development(name, Query::bids_filtered());
    stage.job.on_bad_record = policy;
    let mut object = stage.job.object();
    object["spec"]["sources"][0]["columns"] = json!([
        {"name": "id", "type": "BIGINT"},
        {"name": "amount", "type": "INT"},
        {"name": "share", "type": "DOUBLE"},
        {"name": "name", "type": "VARCHAR"},
        {"name": "event_time", "type": "TIMESTAMP"},
    ]);
    object["spec"]["sinks"][0]["key"] = json!([]);
    object["spec"]["sql"] = json!("INSERT INTO snk SELECT id, amount, share, name FROM src");
    stage.job_path = stage.scratch.file("job.json", &object.to_string()).unwrap();
    topics::create(&stage.job.bootstrap, &[(DEAD_LETTERS, 1)]).unwrap();
    stage
}

/// Writes all records into one log, so that their offsets are their numbers.
fn write(stage: &Stage, records: &[Record]) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &stage.job.bootstrap)
        .set("message.max.bytes", "4000000")
        .set("enable.idempotence", "true")
        .create()
        .unwrap();
    for record in records {
        let mut message: BaseRecord<'_, [u8], [u8]> =
            BaseRecord::to(&stage.job.source).partition(0);
        message.key = record.key.as_deref();
        message.payload = record.value.as_deref();
        message.timestamp = record.timestamp;
        producer.send(message).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(STEP_MAX).unwrap();
}

fn output(stage: &Stage) -> Vec<Value> {
    let mut rows = Vec::new();
    logs::read(&stage.job.bootstrap, &stage.job.sink, Isolation::Committed, &mut |record| {
        rows.push(serde_json::from_slice(record.value.unwrap())?);
        Ok(())
    })
    .unwrap();
    rows.sort_by_key(|row: &Value| row["id"].as_i64());
    rows
}

fn good(records: &[Record]) -> Vec<Value> {
    let mut rows: Vec<Value> = records.iter().filter_map(|record| record.row.clone()).collect();
    rows.sort_by_key(|row| row["id"].as_i64());
    rows
}

/// What the worker says of records that made no row of the output.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    bad: u64,
    late: u64,
}

/// Runs the job until the log is committed to its end.
fn run(stage: &Stage, records: &[Record]) -> Counts {
    write(stage, records);
    let mut worker = Worker::start(&stage.alone()).unwrap();
    stage.until_committed(records.len() as i64, || worker.process().require_running().unwrap());
    // What the status says of offsets and of bad records is of one moment, a little after the commit.
    let is_told = |status: &WorkerStatus| {
        let shards = status.slots.iter().flat_map(|slot| &slot.shards);
        let sources = shards.filter(|shard| shard.stage.0 == 0);
        sources.map(|shard| shard.committed).sum::<i64>() >= records.len() as i64
    };
    let status = worker.until_status("the end in the status", STEP_MAX, is_told).unwrap();
    assert!(worker.process().stop().unwrap().success());
    Counts {
        bad: status.slots.iter().map(|slot| slot.bad_rows).sum(),
        late: status.slots.iter().map(|slot| slot.late_rows).sum(),
    }
}

#[test]
fn bad_records_are_skipped_and_counted_one_by_one() {
    let records = records();
    let bad = records.iter().filter(|record| record.row.is_none()).count() as u64;
    let stage = stage("skip", json!({"skip": {}}));
    assert_eq!(run(&stage, &records), Counts { bad, late: 0 });
    for (found, expected) in output(&stage).iter().zip(&good(&records)) {
        assert_eq!(found, expected);
    }
    assert_eq!(output(&stage).len(), good(&records).len());
}

#[test]
fn bad_records_become_dead_letters_as_they_were_and_once() {
    let records = records();
    let stage = stage("dead-letter", json!({"deadLetter": {"topic": DEAD_LETTERS}}));
    require_letters(&stage, &records);
}

/// Every bad record is a dead letter, once, as it was; every other one a row.
fn require_letters(stage: &Stage, records: &[Record]) {
    let Counts { bad, .. } = run(stage, records);
    assert!(output(stage) == good(records), "the rows are not those of the good records");
    let expected: Vec<Letter> = (0i64..)
        .zip(records)
        .filter(|(_, record)| record.row.is_none())
        .map(|(offset, record)| (offset, record.key.clone(), record.value.clone()))
        .collect();
    let mut found = dead_letters(stage);
    found.sort();
    assert_eq!((found.len(), bad), (expected.len(), expected.len() as u64));
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found.0, expected.0, "source offsets");
        assert!(found == expected, "the letter of offset {} is not the record", expected.0);
    }
}

/// `(source offset, key, value)` of every dead letter.
fn dead_letters(stage: &Stage) -> Vec<Letter> {
    use rdkafka::consumer::Consumer as _;
    let consumer = logs::consumer(&stage.job.bootstrap, Isolation::Committed).unwrap();
    let mut assignment = rdkafka::TopicPartitionList::new();
    assignment.add_partition_offset(DEAD_LETTERS, 0, rdkafka::Offset::Beginning).unwrap();
    consumer.assign(&assignment).unwrap();
    let mut found = Vec::new();
    loop {
        match consumer.poll(STEP_MAX).expect("an end comes before the time is up") {
            Err(rdkafka::error::KafkaError::PartitionEOF(_)) => return found,
            Err(error) => panic!("{error}"),
            Ok(message) => {
                let headers: OwnedHeaders = message.headers().unwrap().detach();
                let text = |name: &str| -> String {
                    let header: Header<'_, &[u8]> = headers.iter().find(|h| h.key == name).unwrap();
                    String::from_utf8(header.value.unwrap().to_vec()).unwrap()
                };
                assert_eq!(text("streamjob.source.topic"), stage.job.source);
                assert_eq!(text("streamjob.source.partition"), "0");
                let offset = text("streamjob.source.offset").parse().unwrap();
                found.push((
                    offset,
                    message.key().map(<[u8]>::to_vec),
                    message.payload().map(<[u8]>::to_vec),
                ));
            }
        }
    }
}

#[test]
fn a_bad_record_stops_the_job_before_it_and_names_its_place() {
    let mut records = records();
    records.sort_by_key(|record| record.row.is_none());
    let first_bad = records.iter().position(|record| record.row.is_none()).unwrap();
    // Good ones behind the bad one must not pass it.
    let behind =
        Record { row: records[0].row.clone(), ..Record::of(records[0].value.clone(), None) };
    records.push(behind);
    let stage = stage("fail", json!({"fail": {}}));
    write(&stage, &records);
    let mut worker = Worker::start(&stage.alone()).unwrap();
    let ended = worker.process().wait(STEP_MAX).unwrap();
    assert_eq!(ended.code(), Some(21), "blocked until a person decides");
    let log = worker.process().output();
    assert!(log.contains("BadRecord"), "{log}");
    let place = format!("offset {first_bad}: ");
    assert!(log.contains(&place) && log.contains(&stage.job.source), "{place} is named: {log}");
    let committed = usize::try_from(stage.committed()[0]).unwrap();
    assert!(committed <= first_bad, "{committed} is beyond {first_bad}");
    assert_eq!(output(&stage), good(&records[..committed]));
}

#[test]
fn a_log_of_nothing_but_bad_records_is_read_to_its_end() {
    let records: Vec<Record> =
        (0..5_000).map(|n| Record::of(Some(format!("no json {n}").into_bytes()), None)).collect();
    let skipping = stage("only-bad", json!({"skip": {}}));
    assert_eq!(run(&skipping, &records), Counts { bad: 5_000, late: 0 });
    assert_eq!(output(&skipping), Vec::<Value>::new());
    drop(skipping); // scenarios run one after another
    require_letters(
        &stage("only-letters", json!({"deadLetter": {"topic": DEAD_LETTERS}})),
        &records,
    );
}
