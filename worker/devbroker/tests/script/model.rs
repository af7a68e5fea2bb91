//! Scripts against the model, with time and options under control.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use devbroker::Options;
use devbroker::model::{
    Broker, Isolation, Member, NewTopic, Offset, OffsetCommit, Outcome, PartitionLog, Producer,
    TransactionState,
};
use kafka_protocol::ResponseError;

use super::any_broker::batch;
use super::any_broker::language::{self, Answer, Target, after, log_name, number, ok};

struct Owner {
    id: Option<String>,
    producer: Producer,
}

pub(crate) struct Model {
    broker: Broker,
    now: i64,
    owners: BTreeMap<String, Owner>,
}

fn level(isolation: &str) -> Isolation {
    match isolation {
        "committed" => Isolation::ReadCommitted,
        "all" => Isolation::ReadUncommitted,
        other => panic!("{other:?} is not an isolation level"),
    }
}

fn member(words: &[&str]) -> Member {
    Member { generation: after(words, "generation").map_or(-1, number) }
}

fn commit(word: &str) -> OffsetCommit {
    let ((topic, partition), offset, metadata) = language::commit(word);
    let offset = Offset { offset, leader_epoch: -1, metadata: metadata.to_owned() };
    OffsetCommit { topic: topic.to_owned(), partition, offset }
}

fn place(found: Option<(i64, i64)>) -> String {
    found.map_or("none".to_owned(), |(offset, time)| format!("{offset} at {time}"))
}

impl Target for Model {
    fn step(&mut self, words: &[&str]) -> Answer {
        match *words {
            ["options", ..] => self.options(&words[1..]),
            ["at", time] => {
                self.now = number(time);
                self.broker.advance(self.now);
                ok(Ok(()))
            }
            [name, "=", "init", id, ..] => self.init(name, id, &words[4..]),
            ["add", owner, ref logs @ ..] => self.add(owner, logs),
            ["group", owner, group] => {
                let (id, producer) = self.owner(owner);
                ok(self.broker.add_group(self.now, &id, producer, group))
            }
            ["produce", owner, log, ..] => self.produce(owner, log_name(log), &words[3..]),
            ["end", owner, outcome] => {
                let (id, producer) = self.owner(owner);
                let outcome = if outcome == "commit" { Outcome::Commit } else { Outcome::Abort };
                ok(self.broker.end_transaction(self.now, &id, producer, outcome))
            }
            ["offsets", owner, group, offset, ..] => {
                let (id, producer) = self.owner(owner);
                let (member, commits) = (member(&words[4..]), vec![commit(offset)]);
                ok(self.broker.commit_offsets_in_transaction(&id, producer, group, member, commits))
            }
            ["commit", group, offset, ..] => {
                let commits = vec![commit(offset)];
                ok(self.broker.groups_mut().commit(group, member(&words[3..]), commits))
            }
            ["committed", group, log] => Ok(self.committed(group, log_name(log))),
            ["read", log, from, isolation, ..] => {
                self.read(log_name(log), number(from), isolation, &words[4..])
            }
            ["time", log, time, isolation] => {
                let log = self.log(log_name(log))?;
                Ok(place(log.first_at_or_after(number(time), level(isolation))))
            }
            ["latest", log] => Ok(place(self.log(log_name(log))?.latest_time())),
            _ => self.admin(words),
        }
    }
}

impl Model {
    pub(crate) fn new() -> Self {
        Self { broker: Broker::new(Options::default()).unwrap(), now: 0, owners: BTreeMap::new() }
    }

    fn admin(&mut self, words: &[&str]) -> Answer {
        match *words {
            ["topic", name, partitions, ref configs @ ..] => {
                let mut topic = NewTopic::new(name, number(partitions));
                for config in configs {
                    let (key, value) = config.split_once('=').unwrap();
                    topic.configs.insert(key.to_owned(), value.to_owned());
                }
                ok(self.broker.create_topic(&topic).map(|_| ()))
            }
            ["grow", name, partitions] => ok(self.broker.grow_topic(name, number(partitions))),
            ["drop", name] => ok(self.broker.delete_topic(name).map(|_| ())),
            ["delete", log, before] => {
                let (topic, partition) = log_name(log);
                let start = self.broker.delete_records(topic, partition, number(before))?;
                Ok(start.to_string())
            }
            ["expire", _] => {
                self.now = self.broker.next_deadline().unwrap();
                self.broker.advance(self.now);
                ok(Ok(()))
            }
            ["forgotten", group, log] => Ok(self.committed(group, log_name(log))),
            ["forget", group] => ok(self.broker.groups_mut().delete(group)),
            ["ends", log] => {
                let log = self.log(log_name(log))?;
                let (start, end) = (log.start(), log.high_watermark());
                Ok(format!("{start} {} {end}", log.last_stable_offset()))
            }
            ["state", id] => {
                let found = self.broker.transactions().get(id).unwrap();
                let producer = found.producer();
                Ok(format!("p{} e{} {}", producer.id, producer.epoch, state(found.state())))
            }
            ["next"] => Ok(self.broker.next_deadline().map_or("none".into(), |at| at.to_string())),
            ["bytes"] => Ok(self.broker.log_bytes().to_string()),
            _ => panic!("not a request: {words:?}"),
        }
    }

