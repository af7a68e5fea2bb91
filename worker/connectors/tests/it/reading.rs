//! The reader: order, ends, positions, holding, errors.

use std::time::{Duration, Instant};

use connectors::{Event, KafkaErrorKind, PlainProducer, ReadLimits, Reader, TransactionTimeouts};
use protocol::Log;

use crate::cluster::{CLEAN, Cluster, Seen, WAIT, commit, config, rows};
use crate::faults::Behind;

fn plain(cluster: &Cluster) -> PlainProducer {
    PlainProducer::open(&cluster.config, Duration::from_secs(5)).unwrap()
}

#[test]
fn records_come_in_order_and_the_end_lies_behind_the_last_control_record() {
    let cluster = Cluster::start();
    let topic = cluster.topic("log", 1);
    let mut producer = cluster.open("slot");
    for round in 0..3 {
        let (a, b) = (format!("{round}a"), format!("{round}b"));
        assert_eq!(commit(&mut producer, rows(&topic, 0, &[&a, &b])), CLEAN);
    }
    let mut reader = cluster.reader();
    assert_eq!(reader.assign(&[(Log::new(&*topic, 0), 0)]).unwrap(), [0]);
    let mut seen = Seen::default();
    seen.until(&mut reader, |seen| !seen.ends.is_empty());
    assert_eq!(seen.values(), ["0a", "0b", "1a", "1b", "2a", "2b"]);
    let offsets: Vec<i64> = seen.records.iter().map(|(_, offset, _)| *offset).collect();
    // Each transaction ends with a control record.
    assert_eq!(offsets, [0, 1, 3, 4, 6, 7]);
    assert_eq!(seen.ends, [(0, 9)]);
    assert_eq!((reader.position(0), reader.high_watermark(0)), (Some(9), Some(9)));
}

#[test]
fn the_end_of_a_log_with_an_open_transaction_lies_below_its_high_watermark() {
    let behind = Behind::start();
    let mut producer = behind.open(TransactionTimeouts::default());
    behind.leave_open(&mut producer, rows("out", 0, &["open"]));
    let mut reader = behind.cluster.reader();
    reader.assign(&[(Log::new("out", 0), 0)]).unwrap();
    let mut seen = Seen::default();
    seen.until(&mut reader, |seen| !seen.ends.is_empty());
    assert_eq!(seen.values(), ["warm up"]);
    assert_eq!(seen.ends, [(0, 2)]);
    assert_eq!(reader.high_watermark(0), Some(3));
}

#[test]
fn a_held_log_goes_on_exactly_where_it_stopped() {
    let cluster = Cluster::start();
    let topic = cluster.topic("log", 2);
    let mut producer = plain(&cluster);
    let values: Vec<String> = (0..2000).map(|n| n.to_string()).collect();
    let all: Vec<&str> = values.iter().map(String::as_str).collect();
    producer.send(&rows(&topic, 0, &all[..1000])).unwrap();
    producer.send(&rows(&topic, 1, &["other"])).unwrap();
    let mut reader = cluster.reader();
    let logs = [(Log::new(&*topic, 0), 0), (Log::new(&*topic, 1), 0)];
    assert_eq!(reader.assign(&logs).unwrap(), [0, 1]);
    let mut seen = Seen::default();
    // Small batches, held in the middle of what is fetched already, again and again.
    while seen.records.iter().filter(|(log, ..)| *log == 0).count() < 900 {
        reader
            .poll(Duration::from_millis(50), 60, &mut |event| {
                if let Event::Record { log, offset, payload, .. } = event {
                    let value = String::from_utf8_lossy(payload.unwrap()).into_owned();
                    seen.records.push((log, offset, value));
                }
            })
            .unwrap();
        reader.pause(&[0]).unwrap();
        reader.resume(&[0]).unwrap();
    }
    seen.until(&mut reader, |seen| seen.ends.iter().any(|(log, _)| *log == 0));
    // Held at the end of the log: the next record has just the offset of that end.
    reader.pause(&[0]).unwrap();
    producer.send(&rows(&topic, 0, &all[1000..])).unwrap();
    let before = seen.records.len();
    for _ in 0..5 {
        seen.poll(&mut reader, Duration::from_millis(20));
    }
    assert_eq!(seen.records.len(), before, "a held log reports nothing");
    reader.resume(&[0]).unwrap();
    seen.until(&mut reader, |seen| seen.ends.iter().any(|(log, end)| *log == 0 && *end == 2000));
    let first: Vec<&str> = seen.records.iter().filter(|r| r.0 == 0).map(|r| r.2.as_str()).collect();
    assert_eq!(first, all);
    assert_eq!(seen.records.iter().filter(|r| r.0 == 1).count(), 1);
}

