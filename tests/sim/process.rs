//! Processes: the real slot loop, each in a process of its own, over the modelled world.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use connectors::kafka::TopicInfo;
use connectors::{
    Burst, KafkaConfig, KafkaError, KafkaErrorKind, ReadLimits, S3Options, Store, StoreError, turns,
};
use protocol::acquire::Stop;
use protocol::admin::AcquireOrder;
use protocol::generation::Layout;
use protocol::{Generation, Log, Nonce, SlotIndex};
use tokio::runtime::Handle;
use worker::board::Board;
use worker::job::Job;
use worker::orders::Orders;
use worker::slot::{self, SlotEnd, SlotTask};
use worker::world::{Brokers, Commits, Logs, Offsets, Sends, Topics, World};

use crate::cluster::{Cluster, NoAnswer};
use crate::logs::SimulatedReader;
use crate::objects::Objects;
use crate::producer::{SimulatedProducer, error, init};
use crate::schedule::ProcessId;
use crate::seen::Sight;
use crate::upgrade::{AFTER, BEFORE, Upgrade, Version};

/// Memory of a slot, bytes.
const MEMORY: usize = 256 << 20;
/// A clock is so far off at most, ms.
pub(crate) const CLOCK_OFF_MAX: usize = 8_000;

/// The world as a slot sees it.
pub(crate) struct Simulated {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) objects: Arc<Objects>,
}

impl World for Simulated {
    fn logs(&self, _: &KafkaConfig, _: &str, _: ReadLimits) -> Result<Logs, KafkaError> {
        Ok(Logs::Simulated(Box::new(SimulatedReader::new(&self.cluster))))
    }

    fn producer(&self, _: &KafkaConfig, id: &str) -> Result<Box<dyn Commits>, KafkaError> {
        Ok(Box::new(SimulatedProducer::open(&self.cluster, id)?))
    }

    fn fence(&self, _: &KafkaConfig, id: &str) -> Result<(), KafkaError> {
        init(&self.cluster, id).map(drop)
    }

    fn plain(&self, _: &KafkaConfig) -> Result<Box<dyn Sends>, KafkaError> {
        Ok(Box::new(NoRows))
    }

    fn offsets(&self, _: &KafkaConfig) -> Box<dyn Offsets> {
        Box::new(SimulatedOffsets(Arc::clone(&self.cluster)))
    }

    fn topics(&self, _: &KafkaConfig) -> Result<Arc<dyn Topics>, KafkaError> {
        Ok(Arc::new(SimulatedTopics(Arc::clone(&self.cluster))))
    }

    fn brokers(&self, _: &KafkaConfig, _: Duration) -> Result<Arc<dyn Brokers>, KafkaError> {
        Ok(Arc::new(SimulatedTopics(Arc::clone(&self.cluster))))
    }

    fn store(&self, location: &str, _: &S3Options) -> Result<Store, StoreError> {
        Ok(Store::over(Arc::clone(&self.objects) as Arc<_>, location))
    }
}

/// Every job of a simulation is exactly once: nothing goes out beside a transaction.
struct NoRows;

impl Sends for NoRows {
    fn send(&mut self, _: &Burst) -> Result<(), KafkaError> {
        Err(error(
            KafkaErrorKind::Invalid,
            "send",
            "no rows go out beside a transaction".to_owned(),
        ))
    }
}

struct SimulatedOffsets(Arc<Cluster>);

impl Offsets for SimulatedOffsets {
    fn committed(
        &self,
        group: &str,
        logs: &[Log],
        stable: bool,
        timeout: Duration,
    ) -> Result<Vec<Option<(i64, String)>>, KafkaError> {
        let cluster = &self.0;
        let operation = format!("read the offsets of group {group}");
        let no_answer = || error(KafkaErrorKind::Pending, &operation, "no answer".to_owned());
        let until = cluster.schedule.now() + timeout;
        loop {
            if let Some(older) = cluster.older_offsets() {
                cluster.travel();
                let found =
                    |log: &Log| older.get(&(group.to_owned(), log.topic.clone(), log.partition));
                cluster.schedule.say(&format!("{operation}, as it was"));
                return Ok(logs.iter().map(|log| found(log).cloned()).collect());
            }
            let (name, wanted) = (group.to_owned(), logs.to_vec());
            let asked = cluster.ask(&operation, until, move |broker, _| {
                let Some(group) = broker.groups().get(&name) else {
                    return Ok(Some(vec![None; wanted.len()]));
                };
                let pending = |log: &Log| group.is_pending(&log.topic, log.partition);
                if stable && wanted.iter().any(pending) {
                    return Ok(None);
                }
                let offset = |log: &Log| group.offset(&log.topic, log.partition);
                let found = wanted
                    .iter()
                    .map(|log| offset(log).map(|offset| (offset.offset, offset.metadata.clone())));
                Ok(Some(found.collect()))
            });
            match asked {
                Ok(answered) => {
                    if let Ok(Some(found)) = answered.answer {
                        return Ok(found);
                    }
                }
                Err(NoAnswer) => return Err(no_answer()),
            }
            if cluster.schedule.now() >= until {
                return Err(no_answer());
            }
            turns::pause(Duration::from_millis(20));
        }
    }
}

pub(crate) struct SimulatedTopics(pub(crate) Arc<Cluster>);

impl Topics for SimulatedTopics {
    fn topics(&self, names: &[&str]) -> Result<Vec<Option<TopicInfo>>, KafkaError> {
        self.0.travel();
        self.0.now(|broker, _| {
            let info = |name: &&str| {
                broker.topics().get(name).map(|topic| TopicInfo {
                    name: (*name).to_owned(),
                    id: topic.id().to_string(),
                    partitions: topic.logs().len() as u32,
                })
            };
            Ok(names.iter().map(info).collect())
        })
    }

