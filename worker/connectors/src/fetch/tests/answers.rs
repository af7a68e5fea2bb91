//! What answers do to the feeds.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use protocol::Log;

use super::made::{Answered, Batch, fetch_answer, log};
use crate::fetch::feeds::{Asked, Assign, Brought, Feeds};
use crate::fetch::messages::{
    Metadata, Node, PartitionMetadata, TopicMetadata, Wanted, read_fetch,
};
use crate::fetch::wire::Input;
use crate::kafka::KafkaErrorKind;

const T: [u8; 16] = [1; 16];

/// Feeds over one topic with two partitions, led by the brokers 1 and 2, read from `offset`.
fn feeds(offset: i64) -> (Feeds, Arc<AtomicI64>) {
    let mut feeds = Feeds::new("kafka:9092");
    let end = Arc::new(AtomicI64::new(-1));
    for partition in 0..2 {
        let (log, end) = (Log::new("t", partition), end.clone());
        feeds.assign(Assign { index: partition as u32, version: 5, log, offset, end });
    }
    assert_eq!(feeds.lacking(), ["t"]);
    assert!(feeds.learn(metadata(T, [1, 2]), Instant::now()).is_empty());
    assert!(feeds.lacking().is_empty());
    (feeds, end)
}

fn metadata(id: [u8; 16], leaders: [i32; 2]) -> Metadata {
    metadata_of(id, leaders, 4)
}

fn metadata_of(id: [u8; 16], leaders: [i32; 2], leader_epoch: i32) -> Metadata {
    let node = |id| Node { id, host: format!("host{id}"), port: 9092 };
    let partition = |(partition, leader): (i32, i32)| PartitionMetadata {
        error: 0,
        partition,
        leader,
        leader_epoch,
    };
    let partitions = (0..).zip(leaders).map(partition).collect();
    let topic = TopicMetadata { error: 0, name: "t".to_owned(), id, partitions };
    Metadata { nodes: vec![node(1), node(2)], topics: vec![topic] }
}

fn take(feeds: &mut Feeds, asked: &[Asked], answers: &[Answered]) -> Brought {
    let bytes = fetch_answer(answers);
    let answer = read_fetch(&mut Input::new(&bytes)).unwrap();
    feeds.take(asked, answer)
}

fn wanted(feeds: &mut Feeds, node: i32) -> Vec<Wanted> {
    feeds.request(node).into_iter().map(|asked| asked.wanted).collect()
}

/// An answer of partition 0 whose end is `end`.
fn answered(records: Vec<u8>, end: i64) -> Answered {
    let (high_watermark, last_stable) = (end, end);
    Answered { topic: T, records, high_watermark, last_stable, ..Answered::default() }
}

#[test]
fn each_broker_is_asked_for_what_it_leads_and_goes_on_behind_the_answer() {
    let (mut feeds, end) = feeds(10);
    let asked = feeds.request(1);
    let wanted_first =
        Wanted { topic: T, partition: 0, leader_epoch: 4, offset: 10, last_epoch: -1 };
    assert_eq!(asked.iter().map(|a| a.wanted).collect::<Vec<_>>(), [wanted_first]);
    assert_eq!(wanted(&mut feeds, 2)[0].partition, 1);
    let records = log(&[Batch::of(8, &["a", "b", "c"]), Batch::marker(11, 3, true)]);
    let brought = take(&mut feeds, &asked, &[answered(records, 30)]);
    assert_eq!(brought.parts.len(), 1);
    assert_eq!((brought.parts[0].version, brought.parts[0].eof), (5, None));
    assert_eq!(end.load(Ordering::Acquire), 30);
    assert_eq!(wanted(&mut feeds, 1), [Wanted { offset: 12, last_epoch: 7, ..wanted_first }]);
}

#[test]
fn the_end_is_told_once_per_place_and_only_at_the_last_stable_offset() {
    let (mut feeds, _) = feeds(10);
    let mut step = |records: Vec<u8>, stable: i64| {
        let asked = feeds.request(1);
        let answer = Answered { last_stable: stable, ..answered(records, 50) };
        let brought = take(&mut feeds, &asked, &[answer]);
        brought.parts.first().map(|part| part.eof)
    };
    assert_eq!(step(vec![], 12), None, "something is there, but not in this answer");
    assert_eq!(step(vec![], 9), None, "a leader that lags behind is no end");
    assert_eq!(step(vec![], 10), Some(Some(10)));
    assert_eq!(step(vec![], 10), None, "told already");
    assert_eq!(step(Batch::of(10, &["a"]).bytes(), 11), Some(Some(11)));
    assert_eq!(step(Batch::of(11, &["b"]).bytes(), 13), Some(None));
}

