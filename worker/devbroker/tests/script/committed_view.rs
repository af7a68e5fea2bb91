//! Random histories: a committed reader sees exactly what is committed or of no transaction, in
//! order, up to the first open transaction, whatever offset it starts from.

use std::collections::BTreeMap;

use bytes::Bytes;
use devbroker::Options;
use devbroker::model::{Broker, Isolation, NewTopic, Outcome, Producer};
use kafka_protocol::ResponseError;
use kafka_protocol::records::RecordBatchDecoder;

use super::any_broker::batch;
use super::random::Random;

const WRITERS: usize = 4;
const LOGS: i32 = 2;

/// What became of a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open(usize),
    Seen,
    Hidden,
}

struct History {
    broker: Broker,
    random: Random,
    now: i64,
    writers: Vec<Option<Writer>>,
    /// By log: offsets of single records and what became of them.
    records: BTreeMap<i32, Vec<(i64, Fate)>>,
}

struct Writer {
    producer: Producer,
    sequences: BTreeMap<i32, i32>,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let marker_delay_ms = random.below(2) as i64 * 5;
        let options = Options { marker_delay_ms, ..Options::default() };
        let mut broker = Broker::new(options).unwrap();
        broker.create_topic(&NewTopic::new("in", LOGS)).unwrap();
        let writers = (0..WRITERS).map(|_| None).collect();
        Self { broker, random, now: 0, writers, records: BTreeMap::new() }
    }

    /// What was open of a writer is decided; with delayed markers it is so for readers a little
    /// later.
    fn decide(&mut self, writer: usize, fate: Fate) {
        let records = self.records.values_mut().flatten();
        records.filter(|(_, old)| *old == Fate::Open(writer)).for_each(|(_, old)| *old = fate);
    }

    fn init(&mut self, writer: usize) {
        let id = format!("w{writer}");
        loop {
            match self.broker.init_producer(self.now, Some(&id), 60_000, None) {
                Ok(producer) => {
                    self.decide(writer, Fate::Hidden);
                    let sequences = BTreeMap::new();
                    self.writers[writer] = Some(Writer { producer, sequences });
                    return;
                }
                Err(ResponseError::ConcurrentTransactions) => self.pass(5),
                Err(other) => panic!("{other:?}"),
            }
        }
    }

    fn pass(&mut self, ms: i64) {
        self.now += ms;
        self.broker.advance(self.now);
    }

    fn write(&mut self, writer: usize, log: i32) {
        let id = format!("w{writer}");
        let Some(owner) = &mut self.writers[writer] else { return };
        let added = self.broker.add_partitions(self.now, &id, owner.producer, &[("in", log)]);
        if added == Err(ResponseError::ConcurrentTransactions) {
            return self.pass(5);
        }
        added.unwrap();
        let sequence = owner.sequences.entry(log).or_insert(0);
        let words = ["seq".to_owned(), sequence.to_string()];
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        *sequence += 1;
        let batch = batch::encode(&words, owner.producer, true, self.now);
        let offset = self.broker.produce(self.now, "in", log, &batch).unwrap().base_offset;
        self.records.entry(log).or_default().push((offset, Fate::Open(writer)));
        // Sent again, it is not appended again.
        let again = self.broker.produce(self.now, "in", log, &batch).unwrap();
        assert_eq!((again.base_offset, again.grown), (offset, 0));
    }

    fn end(&mut self, writer: usize, outcome: Outcome) {
        let Some(owner) = &self.writers[writer] else { return };
        let id = format!("w{writer}");
        match self.broker.end_transaction(self.now, &id, owner.producer, outcome) {
            Ok(()) if outcome == Outcome::Commit => self.decide(writer, Fate::Seen),
            Ok(()) => self.decide(writer, Fate::Hidden),
            Err(ResponseError::ConcurrentTransactions | ResponseError::InvalidTxnState) => {}
            Err(other) => panic!("{other:?}"),
        }
    }

    fn step(&mut self) {
        let writer = self.random.below(WRITERS);
        let log = self.random.below(LOGS as usize) as i32;
        match self.random.below(12) {
            0 => self.init(writer),
            1..=5 => self.write(writer, log),
            6 | 7 => self.end(writer, Outcome::Commit),
            8 => self.end(writer, Outcome::Abort),
            9 => self.pass(3),
            10 => {
                let batch = batch::encode(&[], batch::NO_PRODUCER, false, self.now);
                let offset = self.broker.produce(self.now, "in", log, &batch).unwrap().base_offset;
                self.records.entry(log).or_default().push((offset, Fate::Seen));
            }
            _ => self.check(log),
        }
    }

    fn check(&mut self, log: i32) {
        let found = self.broker.topics().get("in").unwrap().log(log).unwrap();
        let stable = found.last_stable_offset();
        let records = self.records.entry(log).or_default();
        let open = records.iter().find(|(_, fate)| matches!(fate, Fate::Open(_)));
        assert!(open.is_none_or(|(first, _)| stable <= *first));
        let from = self.random.below(found.high_watermark() as usize + 1) as i64;
        let bytes_max = 100 + self.random.below(2000);
        let seen: Vec<_> = committed(found, from, bytes_max);
        let expected: Vec<_> = records
            .iter()
            .filter(|(offset, fate)| *fate == Fate::Seen && (from..stable).contains(offset))
            .map(|(offset, _)| *offset)
            .collect();
        assert_eq!(seen, expected, "from {from}, stable {stable}");
    }
}

/// Reads a log to its stable end as a client does: skips the records of aborted transactions until
/// their markers.
fn committed(log: &devbroker::model::PartitionLog, from: i64, bytes_max: usize) -> Vec<i64> {
    let (mut at, mut seen) = (from, Vec::new());
    loop {
        let fetched = log.fetch(at, bytes_max, true, Isolation::ReadCommitted).unwrap();
        if fetched.batches.is_empty() {
            assert!(at >= log.last_stable_offset());
            return seen;
        }
        let mut aborted = fetched.aborted.clone();
        for batch in fetched.batches {
            for record in RecordBatchDecoder::decode(&mut batch.clone()).unwrap().records {
                let producer = record.producer_id;
                let skipped = aborted
                    .iter()
                    .any(|skip| skip.producer_id == producer && skip.first_offset <= record.offset);
                if record.control {
                    let abort = record.key == Some(Bytes::from_static(&[0, 0, 0, 0]));
                    let first = aborted.iter().position(|skip| {
                        abort && skip.producer_id == producer && skip.first_offset <= record.offset
                    });
                    first.map(|first| aborted.remove(first));
                } else if record.offset >= at && !(record.transactional && skipped) {
                    seen.push(record.offset);
                }
                at = at.max(record.offset + 1);
            }
        }
    }
}

/// Checks many of them.
pub(crate) fn check_random_histories() {
    for seed in 1..=200 {
        let mut history = History::new(seed);
        for _ in 0..400 {
            history.step();
        }
        (0..WRITERS).for_each(|writer| history.end(writer, Outcome::Abort));
        history.pass(10);
        (0..WRITERS).for_each(|writer| history.init(writer));
        history.pass(10);
        (0..LOGS).for_each(|log| history.check(log));
        let log = history.broker.topics().get("in").unwrap().log(0).unwrap();
        assert_eq!(log.last_stable_offset(), log.high_watermark(), "nothing is open at the end");
    }
}
