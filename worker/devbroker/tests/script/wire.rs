//! Scripts over a socket, against any broker. Names are made the run's own; producer ids are
//! numbered as they come.

#[path = "wire_admin.rs"]
mod admin;
#[path = "wire_groups.rs"]
mod groups;
#[path = "wire_logs.rs"]
mod logs;

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use devbroker::model::Producer;
use kafka_protocol::ResponseError;
use kafka_protocol::error::ParseResponseErrorCode;
use kafka_protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic,
};
use kafka_protocol::messages::describe_transactions_request::DescribeTransactionsRequest;
use kafka_protocol::messages::end_txn_request::EndTxnRequest;
use kafka_protocol::messages::init_producer_id_request::InitProducerIdRequest;
use kafka_protocol::messages::{TopicName, TransactionalId};
use kafka_protocol::protocol::StrBytes;

use super::batch::NO_PRODUCER;
use super::language::{Answer, Target, after, log_name, number, ok};
use super::socket::Socket;

pub(crate) struct Wire {
    socket: Socket,
    prefix: String,
    owners: BTreeMap<String, (Option<String>, Producer)>,
    /// Producer ids of the broker in the order of their appearance.
    producers: Vec<i64>,
}

fn text(text: impl Into<String>) -> StrBytes {
    StrBytes::from_string(text.into())
}

fn code(code: i16) -> Result<(), ResponseError> {
    code.err().map_or(Ok(()), Err)
}

