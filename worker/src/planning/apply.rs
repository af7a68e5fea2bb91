//! Carries a plan out: internal topics, the plan object, the first rest point. Every step may be repeated.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use connectors::faults::{self, Point};
use protocol::Generation;
use protocol::SlotIndex;
use protocol::acquire::Stop;
use protocol::generation::{Sealed, SealedShard};
use protocol::hash::HASH_VERSION;
use protocol::limits::EXCHANGE_PARTITIONS_MAX;
use protocol::reason::Reason;

use super::{First, PLAN_FORMAT, PlanObject, Planned, internal};
use crate::cluster::Cluster;
use crate::history::{JobHistory, read_json};
use crate::job::Job;
use crate::slot::store_stop;

/// Format of a sealed object.
const SEALED_FORMAT: u32 = 1;

/// Creates what the plan needs before a generation of `slots` starts.
pub fn apply(
    job: &Job,
    cluster: &Cluster,
    planned: &Planned,
    slots: Option<u32>,
) -> Result<(), Stop> {
    cluster.probe(job)?;
    tracing::debug!("the store creates conditionally");
    let mut wanted = BTreeMap::new();
    for exchange in &planned.plan.exchanges {
        let topic = job
            .names
            .exchange_topic(&exchange.id, &exchange.fingerprint)
            .map_err(|e| Stop::new(Reason::InvalidSpec, e.to_string()))?;
        wanted.insert(topic, exchange.partitions);
    }
    faults::before(Point::PlanTopics);
    for (topic, partitions) in &wanted {
        let has = internal::create(cluster, topic, *partitions)?;
        if has != *partitions {
            return Err(Stop::new(
                Reason::TopicReplaced,
                format!(
                    "the exchange topic '{topic}' has {has} partitions, {partitions} were fixed: somebody else has made or changed it"
                ),
            ));
        }
    }
    // More slots than the widest stage has shards are refused, so this lasts until a source grows.
    let slots = slots.unwrap_or(0).max(planned.layout.widest()).max(1);
    grow_control_topic(job, cluster, slots)?;
    faults::after(Point::PlanTopics);
    faults::before(Point::PlanObject);
    write_plan(job, cluster, planned)?;
    faults::after(Point::PlanObject);
    if let Some(first) = &planned.first {
        faults::before(Point::PlanFirst);
        write_first(job, cluster, first)?;
        faults::after(Point::PlanFirst);
    }
    Ok(())
}

/// The control topic has a partition for every slot (O3).
pub fn grow_control_topic(job: &Job, cluster: &Cluster, slots: u32) -> Result<(), Stop> {
    let topic = job.names.control_topic();
    let wanted = slots.max(EXCHANGE_PARTITIONS_MAX.min(16));
    let has = internal::create(cluster, &topic, wanted)?;
    if has < slots {
        internal::grow(cluster, &topic, slots)?;
    }
    Ok(())
}

fn write_plan(job: &Job, cluster: &Cluster, planned: &Planned) -> Result<(), Stop> {
    let description = serde_json::to_value(sql::describe(&planned.plan))
        .map_err(|e| Stop::new(Reason::Bug, format!("the description is no JSON: {e}")))?;
    let object = PlanObject {
        format: PLAN_FORMAT,
        fingerprint: planned.plan.fingerprint.clone(),
        exchange_partitions: planned.exchange_partitions,
        hash_version: HASH_VERSION,
        layout: planned.layout.clone(),
        description,
    };
    let key = job.keys.plan(&object.fingerprint);
    if create(cluster, &key, to_json(&object))? {
        return Ok(());
    }
    let found: PlanObject = cluster.wait(read_json(&cluster.store, &key))?;
    if found.exchange_partitions != object.exchange_partitions {
        return Err(Stop::new(
            Reason::Bug,
            format!(
                "{key} has {} exchange partitions, planned were {}",
                found.exchange_partitions, object.exchange_partitions
            ),
        ));
    }
    Ok(())
}

