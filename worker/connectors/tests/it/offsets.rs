//! Committed offsets: stable and unstable.

use std::time::{Duration, Instant};

use connectors::{KafkaErrorKind, TransactionTimeouts};
use protocol::Log;

use crate::cluster::{CLEAN, Cluster, WAIT, commit, config, rows};
use crate::faults::Behind;

#[test]
fn a_stable_read_is_pending_while_a_transaction_is_open_and_answers_after_the_fence() {
    let behind = Behind::start();
    let group = "stage0";
    let log = Log::new("in", 0);
    let mut producer = behind.open(TransactionTimeouts::default());
    let mut first = rows("out", 0, &["first"]);
    first.push_offset(group, log.clone(), 5, "first".into());
    assert_eq!(commit(&mut producer, first), CLEAN);
    let mut open = rows("out", 0, &["open"]);
    open.push_offset(group, log.clone(), 9, "open".into());
    behind.leave_open(&mut producer, open);

    let offsets = behind.cluster.offsets();
    let logs = [log.clone(), Log::new("in", 1)];
    let wait = Duration::from_millis(300);
    let pending = offsets.committed(group, &logs, true, wait).unwrap_err();
    assert_eq!(pending.kind, KafkaErrorKind::Pending, "{pending}");
    let unstable = offsets.committed(group, &logs, false, WAIT).unwrap();
    assert_eq!(unstable, [Some((5, "first".to_owned())), None]);

    let _successor = behind.cluster.open("slot");
    let began = Instant::now();
    let stable = offsets.committed(group, &logs, true, WAIT).unwrap();
    assert_eq!(stable, [Some((5, "first".to_owned())), None]);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn a_group_without_offsets_and_a_broker_that_is_not_there_are_told_apart() {
    let cluster = Cluster::start();
    let topic = cluster.topic("in", 1);
    let logs = [Log::new(&*topic, 0)];
    let group = cluster.name("nobody");
    assert_eq!(cluster.offsets().committed(&group, &logs, true, WAIT).unwrap(), [None]);
    assert_eq!(cluster.offsets().committed(&group, &[], true, WAIT).unwrap(), []);

    let nowhere = connectors::GroupOffsets::new(&config("127.0.0.1:1".into()));
    let error = nowhere.committed("g", &logs, true, Duration::from_millis(500)).unwrap_err();
    assert_eq!(error.kind, KafkaErrorKind::Pending);
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
}
