//! From a manifest to a shard that stands at the manifest's offset.

use bytes::Bytes;
use connectors::faults::{self, Sabotage};
use protocol::ShardId;
use protocol::acquire::{StartPoint, Stop};
use protocol::keys::Keys;
use protocol::manifest::{Manifest, ManifestName, Run, ShardSnapshot};
use protocol::reason::Reason;
use protocol::restore::{covering, same_topic};

use super::context::Context;
use super::shard::{Chain, OwnedShard};
use super::{kafka_stop, store_stop};
use crate::history::JobHistory;

/// How often an object is read that comes damaged.
const READS_MAX: u32 = 3;

/// Manifests read so far in this start: the shards of a former slot share one.
#[derive(Default)]
pub(crate) struct Manifests {
    read: Vec<(String, Manifest)>,
}

impl Manifests {
    /// Reads a manifest once.
    pub(crate) fn get(
        &mut self,
        context: &Context,
        job_uid: &str,
        name: &ManifestName,
    ) -> Result<&Manifest, Stop> {
        let known =
            self.read.iter().position(|(uid, manifest)| uid == job_uid && manifest.name == *name);
        let at = if let Some(at) = known {
            at
        } else {
            let key = Keys::new(job_uid).manifest(name);
            let manifest = again_if_damaged(|| {
                let bytes = context
                    .block_on(context.store.get(&key))
                    .map_err(|e| manifest_stop(&key, &e))?;
                Manifest::decode(&bytes, name, job_uid)
                    .map_err(|e| Stop::new(Reason::ManifestCorrupt, e.to_string()))
            })?;
            self.read.push((job_uid.to_owned(), manifest));
            self.read.len() - 1
        };
        Ok(&self.read[at].1)
    }
}

fn manifest_stop(key: &str, error: &connectors::StoreError) -> Stop {
    let mut stop = store_stop(error);
    stop.message = format!("reading {key}: {}", stop.message);
    stop
}

/// Fills `shard` from the start point's manifest, or leaves it empty at the origin.
pub(crate) fn restore(
    context: &Context,
    manifests: &mut Manifests,
    shard: &mut OwnedShard,
    start: &StartPoint,
) -> Result<(), Stop> {
    let Some((job_uid, name)) = &start.manifest else {
        local(context.local.drop_shard(&shard.id))?;
        shard.position = start.origin;
        shard.chain = Chain::default();
        return check_range(context, shard, start);
    };
    let own = *job_uid == context.task.job.uid;
    let snapshot = covering(manifests.get(context, job_uid, name)?, &shard.id, own)?.clone();
    let snapshot = sabotaged(context, manifests, shard, (name, snapshot))?;
    if own {
        same_topic(&snapshot, name, &shard.topic_id)?;
    }
    // A fork reads exchanges of its own, drained when the savepoint was taken: it goes on where it was sealed.
    shard.position = if own || shard.id.stage.0 == 0 { snapshot.offset } else { start.origin };
    check_range(context, shard, start)?;
    let mapping = shard
        .flow
        .check_tables(&snapshot.tables)
        .map_err(|e| Stop::new(Reason::IncompatibleState, format!("shard {}: {e}", shard.id)))?;
    let rebase = !own || !mapping.is_identity();
    flow(shard.flow.restore(snapshot.registers.clone(), mapping), &shard.id)?;
    fill_local(context, &shard.id, (name, own), &snapshot)?;
    let target = &mut shard.flow;
    context
        .local
        .scan(&shard.id, &mut |table, key, value| Ok(target.restore_entry(table, key, value)?))
        .map_err(|e: ScanError| e.stop(&shard.id))?;
    shard.chain = Chain { runs: snapshot.runs, rebase };
    if shard.chain.rebase {
        shard.flow.mark_all_changed();
    }
    Ok(())
}

