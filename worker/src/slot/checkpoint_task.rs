//! The thread that turns snapshots into runs, packs them into one object, and writes the manifest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use connectors::faults::{self, Point};
use connectors::turns;
use connectors::{Creation, Store, StoreError};
use dataflow::TableChanges;
use protocol::ShardId;
use protocol::acquire::Stop;
use protocol::manifest::{
    MANIFEST_FORMAT, Manifest, ManifestName, Run, RunKind, ShardSnapshot, TableSchema,
};
use protocol::reason::Reason;
use protocol::registers::ShardRegisters;
use state::{LocalStore, Pack, RunFile, StateError};

use super::checkpoint::Outcome;
use super::context::Context;
use super::shard::Chain;
use super::stop::{state_stop, store_stop};
use crate::board::Board;
use crate::job::Job;

/// One request and its quick retries; after that the status says that the store is away.
const ATTEMPT_MAX: Duration = Duration::from_secs(5);
/// Pause after a failed attempt; it doubles up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// A shard at a boundary.
pub(crate) struct ShardState {
    pub(crate) id: ShardId,
    pub(crate) topic_id: String,
    pub(crate) offset: i64,
    pub(crate) registers: ShardRegisters,
    pub(crate) tables: Vec<TableSchema>,
    pub(crate) changes: Vec<TableChanges>,
    pub(crate) chain: Chain,
}

/// All shards of the slot at one boundary.
pub(crate) struct Snapshot {
    pub(crate) name: ManifestName,
    pub(crate) shards: Vec<ShardState>,
    pub(crate) began: Instant,
}

/// A checkpoint in the store.
pub(crate) struct Done {
    pub(crate) name: ManifestName,
    /// The chain of every shard, in the order of the snapshot.
    pub(crate) chains: Vec<Vec<Run>>,
    pub(crate) bytes: u64,
    pub(crate) puts: u64,
    pub(crate) took: Duration,
    pub(crate) completed_at: i64,
}

/// What the thread works with.
pub(crate) struct Uploader {
    job: Arc<Job>,
    plan: Arc<dataflow::JobPlan>,
    store: Store,
    local: Arc<LocalStore>,
    runtime: tokio::runtime::Handle,
    board: Arc<Board>,
    slot: protocol::SlotIndex,
}

impl Uploader {
    pub(crate) fn new(context: &Context) -> Self {
        let task = &context.task;
        Self {
            job: task.job.clone(),
            plan: task.plan.clone(),
            store: context.store.with_deadline(ATTEMPT_MAX),
            local: context.local.clone(),
            runtime: task.runtime.clone(),
            board: task.board.clone(),
            slot: task.slot,
        }
    }

    /// Takes a snapshot to the store.
    pub(crate) fn checkpoint(&self, snapshot: Snapshot) -> Result<Outcome, Stop> {
        let Snapshot { name, shards, began } = snapshot;
        let object = self.job.keys.runs(&name);
        faults::before(Point::CheckpointRuns);
        let (body, chains) = self.runs(&object, &shards).map_err(|e| state_stop(&e))?;
        faults::after(Point::CheckpointRuns);
        let manifest = self.manifest(&name, &shards, &chains).encode();
        let mut uploaded = (0, 0);
        if !body.is_empty() {
            uploaded = (body.len() as u64, 1);
            faults::before(Point::CheckpointUpload);
            if let Err(why) = self.put(&object, &body, began)? {
                return Ok(Outcome::Failed(why));
            }
            faults::after(Point::CheckpointUpload);
        }
        uploaded = (uploaded.0 + manifest.len() as u64, uploaded.1 + 1);
        faults::before(Point::CheckpointManifest);
        if let Err(why) = self.put(&self.job.keys.manifest(&name), &manifest.into(), began)? {
            return Ok(Outcome::Failed(why));
        }
        faults::after(Point::CheckpointManifest);
        faults::before(Point::CheckpointLocal);
        let identity = name.to_string();
        let identities: Vec<_> = shards.iter().map(|s| (&s.id, identity.as_str())).collect();
        self.local.set_identities(&identities).map_err(|e| state_stop(&e))?;
        faults::after(Point::CheckpointLocal);
        Ok(Outcome::Done(Box::new(Done {
            name,
            chains,
            bytes: uploaded.0,
            puts: uploaded.1,
            took: turns::since(began),
            completed_at: turns::now_ms(),
        })))
    }

