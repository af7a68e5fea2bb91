//! Topics: created, grown, described, purged.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use connectors::kafka::{NewTopic, Position, TopicCreation};
use connectors::{KafkaErrorKind, PlainProducer};
use protocol::Log;

use crate::cluster::{CLEAN, Cluster, WAIT, commit, config, rows};

#[test]
fn an_exchange_topic_is_created_once_with_its_settings_and_grows() {
    let cluster = Cluster::start();
    let admin = cluster.admin();
    let name = cluster.name("exchange");
    let settings = [("retention.ms", "-1"), ("cleanup.policy", "delete")];
    let settings: BTreeMap<String, String> =
        settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let topic = NewTopic { name: name.clone(), partitions: 3, replication: Some(1), settings };
    assert_eq!(admin.topics(&[&name]).unwrap(), [None]);
    assert_eq!(admin.create_topic(&topic).unwrap(), TopicCreation::Created);
    let first = admin.topics(&[&name]).unwrap().pop().unwrap().unwrap();
    assert_eq!(first.partitions, 3);
    assert_eq!(admin.create_topic(&topic).unwrap(), TopicCreation::Existed);
    let found = admin.settings(&name).unwrap();
    assert_eq!((found.retention(), found.is_compacted()), (None, false));
    assert_eq!(found.number("retention.ms"), Some(-1));
    admin.grow_topic(&name, 5).unwrap();
    admin.grow_topic(&name, 4).unwrap();
    let grown = admin.topics(&[&name]).unwrap().pop().unwrap().unwrap();
    assert_eq!((grown.partitions, &grown.id), (5, &first.id));
    assert!(admin.brokers().unwrap() >= 1);
}

#[test]
fn a_topic_that_was_deleted_and_made_again_has_another_id() {
    let cluster = Cluster::start();
    let admin = cluster.admin();
    let name = cluster.topic("replaced", 1);
    let first = admin.topics(&[&name]).unwrap().pop().unwrap().unwrap();
    assert!(!first.id.is_empty() && first.id != "AAAAAAAAAAAAAAAAAAAAAA", "{}", first.id);
    admin.delete_topics(&[&name, &cluster.name("never")]).unwrap();
    let topic = NewTopic {
        name: name.clone(),
        partitions: 1,
        replication: None,
        settings: BTreeMap::new(),
    };
    // A deletion takes a real cluster a moment.
    while admin.create_topic(&topic) != Ok(TopicCreation::Created) {}
    let second = admin.topics(&[&name]).unwrap().pop().unwrap().unwrap();
    assert_ne!(first.id, second.id);
}

#[test]
fn positions_of_logs_are_found_and_purging_moves_the_first() {
    let cluster = Cluster::start();
    let admin = cluster.admin();
    let topic = cluster.topic("log", 2);
    let logs = [Log::new(&*topic, 0), Log::new(&*topic, 1)];
    let mut producer = PlainProducer::open(&cluster.config, Duration::from_secs(5)).unwrap();
    producer.send(&rows(&topic, 0, &["0", "1", "2"])).unwrap();
    assert_eq!(admin.bounds(&logs).unwrap(), [(0, 3), (0, 0)]);
    assert_eq!(admin.offsets(&logs, Position::Timestamp(0)).unwrap(), [0, 0]);
    let future = Position::Timestamp(32_503_680_000_000);
    assert_eq!(admin.offsets(&logs, future).unwrap(), [3, 0]);
    admin.delete_records(&[(logs[0].clone(), 2)]).unwrap();
    assert_eq!(admin.bounds(&logs).unwrap(), [(2, 3), (0, 0)]);
    assert_eq!(commit(&mut cluster.open("slot"), rows(&topic, 1, &["a"])), CLEAN);
    // The transaction's own end is written a moment after its outcome is known.
    let until = Instant::now() + WAIT;
    while admin.offsets(&logs, Position::Latest).unwrap() != [3, 2] {
        assert!(Instant::now() < until, "{:?}", admin.bounds(&logs));
    }
}

#[test]
fn errors_say_what_is_wrong() {
    let cluster = Cluster::start();
    let admin = cluster.admin();
    let name = cluster.name("missing");
    assert_eq!(admin.grow_topic(&name, 2).unwrap_err().kind, KafkaErrorKind::TopicMissing);
    let error = admin.offsets(&[Log::new(&*name, 0)], Position::Latest).unwrap_err();
    assert_eq!(error.kind, KafkaErrorKind::TopicMissing, "{error}");
    let bad = NewTopic {
        name: "no/topic".to_owned(),
        partitions: 1,
        replication: None,
        settings: BTreeMap::new(),
    };
    assert_eq!(admin.create_topic(&bad).unwrap_err().kind, KafkaErrorKind::Invalid);

    let config = config("127.0.0.1:1".into());
    let nowhere = connectors::Admin::open(&config, Duration::from_millis(500)).unwrap();
    let error = nowhere.topics(&["x"]).unwrap_err();
    assert_eq!(error.kind, KafkaErrorKind::Retry, "{error}");
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
}