#[test]
fn an_offset_that_is_not_there_and_a_truncated_log_fail_and_are_not_asked_again() {
    for (error, diverges_at) in [(1, None), (0, Some(7))] {
        let (mut feeds, _) = feeds(10);
        let asked = feeds.request(1);
        let answer = Answered { error, diverges_at, ..answered(vec![], 50) };
        let brought = take(&mut feeds, &asked, &[answer]);
        let failure = brought.parts[0].failure.as_ref().unwrap();
        assert_eq!(failure.kind, KafkaErrorKind::OffsetOutOfRange);
        assert!(failure.to_string().contains("t[0] from offset 10"), "{failure}");
        assert!(wanted(&mut feeds, 1).is_empty() && feeds.lacking().is_empty());
        assert_eq!(wanted(&mut feeds, 2).len(), 1, "the other log goes on");
    }
}

#[test]
fn a_log_that_moved_is_looked_for_and_read_on_from_the_same_offset() {
    for error in [3, 5, 6, 9, 56, 74, 75, 78, 100, -1, 321] {
        let (mut feeds, _) = feeds(10);
        let asked = feeds.request(1);
        let brought = take(&mut feeds, &asked, &[Answered { error, ..answered(vec![], -1) }]);
        assert!(brought.parts.is_empty() && brought.complaint.is_some(), "{error}");
        assert_eq!(feeds.lacking(), ["t"]);
        assert!(feeds.learn(metadata(T, [2, 2]), Instant::now()).is_empty());
        assert!(wanted(&mut feeds, 1).is_empty());
        assert!(wanted(&mut feeds, 2).iter().any(|w| w.partition == 0 && w.offset == 10));
    }
}

#[test]
fn a_missing_topic_is_told_after_a_while_and_a_replaced_one_at_once() {
    let (mut feeds, _) = feeds(10);
    feeds.lost(1);
    let now = Instant::now();
    let gone = || TopicMetadata { error: 3, ..metadata(T, [1, 2]).topics.remove(0) };
    let missing = || Metadata { topics: vec![gone()], ..metadata(T, [1, 2]) };
    assert!(feeds.learn(missing(), now).is_empty(), "it may be just being created");
    let later = feeds.learn(missing(), now + Duration::from_secs(4));
    assert_eq!(later.len(), 1);
    assert_eq!(later[0].kind, KafkaErrorKind::TopicMissing);
    let replaced = feeds.learn(metadata([9; 16], [1, 2]), now);
    assert_eq!(replaced[0].kind, KafkaErrorKind::TopicMissing);
    assert!(replaced[0].detail.contains("created again"), "{}", replaced[0]);
    let none = feeds.learn(metadata([0; 16], [1, 2]), now);
    assert_eq!(none[0].kind, KafkaErrorKind::Invalid, "no topic ids");
    let denied = TopicMetadata { error: 29, ..gone() };
    let denied = Metadata { topics: vec![denied], ..metadata(T, [1, 2]) };
    assert_eq!(feeds.learn(denied, now)[0].kind, KafkaErrorKind::Auth);
}

#[test]
fn answers_to_an_earlier_assignment_are_dropped() {
    let (mut feeds, _) = feeds(10);
    let asked = feeds.request(1);
    let (log, end) = (Log::new("t", 0), Arc::new(AtomicI64::new(-1)));
    feeds.assign(Assign { index: 0, version: 6, log, offset: 3, end });
    let records = Batch::of(10, &["a"]).bytes();
    assert!(take(&mut feeds, &asked, &[answered(records, 11)]).parts.is_empty());
    feeds.learn(metadata(T, [1, 2]), Instant::now());
    assert_eq!(wanted(&mut feeds, 1)[0].offset, 3);
    feeds.stop(0);
    assert!(wanted(&mut feeds, 1).is_empty());
}

#[test]
fn damage_is_handed_over_once_and_bytes_without_a_batch_are_no_progress() {
    let (mut feeds, _) = feeds(0);
    let asked = feeds.request(1);
    let whole = Batch::of(0, &["a"]).bytes();
    let brought = take(&mut feeds, &asked, &[answered(whole[..40].to_vec(), 9)]);
    assert!(brought.stalled && brought.parts.is_empty());
    let mut old = Batch::of(1, &["b"]).bytes();
    old[16] = 0;
    let bytes = [whole.clone(), old].concat();
    let brought = take(&mut feeds, &asked, &[answered(bytes.clone(), 9)]);
    assert_eq!(brought.parts[0].range.len(), bytes.len());
    assert!(wanted(&mut feeds, 1).is_empty());
}

