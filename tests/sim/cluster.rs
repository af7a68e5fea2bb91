//! The brokers: `devbroker`'s model behind a network that loses, repeats and delays requests; the coordinator of groups
//! may answer as it did a while ago.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use devbroker::Options;
use devbroker::model::{Broker, NewTopic};
use kafka_protocol::ResponseError;
use protocol::Log;
use tests::kafka::commits::CommittedOffset;

use crate::producer::Row;
use crate::schedule::Schedule;
use crate::seen::{Seen, Sight};
use crate::setting::Network;

/// What is committed: by group, topic and partition.
pub(crate) type Offsets = BTreeMap<(String, String, i32), (i64, String)>;

/// How long a coordinator that nobody listens to any more goes on answering.
const OLD_COORDINATOR_MAX: Duration = Duration::from_secs(20);
/// What was committed so long ago is what logs are cut behind.
const RETENTION: Duration = Duration::from_mins(1);

struct Inner {
    broker: Broker,
    offsets: Offsets,
    /// Every commit in the order in which it took effect.
    history: Vec<CommittedOffset>,
    /// What was committed at some earlier times.
    older: VecDeque<(Duration, Offsets)>,
}

/// What becomes of one request.
enum Fate {
    Arrives,
    LostOnTheWay,
    AnswerLost,
    Late(Duration),
}

/// The brokers of one seed.
pub(crate) struct Cluster {
    pub(crate) schedule: Arc<Schedule>,
    pub(crate) seen: Arc<Seen>,
    network: Mutex<Network>,
    inner: Mutex<Inner>,
    away_until: Mutex<Duration>,
    input: Mutex<BTreeMap<(i32, i64), Bytes>>,
    /// Input batches that are still to come.
    awaited: Mutex<usize>,
}

/// A request that its client has no answer to.
pub(crate) struct NoAnswer;

