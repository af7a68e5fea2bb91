//! Our own fetching and the C client's reading report the same, whatever is in the log; and a lost connection costs
//! no record.

use std::time::{Duration, Instant};

use connectors::{Burst, Event, PlainProducer, Reader, TransactionTimeouts};
use protocol::Log;

use crate::cluster::{CLEAN, Cluster, Seen, WAIT, commit, rows};
use crate::faults::Behind;
use crate::foreign::Foreign;
use crate::proxy::Fault;

/// Kafka's number of the request for records.
const FETCH: i16 = 1;
/// Kafka's number of the request for leaders.
const METADATA: i16 = 3;

/// Everything that a reader says of a log up to its end.
fn told(mut reader: Reader, log: &Log, from: i64) -> Vec<String> {
    reader.assign(&[(log.clone(), from)]).unwrap();
    let (mut told, mut ended) = (Vec::new(), false);
    let until = Instant::now() + WAIT;
    while !ended {
        assert!(Instant::now() < until, "no end: {told:?} {}", reader.last_complaint());
        // Few at a time, so that batches are left in the middle.
        let visited = reader.poll(Duration::from_millis(50), 7, &mut |event| {
            told.push(format!("{event:?}"));
            ended |= matches!(event, Event::Eof { .. });
        });
        visited.unwrap();
    }
    told.push(format!("{:?} {:?}", reader.position(0), reader.high_watermark(0)));
    told
}

fn require_alike(cluster: &Cluster, log: &Log, from: i64) -> Vec<String> {
    let own = told(cluster.reader(), log, from);
    assert_eq!(own, told(cluster.client_reader(), log, from), "{log} from {from}");
    own
}

fn records(told: &[String]) -> usize {
    told.iter().filter(|told| told.starts_with("Record")).count()
}

#[test]
fn every_compression_reads_alike() {
    let mut cluster = Cluster::start();
    let topic = cluster.topic("packed", 1);
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        cluster.config.properties.insert("compression.type".to_owned(), codec.to_owned());
        let mut producer = PlainProducer::open(&cluster.config, Duration::from_secs(5)).unwrap();
        let mut burst = Burst::new();
        let index = burst.topic(&topic);
        for number in 0..20 {
            let value = format!("{codec} {number} {}", "again and ".repeat(number));
            let key = (number % 3 != 0).then(|| format!("key {number}"));
            let value = (number % 5 != 0).then_some(value.as_bytes());
            let headers = [("trace", &b"x"[..]), ("trace", value.unwrap_or_default()), ("", b"")];
            let headers = &headers[..number % 4];
            burst.push_with_headers(index, 0, key.as_deref().map(str::as_bytes), value, headers);
        }
        producer.send(&burst).unwrap();
    }
    let log = Log::new(&*topic, 0);
    let told = require_alike(&cluster, &log, 0);
    assert_eq!(told.len(), 5 * 20 + 2);
    let bare = told.iter().filter(|told| told.contains("headers: Headers([])")).count();
    assert_eq!(bare, 5 * 5, "every fourth record has none");
    assert_eq!(require_alike(&cluster, &log, 37).len(), 5 * 20 - 37 + 2);
    assert_eq!(require_alike(&cluster, &log, 100).len(), 2, "from the end");
}

#[test]
fn transactions_read_alike() {
    let cluster = Cluster::start();
    let topic = cluster.topic("transactions", 1);
    let mut producer = cluster.open("slot");
    for round in 0..5 {
        let value = round.to_string();
        assert_eq!(commit(&mut producer, rows(&topic, 0, &[&value, "x", "y"])), CLEAN);
        if round % 2 == 0 {
            let mut plain = PlainProducer::open(&cluster.config, Duration::from_secs(5)).unwrap();
            plain.send(&rows(&topic, 0, &["plain"])).unwrap();
        }
    }
    let log = Log::new(&*topic, 0);
    for from in [0, 1, 3, 4, 11] {
        require_alike(&cluster, &log, from);
    }
}

#[test]
fn aborted_and_open_transactions_read_alike() {
    let behind = Behind::start();
    let log = Log::new("out", 0);
    for round in 0..3 {
        let mut producer = behind.open(TransactionTimeouts::default());
        behind.leave_open(&mut producer, rows("out", 0, &["aborted", "too"]));
        let open = require_alike(&behind.cluster, &log, 0);
        assert_eq!(records(&open), round + 1, "{open:?}");
        drop(producer);
        // The next producer of that id aborts what is open.
    }
    let mut producer = behind.open(TransactionTimeouts::default());
    assert_eq!(commit(&mut producer, rows("out", 0, &["last"])), CLEAN);
    for from in 0..10 {
        let told = require_alike(&behind.cluster, &log, from);
        assert!(records(&told) > 0, "{from}: {told:?}");
    }
}