    fn bounds(&self, logs: &[Log]) -> Result<Vec<(i64, i64)>, KafkaError> {
        self.0.travel();
        self.0.now(|broker, _| {
            let bounds = |log: &Log| {
                let found = broker.topics().get(&log.topic)?.log(log.partition)?;
                Some((found.start(), found.last_stable_offset()))
            };
            let found: Option<Vec<_>> = logs.iter().map(bounds).collect();
            found.ok_or_else(|| {
                error(KafkaErrorKind::TopicMissing, "list offsets", "no such log".to_owned())
            })
        })
    }

    fn delete_records(&self, logs: &[(Log, i64)]) -> Result<(), KafkaError> {
        self.0.travel();
        for (log, below) in logs {
            self.0.delete_records(log, *below);
        }
        Ok(())
    }
}

/// What all processes of a seed share.
pub(crate) struct Site {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) objects: Arc<Objects>,
    /// The job as it is first; its names and keys are those of all its plans.
    pub(crate) job: Arc<Job>,
    /// The plan that it begins with, and perhaps another one.
    pub(crate) versions: Vec<Version>,
    /// How the other one differs.
    pub(crate) upgrade: Option<Upgrade>,
    /// Which of them a generation runs.
    pub(crate) generations: Mutex<BTreeMap<Generation, usize>>,
    pub(crate) layout: Layout,
    pub(crate) runtime: Handle,
    pub(crate) scratch: PathBuf,
}

impl Site {
    /// Is time when a row was read?
    pub(crate) fn is_clocked(&self) -> bool {
        self.job.spec.sources.iter().any(crds::Source::is_clocked)
    }

    /// Somebody sets the clock of a process.
    pub(crate) fn set_clock(&self, id: ProcessId) {
        let off = self.cluster.schedule.below(2 * CLOCK_OFF_MAX + 1) as i64 - CLOCK_OFF_MAX as i64;
        self.cluster.seen.note(Sight::ClockSet);
        self.cluster.schedule.say(&format!("the clock of process {id} is {off} ms off"));
        self.cluster.schedule.set_clock(id, off);
    }
}

/// Who a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) generation: Generation,
    pub(crate) slot: SlotIndex,
    pub(crate) slots: u32,
    /// The plan that it runs.
    pub(crate) version: usize,
}

impl Site {
    /// A new generation runs a plan.
    pub(crate) fn note_generation(&self, generation: Generation, version: usize) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.insert(generation, version);
    }

    /// Does it run the plan before after the other one has had a generation?
    pub(crate) fn goes_back(&self, identity: Identity) -> bool {
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let mut earlier = generations.range(..identity.generation);
        identity.version == BEFORE && earlier.any(|(_, version)| *version == AFTER)
    }

    /// The plan that a generation runs.
    pub(crate) fn version_of(&self, generation: Generation) -> anyhow::Result<usize> {
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let version = generations.get(&generation).copied();
        version.with_context(|| format!("nobody has begun generation {generation}"))
    }
}

type End = Result<SlotEnd, Stop>;

/// A process that hosts one slot.
pub(crate) struct Process {
    pub(crate) id: ProcessId,
    pub(crate) identity: Identity,
    pub(crate) orders: Arc<Orders>,
    pub(crate) board: Arc<Board>,
    end: Arc<Mutex<Option<End>>>,
}

impl Process {
    /// Starts a process; it acquires at once or waits for the order.
    pub(crate) fn start(
        site: &Site,
        id: ProcessId,
        identity: Identity,
        disk: PathBuf,
        acquire: bool,
    ) -> Self {
        let (orders, board) = (Arc::new(Orders::default()), Arc::new(Board::default()));
        if acquire {
            let order = AcquireOrder { generation: identity.generation, take_over: false };
            orders.change(|standing| standing.acquire = Some(order));
        }
        let world =
            Simulated { cluster: Arc::clone(&site.cluster), objects: Arc::clone(&site.objects) };
        std::fs::create_dir_all(&disk).expect("a folder");
        let version = &site.versions[identity.version];
        let task = SlotTask {
            job: Arc::clone(&version.job),
            plan: Arc::clone(&version.plan),
            layout: site.layout.clone(),
            generation: identity.generation,
            slot: identity.slot,
            slots: identity.slots,
            nonce: Nonce::from_bits(turns::random().expect("it takes part")),
            state_dir: disk,
            memory_budget: MEMORY,
            orders: Arc::clone(&orders),
            board: Arc::clone(&board),
            runtime: site.runtime.clone(),
            world: Arc::new(world),
        };
        let end = Arc::new(Mutex::new(None));
        let (ended, schedule) = (Arc::clone(&end), Arc::clone(&site.cluster.schedule));
        if site.is_clocked() {
            site.set_clock(id);
        }
        let name = format!("{}/{}", identity.generation, identity.slot);
        schedule.say(&format!("process {id} starts as {name}"));
        let said = Arc::clone(&schedule);
        schedule.spawn(id, name, move || {
            let result = slot::run(task);
            said.say(&format!("process {id} ends: {result:?}"));
            *ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        });
        Self { id, identity, orders, board, end }
    }

    /// How it ended by itself.
    pub(crate) fn take_end(&self) -> Option<End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The end of every log of a topic that a committed reader reaches.
pub(crate) fn stable_ends(cluster: &Cluster, topic: &str) -> BTreeMap<i32, i64> {
    cluster.now(|broker, _| {
        let logs = broker.topics().get(topic).map_or(&[][..], |topic| topic.logs());
        (0..).zip(logs.iter().map(devbroker::model::PartitionLog::last_stable_offset)).collect()
    })
}