/// Asks until it is true.
fn wait(what: &str, mut ask: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !ask() {
        assert!(Instant::now() < limit, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

impl Target for Wire {
    fn step(&mut self, words: &[&str]) -> Answer {
        match *words {
            [name, "=", "init", id, ..] => self.init(name, id, &words[4..]),
            ["add", owner, ref logs @ ..] => self.add(owner, logs),
            ["end", owner, outcome] => self.end(owner, outcome == "commit"),
            ["state", id] => {
                let (state, producer) = self.state(&self.name(id));
                Ok(format!("{} e{} {state}", self.number(producer.id), producer.epoch))
            }
            ["group", owner, group] => self.add_group(owner, group),
            ["offsets", owner, group, offset, ..] => {
                self.offsets(owner, group, offset, &words[4..])
            }
            ["commit", group, offset, ..] => self.commit(group, offset, &words[3..]),
            ["committed", group, log] => self.committed(group, log_name(log)),
            ["expire", id] => {
                let id = self.name(id);
                wait("a timeout", || self.state(&id).0 == "CompleteAbort");
                ok(Ok(()))
            }
            ["forgotten", group, log] => {
                // A real broker forgets a moment after the topic is gone.
                wait("forgetting", || {
                    self.committed(group, log_name(log)) == Ok("none".to_owned())
                });
                Ok("none".to_owned())
            }
            ["forget", group] => self.forget(group),
            ["produce", owner, log, ..] => self.produce(owner, log_name(log), &words[3..]),
            ["read", log, from, isolation] => self.read(log_name(log), number(from), isolation),
            ["ends", log] => self.ends(log_name(log)),
            ["time", log, time, isolation] => self.time(log_name(log), number(time), isolation),
            ["latest", log] => self.time(log_name(log), -3, "all"),
            ["topic", name, partitions, ref configs @ ..] => {
                self.create(name, number(partitions), configs)
            }
            ["grow", name, partitions] => self.grow(name, number(partitions)),
            ["drop", name] => self.drop_topic(name),
            ["delete", log, before] => self.delete(log_name(log), number(before)),
            _ => panic!("not a request: {words:?}"),
        }
    }
}

impl Wire {
    pub(crate) fn connect(bootstrap: &str, script: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let mut wire = Self {
            socket: Socket::connect(bootstrap),
            prefix: format!("{script}-{now}"),
            owners: BTreeMap::new(),
            producers: Vec::new(),
        };
        wire.wait_coordinators();
        wire
    }

    fn name(&self, short: &str) -> String {
        format!("{}-{short}", self.prefix)
    }

    fn topic(&self, short: &str) -> TopicName {
        TopicName(text(self.name(short)))
    }

    /// The producer and transactional id that a word means; one without an id has the empty id.
    fn owner(&self, name: &str) -> (TransactionalId, Producer) {
        // After a refused `init` the script goes on, to say all that is different.
        let nobody = (None, NO_PRODUCER);
        let (id, producer) = self.owners.get(name).unwrap_or(&nobody);
        (TransactionalId(text(id.clone().unwrap_or_default())), *producer)
    }

    fn number(&mut self, id: i64) -> String {
        let known = self.producers.iter().position(|known| *known == id);
        let at = known.unwrap_or_else(|| {
            self.producers.push(id);
            self.producers.len() - 1
        });
        format!("p{}", at + 1)
    }

    fn init(&mut self, name: &str, id: &str, words: &[&str]) -> Answer {
        let id = match id {
            "-" => None,
            "\"\"" => Some(String::new()),
            id => Some(self.name(id)),
        };
        let expected = after(words, "from").map_or(NO_PRODUCER, |owner| self.owner(owner).1);
        let request = InitProducerIdRequest::default()
            .with_transactional_id(id.clone().map(|id| TransactionalId(text(id))))
            .with_transaction_timeout_ms(after(words, "timeout").map_or(60_000, number))
            .with_producer_id(expected.id.into())
            .with_producer_epoch(expected.epoch);
        let mut response = self.socket.ask(4, &request).unwrap();
        // A fresh broker has to fetch its first producer ids.
        wait("producer ids", || {
            let starting = groups::is_starting(response.error_code);
            if starting {
                response = self.socket.ask(4, &request).unwrap();
            }
            !starting
        });
        if let Some(id) = &id {
            self.settle(id);
        }
        code(response.error_code)?;
        let producer = Producer { id: response.producer_id.0, epoch: response.producer_epoch };
        self.owners.insert(name.to_owned(), (id, producer));
        Ok(format!("{} e{}", self.number(producer.id), producer.epoch))
    }

    fn add(&mut self, owner: &str, logs: &[&str]) -> Answer {
        let (id, producer) = self.owner(owner);
        let topics = logs.iter().map(|log| {
            let (topic, partition) = log_name(log);
            AddPartitionsToTxnTopic::default()
                .with_name(self.topic(topic))
                .with_partitions(vec![partition])
        });
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(id)
            .with_v3_and_below_producer_id(producer.id.into())
            .with_v3_and_below_producer_epoch(producer.epoch)
            .with_v3_and_below_topics(topics.collect());
        let response = self.socket.ask(3, &request).unwrap();
        for topic in response.results_by_topic_v3_and_below {
            for result in topic.results_by_partition {
                code(result.partition_error_code)?;
            }
        }
        ok(Ok(()))
    }

    fn end(&mut self, owner: &str, commit: bool) -> Answer {
        let (id, producer) = self.owner(owner);
        let request = EndTxnRequest::default()
            .with_transactional_id(id.clone())
            .with_producer_id(producer.id.into())
            .with_producer_epoch(producer.epoch)
            .with_committed(commit);
        let response = self.socket.ask(3, &request).unwrap();
        self.settle(&id);
        ok(code(response.error_code))
    }

    /// Waits until no markers are to be written.
    fn settle(&mut self, id: &str) {
        if !id.is_empty() {
            wait("markers", || !self.state(id).0.starts_with("Prepare"));
        }
    }

    fn state(&mut self, id: &str) -> (String, Producer) {
        let request = DescribeTransactionsRequest::default()
            .with_transactional_ids(vec![TransactionalId(text(id))]);
        let response = self.socket.ask(0, &request).unwrap();
        let found = &response.transaction_states[0];
        let producer = Producer { id: found.producer_id.0, epoch: found.producer_epoch };
        (found.transaction_state.to_string(), producer)
    }
}