#[test]
fn logs_are_added_and_taken_away_without_touching_the_others() {
    let cluster = Cluster::start();
    let topic = cluster.topic("log", 3);
    let mut producer = plain(&cluster);
    for partition in 0..3 {
        producer.send(&rows(&topic, partition, &["0", "1", "2", "3"])).unwrap();
    }
    let mut reader = cluster.reader();
    let log = |partition| Log::new(&*topic, partition);
    assert_eq!(reader.assign(&[(log(0), 2)]).unwrap(), [0]);
    let mut seen = Seen::default();
    seen.until(&mut reader, |seen| seen.ends.len() == 1);
    assert_eq!(reader.assign(&[(log(1), 0), (log(2), 4)]).unwrap(), [1, 2]);
    seen.until(&mut reader, |seen| seen.ends.len() == 3);
    assert!(reader.assign(&[(log(1), 0)]).is_err(), "assigned already");
    reader.unassign(&[log(1)]).unwrap();
    producer.send(&rows(&topic, 1, &["unseen"])).unwrap();
    producer.send(&rows(&topic, 2, &["seen"])).unwrap();
    seen.until(&mut reader, |seen| seen.ends.contains(&(2, 5)));
    assert_eq!(reader.assign(&[(log(1), 3)]).unwrap(), [1]);
    seen.until(&mut reader, |seen| seen.ends.contains(&(1, 5)));
    let of = |index: u32| -> Vec<i64> {
        seen.records.iter().filter(|r| r.0 == index).map(|r| r.1).collect()
    };
    assert_eq!((of(0), of(1), of(2)), (vec![2, 3], vec![0, 1, 2, 3, 3, 4], vec![4]));
}

#[test]
fn an_offset_that_the_log_does_not_hold_is_an_error_and_never_another_offset() {
    let cluster = Cluster::start();
    let topic = cluster.topic("log", 2);
    let mut producer = plain(&cluster);
    producer.send(&rows(&topic, 0, &["0", "1", "2"])).unwrap();
    producer.send(&rows(&topic, 1, &["0"])).unwrap();
    let log = |partition| Log::new(&*topic, partition);
    cluster.admin().delete_records(&[(log(0), 2)]).unwrap();
    let mut reader = cluster.reader();
    reader.assign(&[(log(0), 0), (log(1), 100)]).unwrap();
    let mut seen = Seen::default();
    seen.until(&mut reader, |seen| {
        [0, 1].iter().all(|index| seen.failures.iter().any(|(log, _)| log == index))
    });
    assert!(seen.records.is_empty(), "{seen:?}");
    for (_, error) in &seen.failures {
        assert_eq!(error.kind, KafkaErrorKind::OffsetOutOfRange, "{error}");
        assert!(error.to_string().contains(&topic), "{error}");
    }
}

#[test]
fn a_missing_topic_is_reported_by_its_name() {
    let mut cluster = Cluster::start();
    // Asked for again every second, so that the test need not wait for the usual half minute.
    let refresh = ("topic.metadata.refresh.interval.ms".to_owned(), "1000".to_owned());
    cluster.config.properties.extend([refresh]);
    let mut reader = cluster.reader();
    reader.assign(&[(Log::new(cluster.name("missing"), 0), 0)]).unwrap();
    let until = Instant::now() + WAIT;
    let error = loop {
        assert!(Instant::now() < until, "nobody missed the topic");
        if let Err(error) = reader.poll(Duration::from_millis(50), 10, &mut |_| {}) {
            break error;
        }
    };
    assert_eq!(error.kind, KafkaErrorKind::TopicMissing, "{error}");
    assert!(error.to_string().contains(&cluster.name("missing")), "{error}");
}

#[test]
fn an_unreachable_broker_yields_nothing_and_a_complaint() {
    let limits = ReadLimits { queued_bytes: 1 << 20 };
    let mut reader = Reader::open(&config("127.0.0.1:1".into()), "g", limits).unwrap();
    reader.assign(&[(Log::new("x", 0), 0)]).unwrap();
    let mut seen = Seen::default();
    for _ in 0..50 {
        seen.poll(&mut reader, Duration::from_millis(20));
        if !reader.last_complaint().is_empty() {
            break;
        }
    }
    assert!(seen.records.is_empty() && seen.ends.is_empty());
    assert!(reader.last_complaint().contains("127.0.0.1:1"), "{}", reader.last_complaint());
}

#[test]
fn keys_timestamps_and_empty_values_arrive() {
    let cluster = Cluster::start();
    let topic = cluster.topic("log", 1);
    let mut burst = connectors::Burst::new();
    let index = burst.topic(&topic);
    burst.push(index, 0, Some(b"key"), None);
    burst.push(index, 0, None, Some(b""));
    plain(&cluster).send(&burst).unwrap();
    let mut reader = cluster.reader();
    reader.assign(&[(Log::new(&*topic, 0), 0)]).unwrap();
    let mut found = Vec::new();
    for _ in 0..200 {
        reader
            .poll(Duration::from_millis(50), 10, &mut |event| {
                if let Event::Record { timestamp_ms, key, payload, .. } = event {
                    assert!(timestamp_ms.is_some_and(|time| time > 1_600_000_000_000));
                    found.push((key.map(<[u8]>::to_vec), payload.map(<[u8]>::to_vec)));
                }
            })
            .unwrap();
        if found.len() == 2 {
            break;
        }
    }
    assert_eq!(found, [(Some(b"key".to_vec()), None), (None, Some(Vec::new()))]);
}