#[test]
fn every_request_begins_with_another_log() {
    let mut feeds = Feeds::new("kafka:9092");
    for partition in 0..2 {
        let (log, end) = (Log::new("t", partition), Arc::new(AtomicI64::new(-1)));
        feeds.assign(Assign { index: partition as u32, version: 1, log, offset: 0, end });
    }
    feeds.learn(metadata(T, [1, 1]), Instant::now());
    let first: Vec<i32> = (0..4).map(|_| wanted(&mut feeds, 1)[0].partition).collect();
    assert!(first == [0, 1, 0, 1] || first == [1, 0, 1, 0], "{first:?}");
    // Whatever other brokers are asked meanwhile.
    let (log, end) = (Log::new("t", 2), Arc::new(AtomicI64::new(-1)));
    feeds.assign(Assign { index: 2, version: 1, log, offset: 0, end });
    let mut elsewhere = metadata(T, [1, 1]);
    let of_second = PartitionMetadata { error: 0, partition: 2, leader: 2, leader_epoch: 4 };
    elsewhere.topics[0].partitions.push(of_second);
    feeds.learn(elsewhere, Instant::now());
    let in_turns = |_| (wanted(&mut feeds, 1)[0].partition, wanted(&mut feeds, 2).len());
    let turns: Vec<(i32, usize)> = (0..4).map(in_turns).collect();
    assert!(turns[0].0 != turns[1].0 && turns[0] == turns[2] && turns[0].1 == 1, "{turns:?}");
}

#[test]
fn only_a_newer_leader_counts_and_answers_of_the_one_before_are_dropped() {
    let (mut feeds, _) = feeds(10);
    let asked = feeds.request(1);
    assert!(feeds.learn(metadata_of(T, [2, 2], 3), Instant::now()).is_empty());
    assert_eq!(wanted(&mut feeds, 1).len(), 1, "an older leader is no leader");
    assert!(feeds.learn(metadata_of(T, [2, 2], 5), Instant::now()).is_empty());
    assert_eq!(wanted(&mut feeds, 2)[0].leader_epoch, 5, "nobody complained, yet it moved");
    assert!(wanted(&mut feeds, 1).is_empty());
    let records = Batch::of(10, &["a"]).bytes();
    assert!(take(&mut feeds, &asked, &[answered(records, 11)]).parts.is_empty());
    feeds.lost(2);
    feeds.learn(metadata_of(T, [1, 1], 4), Instant::now());
    assert_eq!(feeds.lacking(), ["t"]);
    assert!(wanted(&mut feeds, 1).is_empty(), "an older leader is no leader");
}

#[test]
fn an_answer_that_comes_twice_is_taken_once() {
    let (mut feeds, _) = feeds(10);
    let asked = feeds.request(1);
    let answer = || answered(Batch::of(10, &["a"]).bytes(), 12);
    assert_eq!(take(&mut feeds, &asked, &[answer(), answer()]).parts.len(), 1);
    assert!(take(&mut feeds, &asked, &[answer()]).parts.is_empty());
}

#[test]
fn a_log_that_is_taken_again_keeps_its_leader_and_its_topic() {
    let (mut feeds, _) = feeds(10);
    feeds.stop(0);
    assert!(wanted(&mut feeds, 1).is_empty() && feeds.leaders() == [2].into());
    let assign = |offset| Assign {
        index: 0,
        version: 6,
        log: Log::new("t", 0),
        offset,
        end: Arc::new(AtomicI64::new(-1)),
    };
    feeds.assign(assign(20));
    assert_eq!(wanted(&mut feeds, 1)[0].offset, 20);
    let asked = feeds.request(1);
    take(&mut feeds, &asked, &[Answered { error: 100, ..answered(vec![], -1) }]);
    let replaced = feeds.learn(metadata_of([9; 16], [1, 2], 9), Instant::now());
    assert!(replaced[0].detail.contains("created again"), "{}", replaced[0]);
}

#[test]
fn brokers_are_asked_in_turn_and_silent_ones_last() {
    let (mut feeds, _) = feeds(10);
    let mut order = || feeds.next_to_ask().iter().map(|node| node.id).collect::<Vec<_>>();
    let (first, second) = (order(), order());
    assert!(first != second && [&first, &second].iter().all(|ids| ids.len() == 2));
    feeds.lost(1);
    for _ in 0..3 {
        assert_eq!(feeds.next_to_ask()[0].id, 2);
    }
    feeds.heard(1);
    assert!((0..2).any(|_| feeds.next_to_ask()[0].id == 1));
}