    fn options(&mut self, words: &[&str]) -> Answer {
        let mut options = Options::default();
        if let Some(delay) = after(words, "marker-delay") {
            options.marker_delay_ms = number(delay);
        }
        if let Some(bytes) = after(words, "log-bytes-max") {
            options.log_bytes_max = number(bytes);
        }
        self.broker = Broker::new(options)?;
        ok(Ok(()))
    }

    fn owner(&self, name: &str) -> (String, Producer) {
        let owner = &self.owners[name];
        (owner.id.clone().unwrap_or_default(), owner.producer)
    }

    fn init(&mut self, name: &str, id: &str, words: &[&str]) -> Answer {
        let id = (id != "-").then_some(id.trim_matches('"'));
        let timeout = after(words, "timeout").map_or(60_000, number);
        let expected = after(words, "from").map(|owner| self.owner(owner).1);
        let producer = self.broker.init_producer(self.now, id, timeout, expected)?;
        self.owners.insert(name.to_owned(), Owner { id: id.map(str::to_owned), producer });
        Ok(format!("p{} e{}", producer.id, producer.epoch))
    }

    fn add(&mut self, owner: &str, logs: &[&str]) -> Answer {
        let (id, producer) = self.owner(owner);
        let logs: Vec<_> = logs.iter().map(|log| log_name(log)).collect();
        ok(self.broker.add_partitions(self.now, &id, producer, &logs))
    }

    fn produce(&mut self, owner: &str, log: (&str, i32), words: &[&str]) -> Answer {
        let owner = (owner != "-").then(|| &self.owners[owner]);
        let producer = owner.map_or(batch::NO_PRODUCER, |owner| owner.producer);
        let transactional = owner.is_some_and(|owner| owner.id.is_some());
        let batch = batch::encode(words, producer, transactional, self.now);
        let appended = self.broker.produce(self.now, log.0, log.1, &batch)?;
        Ok(appended.base_offset.to_string())
    }

    fn committed(&self, group: &str, log: (&str, i32)) -> String {
        let Some(group) = self.broker.groups().get(group) else { return "none".to_owned() };
        let pending = if group.is_pending(log.0, log.1) { " pending" } else { "" };
        match group.offset(log.0, log.1) {
            Some(offset) if offset.metadata.is_empty() => format!("{}{pending}", offset.offset),
            Some(offset) => format!("{} {}{pending}", offset.offset, offset.metadata),
            None => format!("none{pending}"),
        }
    }

    fn log(&self, log: (&str, i32)) -> Result<&PartitionLog, ResponseError> {
        let topic = self.broker.topics().get(log.0);
        topic.and_then(|topic| topic.log(log.1)).ok_or(ResponseError::UnknownTopicOrPartition)
    }

    fn read(&self, log: (&str, i32), from: i64, isolation: &str, words: &[&str]) -> Answer {
        let bytes_max = after(words, "bytes").map_or(usize::MAX, number);
        let first = words.contains(&"first");
        let fetched = self.log(log)?.fetch(from, bytes_max, first, level(isolation))?;
        let skips = fetched.aborted.iter();
        let skips = skips.map(|skip| (skip.first_offset, format!("p{}", skip.producer_id)));
        let mut all = BytesMut::new();
        fetched.batches.iter().for_each(|batch| all.extend_from_slice(batch));
        assert_eq!(all.len(), fetched.bytes);
        Ok(batch::seen(&mut Bytes::from(all), skips.collect()))
    }
}

/// The name that Kafka has for a state.
fn state(state: TransactionState) -> &'static str {
    match state {
        TransactionState::Empty => "Empty",
        TransactionState::Ongoing { .. } => "Ongoing",
        TransactionState::Prepared { outcome: Outcome::Commit, .. } => "PrepareCommit",
        TransactionState::Prepared { outcome: Outcome::Abort, .. } => "PrepareAbort",
        TransactionState::Complete(Outcome::Commit) => "CompleteCommit",
        TransactionState::Complete(Outcome::Abort) => "CompleteAbort",
    }
}
