//! The connections of a slot and what every phase of its life shares.

use std::collections::BTreeMap;
use std::time::Duration;

use connectors::kafka::slot_client_id;
use connectors::{KafkaConfig, ReadLimits, Store};
use protocol::acquire::Stop;
use protocol::admin::SlotPhase;
use protocol::assignment;
use protocol::{Log, ShardId, StageId};
use state::LocalStore;

use super::shard::OwnedShard;
use super::{SlotTask, kafka_stop, store_stop};
use crate::world::{Logs, Offsets, Topics};

/// Bytes that the reader may hold, as a part of the slot's budget.
const READ_SHARE: usize = 4;
/// Bytes that the local store's caches may take, likewise.
const STORE_SHARE: usize = 8;

/// Everything a slot has open.
pub(crate) struct Context {
    pub(crate) task: SlotTask,
    pub(crate) kafka: KafkaConfig,
    pub(crate) reader: Logs,
    pub(crate) offsets: Box<dyn Offsets>,
    pub(crate) topics: std::sync::Arc<dyn Topics>,
    pub(crate) store: Store,
    pub(crate) local: std::sync::Arc<LocalStore>,
    /// The shards of this slot.
    pub(crate) shards: Vec<ShardId>,
    /// Kafka's ids of the topics.
    pub(crate) topic_ids: BTreeMap<String, String>,
}

impl Context {
    pub(crate) fn open(task: SlotTask) -> Result<Self, Stop> {
        task.board.add(task.slot, task.nonce.clone());
        let job = &task.job;
        let shards = assignment::shards_of(&task.layout, task.slots, task.slot);
        let client_id = slot_client_id(&job.name, task.generation.0, task.slot.0);
        let kafka = job.kafka.with_client_id(client_id);
        let limits = ReadLimits { queued_bytes: task.memory_budget / READ_SHARE };
        let stop = |e| kafka_stop(&e);
        let world = &task.world;
        let reader = world.logs(&kafka, &job.names.group(StageId(0)), limits).map_err(stop)?;
        let offsets = world.offsets(&kafka);
        let topics = world.topics(&kafka).map_err(stop)?;
        let store = world.store(&job.store_location, &job.s3).map_err(|e| store_stop(&e))?;
        let dir = task.state_dir.join(format!("slot-{}", task.slot));
        let local = LocalStore::open(&dir, task.memory_budget / STORE_SHARE)
            .map_err(|e| super::stop::state_stop(&e))?;
        let topic_ids = topic_ids(&*topics, &shards)?;
        Ok(Self {
            task,
            kafka,
            reader,
            offsets,
            topics,
            store,
            local: std::sync::Arc::new(local),
            shards,
            topic_ids,
        })
    }

    /// Runs a request to the object store on the runtime and waits for it.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.task.runtime.block_on(future)
    }

    /// The shards of a stage, as logs of its group.
    pub(crate) fn logs_of(&self, stage: StageId) -> Vec<Log> {
        self.shards.iter().filter(|s| s.stage == stage).map(|s| s.log.clone()).collect()
    }

    /// The stages in which this slot owns something.
    pub(crate) fn stages(&self) -> Vec<StageId> {
        let mut stages: Vec<StageId> = self.shards.iter().map(|s| s.stage).collect();
        stages.dedup();
        stages
    }

    /// Offsets and metadata of the own shards as the coordinator shows them.
    pub(crate) fn read_own(
        &self,
        stable: bool,
        at_most: Duration,
    ) -> Result<BTreeMap<ShardId, (i64, String)>, connectors::KafkaError> {
        let mut read = BTreeMap::new();
        for stage in self.stages() {
            let logs = self.logs_of(stage);
            let group = self.task.job.names.group(stage);
            let found = self.offsets.committed(&group, &logs, stable, at_most)?;
            for (log, committed) in logs.into_iter().zip(found) {
                if let Some(committed) = committed {
                    read.insert(ShardId { stage, log }, committed);
                }
            }
        }
        Ok(read)
    }

    /// Says what the slot does now.
    pub(crate) fn phase(&self, phase: SlotPhase) {
        tracing::info!(?phase, "slot");
        self.task.board.update(self.task.slot, |entry| {
            entry.status.phase = phase;
            entry.restoring = matches!(phase, SlotPhase::Warming | SlotPhase::Acquiring);
        });
    }

    /// As [`phase`](Self::phase), but only where it changes.
    pub(crate) fn phase_once(&self, phase: SlotPhase) {
        let mut changed = false;
        self.task.board.update(self.task.slot, |e| changed = e.status.phase != phase);
        if changed {
            self.phase(phase);
        }
    }

    /// An empty shard of this slot.
    pub(crate) fn new_shard(&self, id: &ShardId) -> Result<OwnedShard, Stop> {
        let topic_id = self.topic_ids.get(&id.log.topic).cloned().unwrap_or_default();
        OwnedShard::new(&self.task.job, &self.task.plan, id, topic_id)
    }

    /// Notes that the slot is alive.
    pub(crate) fn seen(&self) {
        self.task.board.update(self.task.slot, |_| {});
    }

    /// Says why the slot ends.
    pub(crate) fn report_blocked(&self, stop: &Stop) {
        tracing::error!(reason = %stop.reason, "{}", stop.message);
        self.task.board.update(self.task.slot, |entry| {
            entry.status.phase = SlotPhase::Blocked;
            entry.status.reason = Some(stop.reason);
            entry.status.message = Some(stop.message.clone());
        });
    }
}

/// The ids of the topics of some shards.
fn topic_ids(topics: &dyn Topics, shards: &[ShardId]) -> Result<BTreeMap<String, String>, Stop> {
    let mut names: Vec<&str> = shards.iter().map(|s| s.log.topic.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let found = topics.topics(&names).map_err(|e| kafka_stop(&e))?;
    let id = |(name, topic): (&str, Option<connectors::kafka::TopicInfo>)| match topic {
        Some(topic) => Ok((name.to_owned(), topic.id)),
        None => Err(Stop::new(
            protocol::reason::Reason::TopicMissing,
            format!("topic {name} does not exist"),
        )),
    };
    names.into_iter().zip(found).map(id).collect()
}
