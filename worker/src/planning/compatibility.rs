//! Does the state of the newest checkpoint fit the new plan? Asked before anything stops.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dataflow::{JobPlan, Shard};
use protocol::ShardId;
use protocol::acquire::Stop;
use protocol::manifest::{Manifest, ManifestName, ShardSnapshot};
use protocol::metadata::OffsetMetadata;
use protocol::reason::Reason;
use protocol::verdict::DiffClass;

use super::input_of;
use crate::cluster::Cluster;
use crate::history::JobHistory;
use crate::job::Job;
use crate::slot::store_stop;

/// What the check reads.
pub(super) struct Context<'a> {
    pub(super) job: &'a Job,
    pub(super) cluster: &'a Cluster,
    pub(super) history: &'a JobHistory,
    pub(super) plan: &'a Arc<JobPlan>,
}

/// What the edit changes, and why it may not.
pub(super) fn check(
    context: &Context<'_>,
    layout: &protocol::generation::Layout,
) -> Result<(DiffClass, Vec<Stop>), Stop> {
    let Some(newest) = context.history.newest() else { return Ok((DiffClass::First, Vec::new())) };
    if newest.plan_fingerprint == context.plan.fingerprint {
        return Ok((DiffClass::SameLogic, Vec::new()));
    }
    let shards: Vec<ShardId> = newest.layout.shards().collect();
    let mut faults = BTreeSet::new();
    for stage in &newest.layout.stages {
        for topic in &stage.topics {
            let kept = layout
                .stage(stage.stage)
                .is_some_and(|s| s.topics.iter().any(|t| t.topic == topic.topic));
            if stage.stage.0 > 0 && !kept {
                faults.insert(format!(
                    "stage {} no longer reads the exchange {}: its key or row type has changed, rows in flight and its state would be lost",
                    stage.stage, topic.topic
                ));
            }
        }
    }
    let named = named_manifests(context, &shards)?;
    let mut read = BTreeMap::new();
    for (id, name) in named {
        if !read.contains_key(&name) {
            read.insert(name.clone(), read_manifest(context, &name)?);
        }
        if let Some(snapshot) = read.get(&name).and_then(|m: &Manifest| m.shard(id.stage, &id.log))
            && let Err(why) = fits(context.plan, context.job, &id, snapshot)
        {
            // One line per operator, not per shard: the partition says nothing.
            faults.insert(why);
        }
    }
    if faults.is_empty() {
        return Ok((DiffClass::CompatibleLogic, Vec::new()));
    }
    let stops = faults
        .into_iter()
        .map(|message| Stop::new(Reason::IncompatibleState, message))
        .collect();
    Ok((DiffClass::IncompatibleLogic, stops))
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