/// As it is; or, as a deliberate fault, the state of the first checkpoint of the same slot, said to be this one's.
fn sabotaged(
    context: &Context,
    manifests: &mut Manifests,
    shard: &OwnedShard,
    (name, snapshot): (&ManifestName, ShardSnapshot),
) -> Result<ShardSnapshot, Stop> {
    if !faults::is_chosen(Sabotage::OlderSnapshot) {
        return Ok(snapshot);
    }
    let task = &context.task;
    let history = context.block_on(JobHistory::read(&context.store, &task.job.keys))?;
    let of_slot = |n: &&ManifestName| n.generation == name.generation && n.slot == name.slot;
    let Some(first) = history.manifest_names.iter().filter(of_slot).min_by_key(|n| n.number) else {
        return Ok(snapshot);
    };
    let older = covering(manifests.get(context, &task.job.uid, first)?, &shard.id, true);
    local(context.local.drop_shard(&shard.id))?;
    Ok(older.map_or_else(
        |_| snapshot.clone(),
        |s| ShardSnapshot { offset: snapshot.offset, ..s.clone() },
    ))
}

/// S5: the log reaches back to the replay and forward to the committed offset.
fn check_range(context: &Context, shard: &OwnedShard, start: &StartPoint) -> Result<(), Stop> {
    let bounds = context.topics.bounds(std::slice::from_ref(&shard.id.log));
    let bounds = bounds.map_err(|e| kafka_stop(&e))?[0];
    protocol::restore::check_range(&shard.id, shard.position, start.offset, bounds)
}

/// Makes the local store equal the manifest: as it is if it is known to be, else from the runs.
fn fill_local(
    context: &Context,
    id: &ShardId,
    (name, own): (&ManifestName, bool),
    snapshot: &ShardSnapshot,
) -> Result<(), Stop> {
    let identity = name.to_string();
    if local(context.local.identity(id))?.as_deref() == Some(&identity) {
        return Ok(());
    }
    if snapshot.runs.is_empty() {
        local(context.local.drop_shard(id))?;
        return local(context.local.set_identity(id, &identity));
    }
    local(state::chain::check(&snapshot.runs))?;
    let mut restore = context.local.restore(id).own_only(own);
    for run in &snapshot.runs {
        let bytes = again_if_damaged(|| fetch(context, run))?;
        local(restore.add(&bytes))?;
        context.seen();
    }
    local(restore.finish(&identity))
}

/// A run as it was written.
fn fetch(context: &Context, run: &Run) -> Result<Bytes, Stop> {
    let bytes = context
        .block_on(context.store.get_range(&run.object, run.start..run.start + run.len))
        .map_err(|e| manifest_stop(&run.object, &e))?;
    state::verify(run, &bytes).map_err(|e| Stop::new(Reason::ManifestCorrupt, e.to_string()))?;
    Ok(bytes)
}

/// What came over the line may be damaged though the object is not: it is read again before it is believed.
fn again_if_damaged<T>(mut read: impl FnMut() -> Result<T, Stop>) -> Result<T, Stop> {
    let mut reads = 1;
    loop {
        match read() {
            Err(stop) if stop.reason == Reason::ManifestCorrupt && reads < READS_MAX => {
                tracing::warn!("{}; reading it again", stop.message);
                reads += 1;
            }
            other => return other,
        }
    }
}

/// What stops a scan: the store, or the operators.
enum ScanError {
    Store(state::StateError),
    Flow(dataflow::DataflowError),
}

impl From<state::StateError> for ScanError {
    fn from(error: state::StateError) -> Self {
        Self::Store(error)
    }
}

impl From<dataflow::DataflowError> for ScanError {
    fn from(error: dataflow::DataflowError) -> Self {
        Self::Flow(error)
    }
}

impl ScanError {
    fn stop(self, id: &ShardId) -> Stop {
        match self {
            Self::Store(error) => super::stop::state_stop(&error),
            Self::Flow(error) => super::stop::flow_stop(id, &error),
        }
    }
}

fn local<T>(result: Result<T, state::StateError>) -> Result<T, Stop> {
    result.map_err(|e| super::stop::state_stop(&e))
}

fn flow<T>(result: Result<T, dataflow::DataflowError>, id: &ShardId) -> Result<T, Stop> {
    result.map_err(|e| super::stop::flow_stop(id, &e))
}
