//! Does the state of the newest checkpoint fit the new plan? Asked before anything stops.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crds::{Upgrade, UpgradeMode};
use dataflow::{JobPlan, Shard};
use protocol::acquire::Stop;
use protocol::generation::Layout;
use protocol::keys::Keys;
use protocol::manifest::{Manifest, ManifestName, ShardSnapshot};
use protocol::metadata::OffsetMetadata;
use protocol::reason::Reason;
use protocol::verdict::{DiffClass, OperatorChanges};
use protocol::{Fingerprint, ShardId, StageId};
use serde_json::Value;

use super::firing::{moved_line, operator_changes};
use super::{PlanObject, input_of};
use crate::cluster::Cluster;
use crate::history::{JobHistory, read_json};
use crate::job::Job;
use crate::slot::store_stop;

/// What the check reads.
pub(super) struct Context<'a> {
    pub(super) job: &'a Job,
    pub(super) cluster: &'a Cluster,
    pub(super) history: &'a JobHistory,
    pub(super) plan: &'a Arc<JobPlan>,
}

/// What the edit changes.
#[derive(Debug)]
pub(super) struct Compatibility {
    pub(super) diff: DiffClass,
    /// What becomes of operators with state, where the plan is another one.
    pub(super) operators: Option<OperatorChanges>,
    /// Why it may not.
    pub(super) faults: Vec<Stop>,
    /// State that is given up because the user has said so.
    pub(super) warnings: Vec<String>,
}

/// Compares the plan with the state of the newest checkpoint.
pub(super) fn check(context: &Context<'_>, layout: &Layout) -> Result<Compatibility, Stop> {
    let without = |diff, operators| {
        Ok(Compatibility { diff, operators, faults: Vec::new(), warnings: Vec::new() })
    };
    let Some(newest) = context.history.newest() else { return without(DiffClass::First, None) };
    if newest.plan_fingerprint == context.plan.fingerprint {
        return without(DiffClass::SameLogic, None);
    }
    let before = &newest.plan_fingerprint;
    let lines = Lines::read((context.cluster, context.plan), &context.job.keys, before)?;
    let operators = lines.operators();
    let mut lost = lost_exchanges(&newest.layout, layout);
    let mut kept = BTreeSet::new();
    let mut read = BTreeMap::new();
    let shards: Vec<ShardId> = newest.layout.shards().collect();
    for (id, name) in named_manifests(context, &shards)? {
        if !read.contains_key(&name) {
            read.insert(name.clone(), read_manifest(context, &name)?);
        }
        let Some(snapshot) = read.get(&name).and_then(|m: &Manifest| m.shard(id.stage, &id.log))
        else {
            continue;
        };
        let gone = input_of(context.plan, context.job, &id).is_none();
        let why = fits(context.plan, context.job, &id, snapshot)
            .err()
            .or_else(|| lines.moved(&id, snapshot).filter(|_| !gone));
        // One line per operator, not per shard: the partition says nothing.
        if gone { &mut lost } else { &mut kept }.extend(why);
    }
    if lost.is_empty() && kept.is_empty() {
        return without(DiffClass::CompatibleLogic, operators);
    }
    let stop = |message| Stop::new(Reason::IncompatibleState, message);
    let acknowledged = is_acknowledged(&context.job.spec.upgrade, &newest.plan_fingerprint);
    let (faults, warnings) = if acknowledged {
        // A log that stays carries its state along; giving that up needs an owner that drops it.
        let faults = kept.into_iter().map(|why| {
            let message = format!("{why}; giving up the state of a log that stays is not supported: start a new StreamJob with startFrom");
            Stop::new(Reason::NotSupported, message)
        });
        (faults.collect(), lost.into_iter().map(|why| format!("acknowledged: {why}")).collect())
    } else {
        (lost.into_iter().chain(kept).map(stop).collect(), Vec::new())
    };
    Ok(Compatibility { diff: DiffClass::IncompatibleLogic, operators, faults, warnings })
}

/// The user has named the plan whose state is given up.
fn is_acknowledged(upgrade: &Upgrade, given_up: &Fingerprint) -> bool {
    let named = upgrade.acknowledge_state_loss.as_deref();
    upgrade.mode() == UpgradeMode::Stateless && named == Some(given_up.as_str())
}

/// Exchanges that the new plan does not read any more.
fn lost_exchanges(before: &Layout, now: &Layout) -> BTreeSet<String> {
    let mut lost = BTreeSet::new();
    for stage in before.stages.iter().filter(|s| s.stage.0 > 0) {
        let reads = |topic: &str| {
            now.stage(stage.stage).is_some_and(|s| s.topics.iter().any(|t| t.topic == topic))
        };
        for topic in stage.topics.iter().filter(|t| !reads(&t.topic)) {
            lost.insert(format!(
                "stage {} no longer reads the exchange {}: its key, window or row type has changed; rows in flight and its state would be lost",
                stage.stage, topic.topic
            ));
        }
    }
    lost
}

/// The manifest that the commit point of each shard names: its metadata, or the seal that it rests in.
fn named_manifests(
    context: &Context<'_>,
    shards: &[ShardId],
) -> Result<Vec<(ShardId, ManifestName)>, Stop> {
    let committed = context.cluster.committed(context.job, shards)?;
    let seal = context
        .history
        .newest()
        .and_then(|newest| context.history.pending_seal(newest.generation.next()));
    let mut named = Vec::new();
    for id in shards {
        let manifest = match committed.get(id) {
            Some((_, text)) => {
                OffsetMetadata::decode(text)
                    .map_err(|e| {
                        Stop::new(Reason::OffsetsMovedByOther, format!("shard {id}: {e}"))
                    })?
                    .manifest
            }
            None => seal.as_ref().and_then(|s| s.shard(id)).and_then(|(s, _)| s.manifest.clone()),
        };
        named.extend(manifest.map(|name| (id.clone(), name)));
    }
    Ok(named)
}

