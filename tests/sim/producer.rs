//! A transactional producer over the modelled brokers. Its requests and what it makes of their answers are those of
//! the real one (`connectors/src/kafka/session.rs`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use connectors::limits::CLEAN_CALL_MAX;
use connectors::{Burst, KafkaError, KafkaErrorKind, Outcome, turns};
use devbroker::model::{Broker, Member, Offset, OffsetCommit, Outcome as End, Producer};
use kafka_protocol::ResponseError;
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::protocol::StrBytes;
use kafka_protocol::records::{
    Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};
use protocol::limits::{MESSAGE_TIMEOUT, TRANSACTION_TIMEOUT};
use worker::world::Commits;

use crate::cluster::{Answered, Cluster, NoAnswer};
use crate::seen::Sight;

/// How long a client waits before it asks again what it was told to ask later.
const RETRY: Duration = Duration::from_millis(20);
/// One look at an outcome.
const LOOK: Duration = Duration::from_millis(7);

type Log = (String, i32);
/// Key and value.
pub(crate) type Row = (Option<Bytes>, Option<Bytes>);

/// An error as the client reports it.
pub(crate) fn error(kind: KafkaErrorKind, operation: &str, detail: String) -> KafkaError {
    let (operation, brokers) = (operation.to_owned(), "simulated:9092".to_owned());
    KafkaError { kind, operation, brokers, detail }
}

fn is_fencing(error: ResponseError) -> bool {
    matches!(error, ResponseError::ProducerFenced | ResponseError::InvalidProducerEpoch)
}

fn kind_of(error: ResponseError) -> KafkaErrorKind {
    match error {
        error if is_fencing(error) => KafkaErrorKind::Fenced,
        ResponseError::UnknownTopicOrPartition => KafkaErrorKind::TopicMissing,
        ResponseError::OutOfOrderSequenceNumber
        | ResponseError::InvalidProducerIdMapping
        | ResponseError::InvalidTxnState => KafkaErrorKind::Fatal,
        _ => KafkaErrorKind::Retry,
    }
}

/// A batch of records of one log.
pub(crate) fn batch(records: &[Row], of: Producer, sequence: i32, time: i64) -> Bytes {
    let record = |(at, (key, value)): (usize, &Row)| Record {
        transactional: of.id >= 0,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: 0,
        producer_id: of.id,
        producer_epoch: of.epoch,
        timestamp_type: TimestampType::Creation,
        offset: at as i64,
        sequence: sequence.wrapping_add(at as i32),
        timestamp: time,
        key: key.clone(),
        value: value.clone(),
        headers: IndexMap::<StrBytes, Option<Bytes>>::new(),
    };
    let records: Vec<Record> = records.iter().enumerate().map(record).collect();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    let mut out = BytesMut::new();
    RecordBatchEncoder::encode(&mut out, &records, &options).expect("records that fit");
    out.freeze()
}

/// Takes an id over.
pub(crate) fn init(cluster: &Arc<Cluster>, id: &str) -> Result<Producer, KafkaError> {
    let until = cluster.schedule.now() + TRANSACTION_TIMEOUT;
    let operation = format!("fence and open {id}");
    loop {
        let own = id.to_owned();
        let asked = cluster.ask(&operation, until, move |broker, now| {
            broker.init_producer(now, Some(&own), TRANSACTION_TIMEOUT.as_millis() as i32, None)
        });
        match asked.map(|answered| answered.answer) {
            Ok(Ok(producer)) => return Ok(producer),
            Ok(Err(ResponseError::ConcurrentTransactions)) if cluster.schedule.now() < until => {
                turns::pause(RETRY);
            }
            Ok(Err(refused)) => {
                return Err(error(kind_of(refused), &operation, format!("{refused:?}")));
            }
            Err(NoAnswer) => {
                return Err(error(KafkaErrorKind::Retry, &operation, "no answer".to_owned()));
            }
        }
    }
}

#[derive(PartialEq)]
enum State {
    Ready,
    Busy,
    Spent,
}

/// See `connectors::Transactions`.
pub(crate) struct SimulatedProducer {
    cluster: Arc<Cluster>,
    id: String,
    producer: Producer,
    state: State,
    sequences: Arc<Mutex<BTreeMap<Log, i32>>>,
    result: Arc<Mutex<Option<(Outcome, Duration)>>>,
    took: Duration,
}

