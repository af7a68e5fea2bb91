//! Commits and fencing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use connectors::{KafkaErrorKind, Outcome, PlainProducer, TransactionTimeouts};
use protocol::Log;

use crate::cluster::{CLEAN, Cluster, WAIT, commit, rows};
use crate::foreign::Foreign;

#[test]
fn a_commit_carries_rows_and_offsets_of_several_groups_with_their_metadata() {
    let cluster = Cluster::start();
    let (input, output) = (cluster.topic("in", 2), cluster.topic("out", 1));
    let groups = [cluster.name("stage0"), cluster.name("stage1")];
    let mut producer = cluster.open("slot");
    for round in 1..=3_i64 {
        let mut burst = rows(&output, 0, &["a", "b"]);
        for (number, group) in groups.iter().enumerate() {
            let log = Log::new(&*input, number as i32);
            burst.push_offset(group, log, round * 10, format!("round {round}"));
        }
        assert_eq!(commit(&mut producer, burst), CLEAN);
        assert!(producer.is_ready());
    }
    let values: Vec<_> = cluster.values(&output, 0).into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, ["a", "b", "a", "b", "a", "b"]);
    for (number, group) in groups.iter().enumerate() {
        let expected = Some((30, "round 3".to_owned()));
        assert_eq!(cluster.committed(group, &Log::new(&*input, number as i32)), expected);
        assert_eq!(cluster.committed(group, &Log::new(&*input, 1 - number as i32)), None);
    }
}

#[test]
fn rows_keep_their_key_headers_and_chosen_partition() {
    let cluster = Cluster::start();
    let topic = cluster.topic("keyed", 4);
    let mut burst = rows(&topic, 2, &["chosen"]);
    let index = burst.topic(&topic);
    burst.push(index, -1, Some(b"21"), Some(b"by key"));
    burst.push_with_headers(index, 3, Some(b"k"), Some(b"v"), &[("reason", b"x")]);
    assert_eq!(commit(&mut cluster.open("slot"), burst), CLEAN);
    let murmur2_of_21 = -973_932_308_i32; // a test vector of the Java client
    let by_key = (murmur2_of_21 & 0x7fff_ffff) % 4;
    let expected = |partition: i32| -> Vec<&str> {
        [(2, "chosen"), (by_key, "by key"), (3, "v")]
            .into_iter()
            .filter_map(|(at, value)| (at == partition).then_some(value))
            .collect()
    };
    for partition in 0..4 {
        let found = cluster.values(&topic, partition);
        let values: Vec<&str> = found.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, expected(partition), "partition {partition}");
    }
}

/// The C client alone would ask again after half a second, where the coordinator is still ending the transaction.
#[test]
fn what_a_killed_owner_left_open_is_ended_without_delay() {
    let cluster = Cluster::start();
    let topic = cluster.topic("left-open", 1);
    let take_over = |_| {
        let killed = Foreign::open(&cluster, "slot");
        killed.begin();
        killed.send(&topic, "never committed");
        let began = Instant::now();
        let mut next = cluster.open("slot");
        let took = began.elapsed();
        assert_eq!(commit(&mut next, rows(&topic, 0, &["committed"])), CLEAN);
        took
    };
    let takes: Vec<Duration> = (0..5).map(take_over).collect();
    let least = takes.iter().min().expect("five");
    assert!(*least < Duration::from_millis(400), "{takes:?}");
    let found = cluster.values(&topic, 0);
    assert_eq!(found.len(), 5, "{found:?}");
}

#[test]
fn a_fenced_producer_cannot_commit_and_its_rows_are_never_seen() {
    let cluster = Cluster::start();
    let topic = cluster.topic("out", 1);
    let mut old = cluster.open("slot");
    assert_eq!(commit(&mut old, rows(&topic, 0, &["before"])), CLEAN);
    let mut new = cluster.open("slot");
    let outcome = commit(&mut old, rows(&topic, 0, &["zombie"]));
    assert!(matches!(outcome, Outcome::Fenced(_)), "{outcome:?}");
    let again = commit(&mut old, rows(&topic, 0, &["zombie again"]));
    assert!(matches!(again, Outcome::Unknown(_)), "{again:?}");
    assert_eq!(commit(&mut new, rows(&topic, 0, &["after"])), CLEAN);
    let values: Vec<_> = cluster.values(&topic, 0).into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, ["before", "after"]);
}

#[test]
fn a_commit_in_the_middle_of_which_the_id_is_taken_over_is_not_reported_as_committed() {
    let cluster = Cluster::start();
    let topic = cluster.topic("out", 1);
    let mut old = cluster.open("slot");
    let values: Vec<String> = (0..20_000).map(|n| format!("row {n}")).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let burst = Arc::new(rows(&topic, 0, &values));
    assert_eq!(old.start(&burst), None);
    let _new = cluster.open("slot");
    let outcome = old.outcome(WAIT).expect("the outcome comes within the transaction timeout");
    let seen = cluster.values(&topic, 0).len();
    match outcome {
        Outcome::Committed { .. } => assert_eq!(seen, burst.rows()),
        Outcome::Fenced(_) | Outcome::Unknown(_) => assert!(seen == 0 || seen == burst.rows()),
        Outcome::Aborted { .. } => assert_eq!(seen, 0),
    }
}

