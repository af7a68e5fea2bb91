//! Garbage collection (G2–G4): what no root reaches goes, an hour after it was first seen unreachable.
//!
//! Everything that a decision rests on is read first and read whole; any error means that nothing is deleted.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use connectors::faults::{self, Point, Sabotage};
use protocol::acquire::Stop;
use protocol::gc::{Fate, Named, fate, reachable_objects, roots, writer_is_done};
use protocol::generation::{GenerationObject, Layout, Sealed};
use protocol::limits::GARBAGE_GRACE;
use protocol::manifest::{Manifest, ManifestName};
use protocol::metadata::OffsetMetadata;
use protocol::reason::Reason;
use protocol::{Generation, Log, ShardId, SlotIndex, StageId};

use crate::cluster::View;
use crate::history::{JobHistory, read_json};
use crate::job::Job;
use crate::slot::store_stop;

mod marks;
mod purge;

use marks::{Kind, Marks};

/// What a collection did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Objects seen unreachable for the first time.
    pub marked: usize,
    /// Objects deleted.
    pub deleted: usize,
    /// Exchange logs purged.
    pub purged_logs: usize,
    /// Why nothing was done.
    pub skipped: Option<String>,
    /// From where each source log is replayed after the newest checkpoint.
    pub needed: BTreeMap<Log, i64>,
}

/// Is the newest generation here to stay? Until it is, the checkpoints of the plan before are kept to go back to (O7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The operator has declared it healthy.
    Proven,
    /// It has not yet.
    OnTrial,
    /// Nobody declares anything: an hour is enough.
    Unjudged,
}

/// Collects the garbage of a job. Blocks; `now` in ms since the epoch.
pub fn collect(job: &Job, view: &View, standing: Standing, now: i64) -> Result<Collected, Stop> {
    let skipped = |why: String| Collected { skipped: Some(why), ..Collected::default() };
    faults::before(Point::GcRead);
    // Listed before the metadata is read: what is created in between is not judged.
    let history = view.wait(JobHistory::read(&view.store, &job.keys))?;
    let runs = list_names(view, &job.keys.runs_all())?;
    let Some(newest) = history.newest() else {
        return Ok(skipped("no generation has run yet".to_owned()));
    };
    let shards: Vec<ShardId> = newest.layout.shards().collect();
    let points = match read_points(job, view, &shards)? {
        Ok(points) => points,
        Err(why) => return Ok(skipped(why)),
    };
    let named = named(&points);
    let mut marks = Marks::read(job, view)?;
    let rested = rested(job, &history);
    let rollback = rollback_roots(&history);
    let is_held = |name: &&ManifestName| match standing {
        Standing::Proven => false,
        Standing::OnTrial => true,
        Standing::Unjudged => {
            marks.age(Kind::Rollback, name, now).is_none_or(|age| age < grace_ms())
        }
    };
    let waiting: BTreeSet<ManifestName> = rollback.iter().filter(is_held).cloned().collect();
    let held: BTreeSet<ManifestName> = rested.union(&waiting).cloned().collect();
    let running = roots(&named, &held, &history.manifest_names, job.retained);
    let all: BTreeSet<ManifestName> = running.union(&savepoints(job, view)?).cloned().collect();
    let manifests = read_manifests(job, view, &all)?;
    faults::after(Point::GcRead);
    let reachable = reachable_objects(&manifests);
    let mut sweep = Sweep { job, view, named: &named, now, done: Collected::default() };
    for name in &rollback {
        if marks.age(Kind::Rollback, name, now).is_none() {
            marks.set(job, view, Kind::Rollback, name, now)?;
        }
    }
    for name in &history.manifest_names {
        let key = job.keys.manifest(name);
        sweep.judge(&mut marks, Kind::Manifest, name, &key, all.contains(name))?;
    }
    for name in &runs {
        let key = job.keys.runs(name);
        let used = reachable.contains(&key);
        sweep.judge(&mut marks, Kind::Runs, name, &key, used)?;
    }
    marks.forget_gone(job, view, &history.manifest_names, &runs)?;
    let mut done = sweep.done;
    let replayed: Vec<&Manifest> = manifests.iter().filter(|m| running.contains(&m.name)).collect();
    faults::before(Point::GcPurge);
    done.purged_logs = purge::purge(view, &newest.layout, &points, &replayed)?;
    faults::after(Point::GcPurge);
    let sources = newest.layout.shards().filter(|id| id.stage == StageId(0));
    done.needed = purge::needed(sources, &points, &manifests);
    Ok(done)
}

fn grace_ms() -> i64 {
    GARBAGE_GRACE.as_millis() as i64
}