impl SimulatedProducer {
    pub(crate) fn open(cluster: &Arc<Cluster>, id: &str) -> Result<Self, KafkaError> {
        Ok(Self {
            producer: init(cluster, id)?,
            cluster: Arc::clone(cluster),
            id: id.to_owned(),
            state: State::Ready,
            sequences: Arc::default(),
            result: Arc::default(),
            took: Duration::ZERO,
        })
    }
}

impl Commits for SimulatedProducer {
    fn start(&mut self, burst: &Arc<Burst>) -> Option<Outcome> {
        if self.state != State::Ready {
            return Some(Outcome::Unknown("the producer is not ready".to_owned()));
        }
        self.state = State::Busy;
        let session = Session {
            cluster: Arc::clone(&self.cluster),
            id: self.id.clone(),
            producer: self.producer,
            sequences: Arc::clone(&self.sequences),
            began: self.cluster.schedule.now(),
            clean: true,
        };
        let (burst, result) = (Arc::clone(burst), Arc::clone(&self.result));
        let work = move || {
            let (cluster, began) = (Arc::clone(&session.cluster), session.began);
            let outcome = session.commit(&burst);
            drop(burst); // the owner gets it back with the outcome
            cluster.note_outcome(&outcome);
            let took = cluster.schedule.now().saturating_sub(began);
            *result.lock().unwrap_or_else(PoisonError::into_inner) = Some((outcome, took));
        };
        turns::spawn("transactions".to_owned(), work).expect("a thread starts");
        None
    }

    fn outcome(&mut self, wait: Duration) -> Option<Outcome> {
        let until = self.cluster.schedule.now() + wait;
        loop {
            let there = self.result.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some((outcome, took)) = there {
                let good = outcome == Outcome::Committed { clean: true };
                self.state = if good { State::Ready } else { State::Spent };
                self.took = took;
                return Some(outcome);
            }
            if self.cluster.schedule.now() >= until {
                return None;
            }
            turns::pause(LOOK);
        }
    }

    fn last_commit(&self) -> Duration {
        self.took
    }
}

impl Cluster {
    fn note_outcome(&self, outcome: &Outcome) {
        self.schedule.say(&format!("outcome: {outcome:?}"));
        self.seen.note(match outcome {
            Outcome::Committed { clean: true } => Sight::CommitClean,
            Outcome::Committed { clean: false } => Sight::CommitUnclean,
            Outcome::Aborted { .. } => Sight::CommitAborted,
            Outcome::Fenced(_) => Sight::CommitFenced,
            Outcome::Unknown(_) => Sight::CommitUnknown,
        });
    }
}

/// One commit.
struct Session {
    cluster: Arc<Cluster>,
    id: String,
    producer: Producer,
    sequences: Arc<Mutex<BTreeMap<Log, i32>>>,
    began: Duration,
    clean: bool,
}

impl Session {
    fn commit(mut self, burst: &Burst) -> Outcome {
        if let Err(outcome) = self.fill(burst) {
            return outcome;
        }
        let (id, producer) = (self.id.clone(), self.producer);
        loop {
            let id = id.clone();
            let ask = move |broker: &mut Broker, now| {
                broker.end_transaction(now, &id, producer, End::Commit)
            };
            match self.ask("end", TRANSACTION_TIMEOUT, ask) {
                Ok(Ok(())) => return Outcome::Committed { clean: self.clean },
                Ok(Err(ResponseError::ConcurrentTransactions)) if self.left() => {
                    turns::pause(RETRY);
                }
                Ok(Err(refused)) if is_fencing(refused) => {
                    return Outcome::Fenced(format!("{refused:?}"));
                }
                Ok(Err(refused)) => return Outcome::Unknown(format!("{refused:?}")),
                Err(NoAnswer) => return Outcome::Unknown("no answer to the end".to_owned()),
            }
        }
    }

    fn left(&self) -> bool {
        self.cluster.schedule.now() < self.began + TRANSACTION_TIMEOUT
    }