/// Transactions of three producers lie across each other, some aborted, from every offset on.
#[test]
fn interleaved_transactions_read_alike_from_every_offset() {
    let cluster = Cluster::start();
    let topic = cluster.topic("interleaved", 1);
    let producers = ["a", "b", "c"].map(|id| Foreign::open(&cluster, id));
    let (mut kept, mut number) = (Vec::new(), 0);
    for round in 0..4 {
        let commits = [round % 2 == 0, round % 2 == 1, round == 3];
        for producer in &producers {
            producer.begin();
        }
        for step in 0..6 {
            let by = (step + round) % 3;
            let value = format!("value {number}");
            producers[by].send(&topic, &value);
            number += 1;
            if commits[by] {
                kept.push(value);
            }
        }
        for by in [round % 3, (round + 1) % 3, (round + 2) % 3] {
            producers[by].end(commits[by]);
        }
    }
    let values = cluster.values(&topic, 0);
    let (offsets, found): (Vec<i64>, Vec<String>) = values.into_iter().unzip();
    assert_eq!(found, kept);
    let log = Log::new(&*topic, 0);
    for from in 0..4 * (6 + 3) {
        let told = told(cluster.reader(), &log, from);
        assert_eq!(records(&told), offsets.iter().filter(|offset| **offset >= from).count());
    }
    for from in [0, 8, 13, 22] {
        require_alike(&cluster, &log, from);
    }
}

#[test]
fn a_record_larger_than_any_fetch_is_read() {
    let cluster = Cluster::start();
    let topic = cluster.name("large");
    let settings = [("max.message.bytes".to_owned(), "6000000".to_owned())].into();
    let name = topic.clone();
    let wanted = connectors::kafka::NewTopic { name, partitions: 1, replication: None, settings };
    cluster.admin().create_topic(&wanted).unwrap();
    let text = "x".repeat(5 << 20);
    let mut config = cluster.config.clone();
    config.properties.insert("compression.type".to_owned(), "none".to_owned());
    let mut producer = PlainProducer::open(&config, Duration::from_secs(20)).unwrap();
    producer.send(&rows(&topic, 0, &["small", &text, "small"])).unwrap();
    let mut reader = cluster.reader();
    reader.assign(&[(Log::new(&*topic, 0), 0)]).unwrap();
    let mut seen = Seen::default();
    seen.until(&mut reader, |seen| !seen.ends.is_empty());
    let lengths: Vec<usize> = seen.values().iter().map(|value| value.len()).collect();
    assert_eq!(lengths, [5, 5 << 20, 5]);
}

#[test]
fn lost_connections_and_slow_brokers_cost_no_record() {
    let behind = Behind::start();
    let mut producer = PlainProducer::open(&behind.cluster.config, Duration::from_secs(5)).unwrap();
    let mut reader = behind.cluster.reader();
    reader.assign(&[(Log::new("in", 0), 0), (Log::new("in", 1), 0)]).unwrap();
    let mut seen = Seen::default();
    let mut sent = 0;
    for round in 0..12 {
        let (request, fault) = match round % 3 {
            0 => (FETCH, Fault::AnswerLost),
            1 => (FETCH, Fault::Slow(Duration::from_millis(100))),
            _ => (METADATA, Fault::AnswerLost),
        };
        behind.proxy.fail_next(request, fault);
        let values: Vec<String> = (sent..sent + 50).map(|number| number.to_string()).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        producer.send(&rows("in", round % 2, &values)).unwrap();
        sent += 50;
        seen.until(&mut reader, |seen| seen.records.len() >= sent);
    }
    assert!(behind.proxy.hits() >= 6, "{}", behind.proxy.hits());
    let mut numbers: Vec<usize> = seen.values().iter().map(|v| v.parse().unwrap()).collect();
    for log in [0, 1] {
        let offsets = seen.records.iter().filter(|record| record.0 == log).map(|record| record.1);
        assert!(offsets.eq(0..300), "log {log}");
    }
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..sent));
    assert!(seen.failures.is_empty(), "{seen:?}");
}

#[test]
fn a_topic_that_is_deleted_while_it_is_read_is_told_by_its_name() {
    let cluster = Cluster::start();
    let topic = cluster.topic("deleted", 1);
    let mut reader = cluster.reader();
    reader.assign(&[(Log::new(&*topic, 0), 0)]).unwrap();
    let mut seen = Seen::default();
    seen.until(&mut reader, |seen| !seen.ends.is_empty());
    cluster.admin().delete_topics(&[&topic]).unwrap();
    let until = Instant::now() + WAIT;
    let error = loop {
        assert!(Instant::now() < until, "nobody missed the topic");
        if let Err(error) = reader.poll(Duration::from_millis(50), 10, &mut |_| {}) {
            break error;
        }
    };
    assert_eq!(error.kind, connectors::KafkaErrorKind::TopicMissing, "{error}");
    assert!(error.to_string().contains(&topic), "{error}");
}