/// An answer, and whether the client had to ask again for it.
pub(crate) struct Answered<T> {
    pub(crate) answer: Result<T, ResponseError>,
    pub(crate) disturbed: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cluster {
    pub(crate) fn new(
        schedule: Arc<Schedule>,
        seen: Arc<Seen>,
        network: Network,
        topics: &[(String, i32)],
    ) -> Arc<Self> {
        let options = Options { marker_delay_ms: network.marker_delay_ms, ..Options::default() };
        let mut broker = Broker::new(options).expect("no topics yet");
        for (name, partitions) in topics {
            broker.create_topic(&NewTopic::new(name, *partitions)).expect("a sound topic");
        }
        let inner =
            Inner { broker, offsets: Offsets::new(), history: Vec::new(), older: VecDeque::new() };
        let (network, inner) = (Mutex::new(network), Mutex::new(inner));
        let away_until = Mutex::new(Duration::ZERO);
        let (input, awaited) = (Mutex::default(), Mutex::new(0));
        Arc::new(Self { schedule, seen, network, inner, away_until, input, awaited })
    }

    /// One more batch of the input will come.
    pub(crate) fn expect_input(&self) {
        *lock(&self.awaited) += 1;
    }

    /// It has come.
    pub(crate) fn input_came(&self) {
        *lock(&self.awaited) -= 1;
    }

    /// Is all of the input there?
    pub(crate) fn fed(&self) -> bool {
        *lock(&self.awaited) == 0
    }

    /// From here on every request arrives and is answered.
    pub(crate) fn heal(&self) {
        let calm = lock(&self.network).calm();
        *lock(&self.network) = calm;
        *lock(&self.away_until) = Duration::ZERO;
    }

    /// Looks at the broker, or changes it, as it is now.
    pub(crate) fn now<T>(&self, work: impl FnOnce(&mut Broker, i64) -> T) -> T {
        let now_ms = self.schedule.now_ms();
        let mut inner = lock(&self.inner);
        inner.broker.advance(now_ms);
        let done = work(&mut inner.broker, now_ms);
        self.observe(&mut inner);
        done
    }

    /// Notes what has been committed since the last look.
    fn observe(&self, inner: &mut Inner) {
        let now = self.schedule.now();
        let Inner { broker, offsets, history, older } = inner;
        if older.back().is_none_or(|(at, _)| now >= *at + Duration::from_secs(1)) {
            older.push_back((now, offsets.clone()));
            while older.front().is_some_and(|(at, _)| *at + RETENTION < now) {
                older.pop_front();
            }
        }
        let names: Vec<String> = broker.groups().names().map(str::to_owned).collect();
        for group in names {
            let Some(found) = broker.groups().get(&group) else { continue };
            for (topic, partition) in found.logs() {
                let Some(offset) = found.offset(&topic, partition) else { continue };
                let key = (group.clone(), topic, partition);
                let said = (offset.offset, offset.metadata.clone());
                if offsets.get(&key) != Some(&said) {
                    let (group, topic, partition) = key.clone();
                    let (offset, metadata) = said.clone();
                    history.push(CommittedOffset { group, topic, partition, offset, metadata });
                    offsets.insert(key, said);
                }
            }
        }
    }

    /// Every commit so far.
    pub(crate) fn history(&self) -> Vec<CommittedOffset> {
        lock(&self.inner).history.clone()
    }

    /// What is committed now.
    pub(crate) fn offsets(&self) -> Offsets {
        self.now(|_, _| ()); // markers that are due
        lock(&self.inner).offsets.clone()
    }

    /// What a coordinator says that was cut off at some time, and does not know it.
    pub(crate) fn older_offsets(&self) -> Option<Offsets> {
        let one_in = lock(&self.network).old_coordinator?;
        if !self.schedule.one_in(one_in) {
            return None;
        }
        let since = self.schedule.now().saturating_sub(OLD_COORDINATOR_MAX);
        let inner = lock(&self.inner);
        let recent = inner.older.iter().filter(|(at, _)| *at >= since);
        let chosen = self.schedule.below(recent.clone().count().max(1));
        let older = recent.into_iter().nth(chosen).map(|(_, offsets)| offsets.clone());
        if older.is_some() {
            self.seen.note(Sight::OldCoordinator);
        }
        older
    }

    /// What was committed a while ago; nothing before that time has come.
    pub(crate) fn retained(&self) -> Option<Offsets> {
        let now = self.schedule.now();
        let inner = lock(&self.inner);
        let (at, offsets) = inner.older.front()?;
        (*at + RETENTION < now + Duration::from_secs(5)).then(|| offsets.clone())
    }

    /// Cuts a log.
    pub(crate) fn delete_records(&self, log: &Log, below: i64) {
        let cut = self.now(|broker, _| broker.delete_records(&log.topic, log.partition, below));
        self.note(&format!("{log} is cut below {below}"), &cut);
        self.seen.add(Sight::LogCut, u64::from(cut.is_ok_and(|start| start == below && below > 0)));
    }

    /// Remembers input for the judge: the log may be cut.
    pub(crate) fn remember(&self, partition: i32, first: i64, rows: &[Row]) {
        let mut input = lock(&self.input);
        for (offset, (_, value)) in (first..).zip(rows) {
            input.insert((partition, offset), value.clone().unwrap_or_default());
        }
    }

    /// All that was remembered, by partition and offset.
    pub(crate) fn input(&self) -> BTreeMap<(i32, i64), Bytes> {
        lock(&self.input).clone()
    }

    /// One way of one request.
    pub(crate) fn travel(&self) {
        let (least, most) = lock(&self.network).latency_ms;
        connectors::turns::pause(self.schedule.millis(least, most));
    }

    fn fate(&self) -> Fate {
        let now = self.schedule.now();
        if now < *lock(&self.away_until) {
            self.seen.note(Sight::BrokersAway);
            return Fate::LostOnTheWay;
        }
        let network = lock(&self.network).clone();
        if network.trouble.is_none_or(|one_in| !self.schedule.one_in(one_in)) {
            return Fate::Arrives;
        }
        match self.schedule.below(7) {
            0 | 1 => Fate::LostOnTheWay,
            2 | 3 => Fate::AnswerLost,
            4 | 5 => Fate::Late(self.schedule.millis(1, network.late_ms)),
            _ => {
                *lock(&self.away_until) = now + self.schedule.millis(1, network.outage_ms);
                Fate::LostOnTheWay
            }
        }
    }

    /// Sends a request until it is answered or the time is up. What was sent may arrive long after.
    pub(crate) fn ask<T: Send + 'static>(
        self: &Arc<Self>,
        what: &str,
        until: Duration,
        request: impl Fn(&mut Broker, i64) -> Result<T, ResponseError> + Send + Sync + 'static,
    ) -> Result<Answered<T>, NoAnswer> {
        let request = Arc::new(request);
        let mut disturbed = false;
        loop {
            match self.fate() {
                Fate::Arrives => {
                    self.travel();
                    let answer = self.now(|broker, now| request(broker, now));
                    self.note(what, &answer);
                    self.travel();
                    return Ok(Answered { answer, disturbed });
                }
                Fate::LostOnTheWay => {
                    self.schedule.say(&format!("{what}: lost"));
                    self.seen.note(Sight::RequestLost);
                }
                Fate::AnswerLost => {
                    self.travel();
                    let answer = self.now(|broker, now| request(broker, now));
                    self.note(&format!("{what}, unanswered"), &answer);
                    self.seen.note(Sight::AnswerLost);
                }
                Fate::Late(after) => {
                    self.seen.note(Sight::RequestLate);
                    let (cluster, request) = (Arc::clone(self), Arc::clone(&request));
                    let what = format!("{what}, {} ms late", after.as_millis());
                    self.schedule.later(after, move || {
                        let answer = cluster.now(|broker, now| request(broker, now));
                        cluster.note(&what, &answer);
                    });
                }
            }
            disturbed = true;
            // A connection that breaks is noticed at once, one that is silent after the socket's timeout.
            let noticed = if self.schedule.one_in(2) {
                self.schedule.millis(1, 200)
            } else {
                protocol::limits::SOCKET_TIMEOUT
            };
            connectors::turns::pause(noticed);
            if self.schedule.now() >= until {
                return Err(NoAnswer);
            }
        }
    }

    fn note<T>(&self, what: &str, answer: &Result<T, ResponseError>) {
        match answer {
            Ok(_) => self.schedule.say(what),
            Err(error) => self.schedule.say(&format!("{what}: {error:?}")),
        }
    }
}
