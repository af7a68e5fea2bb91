//! Brokers come, go and disagree; what is read stays one log.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use protocol::Log;

use super::made::{Answered, Batch};
use super::served::{Belief, Question, Served, records};
use crate::fetch::reader::FetchReader;
use crate::kafka::KafkaConfig;
use crate::reader::{Event, ReadLimits};

const WAIT: Duration = Duration::from_secs(30);

fn reader(ports: &[u16]) -> FetchReader {
    let servers: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let config = KafkaConfig {
        bootstrap: servers.join(","),
        properties: [].into(),
        client_id: "test".to_owned(),
    };
    FetchReader::open(&config, ReadLimits { queued_bytes: 1 << 20 }).unwrap()
}

/// What comes until the end of the log at `end`.
fn read_to(reader: &mut FetchReader, end: i64) -> Vec<(i64, String)> {
    let (mut seen, mut ended) = (Vec::new(), false);
    let until = Instant::now() + WAIT;
    while !ended {
        assert!(Instant::now() < until, "no end: {seen:?} {}", reader.last_complaint());
        let visited = reader.poll(Duration::from_millis(20), 100, &mut |event| match event {
            Event::Record { offset, payload, .. } => {
                seen.push((offset, String::from_utf8_lossy(payload.unwrap()).into_owned()));
            }
            Event::Eof { offset, .. } => ended |= offset == end,
            Event::Failed { error, .. } => panic!("{error}"),
        });
        visited.unwrap();
    }
    seen
}

fn batch(base: i64, values: &[&str], end: i64) -> Answered {
    let records = Batch::of(base, values).bytes();
    Answered { records, ..empty(end) }
}

fn empty(end: i64) -> Answered {
    Answered { high_watermark: end, last_stable: end, ..Answered::default() }
}

fn refused(error: i16) -> Answered {
    Answered { error, ..empty(-1) }
}

const OUT_OF_RANGE: i16 = 1;
const NOT_LEADER: i16 = 6;

fn numbered(values: &[&str]) -> Vec<(i64, String)> {
    (0..).zip(values.iter().map(|value| (*value).to_owned())).collect()
}

/// Broker 1 leads first and never learns that it does not lead any more. It holds less than broker 2 then: whoever
/// asks it on its word finds the log too short.
#[test]
fn a_broker_that_lags_behind_is_not_believed() {
    let beliefs =
        Arc::new(Mutex::new([1, 2].map(|_| Belief { leader: 1, epoch: 4, ports: [].into() })));
    let (of_first, of_second) = (beliefs.clone(), beliefs.clone());
    let first = Served::start(Arc::new(move |question| match question {
        Question::Leaders => of_first.lock().unwrap()[0].answer(),
        Question::Records { offset: 0, epoch: 4 } => records(batch(0, &["a", "b"], 4)),
        Question::Records { offset: 2, epoch: 4 } => {
            let belief = &mut of_first.lock().unwrap()[1];
            (belief.leader, belief.epoch) = (2, 5);
            records(refused(NOT_LEADER))
        }
        Question::Records { .. } => records(refused(OUT_OF_RANGE)),
    }));
    let disturbed = AtomicUsize::new(0);
    let second = Served::start(Arc::new(move |question| match question {
        Question::Leaders => of_second.lock().unwrap()[1].answer(),
        Question::Records { epoch: 5, offset: 2 } => records(batch(2, &["c"], 4)),
        // Twice, so that the other one is asked for the leader too.
        Question::Records { epoch: 5, offset: 3 }
            if disturbed.fetch_add(1, Ordering::AcqRel) < 2 =>
        {
            records(refused(NOT_LEADER))
        }
        Question::Records { epoch: 5, offset: 3 } => records(batch(3, &["d"], 4)),
        Question::Records { epoch: 5, offset: 4 } => records(empty(4)),
        Question::Records { .. } => records(refused(NOT_LEADER)),
    }));
    for belief in &mut *beliefs.lock().unwrap() {
        belief.ports = [(1, first.port), (2, second.port)].into();
    }
    let mut reader = reader(&[first.port, second.port]);
    reader.assign(&[(Log::new("t", 0), 0)]).unwrap();
    assert_eq!(read_to(&mut reader, 4), numbered(&["a", "b", "c", "d"]));
}

