//! Where a slot and the planner meet the world: logs, commits, offsets, topics, objects. [`Servers`] are the real
//! ones; a simulation has a world of its own (docs/decisions/0009). No method is called per record.

use std::sync::Arc;
use std::time::Duration;

use connectors::kafka::{NewTopic, Position, TopicCreation, TopicInfo, TopicSettings};
use connectors::{
    Admin, Burst, Event, GroupOffsets, KafkaConfig, KafkaError, Outcome, PlainProducer, ReadLimits,
    Reader, S3Options, Store, StoreError, TransactionTimeouts, Transactions,
};
use protocol::Log;
use protocol::limits::{MESSAGE_TIMEOUT, SOCKET_TIMEOUT, TRANSACTION_TIMEOUT};

/// How long a request about topics may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes everything that a slot has open, and what tidies up behind it.
pub trait World: Send + Sync {
    /// See [`Reader::open`].
    fn logs(
        &self,
        kafka: &KafkaConfig,
        group: &str,
        limits: ReadLimits,
    ) -> Result<Logs, KafkaError>;
    /// A producer that has taken over its id: see [`Transactions::init`].
    fn producer(&self, kafka: &KafkaConfig, id: &str) -> Result<Box<dyn Commits>, KafkaError>;
    /// See [`connectors::kafka::fence`].
    fn fence(&self, kafka: &KafkaConfig, id: &str) -> Result<(), KafkaError>;
    /// See [`PlainProducer::open`].
    fn plain(&self, kafka: &KafkaConfig) -> Result<Box<dyn Sends>, KafkaError>;
    /// See [`GroupOffsets::new`].
    fn offsets(&self, kafka: &KafkaConfig) -> Box<dyn Offsets>;
    /// See [`Admin::open`].
    fn topics(&self, kafka: &KafkaConfig) -> Result<Arc<dyn Topics>, KafkaError>;
    /// See [`Admin::open`].
    fn brokers(
        &self,
        kafka: &KafkaConfig,
        timeout: Duration,
    ) -> Result<Arc<dyn Brokers>, KafkaError>;
    /// See [`Store::open`].
    fn store(&self, location: &str, options: &S3Options) -> Result<Store, StoreError>;
}

/// Commits of one transactional id: see [`Transactions`].
pub trait Commits {
    /// See [`Transactions::start`].
    fn start(&mut self, burst: &Arc<Burst>) -> Option<Outcome>;
    /// See [`Transactions::outcome`].
    fn outcome(&mut self, wait: Duration) -> Option<Outcome>;
    /// See [`Transactions::last_commit`].
    fn last_commit(&self) -> Duration;
}

/// Rows outside transactions: see [`PlainProducer`].
pub trait Sends {
    /// See [`PlainProducer::send`].
    fn send(&mut self, burst: &Burst) -> Result<(), KafkaError>;
}

/// Committed offsets: see [`GroupOffsets`].
pub trait Offsets {
    /// Stable answers about a group will be wanted soon: whoever has to connect for them may begin.
    fn prepare(&self, _group: &str) {}

    /// See [`GroupOffsets::committed`].
    fn committed(
        &self,
        group: &str,
        logs: &[Log],
        stable: bool,
        timeout: Duration,
    ) -> Result<Vec<Option<(i64, String)>>, KafkaError>;
}

/// What topics are: see [`Admin`].
pub trait Topics {
    /// See [`Admin::topics`].
    fn topics(&self, names: &[&str]) -> Result<Vec<Option<TopicInfo>>, KafkaError>;
    /// See [`Admin::bounds`].
    fn bounds(&self, logs: &[Log]) -> Result<Vec<(i64, i64)>, KafkaError>;
    /// See [`Admin::delete_records`].
    fn delete_records(&self, logs: &[(Log, i64)]) -> Result<(), KafkaError>;
}