    /// One run per changed shard, packed; the local copy takes the same runs.
    fn runs(
        &self,
        object: &str,
        shards: &[ShardState],
    ) -> Result<(Bytes, Vec<Vec<Run>>), StateError> {
        let mut pack = Pack::new(object);
        let mut chains = Vec::with_capacity(shards.len());
        for shard in shards {
            let mut chain = if shard.chain.rebase { Vec::new() } else { shard.chain.runs.clone() };
            if let Some(file) = self.run_of(shard)? {
                let run = pack.add(&file);
                if run.kind == RunKind::Base {
                    chain.clear();
                }
                chain.push(run);
            }
            chains.push(chain);
        }
        Ok((pack.finish(), chains))
    }

    fn run_of(&self, shard: &ShardState) -> Result<Option<RunFile>, StateError> {
        if shard.tables.is_empty() {
            return Ok(None);
        }
        if shard.chain.rebase {
            self.local.drop_shard(&shard.id)?; // every entry is among the changes
        }
        let Some(delta) = self.local.write_run(&shard.id, &shard.changes)? else {
            for changes in &shard.changes {
                if let Some(live_from) = changes.live_from {
                    self.local.drop_below(&shard.id, changes.table, live_from)?;
                }
            }
            return Ok(None);
        };
        self.local.ingest(&shard.id, &delta.bytes)?;
        let chain: &[Run] = if shard.chain.rebase { &[] } else { &shard.chain.runs };
        match state::chain::decide(chain, delta.bytes.len() as u64) {
            RunKind::Base => self.local.base_run(&shard.id).map(Some),
            RunKind::Delta => Ok(Some(delta)),
        }
    }

    fn manifest(
        &self,
        name: &ManifestName,
        shards: &[ShardState],
        chains: &[Vec<Run>],
    ) -> Manifest {
        let exchange_partitions = self.plan.exchanges.first().map_or(0, |e| e.partitions);
        Manifest {
            format: MANIFEST_FORMAT,
            job_uid: self.job.uid.clone(),
            name: name.clone(),
            plan_fingerprint: self.plan.fingerprint.clone(),
            hash_version: protocol::hash::HASH_VERSION,
            assignment_version: protocol::assignment::ASSIGNMENT_VERSION,
            exchange_partitions,
            shards: shards
                .iter()
                .zip(chains)
                .map(|(shard, runs)| ShardSnapshot {
                    stage: shard.id.stage,
                    log: shard.id.log.clone(),
                    topic_id: shard.topic_id.clone(),
                    offset: shard.offset,
                    registers: shard.registers.clone(),
                    tables: shard.tables.clone(),
                    runs: runs.clone(),
                })
                .collect(),
        }
    }

    /// Creates an object under the checkpoint's deadline; `Err` inside says why it could not be done in time.
    fn put(&self, key: &str, body: &Bytes, began: Instant) -> Result<Result<(), String>, Stop> {
        let mut pause = PAUSE_MIN;
        loop {
            match self.runtime.block_on(self.create_once(key, body)) {
                Ok(()) => return Ok(Ok(())),
                Err(Failure::Other) => {
                    return Err(Stop::new(
                        Reason::ManifestCorrupt,
                        format!("{key} exists with other content: its name was used twice"),
                    ));
                }
                Err(Failure::Store(error)) => {
                    let stop = store_stop(&error);
                    self.board.update(self.slot, |e| {
                        e.status.reason = Some(stop.reason);
                        e.status.message = Some(format!("writing {key}: {}", stop.message));
                    });
                    if turns::since(began) + pause > self.job.checkpoint_timeout {
                        return Ok(Err(format!("writing {key}: {error}")));
                    }
                    tracing::warn!("writing {key}: {error}; trying again");
                    if !turns::pause(pause) {
                        self.runtime.block_on(async { tokio::time::sleep(pause).await });
                    }
                    pause = (pause * 2).min(PAUSE_MAX);
                }
            }
        }
    }

    async fn create_once(&self, key: &str, body: &Bytes) -> Result<(), Failure> {
        match self.store.create(key, body.clone()).await.map_err(Failure::Store)? {
            Creation::Created => Ok(()),
            // A retried request answers twice: the own bytes are a success (G1).
            Creation::AlreadyExists(found) if found == *body => Ok(()),
            Creation::AlreadyExists(_) => Err(Failure::Other),
        }
    }
}

enum Failure {
    Store(StoreError),
    Other,
}