/// Writes `sealed/0/0`. While no generation exists it is the planner's alone: an edit before the first start may
/// replace it. Looked at again right before, because a generation may have started meanwhile.
fn write_first(job: &Job, cluster: &Cluster, first: &First) -> Result<(), Stop> {
    let key = job.keys.sealed(Generation(0), SlotIndex(0));
    let object = Sealed {
        format: SEALED_FORMAT,
        generation: Generation(0),
        slot: SlotIndex(0),
        slots: 1,
        job_uid: first.job_uid.clone(),
        shards: first.shards.clone(),
    };
    if create(cluster, &key, to_json(&object))? {
        return Ok(());
    }
    let found: Sealed = cluster.wait(read_json(&cluster.store, &key))?;
    if same_start(&found, &object, &first.latest) {
        return Ok(());
    }
    let history = cluster.wait(JobHistory::read(&cluster.store, &job.keys))?;
    if !history.generations.is_empty() {
        return Err(Stop::new(
            Reason::Superseded,
            "a generation has started meanwhile; plan again",
        ));
    }
    let object = with_first_ends(object, &found, &first.latest);
    cluster.wait(cluster.store.delete(&key)).map_err(|e| store_stop(&e))?;
    if create(cluster, &key, to_json(&object))? {
        return Ok(());
    }
    Err(Stop::new(Reason::Superseded, format!("{key} was written by another planner; plan again")))
}

/// Does the stored rest point say the same? Where a source begins at its end the stored number stays: it is the end
/// at the time of the first plan.
fn same_start(stored: &Sealed, wanted: &Sealed, latest: &BTreeSet<String>) -> bool {
    let comparable = |sealed: &Sealed| {
        let shards = sealed.shards.iter().map(|s| {
            let moves = s.manifest.is_none() && latest.contains(&s.shard.log.topic);
            (s.shard.clone(), (!moves).then_some(s.offset), s.manifest.clone())
        });
        shards.collect::<BTreeSet<_>>()
    };
    stored.job_uid == wanted.job_uid && comparable(stored) == comparable(wanted)
}

/// The wanted rest point with the ends that were stored. A partition that was added to such a source since then is
/// read from its start, as it would be had the job run already (S4).
fn with_first_ends(mut wanted: Sealed, stored: &Sealed, latest: &BTreeSet<String>) -> Sealed {
    if stored.job_uid != wanted.job_uid {
        return wanted;
    }
    for shard in &mut wanted.shards {
        if shard.manifest.is_some() || !latest.contains(&shard.shard.log.topic) {
            continue;
        }
        let of_topic = |s: &&SealedShard| {
            s.shard.stage == shard.shard.stage && s.shard.log.topic == shard.shard.log.topic
        };
        let mut known = stored.shards.iter().filter(of_topic).peekable();
        if known.peek().is_some() {
            shard.offset = known.find(|s| s.shard == shard.shard).map_or(0, |s| s.offset);
        }
    }
    wanted
}

fn create(cluster: &Cluster, key: &str, body: Bytes) -> Result<bool, Stop> {
    cluster.wait(JobHistory::create(&cluster.store, key, body))
}

fn to_json(value: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec(value).expect("objects of ours have no value that JSON lacks").into()
}

#[cfg(test)]
mod tests {
    use protocol::{Log, ShardId, StageId};

    use super::*;

    fn sealed(job_uid: &str, offsets: &[(&str, i32, i64)]) -> Sealed {
        let shard = |(topic, partition, offset): &(&str, i32, i64)| SealedShard {
            shard: ShardId { stage: StageId(0), log: Log::new(*topic, *partition) },
            offset: *offset,
            manifest: None,
            clock: None,
        };
        Sealed {
            format: SEALED_FORMAT,
            generation: Generation(0),
            slot: SlotIndex(0),
            slots: 1,
            job_uid: job_uid.to_owned(),
            shards: offsets.iter().map(shard).collect(),
        }
    }

    #[test]
    fn the_ends_of_the_first_plan_stay_when_partitions_are_added_before_the_start() {
        let latest = BTreeSet::from(["a".to_owned(), "new".to_owned()]);
        let stored = sealed("u", &[("a", 0, 7), ("a", 1, 9), ("b", 0, 3)]);
        let wanted = [("a", 0, 70), ("a", 1, 90), ("a", 2, 50), ("b", 0, 4), ("new", 0, 5)];
        let expected = [("a", 0, 7), ("a", 1, 9), ("a", 2, 0), ("b", 0, 4), ("new", 0, 5)];
        let wanted = |uid| sealed(uid, &wanted);
        assert!(!same_start(&stored, &wanted("u"), &latest));
        assert_eq!(with_first_ends(wanted("u"), &stored, &latest), sealed("u", &expected));
        // Another job's savepoint is another start.
        assert_eq!(with_first_ends(wanted("v"), &stored, &latest), wanted("v"));
    }
}
