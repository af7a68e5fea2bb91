//! `explain`: where every shard of a job goes on, from which checkpoint, whose it is, and what stands in the way. It
//! decides as a worker does that acquires, from what can be read without fencing anybody.

mod render;

use std::collections::BTreeMap;

use protocol::acquire::{History, StartPoint, Stop, check_range, ids_to_fence, start_point};
use protocol::generation::GenerationObject;
use protocol::keys::Keys;
use protocol::manifest::{Manifest, ManifestName, ShardSnapshot};
use protocol::metadata::OffsetMetadata;
use protocol::reason::Reason;
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
        let mut manifests = BTreeMap::new();
        let next = newest.generation.0 + 1;
        ids.into_iter()
            .map(|id| {
                let read = committed.get(&id);
                let mut explained = Explained {
                    bounds: None,
                    committed: read.map(|(offset, text)| {
                        (*offset, OffsetMetadata::decode(text).map_err(|_| text.clone()))
                    }),
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
        manifests: &mut BTreeMap<ManifestName, Result<Manifest, Stop>>,
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
        let position = match &start.manifest {
            None => start.origin,
            Some((uid, name)) => {
                let snapshot = self.snapshot(uid, name, &id, manifests)?;
                if *uid == self.job.uid && snapshot.topic_id != topic.id {
                    return Err(Stop::new(
                        Reason::TopicReplaced,
                        format!(
                            "topic {} has another id than when {name} was written",
                            id.log.topic
                        ),
                    ));
                }
                if *uid == self.job.uid || id.stage.0 == 0 { snapshot.offset } else { start.origin }
            }
        };
        explained.restored_at = Some(position);
        check_range(&id, position, start.offset, bounds)
    }

    fn snapshot(
        &self,
        uid: &str,
        name: &ManifestName,
        id: &ShardId,
        manifests: &mut BTreeMap<ManifestName, Result<Manifest, Stop>>,
    ) -> Result<ShardSnapshot, Stop> {
        let read = || self.manifest(uid, name);
        let manifest = manifests.entry(name.clone()).or_insert_with(read).as_ref();
        let manifest = manifest.map_err(Clone::clone)?;
        let snapshot = manifest.shards.iter().find(|s| {
            s.stage == id.stage
                && s.log.partition == id.log.partition
                && (s.log.topic == id.log.topic || uid != self.job.uid)
        });
        snapshot.cloned().ok_or_else(|| {
            let message = format!("manifest {name} does not cover shard {id}");
            Stop::new(Reason::ManifestCorrupt, message)
        })
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
