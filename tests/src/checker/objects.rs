//! Check 8: everything that a commit names is in the store with the bytes that were written; garbage is bounded;
//! nothing reachable was deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use futures::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use protocol::generation::Sealed;
use protocol::keys::Keys;
use protocol::limits::GARBAGE_GRACE;
use protocol::manifest::{Manifest, ManifestName, Run};
use protocol::{Generation, Log, SlotIndex, StageId};

use super::verdict::Verdict;

/// Garbage older than this should have been collected: the grace time, and as long again for the collector to come by.
const GARBAGE_AGE_MAX: Duration = GARBAGE_GRACE.saturating_mul(2);

/// What the newest commit of a shard names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedShard {
    /// The shard's stage.
    pub stage: StageId,
    /// The shard's log.
    pub log: Log,
    /// The newest checkpoint that covers it; none before the first.
    pub manifest: Option<ManifestName>,
}

/// The objects of one job.
pub struct StoredJob<'a> {
    /// The bucket.
    pub store: &'a dyn ObjectStore,
    /// Prefix of the checkpoints' location in it, without a slash at its end; empty for the bucket itself.
    pub prefix: &'a str,
    /// Identity of the job.
    pub uid: &'a str,
    /// Checkpoints of a slot that are kept though nothing names them.
    pub retained: usize,
    /// Packed runs that no manifest came to: at most one for each process that ended while it uploaded.
    pub orphans_max: usize,
}

/// What lies there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoredFigures {
    /// Manifests that are roots.
    pub roots: usize,
    /// Runs that they list, each read and compared with its checksum.
    pub runs: usize,
    /// Bytes of those runs.
    pub bytes: u64,
    /// Objects that no root reaches.
    pub garbage: usize,
    /// Packed runs without a manifest.
    pub orphans: usize,
}

impl std::fmt::Display for StoredFigures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { roots, runs, bytes, garbage, orphans } = self;
        write!(f, "{roots} manifests reach {runs} runs of {bytes} bytes, all as written; ")?;
        write!(f, "{garbage} objects are garbage, {orphans} of them runs without a manifest")
    }
}

/// When each object was written, by key below the location.
type Listed = BTreeMap<String, SystemTime>;

