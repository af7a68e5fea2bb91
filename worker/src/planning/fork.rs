//! A job that begins with the state of a savepoint: its first rest point names the other job's manifests.

use std::collections::BTreeMap;
use std::sync::Arc;

use crds::RestoreFrom;
use dataflow::JobPlan;
use protocol::ShardId;
use protocol::acquire::Stop;
use protocol::generation::{Sealed, SealedShard};
use protocol::hash::HASH_VERSION;
use protocol::keys::Keys;
use protocol::manifest::{Manifest, ManifestName, ShardSnapshot};
use protocol::reason::Reason;

use super::compatibility::{self, Lines};
use crate::cluster::Cluster;
use crate::gc;
use crate::history::{JobHistory, read_json};
use crate::job::Job;
use crate::slot::store_stop;

/// A savepoint, read whole.
pub(super) struct Fork {
    job: Job,
    job_uid: String,
    parts: Vec<Sealed>,
    manifests: BTreeMap<ManifestName, Manifest>,
    keys: Keys,
}

/// `<uid>/savepoints/<name>` below the location of the checkpoints.
fn address<'a>(location: &str, written: &'a str) -> Option<(&'a str, &'a str)> {
    let path = written.strip_prefix(location.trim_end_matches('/'))?.strip_prefix('/')?;
    let mut parts = path.trim_end_matches('/').split('/');
    let (uid, kind, name) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = parts.next().is_none() && !uid.is_empty() && !name.is_empty();
    (whole && kind == "savepoints").then_some((uid, name))
}

impl Fork {
    /// Reads the savepoint that the spec names. After the first start it has no meaning any more.
    pub(super) fn read(
        job: &Job,
        cluster: &Cluster,
        history: &JobHistory,
    ) -> Result<Option<Self>, Stop> {
        let Some(from) = job.spec.restore_from.as_ref().filter(|_| history.generations.is_empty())
        else {
            return Ok(None);
        };
        let (uid, name) = match from {
            RestoreFrom::Savepoint(name) => {
                let message = format!(
                    "restoreFrom.savepoint '{name}' is resolved by the operator; outside a cluster write restoreFrom.manifest with the address that the Savepoint's status shows"
                );
                return Err(Stop::new(Reason::NotSupported, message));
            }
            RestoreFrom::Manifest(written) => {
                address(&job.store_location, written).ok_or_else(|| {
                    let location = job.store_location.trim_end_matches('/');
                    Stop::new(
                        Reason::InvalidSpec,
                        format!(
                            "restoreFrom.manifest must be {location}/<job uid>/savepoints/<name>: state is restored within one location; it is '{written}'"
                        ),
                    )
                })?
            }
        };
        let keys = Keys::new(uid);
        let parts = read_parts(cluster, &keys, name)?;
        let mut manifests = BTreeMap::new();
        for manifest in parts.iter().flat_map(|p| &p.shards).filter_map(|s| s.manifest.as_ref()) {
            if !manifests.contains_key(manifest) {
                let read = read_manifest(cluster, &keys, uid, manifest)?;
                manifests.insert(manifest.clone(), read);
            }
        }
        Ok(Some(Self { job: job.clone(), job_uid: uid.to_owned(), parts, manifests, keys }))
    }

    /// Identity of the job that the savepoint was taken of.
    pub(super) fn job_uid(&self) -> &str {
        &self.job_uid
    }

    /// Partitions of the exchanges in the savepoint.
    pub(super) fn exchange_partitions(&self) -> u32 {
        self.manifests.values().next().map_or(0, |m| m.exchange_partitions)
    }

    /// The first rest point of the plan: what the savepoint covers rests there, everything else in `own`. Also the
    /// number of source partitions that it does not cover.
    pub(super) fn first(
        &self,
        plan: &Arc<JobPlan>,
        cluster: &Cluster,
        own: Vec<SealedShard>,
    ) -> Result<(Vec<SealedShard>, usize), Stop> {
        let before = self.manifests.values().next().map(|m| &m.plan_fingerprint);
        let lines = before.map(|before| Lines::read((cluster, plan), &self.keys, before));
        let lines = lines.transpose()?;
        let mut used = 0;
        let mut new = 0;
        let mut shards = Vec::with_capacity(own.len());
        for shard in own {
            let Some((sealed, snapshot)) = self.find(&shard.shard)? else {
                new += usize::from(shard.shard.stage.0 == 0);
                shards.push(shard);
                continue;
            };
            compatibility::fits(plan, &self.job, &shard.shard, snapshot)
                .and_then(|()| {
                    let moved = lines.as_ref().and_then(|l| l.moved(&shard.shard, snapshot));
                    moved.map_or(Ok(()), Err)
                })
                .map_err(|why| Stop::new(Reason::IncompatibleState, why))?;
            used += 1;
            // An exchange of the new job is empty; the savepoint was taken with the old one read to its end.
            let offset = if shard.shard.stage.0 == 0 { sealed.offset } else { 0 };
            shards.push(SealedShard {
                shard: shard.shard,
                offset,
                manifest: sealed.manifest.clone(),
                clock: sealed.clock,
            });
        }
        let covered = self.parts.iter().flat_map(|p| &p.shards).filter(|s| s.manifest.is_some());
        let covered = covered.count();
        if used < covered {
            let message = format!(
                "the savepoint covers {covered} shards with state, the query has a place for {used}: topics and windows must be those of the savepoint"
            );
            return Err(Stop::new(Reason::IncompatibleState, message));
        }
        Ok((shards, new))
    }