fn read_manifest(context: &Context<'_>, name: &ManifestName) -> Result<Manifest, Stop> {
    let job = context.job;
    let key = job.keys.manifest(name);
    let bytes =
        context.cluster.wait(context.cluster.store.get(&key)).map_err(|e| store_stop(&e))?;
    Manifest::decode(&bytes, name, &job.uid)
        .map_err(|e| Stop::new(Reason::ManifestCorrupt, e.to_string()))
}

/// By what the windows over a source itself close: in the new plan, and in the one whose state is taken over.
pub(super) struct Lines {
    own: Value,
    before: Option<Value>,
}

impl Lines {
    /// Reads what the planner has written of the plan before; none: nobody has kept it.
    pub(super) fn read(
        (cluster, plan): (&Cluster, &JobPlan),
        keys: &Keys,
        before: &Fingerprint,
    ) -> Result<Self, Stop> {
        let own = serde_json::to_value(sql::describe(plan))
            .map_err(|e| Stop::new(Reason::Bug, format!("the description is no JSON: {e}")))?;
        let object: Result<PlanObject, Stop> =
            cluster.wait(read_json(&cluster.store, &keys.plan(before)));
        match object {
            Ok(object) => Ok(Self { own, before: Some(object.description) }),
            Err(stop) if stop.reason == Reason::ManifestMissing => Ok(Self { own, before: None }),
            Err(stop) => Err(stop),
        }
    }

    /// Operators with state in the plan before and in the new one.
    fn operators(&self) -> Option<OperatorChanges> {
        Some(operator_changes(self.before.as_ref()?, &self.own))
    }

    /// What the snapshot still keeps has not fired at the old line. At another one it would be taken for fired, or what
    /// has fired would be fired again.
    pub(super) fn moved(&self, id: &ShardId, snapshot: &ShardSnapshot) -> Option<String> {
        if id.stage != StageId(0) || snapshot.tables.is_empty() {
            return None;
        }
        let topic = &id.log.topic;
        let Some(before) = &self.before else {
            return Some(format!(
                "what the plan before said of the watermark of {topic} is not in the store any more"
            ));
        };
        let why = moved_line(&self.own, before, topic)?;
        Some(format!("{why}: windows over the source itself would be lost or fire twice"))
    }
}

/// Can a shard of the plan take up this snapshot?
pub(super) fn fits(
    plan: &Arc<JobPlan>,
    job: &Job,
    id: &ShardId,
    snapshot: &ShardSnapshot,
) -> Result<(), String> {
    let Some(input) = input_of(plan, job, id) else {
        if snapshot.tables.is_empty() {
            return Ok(());
        }
        let operators: BTreeSet<&str> =
            snapshot.tables.iter().map(|t| t.operator.as_str()).collect();
        return Err(format!(
            "the query no longer reads {}, where {operators:?} keep state",
            id.log.topic
        ));
    };
    let shard = Shard::new(Arc::clone(plan), id.stage, input, id.log.clone())
        .map_err(|e| format!("stage {} of {}: {e}", id.stage, id.log.topic))?;
    shard
        .check_tables(&snapshot.tables)
        .map(drop)
        .map_err(|e| format!("stage {} of {}: {e}", id.stage, id.log.topic))
}

#[cfg(test)]
mod tests {
    use protocol::generation::{StageLogs, TopicPartitions};

    use super::*;

    fn layout(stages: &[(u32, &[&str])]) -> Layout {
        let stage = |(id, topics): &(u32, &[&str])| StageLogs {
            stage: StageId(*id),
            topics: topics
                .iter()
                .map(|t| TopicPartitions { topic: (*t).to_owned(), partitions: 1 })
                .collect(),
        };
        Layout { stages: stages.iter().map(stage).collect() }
    }

    #[test]
    fn an_exchange_that_is_no_longer_read_is_a_loss_and_a_source_is_not() {
        let before = layout(&[(0, &["a", "b"]), (1, &["x", "y"])]);
        assert!(lost_exchanges(&before, &before).is_empty());
        let now = layout(&[(0, &["a"]), (1, &["y", "z"])]);
        let lost = lost_exchanges(&before, &now);
        assert_eq!(lost.len(), 1);
        assert!(lost.first().is_some_and(|why| why.contains("exchange x")), "{lost:?}");
        assert_eq!(lost_exchanges(&before, &layout(&[(0, &["a"])])).len(), 2);
    }

    #[test]
    fn only_the_named_plan_is_given_up() {
        let given_up = Fingerprint::from_bits(7);
        let upgrade = |mode, named: Option<&str>| Upgrade {
            mode,
            acknowledge_state_loss: named.map(str::to_owned),
            ..Upgrade::default()
        };
        let stateless = Some(UpgradeMode::Stateless);
        for (upgrade, expected) in [
            (upgrade(stateless, Some(given_up.as_str())), true),
            (upgrade(stateless, Some("0000000000000008")), false),
            (upgrade(stateless, None), false),
            (upgrade(None, Some(given_up.as_str())), false),
        ] {
            assert_eq!(is_acknowledged(&upgrade, &given_up), expected, "{upgrade:?}");
        }
    }
}