/// Faults of one kind: how many, and the first.
#[derive(Default)]
struct Faults(BTreeMap<&'static str, (u64, String)>);

impl Faults {
    fn add(&mut self, fault: &'static str, witness: String) {
        self.0.entry(fault).or_insert((0, witness)).0 += 1;
    }
}

impl StoredJob<'_> {
    /// Judges what lies in the store by what the newest commit of every shard names. No worker may be writing commits
    /// meanwhile, or what is named may already be another manifest.
    pub async fn judge(
        &self,
        named: &[NamedShard],
        now: SystemTime,
        verdict: &mut Verdict,
    ) -> anyhow::Result<StoredFigures> {
        let keys = Keys::new(self.uid);
        let (manifests, runs) =
            (self.list(&keys.manifests()).await?, self.list(&keys.runs_all()).await?);
        let mut faults = Faults::default();
        let mut figures = StoredFigures::default();
        let mut reached = BTreeSet::new();
        let mut read = BTreeMap::new();
        for shard in named.iter().chain(&self.kept(&keys).await?) {
            let Some(name) = &shard.manifest else { continue };
            if !read.contains_key(name) {
                let manifest = self.manifest(&keys.manifest(name), name, &mut faults).await?;
                if let Some(manifest) = &manifest {
                    self.read_runs(manifest, &mut reached, &mut figures, &mut faults).await?;
                }
                figures.roots += 1;
                reached.insert(keys.manifest(name));
                read.insert(name.clone(), manifest);
            }
            let covers = |m: &Manifest| m.shard(shard.stage, &shard.log).is_some();
            if read[name].as_ref().is_some_and(|manifest| !covers(manifest)) {
                let place = format!("{name} is named by {}", shard.log);
                faults.add("named manifest without the shard that names it", place);
            }
        }
        let spared = newest(manifests.keys(), self.retained);
        let all = manifests.iter().chain(&runs);
        for (key, written) in all.filter(|(key, _)| !reached.contains(*key)) {
            figures.garbage += 1;
            let age = now.duration_since(*written).unwrap_or_default();
            if age > GARBAGE_AGE_MAX && name_of(key).is_none_or(|name| !spared.contains(&name)) {
                faults.add("garbage that nobody collects", format!("{key}: {age:?} old"));
            }
        }
        let orphans = orphans(&keys, &manifests, &runs);
        figures.orphans = orphans.len();
        if orphans.len() > self.orphans_max {
            let first = orphans.first().cloned().unwrap_or_default();
            let count = orphans.len();
            faults.add(
                "more runs without a manifest than uploads were cut",
                format!("{count}: {first}"),
            );
        }
        for (fault, (count, witness)) in faults.0 {
            verdict.note(fault, count, Some(witness));
        }
        Ok(figures)
    }

    /// What savepoints and a job at rest keep.
    async fn kept(&self, keys: &Keys) -> anyhow::Result<Vec<NamedShard>> {
        let mut parts: Vec<String> = self.list(&keys.savepoints("")).await?.into_keys().collect();
        for key in self.list(&keys.sealed_all()).await?.into_keys() {
            let generation = key.rsplit('/').nth(1).and_then(|number| number.parse().ok());
            let generation = Generation(generation.with_context(|| format!("the key {key}"))?);
            if self.get(&keys.unsealed(generation)).await?.is_none() {
                parts.push(key);
            }
        }
        let mut kept = Vec::new();
        for key in parts {
            let bytes = self.get(&key).await?.with_context(|| format!("{key} is gone"))?;
            let part: Sealed = serde_json::from_slice(&bytes).with_context(|| key.clone())?;
            let own = part.job_uid == self.uid;
            kept.extend(part.shards.into_iter().filter(|_| own).map(|sealed| NamedShard {
                stage: sealed.shard.stage,
                log: sealed.shard.log,
                manifest: sealed.manifest,
            }));
        }
        Ok(kept)
    }

    fn path(&self, key: &str) -> Path {
        if self.prefix.is_empty() {
            Path::from(key)
        } else {
            Path::from(format!("{}/{key}", self.prefix))
        }
    }

    async fn list(&self, prefix: &str) -> anyhow::Result<Listed> {
        let path = self.path(prefix.trim_end_matches('/'));
        let found: Vec<_> = self
            .store
            .list(Some(&path))
            .try_collect()
            .await
            .with_context(|| format!("listing {path}"))?;
        let above = if self.prefix.is_empty() { 0 } else { self.prefix.len() + 1 };
        let key = |meta: &object_store::ObjectMeta| meta.location.as_ref()[above..].to_owned();
        Ok(found.iter().map(|meta| (key(meta), meta.last_modified.into())).collect())
    }

    async fn get(&self, key: &str) -> anyhow::Result<Option<bytes::Bytes>> {
        match self.store.get(&self.path(key)).await {
            Ok(found) => Ok(Some(found.bytes().await.with_context(|| format!("reading {key}"))?)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("reading {key}")),
        }
    }

    async fn manifest(
        &self,
        key: &str,
        name: &ManifestName,
        faults: &mut Faults,
    ) -> anyhow::Result<Option<Manifest>> {
        let Some(bytes) = self.get(key).await? else {
            faults.add("named manifest that is gone", key.to_owned());
            return Ok(None);
        };
        match Manifest::decode(&bytes, name, self.uid) {
            Ok(manifest) => Ok(Some(manifest)),
            Err(error) => {
                faults.add("named manifest that is damaged", error.to_string());
                Ok(None)
            }
        }
    }

    /// Reads every run that a manifest lists.
    async fn read_runs(
        &self,
        manifest: &Manifest,
        reached: &mut BTreeSet<String>,
        figures: &mut StoredFigures,
        faults: &mut Faults,
    ) -> anyhow::Result<()> {
        let mut objects: BTreeMap<&str, Option<bytes::Bytes>> = BTreeMap::new();
        for run in manifest.shards.iter().flat_map(|shard| &shard.runs) {
            figures.runs += 1;
            figures.bytes += run.len;
            reached.insert(run.object.clone());
            if !objects.contains_key(run.object.as_str()) {
                objects.insert(&run.object, self.get(&run.object).await?);
            }
            let place = || format!("{} of {}", run.object, manifest.name);
            match &objects[run.object.as_str()] {
                None => faults.add("run of a named manifest that is gone", place()),
                Some(object) if !is_as_written(run, object) => {
                    let range = format!("{} bytes {}+{}", place(), run.start, run.len);
                    faults.add("run of a named manifest with other bytes", range);
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}

fn is_as_written(run: &Run, object: &[u8]) -> bool {
    let (start, end) = (run.start as usize, (run.start + run.len) as usize);
    object.get(start..end).is_some_and(|bytes| crc32c::crc32c(bytes) == run.crc32c)
}

fn name_of(key: &str) -> Option<ManifestName> {
    key.rsplit('/').next()?.parse().ok()
}

/// The newest few checkpoints of every slot of every generation.
fn newest<'a>(keys: impl Iterator<Item = &'a String>, count: usize) -> BTreeSet<ManifestName> {
    let mut slots: BTreeMap<(Generation, SlotIndex), Vec<ManifestName>> = BTreeMap::new();
    for name in keys.filter_map(|key| name_of(key)) {
        slots.entry((name.generation, name.slot)).or_default().push(name);
    }
    let newest = slots.into_values().flat_map(|mut names| {
        names.sort_by_key(|name| std::cmp::Reverse(name.number));
        names.truncate(count);
        names
    });
    newest.collect()
}

/// Packed runs whose manifest never came, or went before them.
fn orphans(keys: &Keys, manifests: &Listed, runs: &Listed) -> Vec<String> {
    let has_manifest =
        |key: &str| name_of(key).is_some_and(|name| manifests.contains_key(&keys.manifest(&name)));
    runs.keys().filter(|key| !has_manifest(key)).cloned().collect()
}

#[cfg(test)]
mod tests;
