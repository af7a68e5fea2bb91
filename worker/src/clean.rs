//! `clean`: work on a job that has no running slots. Every step may be repeated.

use std::collections::BTreeSet;
use std::fs;

use connectors::{Admin, turns};
use protocol::acquire::Stop;
use protocol::generation::{Layout, Sealed};
use protocol::keys::Keys;
use protocol::manifest::Manifest;
use protocol::reason::Reason;
use protocol::{Generation, SlotIndex};
use tokio::runtime::Handle;

use crate::admin::is_savepoint_name;
use crate::args::CleanArgs;
use crate::cluster::{self, Cluster, retrying};
use crate::exit::{Ending, LastWords};
use crate::gc;
use crate::history::{JobHistory, read_json};
use crate::job::Job;
use crate::limits::BROKER_WAIT;
use crate::planning::PlanObject;
use crate::slot::{kafka_stop, store_stop};

/// Does what was asked for, in an order that leaves nothing half understood when it is cut short.
pub fn clean(args: &CleanArgs, runtime: &Handle) -> Result<Ending, Stop> {
    let result = work(args, runtime);
    if let Some(path) = &args.termination_log {
        match &result {
            Ok(done) => drop(fs::write(path, done)),
            Err(stop) => LastWords::from(stop).leave(path),
        }
    }
    result.map(|done| {
        tracing::info!("{done}");
        Ending::Done
    })
}

fn work(args: &CleanArgs, runtime: &Handle) -> Result<String, Stop> {
    let job = Job::load(&args.job.job, &args.job.secrets_dir)?;
    let cluster = Cluster::open(&job, runtime.clone())?;
    let history = cluster.wait(JobHistory::read(&cluster.store, &job.keys))?;
    check_newest(args.generation.map(Generation), &history)?;
    let mut done = Vec::new();
    if args.fence || args.delete_state {
        done.push(format!("fenced {} slots", fence(&job, &history)?));
    }
    if let Some(name) = &args.savepoint {
        done.push(format!(
            "deleted {} parts of savepoint {name}",
            delete_savepoint(&job, &cluster, name)?
        ));
    }
    if args.delete_state {
        done.push(delete_state(&job, &cluster, &history)?);
    } else if args.gc {
        let collected = gc::collect(&job, &cluster, gc::Standing::Unjudged, turns::now_ms())?;
        done.push(format!("collected garbage: {collected:?}"));
    }
    if done.is_empty() {
        let message = "nothing to do: give --fence, --gc, --savepoint or --delete-state";
        return Err(Stop::new(Reason::InvalidSpec, message));
    }
    Ok(done.join("; "))
}

/// A newer generation than the caller knows of means that the job goes on: hands off.
fn check_newest(known: Option<Generation>, history: &JobHistory) -> Result<(), Stop> {
    let newest = history.newest().map(|g| g.generation);
    match (known, newest) {
        (Some(known), Some(newest)) if newest > known => Err(Stop::new(
            Reason::Superseded,
            format!("generation {newest} exists, clean was asked for {known}: the job goes on"),
        )),
        _ => Ok(()),
    }
}

/// O8: after this no process of the last generation can commit.
fn fence(job: &Job, history: &JobHistory) -> Result<u32, Stop> {
    let Some(last) = history.newest() else { return Ok(0) };
    for slot in (0..last.slots).map(SlotIndex) {
        cluster::fence(job, last.generation, slot)?;
    }
    Ok(last.slots)
}

fn delete_savepoint(job: &Job, cluster: &Cluster, name: &str) -> Result<usize, Stop> {
    if !is_savepoint_name(name) {
        let message = format!("'{name}' is not the name of a savepoint");
        return Err(Stop::new(Reason::InvalidSpec, message));
    }
    let parts = gc::list(cluster, &job.keys.savepoints(name))?;
    for key in &parts {
        gc::delete(cluster, key)?;
    }
    Ok(parts.len())
}