#[test]
fn a_broker_that_comes_back_at_another_port_is_found_there() {
    let belief = Arc::new(Mutex::new(Belief { leader: 1, epoch: 4, ports: [].into() }));
    let log = |question: Question, end: i64, belief: &Mutex<Belief>| match question {
        Question::Leaders => belief.lock().unwrap().answer(),
        Question::Records { offset, .. } if offset < end => {
            records(batch(offset, &[&offset.to_string()], end))
        }
        Question::Records { .. } => records(empty(end)),
    };
    let led = |end: i64| {
        let belief = belief.clone();
        Served::start(Arc::new(move |question| log(question, end, &belief)))
    };
    let (before, other) = (led(3), led(0));
    belief.lock().unwrap().ports = [(1, before.port), (2, other.port)].into();
    let mut reader = reader(&[before.port, other.port]);
    reader.assign(&[(Log::new("t", 0), 0)]).unwrap();
    assert_eq!(read_to(&mut reader, 3), numbered(&["0", "1", "2"]));
    before.end();
    let after = led(5);
    belief.lock().unwrap().ports.insert(1, after.port);
    let rest: Vec<(i64, String)> = numbered(&["0", "1", "2", "3", "4"]).split_off(3);
    assert_eq!(read_to(&mut reader, 5), rest);
}

/// A log of nothing but aborted transactions, longer than anybody would wait for.
#[test]
fn what_is_hidden_does_not_hold_the_one_who_reads() {
    let belief = Arc::new(Mutex::new(Belief { leader: 1, epoch: 4, ports: [].into() }));
    let asked = Arc::new(AtomicI64::new(0));
    let (known, noted, began) = (belief.clone(), asked.clone(), Instant::now());
    let broker = Served::start(Arc::new(move |question| match question {
        Question::Leaders => known.lock().unwrap().answer(),
        Question::Records { offset, .. } if began.elapsed() < WAIT => {
            noted.store(offset, Ordering::Release);
            let batches = Batch::transactional(offset, 7, &["aborted"]).bytes();
            records(Answered { records: batches, aborted: vec![(7, 0)], ..empty(1 << 40) })
        }
        Question::Records { offset, .. } => records(batch(offset, &["seen"], offset + 1)),
    }));
    belief.lock().unwrap().ports = [(1, broker.port)].into();
    let mut reader = reader(&[broker.port]);
    reader.assign(&[(Log::new("t", 0), 0)]).unwrap();
    // Many answers are there already.
    while asked.load(Ordering::Acquire) < 50 {
        assert!(began.elapsed() < WAIT, "{}", reader.last_complaint());
        std::thread::park_timeout(Duration::from_millis(1));
    }
    for (wait, position) in [(0, 1..=1), (0, 2..=2), (20, 3..=i64::MAX)] {
        let wait = Duration::from_millis(wait);
        let shown = reader.poll(wait, 100, &mut |event| panic!("{event:?}"));
        assert_eq!(shown.unwrap(), 0);
        assert!(position.contains(&reader.position(0).unwrap()), "{:?}", reader.position(0));
    }
}

/// Followers give logs up and take them again all the time.
#[test]
fn a_log_that_is_taken_again_asks_for_no_leader_again() {
    let belief = Arc::new(Mutex::new(Belief { leader: 1, epoch: 4, ports: [].into() }));
    let asked = Arc::new(AtomicUsize::new(0));
    let (known, counted) = (belief.clone(), asked.clone());
    let broker = Served::start(Arc::new(move |question| match question {
        Question::Leaders => {
            counted.fetch_add(1, Ordering::AcqRel);
            known.lock().unwrap().answer()
        }
        Question::Records { offset: 3, .. } => records(empty(3)),
        Question::Records { offset, .. } => {
            let values = ["0", "1", "2"];
            records(batch(offset, &values[offset as usize..], 3))
        }
    }));
    belief.lock().unwrap().ports = [(1, broker.port)].into();
    let mut reader = reader(&[broker.port]);
    let log = Log::new("t", 0);
    let began = Instant::now();
    for round in 0..20 {
        reader.assign(&[(log.clone(), round % 3)]).unwrap();
        assert_eq!(read_to(&mut reader, 3).len(), 3 - round as usize % 3);
        reader.unassign(std::slice::from_ref(&log)).unwrap();
    }
    // Beside the first time, only now and then.
    let allowed = 1 + began.elapsed().as_secs() / 10;
    assert!(asked.load(Ordering::Acquire) as u64 <= allowed);
}