/// The commit point of every shard.
pub(crate) type Points = BTreeMap<ShardId, (i64, OffsetMetadata)>;

/// Reads the commit point of every shard, or says which one has none.
fn read_points(job: &Job, view: &View, shards: &[ShardId]) -> Result<Result<Points, String>, Stop> {
    let committed = view.committed(job, shards)?;
    let mut points = Points::new();
    for id in shards {
        let Some((offset, text)) = committed.get(id) else {
            return Ok(Err(format!("shard {id} has no committed offset yet")));
        };
        let metadata = OffsetMetadata::decode(text)
            .map_err(|e| Stop::new(Reason::OffsetsMovedByOther, format!("shard {id}: {e}")))?;
        points.insert(id.clone(), (*offset, metadata));
    }
    Ok(Ok(points))
}

fn named(points: &Points) -> Named {
    Named {
        manifests: points.values().filter_map(|(_, m)| m.manifest.clone()).collect(),
        generations: points.values().map(|(_, m)| m.generation).collect(),
    }
}

/// Manifests in which a suspended job rests.
fn rested(job: &Job, history: &JobHistory) -> BTreeSet<ManifestName> {
    let pending = |sealed: &&Sealed| {
        sealed.job_uid == job.uid && !history.unsealed.contains(&sealed.generation)
    };
    let shards = history.sealed.iter().filter(pending).flat_map(|s| &s.shards);
    shards.filter_map(|s| s.manifest.clone()).collect()
}

/// Where a rollback would restore (O7): the newest manifest of each slot of every generation in a row that ran the
/// plan before; after the way back also of those that ran this plan the last time, until it has its own.
fn rollback_roots(history: &JobHistory) -> BTreeSet<ManifestName> {
    let mut generations: Vec<&GenerationObject> = history.generations.iter().collect();
    generations.sort_by_key(|g| g.generation);
    let rows: Vec<&[&GenerationObject]> =
        generations.chunk_by(|a, b| a.plan_fingerprint == b.plan_fingerprint).collect();
    let Some((newest, earlier)) = rows.split_last() else { return BTreeSet::new() };
    let same = |row: &&&[&GenerationObject]| row[0].plan_fingerprint == newest[0].plan_fingerprint;
    let rows = earlier.last().into_iter().chain(earlier.iter().rev().find(same));
    let kept: BTreeSet<Generation> =
        rows.flat_map(|row| row.iter()).map(|g| g.generation).collect();
    let mut by_slot: BTreeMap<(Generation, SlotIndex), &ManifestName> = BTreeMap::new();
    for name in history.manifest_names.iter().filter(|n| kept.contains(&n.generation)) {
        let entry = by_slot.entry((name.generation, name.slot)).or_insert(name);
        if name.number > entry.number {
            *entry = name;
        }
    }
    by_slot.into_values().cloned().collect()
}

/// Manifests that savepoints keep. A part that does not parse stops the collection.
fn savepoints(job: &Job, view: &View) -> Result<BTreeSet<ManifestName>, Stop> {
    let mut kept = BTreeSet::new();
    for key in list(view, &job.keys.savepoints(""))? {
        let part: Sealed = view.wait(read_json(&view.store, &key))?;
        if part.job_uid == job.uid {
            kept.extend(part.shards.into_iter().filter_map(|s| s.manifest));
        }
    }
    Ok(kept)
}

fn read_manifests(
    job: &Job,
    view: &View,
    names: &BTreeSet<ManifestName>,
) -> Result<Vec<Manifest>, Stop> {
    let mut manifests = Vec::with_capacity(names.len());
    for name in names {
        let key = job.keys.manifest(name);
        let bytes = view.wait(view.store.get(&key)).map_err(|e| {
            let stop = store_stop(&e);
            Stop::new(stop.reason, format!("reading the root {key}: {}", stop.message))
        })?;
        let manifest = Manifest::decode(&bytes, name, &job.uid)
            .map_err(|e| Stop::new(Reason::ManifestCorrupt, e.to_string()))?;
        manifests.push(manifest);
    }
    Ok(manifests)
}

/// Keys below a prefix.
pub(crate) fn list(view: &View, prefix: &str) -> Result<Vec<String>, Stop> {
    let listed = view.wait(view.store.list(prefix)).map_err(|e| store_stop(&e))?;
    Ok(listed.into_iter().map(|object| object.key).collect())
}

/// Checkpoint names below a prefix. Another name there is not ours to judge.
fn list_names(view: &View, prefix: &str) -> Result<Vec<ManifestName>, Stop> {
    let keys = list(view, prefix)?;
    Ok(keys.iter().filter_map(|key| key.rsplit('/').next()?.parse().ok()).collect())
}

