//! A broker for a test, and short forms of what every test does.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use connectors::kafka::{Admin, NewTopic, TopicCreation};
use connectors::{
    Burst, Event, GroupOffsets, KafkaConfig, Outcome, ReadLimits, Reader, TransactionTimeouts,
    Transactions,
};
use devbroker::{Options, Server};
use protocol::Log;

pub(crate) const WAIT: Duration = Duration::from_secs(30);

pub(crate) struct Cluster {
    pub(crate) config: KafkaConfig,
    run: String,
    server: Option<Server>,
}

fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    format!("{time:x}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn config(bootstrap: String) -> KafkaConfig {
    KafkaConfig { bootstrap, properties: BTreeMap::new(), client_id: "connectors-test".into() }
}

impl Cluster {
    pub(crate) fn start() -> Self {
        match std::env::var("STREAMJOB_TEST_BOOTSTRAP") {
            Ok(bootstrap) => {
                let cluster = Self { config: config(bootstrap), run: unique(), server: None };
                // A new cluster makes its own topics for offsets now and not inside the first commit.
                let log = Log::new("none", 0);
                cluster.offsets().committed("warm-up", &[log], true, WAIT).unwrap();
                cluster
            }
            Err(_) => Self::start_dev(Options::default()),
        }
    }

    pub(crate) fn start_dev(options: Options) -> Self {
        let server = Server::start(SocketAddr::from(([127, 0, 0, 1], 0)), options).unwrap();
        Self { config: config(server.bootstrap()), run: unique(), server: Some(server) }
    }

    /// The development broker behind it.
    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().expect("started with start_dev")
    }

    /// A name that no other test and no other run uses.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{name}-{}", self.run)
    }

    pub(crate) fn admin(&self) -> Admin {
        Admin::open(&self.config, WAIT).unwrap()
    }

    pub(crate) fn topic(&self, name: &str, partitions: u32) -> String {
        let name = self.name(name);
        let settings = BTreeMap::from([("max.message.bytes".to_owned(), "1000000".to_owned())]);
        let topic = NewTopic { name: name.clone(), partitions, replication: None, settings };
        assert_eq!(self.admin().create_topic(&topic).unwrap(), TopicCreation::Created);
        name
    }

    pub(crate) fn open(&self, id: &str) -> Transactions {
        self.open_with(id, TransactionTimeouts::default())
    }

    pub(crate) fn open_with(&self, id: &str, timeouts: TransactionTimeouts) -> Transactions {
        let mut producer = Transactions::open(&self.config, &self.name(id), timeouts).unwrap();
        producer.init().unwrap();
        producer
    }

    pub(crate) fn offsets(&self) -> GroupOffsets {
        GroupOffsets::new(&self.config)
    }

    pub(crate) fn reader(&self) -> Reader {
        let limits = ReadLimits { queued_bytes: 8 << 20 };
        Reader::open(&self.config, &self.name("readers"), limits).unwrap()
    }

    /// The same over the C client.
    pub(crate) fn client_reader(&self) -> Reader {
        let limits = ReadLimits { queued_bytes: 8 << 20 };
        Reader::open_client(&self.config, &self.name("readers"), limits).unwrap()
    }

    /// All values between the start and the last stable offset of a log, with their offsets.
    pub(crate) fn values(&self, topic: &str, partition: i32) -> Vec<(i64, String)> {
        let mut reader = self.reader();
        reader.assign(&[(Log::new(topic, partition), 0)]).unwrap();
        let mut seen = Seen::default();
        seen.until(&mut reader, |seen| !seen.ends.is_empty());
        seen.records.into_iter().map(|(_, offset, value)| (offset, value)).collect()
    }

    pub(crate) fn committed(&self, group: &str, log: &Log) -> Option<(i64, String)> {
        let logs = std::slice::from_ref(log);
        self.offsets().committed(group, logs, true, WAIT).unwrap().pop().unwrap()
    }
}

/// What a reader reported.
#[derive(Default, Debug)]
pub(crate) struct Seen {
    pub(crate) records: Vec<(u32, i64, String)>,
    pub(crate) ends: Vec<(u32, i64)>,
    pub(crate) failures: Vec<(u32, connectors::KafkaError)>,
}

impl Seen {
    pub(crate) fn poll(&mut self, reader: &mut Reader, wait: Duration) -> usize {
        reader.poll(wait, 1000, &mut |event| self.add(&event)).unwrap()
    }

    pub(crate) fn until(&mut self, reader: &mut Reader, done: impl Fn(&Self) -> bool) {
        let end = Instant::now() + WAIT;
        while !done(self) {
            assert!(Instant::now() < end, "not reached: {self:?} {}", reader.last_complaint());
            self.poll(reader, Duration::from_millis(50));
        }
    }

    fn add(&mut self, event: &Event<'_>) {
        match event {
            Event::Record { log, offset, payload, .. } => {
                let value = String::from_utf8_lossy(payload.unwrap_or_default()).into_owned();
                self.records.push((*log, *offset, value));
            }
            Event::Eof { log, offset } => self.ends.push((*log, *offset)),
            Event::Failed { log, error } => self.failures.push((*log, error.clone())),
        }
    }

    pub(crate) fn values(&self) -> Vec<&str> {
        self.records.iter().map(|(_, _, value)| value.as_str()).collect()
    }
}

/// A burst of values for one partition.
pub(crate) fn rows(topic: &str, partition: i32, values: &[&str]) -> Burst {
    let mut burst = Burst::new();
    let index = burst.topic(topic);
    for value in values {
        burst.push(index, partition, None, Some(value.as_bytes()));
    }
    burst
}

pub(crate) fn commit(producer: &mut Transactions, burst: Burst) -> Outcome {
    producer.commit(&Arc::new(burst))
}

pub(crate) const CLEAN: Outcome = Outcome::Committed { clean: true };