    /// Rows and offsets of an open transaction.
    fn fill(&mut self, burst: &Burst) -> Result<(), Outcome> {
        let rows = self.rows(burst);
        if !rows.is_empty() {
            let logs: Vec<Log> = rows.keys().cloned().collect();
            self.before_the_end(
                "add logs",
                TRANSACTION_TIMEOUT,
                move |broker, now, id, producer| {
                    let logs: Vec<(&str, i32)> =
                        logs.iter().map(|(t, p)| (t.as_str(), *p)).collect();
                    broker.add_partitions(now, id, producer, &logs)
                },
            )?;
        }
        for ((topic, partition), records) in rows {
            let log = (topic.clone(), partition);
            let first = {
                let mut sequences = self.sequences.lock().unwrap_or_else(PoisonError::into_inner);
                let next = sequences.entry(log).or_default();
                std::mem::replace(next, *next + records.len() as i32)
            };
            let batch = batch(&records, self.producer, first, self.cluster.schedule.now_ms());
            let what = format!("produce {} rows to {topic}[{partition}]", records.len());
            self.before_the_end(&what, MESSAGE_TIMEOUT, move |broker, now, _, _| {
                broker.produce(now, &topic, partition, &batch).map(drop)
            })?;
        }
        for offsets in burst.offsets() {
            let group = offsets.group.clone();
            self.before_the_end(
                "add group",
                TRANSACTION_TIMEOUT,
                move |broker, now, id, producer| broker.add_group(now, id, producer, &group),
            )?;
            let commits: Vec<OffsetCommit> = offsets
                .entries
                .iter()
                .map(|(log, offset, metadata)| OffsetCommit {
                    topic: log.topic.clone(),
                    partition: log.partition,
                    offset: Offset {
                        offset: *offset,
                        leader_epoch: -1,
                        metadata: metadata.clone(),
                    },
                })
                .collect();
            let group = offsets.group.clone();
            let what = format!("offsets {:?}", offsets.entries);
            self.before_the_end(&what, TRANSACTION_TIMEOUT, move |broker, _, id, producer| {
                let (member, commits) = (Member::NONE, commits.clone());
                broker.commit_offsets_in_transaction(id, producer, &group, member, commits)
            })?;
        }
        Ok(())
    }

    /// The rows by log. Without a partition the key decides.
    fn rows(&self, burst: &Burst) -> BTreeMap<Log, Vec<Row>> {
        let mut rows = BTreeMap::<Log, Vec<_>>::new();
        for row in burst.records() {
            let partition = row.partition().unwrap_or_else(|| {
                let logs =
                    self.cluster.now(|b, _| b.topics().get(row.topic()).map(|t| t.logs().len()));
                let hash = row.key().map_or(0, crc32c::crc32c);
                (hash as usize % logs.unwrap_or(1)) as i32
            });
            let copy = |part: Option<&[u8]>| part.map(Bytes::copy_from_slice);
            let log = (row.topic().to_owned(), partition);
            rows.entry(log).or_default().push((copy(row.key()), copy(row.value())));
        }
        rows
    }

    fn ask<T: Send + 'static>(
        &mut self,
        what: &str,
        within: Duration,
        request: impl Fn(&mut Broker, i64) -> Result<T, ResponseError> + Send + Sync + 'static,
    ) -> Result<Result<T, ResponseError>, NoAnswer> {
        let asked = self.cluster.schedule.now();
        let what = format!("{} {what}", self.id);
        let answered = self.cluster.ask(&what, self.began + within, request);
        let slow = self.cluster.schedule.now().saturating_sub(asked) > CLEAN_CALL_MAX;
        let Answered { answer, disturbed } = answered?;
        self.clean &= !slow && !disturbed;
        Ok(answer)
    }

    /// A request before the coordinator is asked to commit: if it fails, nothing is committed.
    fn before_the_end(
        &mut self,
        what: &str,
        within: Duration,
        request: impl Fn(&mut Broker, i64, &str, Producer) -> Result<(), ResponseError>
        + Clone
        + Send
        + Sync
        + 'static,
    ) -> Result<(), Outcome> {
        let aborted =
            |kind, detail: String| Err(Outcome::Aborted { reason: error(kind, what, detail) });
        loop {
            let (id, producer, request) = (self.id.clone(), self.producer, request.clone());
            let asked =
                self.ask(what, within, move |broker, now| request(broker, now, &id, producer));
            match asked {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(ResponseError::ConcurrentTransactions)) if self.left() => {
                    turns::pause(RETRY);
                }
                Ok(Err(refused)) if is_fencing(refused) => {
                    return Err(Outcome::Fenced(format!("{what}: {refused:?}")));
                }
                Ok(Err(refused)) => return aborted(kind_of(refused), format!("{refused:?}")),
                Err(NoAnswer) => return aborted(KafkaErrorKind::Retry, "no answer".to_owned()),
            }
        }
    }
}