/// What a plan is made of and what it makes: see [`Admin`].
pub trait Brokers: Topics {
    /// See [`Admin::prepare`].
    fn prepare(&self) -> Result<(), KafkaError>;
    /// See [`Admin::brokers`].
    fn brokers(&self) -> Result<usize, KafkaError>;
    /// See [`Admin::settings`].
    fn settings(&self, topic: &str) -> Result<TopicSettings, KafkaError>;
    /// See [`Admin::offsets`].
    fn offsets(&self, logs: &[Log], position: Position) -> Result<Vec<i64>, KafkaError>;
    /// See [`Admin::create_topic`].
    fn create_topic(&self, topic: &NewTopic) -> Result<TopicCreation, KafkaError>;
    /// See [`Admin::grow_topic`].
    fn grow_topic(&self, name: &str, partitions: u32) -> Result<(), KafkaError>;
}

/// The logs that a slot reads. The real ones are known here by their type: their records are visited without a call
/// through a pointer.
pub enum Logs {
    /// Of real brokers.
    Real(Box<Reader>),
    /// Of a simulation.
    Simulated(Box<dyn SimulatedLogs>),
}

/// See [`Reader`], whose contract these logs keep.
pub trait SimulatedLogs {
    /// See [`Reader::assign`].
    fn assign(&mut self, logs: &[(Log, i64)]) -> Result<Vec<u32>, KafkaError>;
    /// See [`Reader::unassign`].
    fn unassign(&mut self, logs: &[Log]) -> Result<(), KafkaError>;
    /// See [`Reader::pause`].
    fn pause(&mut self, logs: &[u32]) -> Result<(), KafkaError>;
    /// See [`Reader::resume`].
    fn resume(&mut self, logs: &[u32]) -> Result<(), KafkaError>;
    /// See [`Reader::poll`].
    fn poll(
        &mut self,
        timeout: Duration,
        max: usize,
        visit: &mut dyn FnMut(Event<'_>),
    ) -> Result<usize, KafkaError>;
    /// See [`Reader::high_watermark`].
    fn high_watermark(&self, log: u32) -> Option<i64>;
}

impl Logs {
    pub(crate) fn assign(&mut self, logs: &[(Log, i64)]) -> Result<Vec<u32>, KafkaError> {
        match self {
            Self::Real(reader) => reader.assign(logs),
            Self::Simulated(reader) => reader.assign(logs),
        }
    }

    pub(crate) fn unassign(&mut self, logs: &[Log]) -> Result<(), KafkaError> {
        match self {
            Self::Real(reader) => reader.unassign(logs),
            Self::Simulated(reader) => reader.unassign(logs),
        }
    }

    pub(crate) fn pause(&mut self, logs: &[u32]) -> Result<(), KafkaError> {
        match self {
            Self::Real(reader) => reader.pause(logs),
            Self::Simulated(reader) => reader.pause(logs),
        }
    }

    pub(crate) fn resume(&mut self, logs: &[u32]) -> Result<(), KafkaError> {
        match self {
            Self::Real(reader) => reader.resume(logs),
            Self::Simulated(reader) => reader.resume(logs),
        }
    }

    #[inline]
    pub(crate) fn poll(
        &mut self,
        timeout: Duration,
        max: usize,
        visit: &mut impl FnMut(Event<'_>),
    ) -> Result<usize, KafkaError> {
        match self {
            Self::Real(reader) => reader.poll(timeout, max, visit),
            Self::Simulated(reader) => reader.poll(timeout, max, visit),
        }
    }

    pub(crate) fn high_watermark(&self, log: u32) -> Option<i64> {
        match self {
            Self::Real(reader) => reader.high_watermark(log),
            Self::Simulated(reader) => reader.high_watermark(log),
        }
    }
}

/// Real brokers and a real store.
#[derive(Clone, Copy, Debug)]
pub struct Servers;

/// The timeouts of the protocol (C3).
fn timeouts() -> TransactionTimeouts {
    TransactionTimeouts {
        transaction: TRANSACTION_TIMEOUT,
        message: MESSAGE_TIMEOUT,
        socket: SOCKET_TIMEOUT,
    }
}

impl World for Servers {
    fn logs(
        &self,
        kafka: &KafkaConfig,
        group: &str,
        limits: ReadLimits,
    ) -> Result<Logs, KafkaError> {
        Ok(Logs::Real(Box::new(Reader::open(kafka, group, limits)?)))
    }