/// Internal topics, groups, and all objects but those that savepoints reach. What names the topics goes last, so that
/// a second try still finds them.
fn delete_state(job: &Job, cluster: &Cluster, history: &JobHistory) -> Result<String, Stop> {
    let layouts = layouts(job, cluster, history)?;
    let (topics, groups) = gc::internal_names(job, &layouts);
    let kept = kept_by_savepoints(job, cluster)?;
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    let admin = Admin::open(&job.kafka, BROKER_WAIT).map_err(|e| kafka_stop(&e))?;
    retrying(|| admin.delete_topics(&names))?;
    let names: Vec<&str> = groups.iter().map(String::as_str).collect();
    retrying(|| admin.delete_groups(&names))?;
    let keys = gc::list(cluster, &job.keys.root())?;
    let (last, first): (Vec<&String>, Vec<&String>) = keys
        .iter()
        .filter(|key| !is_savepoint(job, key) && !kept.contains(*key))
        .partition(|key| names_topics(job, key));
    for key in first.iter().chain(&last) {
        gc::delete(cluster, key)?;
    }
    let kept = keys.len() - first.len() - last.len();
    Ok(format!(
        "deleted {} topics, {} groups, {} objects; {kept} objects stay for savepoints",
        topics.len(),
        groups.len(),
        first.len() + last.len()
    ))
}

/// The logs of every generation and plan of the job.
fn layouts(job: &Job, cluster: &Cluster, history: &JobHistory) -> Result<Vec<Layout>, Stop> {
    let mut layouts: Vec<Layout> = history.generations.iter().map(|g| g.layout.clone()).collect();
    for key in gc::list(cluster, &plans(&job.keys))? {
        let plan: PlanObject = cluster.wait(read_json(&cluster.store, &key))?;
        layouts.push(plan.layout);
    }
    Ok(layouts)
}

fn plans(keys: &Keys) -> String {
    format!("{}plans/", keys.root())
}

fn names_topics(job: &Job, key: &str) -> bool {
    key.starts_with(&job.keys.generations()) || key.starts_with(&plans(&job.keys))
}

fn is_savepoint(job: &Job, key: &str) -> bool {
    key.starts_with(&job.keys.savepoints(""))
}

/// Keys of the manifests, runs and plans that savepoints need.
fn kept_by_savepoints(job: &Job, cluster: &Cluster) -> Result<BTreeSet<String>, Stop> {
    let mut kept = BTreeSet::new();
    for key in gc::list(cluster, &job.keys.savepoints(""))? {
        let part: Sealed = cluster.wait(read_json(&cluster.store, &key))?;
        let names: BTreeSet<_> = part.shards.into_iter().filter_map(|s| s.manifest).collect();
        for name in names {
            let key = job.keys.manifest(&name);
            if !kept.insert(key.clone()) {
                continue;
            }
            let bytes = cluster.wait(cluster.store.get(&key)).map_err(|e| store_stop(&e))?;
            let manifest = Manifest::decode(&bytes, &name, &job.uid)
                .map_err(|e| Stop::new(Reason::ManifestCorrupt, e.to_string()))?;
            // Who restores from it has to know by what its windows close.
            kept.insert(job.keys.plan(&manifest.plan_fingerprint));
            kept.extend(protocol::gc::reachable_objects(&[manifest]));
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_keeps_its_hands_off_a_job_that_goes_on() {
        let history = |newest: Option<u64>| JobHistory {
            generations: newest
                .map(|g| protocol::generation::GenerationObject {
                    format: 1,
                    generation: Generation(g),
                    slots: 1,
                    assignment_version: 1,
                    plan_fingerprint: protocol::Fingerprint::from_bits(1),
                    layout: Layout::default(),
                })
                .into_iter()
                .collect(),
            ..JobHistory::default()
        };
        for (known, newest, allowed) in [
            (Some(3), Some(3), true),
            (Some(3), Some(2), true),
            (Some(3), Some(4), false),
            (Some(3), None, true),
            (None, Some(4), true),
        ] {
            let checked = check_newest(known.map(Generation), &history(newest));
            assert_eq!(checked.is_ok(), allowed, "{known:?} {newest:?}");
        }
    }
}
