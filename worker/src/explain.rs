//! `explain`: where every shard of a job goes on, from which checkpoint, whose it is, and what stands in the way. It
//! decides as a worker does that acquires, from what can be read without fencing anybody.

mod render;

use std::collections::BTreeMap;

use protocol::acquire::{History, StartPoint, Stop, ids_to_fence, start_point};
use protocol::generation::GenerationObject;
use protocol::keys::Keys;
use protocol::manifest::{Manifest, ManifestName};
use protocol::metadata::OffsetMetadata;
use protocol::reason::Reason;
use protocol::restore::{check_range, covering, is_damage, older_checkpoints, same_topic};
use protocol::{Generation, ShardId, SlotIndex};
use tokio::runtime::Handle;

use crate::args::ExplainArgs;
use crate::cluster::{Cluster, retrying};
use crate::exit::Ending;
use crate::history::JobHistory;
use crate::job::Job;
use crate::plan_command::print;
use crate::slot::store_stop;

/// What is known of a shard.
pub(crate) struct Explained {
    pub(crate) id: ShardId,
    /// First offset of its log, and the one after its last.
    pub(crate) bounds: Option<(i64, i64)>,
    /// Its newest commit.
    pub(crate) committed: Option<(i64, Result<OffsetMetadata, String>)>,
    /// What the checkpoint that its commit names suffers from, when an older one takes its place.
    pub(crate) passed_over: Option<Stop>,
    /// Where it goes on.
    pub(crate) start: Option<StartPoint>,
    /// Offset of the checkpoint that it is restored from; the log's records from there on are replayed.
    pub(crate) restored_at: Option<i64>,
    /// Why it does not go on.
    pub(crate) stop: Option<Stop>,
}

/// Reads, explains, prints.
pub fn explain(args: &ExplainArgs, runtime: &Handle) -> Result<Ending, Stop> {
    let job = Job::load(&args.job.job, &args.job.secrets_dir)?;
    let cluster = Cluster::open(&job, runtime.clone())?;
    let history = cluster.wait(JobHistory::read(&cluster.store, &job.keys))?;
    let Some(newest) = history.newest() else {
        print(&format!("job {} ({}): no generation has run", job.name, job.uid))?;
        return Ok(Ending::Done);
    };
    let reader = Reader { job: &job, cluster: &cluster, history: &history, verify: args.verify };
    let shards = reader.shards(newest)?;
    print(&render::text(&job, newest, &shards))?;
    let blocked = shards.iter().find_map(|shard| shard.stop.as_ref());
    Ok(blocked.map_or(Ending::Done, |_| Ending::Blocked))
}

/// Manifests read so far.
type Manifests = BTreeMap<ManifestName, Result<Manifest, Stop>>;

struct Reader<'a> {
    job: &'a Job,
    cluster: &'a Cluster,
    history: &'a JobHistory,
    verify: bool,
}