#[test]
fn a_row_that_no_broker_takes_aborts_the_commit_and_a_new_producer_sends_the_rest() {
    let cluster = Cluster::start();
    let topic = cluster.topic("out", 1);
    let group = cluster.name("stage0");
    let log = Log::new(cluster.topic("in", 1), 0);
    // Too much for the topic's max.message.bytes also when it is compressed.
    let mut noise = 1_u32;
    let huge: String = (0..5_000_000)
        .map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b' ' + (noise >> 24) as u8 % 94)
        })
        .collect();
    let mut burst = rows(&topic, 0, &["small", &huge]);
    burst.push_offset(&group, log.clone(), 7, "m".into());
    let outcome = commit(&mut cluster.open("slot"), burst);
    let Outcome::Aborted { reason } = outcome else { panic!("{outcome:?}") };
    assert_eq!(reason.kind, KafkaErrorKind::Invalid, "{reason}");
    assert!(reason.to_string().contains(&topic), "{reason}");
    assert_eq!(commit(&mut cluster.open("slot"), rows(&topic, 0, &["second"])), CLEAN);
    let values: Vec<_> = cluster.values(&topic, 0).into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, ["second"]);
    assert_eq!(cluster.committed(&group, &log), None);
}

#[test]
fn a_missing_topic_is_named_and_nothing_is_committed() {
    let cluster = Cluster::start();
    let timeouts = TransactionTimeouts {
        transaction: Duration::from_secs(4),
        message: Duration::from_secs(3),
        socket: Duration::from_secs(2),
    };
    let missing = cluster.name("missing");
    let mut producer = cluster.open_with("slot", timeouts);
    let began = Instant::now();
    let outcome = commit(&mut producer, rows(&missing, 0, &["x"]));
    let Outcome::Aborted { reason } = outcome else { panic!("{outcome:?}") };
    assert!(reason.to_string().contains(&missing), "{reason}");
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn an_empty_commit_and_misuse_end_at_once() {
    let cluster = Cluster::start();
    let topic = cluster.topic("out", 1);
    let id = cluster.name("raw");
    let mut raw =
        connectors::Transactions::open(&cluster.config, &id, TransactionTimeouts::default())
            .unwrap();
    let early = commit(&mut raw, rows(&topic, 0, &["x"]));
    assert!(matches!(early, Outcome::Unknown(_)), "{early:?}");
    raw.init().unwrap();
    assert!(raw.init().is_err());
    assert_eq!(commit(&mut raw, connectors::Burst::new()), CLEAN);
}

#[test]
fn a_plain_producer_delivers_all_rows_or_says_which_topic_failed() {
    let cluster = Cluster::start();
    let topic = cluster.topic("plain", 2);
    let mut producer = PlainProducer::open(&cluster.config, Duration::from_secs(3)).unwrap();
    let values: Vec<String> = (0..5000).map(|n| n.to_string()).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    producer.send(&rows(&topic, 1, &values)).unwrap();
    assert_eq!(cluster.values(&topic, 1).len(), 5000);
    let missing = cluster.name("missing");
    let error = producer.send(&rows(&missing, 0, &["x"])).unwrap_err();
    assert!(error.to_string().contains(&missing), "{error}");
    producer.send(&rows(&topic, 0, &["later"])).unwrap();
    assert_eq!(cluster.values(&topic, 0).len(), 1);
}

#[test]
fn commits_take_milliseconds() {
    let cluster = Cluster::start();
    let (topic, group) = (cluster.topic("out", 16), cluster.name("stage0"));
    let mut producer = cluster.open("slot");
    let mut times = Vec::new();
    for round in 0..40 {
        let mut burst = connectors::Burst::new();
        let index = burst.topic(&topic);
        (0..16).for_each(|partition| burst.push(index, partition, None, Some(b"watermark")));
        burst.push_offset(&group, Log::new(&*topic, 0), round, "m".into());
        let began = Instant::now();
        assert_eq!(commit(&mut producer, burst), CLEAN);
        times.push(began.elapsed());
    }
    times.sort();
    let median = times[times.len() / 2];
    // A flush of the safe wrapper would take 100 ms each.
    assert!(median < Duration::from_millis(80), "median {median:?}, all {times:?}");
    assert!(producer.last_commit() > Duration::ZERO && producer.last_commit() <= times[39]);
    eprintln!("commit over 16 partitions: median {median:?}, longest {:?}", times.last());
}