    /// The savepoint's shard in the place of this one: the same source partition, or the same partition of the
    /// exchange with the same operator and row type.
    fn find(&self, id: &ShardId) -> Result<Option<(&SealedShard, &ShardSnapshot)>, Stop> {
        let same_topic = |topic: &str| {
            if id.stage.0 == 0 { topic == id.log.topic } else { tail(topic) == tail(&id.log.topic) }
        };
        let found = self.parts.iter().flat_map(|p| &p.shards).find(|s| {
            s.shard.stage == id.stage
                && s.shard.log.partition == id.log.partition
                && same_topic(&s.shard.log.topic)
        });
        let Some(sealed) = found else { return Ok(None) };
        let Some(name) = &sealed.manifest else { return Ok(None) };
        let snapshot = self
            .manifests
            .get(name)
            .and_then(|m| m.shard(sealed.shard.stage, &sealed.shard.log))
            .ok_or_else(|| {
                let message = format!("manifest {name} does not cover shard {}", sealed.shard);
                Stop::new(Reason::ManifestCorrupt, message)
            })?;
        Ok(Some((sealed, snapshot)))
    }
}

/// What an exchange's name says besides the job: operator and fingerprint.
fn tail(topic: &str) -> Option<&str> {
    topic.split_once(".x.").map(|(_, tail)| tail)
}

fn read_parts(cluster: &Cluster, keys: &Keys, name: &str) -> Result<Vec<Sealed>, Stop> {
    let prefix = keys.savepoints(name);
    let mut parts: Vec<Sealed> = Vec::new();
    for key in gc::list(cluster, &prefix)? {
        parts.push(cluster.wait(read_json(&cluster.store, &key))?);
    }
    let whole = parts.first().is_some_and(|p| parts.len() as u32 == p.slots);
    if !whole {
        let (has, slots) = (parts.len(), parts.first().map_or(0, |p| p.slots));
        return Err(Stop::new(
            Reason::ManifestMissing,
            format!("the savepoint at {prefix} has {has} of {slots} parts; choose a completed one"),
        ));
    }
    Ok(parts)
}

fn read_manifest(
    cluster: &Cluster,
    keys: &Keys,
    uid: &str,
    name: &ManifestName,
) -> Result<Manifest, Stop> {
    let key = keys.manifest(name);
    let bytes = cluster.wait(cluster.store.get(&key)).map_err(|e| store_stop(&e))?;
    let manifest = Manifest::decode(&bytes, name, uid)
        .map_err(|e| Stop::new(Reason::ManifestCorrupt, e.to_string()))?;
    if manifest.hash_version != HASH_VERSION {
        let message = format!("manifest {name} uses hash version {}", manifest.hash_version);
        return Err(Stop::new(Reason::NotSupported, message));
    }
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_lies_within_the_location() {
        let table = [
            ("s3://b/p", "s3://b/p/u-1/savepoints/before", Some(("u-1", "before"))),
            ("s3://b/p/", "s3://b/p/u-1/savepoints/before/", Some(("u-1", "before"))),
            ("s3://b/p", "s3://b/q/u-1/savepoints/before", None),
            ("s3://b/p", "s3://b/p2/u-1/savepoints/before", None),
            ("s3://b/p", "s3://b/p/u-1/manifests/x", None),
            ("s3://b/p", "s3://b/p/u-1/savepoints/a/0", None),
            ("s3://b/p", "s3://b/p//savepoints/a", None),
        ];
        for (location, written, expected) in table {
            assert_eq!(address(location, written), expected, "{written}");
        }
    }

    #[test]
    fn exchanges_of_two_jobs_meet_by_operator_and_fingerprint() {
        assert_eq!(tail("streamjob.u-1.x.counts.7f"), tail("other.u-2.x.counts.7f"));
        assert_ne!(tail("streamjob.u-1.x.counts.7f"), tail("streamjob.u-1.x.counts.80"));
    }
}
