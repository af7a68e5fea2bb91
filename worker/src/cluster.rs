//! The connections of a process that owns no shard: to plan, to clean, to collect garbage.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::thread;

use connectors::kafka::fence as fence_id;
use connectors::{KafkaError, KafkaErrorKind, ReadLimits, Store, TransactionTimeouts, turns};
use protocol::acquire::Stop;
use protocol::{Generation, ShardId, SlotIndex, StageId};
use tokio::runtime::Handle;

use crate::job::Job;
use crate::limits::{ATTEMPT_PAUSE, ATTEMPTS_MAX, BROKER_WAIT};
use crate::slot::{kafka_stop, store_stop};
use crate::world::{Brokers, Logs, Offsets, Servers, Topics, World};

/// Connections to broker and store, used from a thread that may block.
pub struct Cluster {
    /// Topics and their settings.
    pub admin: Arc<dyn Brokers>,
    world: Arc<dyn World>,
    view: View,
}

/// What is enough to look at a job and to tidy up behind it.
pub struct View {
    /// Committed offsets.
    pub offsets: Box<dyn Offsets>,
    /// Where logs begin.
    pub topics: Arc<dyn Topics>,
    /// The object store.
    pub store: Store,
    runtime: Handle,
}

impl Deref for Cluster {
    type Target = View;

    fn deref(&self) -> &View {
        &self.view
    }
}

impl Cluster {
    /// Connects.
    pub fn open(job: &Job, runtime: Handle) -> Result<Self, Stop> {
        Self::over(Arc::new(Servers), job, runtime)
    }

    /// Connects to the brokers and the store of a world.
    pub fn over(world: Arc<dyn World>, job: &Job, runtime: Handle) -> Result<Self, Stop> {
        let admin = world.brokers(&job.kafka, BROKER_WAIT).map_err(|e| kafka_stop(&e))?;
        let topics = Arc::clone(&admin) as Arc<dyn Topics>;
        let view = View::over(&*world, job, topics, runtime)?;
        Ok(Self { admin, world, view })
    }

    /// A reader of logs, which commits nothing.
    pub fn logs(&self, job: &Job, group: &str, limits: ReadLimits) -> Result<Logs, Stop> {
        self.world.logs(&job.kafka, group, limits).map_err(|e| kafka_stop(&e))
    }
}

impl View {
    /// Connects.
    pub fn open(world: &dyn World, job: &Job, runtime: Handle) -> Result<Self, Stop> {
        let topics = world.topics(&job.kafka).map_err(|e| kafka_stop(&e))?;
        Self::over(world, job, topics, runtime)
    }

    fn over(
        world: &dyn World,
        job: &Job,
        topics: Arc<dyn Topics>,
        runtime: Handle,
    ) -> Result<Self, Stop> {
        let entered = runtime.enter();
        let store = world.store(&job.store_location, &job.s3).map_err(|e| store_stop(&e))?;
        drop(entered);
        Ok(Self { offsets: world.offsets(&job.kafka), topics, store, runtime })
    }

    /// Waits for the store.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Proves that the store creates conditionally and lists consistently (O1).
    pub fn probe(&self, job: &Job) -> Result<(), Stop> {
        let key = job.keys.probe(crate::nonce::draw().as_str());
        self.wait(self.store.probe(&key)).map_err(|e| store_stop(&e))
    }

    /// Committed offsets and metadata of shards, as they are known now: an open transaction is not waited for.
    /// Shards without are left out.
    pub fn committed(
        &self,
        job: &Job,
        shards: &[ShardId],
    ) -> Result<BTreeMap<ShardId, (i64, String)>, Stop> {
        let mut stages: Vec<StageId> = shards.iter().map(|s| s.stage).collect();
        stages.sort();
        stages.dedup();
        let mut found = BTreeMap::new();
        for stage in stages {
            let own = || shards.iter().filter(move |s| s.stage == stage);
            let logs: Vec<_> = own().map(|s| s.log.clone()).collect();
            let group = job.names.group(stage);
            let read = retrying(|| self.offsets.committed(&group, &logs, false, BROKER_WAIT))?;
            found.extend(own().cloned().zip(read).filter_map(|(id, read)| Some((id, read?))));
        }
        Ok(found)
    }
}

/// Makes a slot of a generation unable to commit: `init_transactions` on its id, nothing else.
pub fn fence(job: &Job, generation: Generation, slot: SlotIndex) -> Result<(), Stop> {
    let id = job.names.transactional_id(generation, slot);
    retrying(|| fence_id(&job.kafka, &id, TransactionTimeouts::default()))
}

/// Asks the broker again while it says "try again", a bounded number of times.
pub fn retrying<T>(mut ask: impl FnMut() -> Result<T, KafkaError>) -> Result<T, Stop> {
    let mut attempt = 1;
    loop {
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(error)
                if attempt < ATTEMPTS_MAX
                    && matches!(error.kind, KafkaErrorKind::Retry | KafkaErrorKind::Pending) =>
            {
                tracing::warn!(attempt, "{error}");
                attempt += 1;
                if !turns::pause(ATTEMPT_PAUSE) {
                    thread::park_timeout(ATTEMPT_PAUSE);
                }
            }
            Err(error) => return Err(kafka_stop(&error)),
        }
    }
}
