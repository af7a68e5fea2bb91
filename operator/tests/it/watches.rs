//! What the watches of the operator would tell, from the store: each look is a listing, so that what was deleted and
//! made again in between is told of as the new one alone.

use kube::ResourceExt;
use kube::runtime::watcher::Event;
use operator::watched::{JobKey, WatchId, Watched, by_label};

use crate::reading::Meta;
use crate::store::Store;

/// Kinds whose objects name their job by a label.
const CHILDREN: [&str; 6] =
    ["configmaps", "services", "statefulsets", "poddisruptionbudgets", "jobs", "pods"];

pub(crate) struct Watches {
    children: Vec<(&'static str, WatchId)>,
    jobs: WatchId,
    savepoints: WatchId,
    /// Changes of the store that have been told of.
    told: Option<u64>,
}

impl Watches {
    pub(crate) fn begin(watched: &Watched) -> Self {
        let children = CHILDREN.map(|plural| (plural, watched.begin())).to_vec();
        Self { children, jobs: watched.begin(), savepoints: watched.begin(), told: None }
    }

    pub(crate) fn tell(&mut self, store: &Store, watched: &Watched) {
        if self.told.replace(store.changes) == Some(store.changes) {
            return;
        }
        let of_name = |object: &Meta| Some((object.namespace()?, object.name_any()));
        for (plural, id) in &self.children {
            list(store, plural, *id, watched, by_label);
        }
        list(store, "streamjobs", self.jobs, watched, of_name);
        // Every savepoint of a story is one of its only job.
        list(store, "savepoints", self.savepoints, watched, |object: &Meta| {
            Some((object.namespace()?, "j".to_owned()))
        });
    }
}

fn list(
    store: &Store,
    plural: &str,
    id: WatchId,
    watched: &Watched,
    job_of: impl Fn(&Meta) -> Option<JobKey> + Copy,
) {
    let objects = store.objects.iter().filter(|(key, _)| key.0 == plural);
    let applied = objects.map(|(_, object)| Event::InitApply(object.meta().clone()));
    let events = std::iter::once(Event::Init).chain(applied).chain([Event::InitDone]);
    for event in events {
        watched.take(id, &event, job_of);
    }
}