impl Reader<'_> {
    fn shards(&self, newest: &GenerationObject) -> Result<Vec<Explained>, Stop> {
        let ids: Vec<ShardId> = newest.layout.shards().collect();
        let committed = self.cluster.committed(self.job, &ids)?;
        let mut manifests = Manifests::new();
        let next = newest.generation.0 + 1;
        ids.into_iter()
            .map(|id| {
                let read = committed.get(&id);
                let mut explained = Explained {
                    bounds: None,
                    committed: read.map(|(offset, text)| {
                        (*offset, OffsetMetadata::decode(text).map_err(|_| text.clone()))
                    }),
                    passed_over: None,
                    start: None,
                    restored_at: None,
                    stop: None,
                    id,
                };
                explained.stop =
                    self.judge(Generation(next), read, &mut manifests, &mut explained).err();
                Ok(explained)
            })
            .collect()
    }

    /// As the next generation would; `Err` is what would stop it.
    fn judge(
        &self,
        next: Generation,
        read: Option<&(i64, String)>,
        manifests: &mut Manifests,
        explained: &mut Explained,
    ) -> Result<(), Stop> {
        let id = explained.id.clone();
        let topic = retrying(|| self.cluster.admin.topics(&[&id.log.topic]))?.pop().flatten();
        let topic = topic.ok_or_else(|| {
            let message = format!("topic {} does not exist", id.log.topic);
            Stop::new(Reason::TopicMissing, message)
        })?;
        let bounds = retrying(|| self.cluster.admin.bounds(std::slice::from_ref(&id.log)))?[0];
        explained.bounds = Some(bounds);
        let seal = self.history.pending_seal(next);
        let first = self.history.first_seal();
        let known = History {
            job_uid: &self.job.uid,
            seal: seal.as_ref(),
            first: first.as_ref(),
            counted_before: self.history.counted_before((next, SlotIndex(0)), &id),
        };
        let start = start_point((next, SlotIndex(0)), &id, read, known)?;
        explained.start = Some(start.clone());
        if let Some((_, Ok(metadata))) = &explained.committed {
            let named = [(id.clone(), Some(metadata.generation))];
            ids_to_fence(next, &named, &self.history.generations)?;
        }
        let at = match self.restored(&start, &id, (&topic.id, bounds), manifests) {
            Err(stop) if is_damage(&stop) => {
                let (older, at) = self.older(&stop, &start, &id, (&topic.id, bounds), manifests)?;
                explained.passed_over = Some(stop);
                explained.start = Some(older);
                at
            }
            other => other?,
        };
        explained.restored_at = Some(at);
        Ok(())
    }

    /// As a worker does it where a checkpoint is damaged (docs/decisions/0010).
    fn older(
        &self,
        damaged: &Stop,
        start: &StartPoint,
        id: &ShardId,
        topic: (&str, (i64, i64)),
        manifests: &mut Manifests,
    ) -> Result<(StartPoint, i64), Stop> {
        let own = start.manifest.as_ref().filter(|(uid, _)| *uid == self.job.uid);
        let Some((uid, named)) = own else { return Err(damaged.clone()) };
        for name in older_checkpoints(named, &self.history.manifest_names) {
            let manifest = self.read(uid, &name, manifests);
            if manifest.is_ok_and(|m| covering(m, id, true).is_ok_and(|s| s.offset > start.offset))
            {
                continue; // taken, but not named before its worker ended
            }
            let older = StartPoint { manifest: Some((uid.clone(), name)), ..start.clone() };
            match self.restored(&older, id, topic, manifests) {
                Ok(at) => return Ok((older, at)),
                Err(stop) if is_damage(&stop) || stop.reason == Reason::ReplayGapLost => {}
                Err(stop) => return Err(stop),
            }
        }
        Err(damaged.clone())
    }

    /// The offset at which a shard stands when it is restored.
    fn restored(
        &self,
        start: &StartPoint,
        id: &ShardId,
        (topic_id, bounds): (&str, (i64, i64)),
        manifests: &mut Manifests,
    ) -> Result<i64, Stop> {
        let mut position = start.origin;
        if let Some((uid, name)) = &start.manifest {
            let own = *uid == self.job.uid;
            let snapshot = covering(self.read(uid, name, manifests)?, id, own)?;
            if own {
                same_topic(snapshot, name, topic_id)?;
            }
            if own || id.stage.0 == 0 {
                position = snapshot.offset;
            }
        }
        check_range(id, position, start.offset, bounds)?;
        Ok(position)
    }

    /// Looks at each manifest once.
    fn read<'m>(
        &self,
        uid: &str,
        name: &ManifestName,
        manifests: &'m mut Manifests,
    ) -> Result<&'m Manifest, Stop> {
        let read = || self.manifest(uid, name);
        manifests.entry(name.clone()).or_insert_with(read).as_ref().map_err(Clone::clone)
    }

    /// A manifest, and a look at each of its runs.
    fn manifest(&self, uid: &str, name: &ManifestName) -> Result<Manifest, Stop> {
        let key = Keys::new(uid).manifest(name);
        let bytes = self.cluster.wait(self.cluster.store.get(&key)).map_err(|e| store_stop(&e))?;
        let manifest = Manifest::decode(&bytes, name, uid)
            .map_err(|e| Stop::new(Reason::ManifestCorrupt, e.to_string()))?;
        for run in manifest.shards.iter().flat_map(|s| &s.runs).filter(|run| run.len > 0) {
            let end = run.start + run.len;
            let from = if self.verify { run.start } else { end - 1 };
            let read = self.cluster.store.get_range(&run.object, from..end);
            let bytes = self.cluster.wait(read).map_err(|e| store_stop(&e))?;
            if self.verify {
                state::verify(run, &bytes)
                    .map_err(|e| Stop::new(Reason::ManifestCorrupt, e.to_string()))?;
            }
        }
        Ok(manifest)
    }
}