    fn producer(&self, kafka: &KafkaConfig, id: &str) -> Result<Box<dyn Commits>, KafkaError> {
        let mut producer = Transactions::open(kafka, id, timeouts())?;
        producer.init()?;
        Ok(Box::new(producer))
    }

    fn fence(&self, kafka: &KafkaConfig, id: &str) -> Result<(), KafkaError> {
        connectors::kafka::fence(kafka, id, timeouts())
    }

    fn plain(&self, kafka: &KafkaConfig) -> Result<Box<dyn Sends>, KafkaError> {
        Ok(Box::new(PlainProducer::open(kafka, MESSAGE_TIMEOUT)?))
    }

    fn offsets(&self, kafka: &KafkaConfig) -> Box<dyn Offsets> {
        Box::new(GroupOffsets::new(kafka))
    }

    fn topics(&self, kafka: &KafkaConfig) -> Result<Arc<dyn Topics>, KafkaError> {
        Ok(Arc::new(Admin::open(kafka, REQUEST_TIMEOUT)?))
    }

    fn brokers(
        &self,
        kafka: &KafkaConfig,
        timeout: Duration,
    ) -> Result<Arc<dyn Brokers>, KafkaError> {
        Ok(Arc::new(Admin::open(kafka, timeout)?))
    }

    fn store(&self, location: &str, options: &S3Options) -> Result<Store, StoreError> {
        Store::open(location, options)
    }
}

impl Commits for Transactions {
    fn start(&mut self, burst: &Arc<Burst>) -> Option<Outcome> {
        Transactions::start(self, burst)
    }

    fn outcome(&mut self, wait: Duration) -> Option<Outcome> {
        Transactions::outcome(self, wait)
    }

    fn last_commit(&self) -> Duration {
        Transactions::last_commit(self)
    }
}

impl Sends for PlainProducer {
    fn send(&mut self, burst: &Burst) -> Result<(), KafkaError> {
        PlainProducer::send(self, burst)
    }
}

impl Offsets for GroupOffsets {
    fn prepare(&self, group: &str) {
        GroupOffsets::prepare(self, group);
    }

    fn committed(
        &self,
        group: &str,
        logs: &[Log],
        stable: bool,
        timeout: Duration,
    ) -> Result<Vec<Option<(i64, String)>>, KafkaError> {
        GroupOffsets::committed(self, group, logs, stable, timeout)
    }
}

impl Topics for Admin {
    fn topics(&self, names: &[&str]) -> Result<Vec<Option<TopicInfo>>, KafkaError> {
        Admin::topics(self, names)
    }

    fn bounds(&self, logs: &[Log]) -> Result<Vec<(i64, i64)>, KafkaError> {
        Admin::bounds(self, logs)
    }

    fn delete_records(&self, logs: &[(Log, i64)]) -> Result<(), KafkaError> {
        Admin::delete_records(self, logs)
    }
}

impl Brokers for Admin {
    fn prepare(&self) -> Result<(), KafkaError> {
        Admin::prepare(self)
    }

    fn brokers(&self) -> Result<usize, KafkaError> {
        Admin::brokers(self)
    }

    fn settings(&self, topic: &str) -> Result<TopicSettings, KafkaError> {
        Admin::settings(self, topic)
    }

    fn offsets(&self, logs: &[Log], position: Position) -> Result<Vec<i64>, KafkaError> {
        Admin::offsets(self, logs, position)
    }

    fn create_topic(&self, topic: &NewTopic) -> Result<TopicCreation, KafkaError> {
        Admin::create_topic(self, topic)
    }

    fn grow_topic(&self, name: &str, partitions: u32) -> Result<(), KafkaError> {
        Admin::grow_topic(self, name, partitions)
    }
}