/// One pass over the objects.
struct Sweep<'a> {
    job: &'a Job,
    view: &'a View,
    named: &'a Named,
    now: i64,
    done: Collected,
}

impl Sweep<'_> {
    fn judge(
        &mut self,
        marks: &mut Marks,
        kind: Kind,
        name: &ManifestName,
        key: &str,
        reachable: bool,
    ) -> Result<(), Stop> {
        let done = writer_is_done(self.named, name);
        let fate = if faults::is_chosen(Sabotage::DeletedByAge) {
            Fate::Delete
        } else {
            fate(reachable, done, marks.at(kind, name), self.now)
        };
        match fate {
            Fate::Keep => {}
            Fate::Mark => {
                faults::before(Point::GcMark);
                marks.set(self.job, self.view, kind, name, self.now)?;
                faults::after(Point::GcMark);
                self.done.marked += 1;
            }
            Fate::Unmark => marks.remove(self.job, self.view, kind, name)?,
            Fate::Delete => {
                faults::before(Point::GcDelete);
                delete(self.view, key)?;
                faults::after(Point::GcDelete);
                marks.remove(self.job, self.view, kind, name)?;
                self.done.deleted += 1;
            }
        }
        Ok(())
    }
}

/// Deletes an object; one that is gone is fine.
pub(crate) fn delete(view: &View, key: &str) -> Result<(), Stop> {
    view.wait(view.store.delete(key)).map_err(|e| store_stop(&e))
}

/// Creates a small object unless it exists.
fn create(view: &View, key: &str, body: String) -> Result<(), Stop> {
    view.wait(JobHistory::create(&view.store, key, Bytes::from(body))).map(drop)
}

/// The exchange logs of a layout.
fn exchange_shards(layout: &Layout) -> impl Iterator<Item = ShardId> + '_ {
    layout.shards().filter(|id| id.stage.0 > 0)
}

/// Every internal topic and group that any generation of the job has used.
pub(crate) fn internal_names(
    job: &Job,
    layouts: &[Layout],
) -> (BTreeSet<String>, BTreeSet<String>) {
    let prefix = job.names.prefix();
    let mut topics = BTreeSet::from([job.names.control_topic()]);
    let mut groups = BTreeSet::new();
    for stage in layouts.iter().flat_map(|l| &l.stages) {
        groups.insert(job.names.group(stage.stage));
        let own = stage.topics.iter().map(|t| &t.topic).filter(|t| t.starts_with(&prefix));
        topics.extend(own.cloned());
    }
    (topics, groups)
}

#[cfg(test)]
mod tests {
    use protocol::Fingerprint;
    use protocol::assignment::ASSIGNMENT_VERSION;

    use super::*;

    fn name(generation: u64, slot: u32, number: u64) -> ManifestName {
        format!("g{generation}-s{slot}-c{number}-0000000000000001").parse().expect("a name")
    }

    fn history(plans: &[(u64, u64)], manifests: &[ManifestName]) -> JobHistory {
        let generation = |(number, plan): &(u64, u64)| GenerationObject {
            format: 1,
            generation: Generation(*number),
            slots: 2,
            assignment_version: ASSIGNMENT_VERSION,
            plan_fingerprint: Fingerprint::from_bits(*plan),
            layout: Layout::default(),
        };
        JobHistory {
            generations: plans.iter().map(generation).collect(),
            manifest_names: manifests.to_vec(),
            ..JobHistory::default()
        }
    }

    #[test]
    fn the_plan_before_keeps_the_newest_checkpoint_of_each_slot() {
        let manifests = [name(1, 0, 9), name(2, 0, 3), name(2, 0, 4), name(2, 1, 1), name(3, 0, 7)];
        let before = |plans: &[(u64, u64)]| -> String {
            let roots = rollback_roots(&history(plans, &manifests));
            let short = roots.iter().map(|name| name.to_string()[..8].to_owned());
            short.collect::<Vec<_>>().join(" ")
        };
        // A generation that took over from another one of the plan may not have covered every shard yet.
        assert_eq!(before(&[(1, 5), (2, 5), (3, 6)]), "g1-s0-c9 g2-s0-c4 g2-s1-c1");
        assert_eq!(before(&[(1, 4), (2, 5), (3, 6)]), "g2-s0-c4 g2-s1-c1");
        assert_eq!(before(&[(1, 5), (2, 6), (3, 5)]), "g1-s0-c9 g2-s0-c4 g2-s1-c1", "gone back");
        assert_eq!(before(&[(1, 5), (2, 5), (3, 5)]), "", "one plan: nothing to go back to");
        assert_eq!(before(&[(1, 5), (2, 6), (3, 6)]), "g1-s0-c9");
    }
}
