//! How many small records a second go in and out through the C client.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::time::{Duration, Instant};

use devbroker::{Options, Server};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const RECORDS: u64 = 2_000_000;
const PARTITIONS: i32 = 4;
const PATIENCE: Duration = Duration::from_mins(1);

fn config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("enable.sparse.connections", "false");
    config
}

fn write(bootstrap: &str) {
    let producer: BaseProducer = config(bootstrap)
        .set("enable.idempotence", "true")
        .set("linger.ms", "5")
        .set("queue.buffering.max.messages", "500000")
        .create()
        .unwrap();
    let payload = "x".repeat(100);
    for number in 0..RECORDS {
        let partition = (number % PARTITIONS as u64) as i32;
        let mut record = BaseRecord::<str, str>::to("in").partition(partition).payload(&payload);
        while let Err((error, back)) = producer.send(record) {
            let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            assert_eq!(error, full);
            producer.poll(Duration::from_millis(1));
            record = back;
        }
    }
    producer.flush(PATIENCE).unwrap();
}

fn read(bootstrap: &str) -> u64 {
    let consumer: BaseConsumer = config(bootstrap)
        .set("group.id", "reader")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .set("fetch.queue.backoff.ms", "5")
        .create()
        .unwrap();
    let mut logs = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        logs.add_partition_offset("in", partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&logs).unwrap();
    let (mut records, mut ends) = (0, 0);
    while ends < PARTITIONS {
        match consumer.poll(PATIENCE) {
            Some(Ok(_)) => records += 1,
            Some(Err(KafkaError::PartitionEOF(_))) => ends += 1,
            other => panic!("after {records} records: {other:?}"),
        }
    }
    records
}

/// CPU time of the broker's thread so far, in seconds; it tells the rate that the broker allows
/// when the machine is busy with other things.
fn broker_seconds() -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let stats = tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("stat")));
    let stat = stats.flatten().find(|stat| stat.contains("(devbroker)")).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / TICKS_PER_SECOND
}

#[test]
#[ignore = "a measurement"]
fn records_per_second() {
    let options = Options { topics: vec![("in".to_owned(), PARTITIONS)], ..Options::default() };
    let server = Server::start("127.0.0.1:0".parse().unwrap(), options).unwrap();
    let start = Instant::now();
    write(&server.bootstrap());
    let written = start.elapsed().as_secs_f64();
    let broker_write = broker_seconds();
    let start = Instant::now();
    assert_eq!(read(&server.bootstrap()), RECORDS);
    let read = start.elapsed().as_secs_f64();
    let broker_read = broker_seconds() - broker_write;
    let rate = |seconds: f64| (RECORDS as f64 / seconds) as u64;
    println!("written {}/s, read {}/s", rate(written), rate(read));
    println!("the broker alone: {}/s in, {}/s out", rate(broker_write), rate(broker_read));
    let stored = server.with_broker(|broker| broker.log_bytes());
    println!("{} MB in memory", stored / 1_000_000);
}

#[test]
#[ignore = "a measurement"]
fn milliseconds_per_transaction() {
    const TRANSACTIONS: u32 = 200;
    let options = Options { topics: vec![("in".to_owned(), PARTITIONS)], ..Options::default() };
    let server = Server::start("127.0.0.1:0".parse().unwrap(), options).unwrap();
    let producer: BaseProducer = config(&server.bootstrap())
        .set("transactional.id", "writer")
        .set("linger.ms", "0")
        .set("retry.backoff.ms", "1")
        .create()
        .unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    let reader: BaseConsumer =
        config(&server.bootstrap()).set("group.id", "reader").create().unwrap();
    let group = reader.group_metadata().unwrap();
    let mut steps = [Duration::ZERO; 3];
    for number in 0..TRANSACTIONS {
        let start = Instant::now();
        producer.begin_transaction().unwrap();
        producer.send(BaseRecord::<str, str>::to("in").partition(0).payload("x")).unwrap();
        while producer.in_flight_count() > 0 {
            producer.poll(Duration::from_millis(1));
        }
        let sent = Instant::now();
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_offset("in", 1, Offset::Offset(i64::from(number))).unwrap();
        producer.send_offsets_to_transaction(&offsets, &group, PATIENCE).unwrap();
        let noted = Instant::now();
        producer.commit_transaction(PATIENCE).unwrap();
        for (step, took) in steps.iter_mut().zip([sent - start, noted - sent, noted.elapsed()]) {
            *step += took;
        }
    }
    let [send, offsets, commit] = steps.map(|step| step / TRANSACTIONS);
    println!("records {send:?}, offsets {offsets:?}, commit {commit:?}");
}
