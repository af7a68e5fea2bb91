//! What the watches have told: of everything that belongs to a job one fingerprint, made of names, identities and
//! versions. Nothing is decided from it but whether anything is new since a pass looked; what a pass decides on, it
//! reads itself.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use kube::runtime::watcher::Event;
use kube::{Resource, ResourceExt};
use tokio::sync::watch;

use crate::names;

/// Namespace and name of a job.
pub type JobKey = (String, String);

/// One of the watches, by the order in which they began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchId(usize);

/// An object, as far as it matters here.
struct Told {
    job: JobKey,
    print: u64,
    /// The listing that named it last.
    listing: u32,
}

/// What one watch has told, by namespace and name.
#[derive(Default)]
struct OfWatch {
    objects: HashMap<JobKey, Told>,
    listing: u32,
    complete: bool,
}

/// What is new in a listing waits for its end: before it, whoever looks a new object up may not find it yet.
#[derive(Debug, Default)]
pub struct Listing {
    open: bool,
    news: Vec<JobKey>,
}

impl Listing {
    /// What can be told now.
    pub fn hold<K>(
        &mut self,
        event: &Event<K>,
        news: impl IntoIterator<Item = JobKey>,
    ) -> Vec<JobKey> {
        match event {
            // One that broke off leaves what it told before to the next.
            Event::Init | Event::InitApply(_) => self.open = true,
            Event::InitDone => self.open = false,
            Event::Apply(_) | Event::Delete(_) => {}
        }
        self.news.extend(news);
        if self.open { Vec::new() } else { std::mem::take(&mut self.news) }
    }
}

/// The sum of what is known of a job, and of how many objects.
#[derive(Clone, Copy, Default)]
struct Sum {
    print: u64,
    objects: u32,
}

#[derive(Default)]
struct Known {
    watches: Vec<OfWatch>,
    jobs: HashMap<JobKey, Sum>,
}

/// All watches of this process.
pub struct Watched {
    known: Mutex<Known>,
    /// Watches whose first listing is not over.
    listing: watch::Sender<usize>,
}

impl Default for Watched {
    fn default() -> Self {
        Self { known: Mutex::default(), listing: watch::channel(0).0 }
    }
}

impl Watched {
    /// A watch begins.
    pub fn begin(&self) -> WatchId {
        self.listing.send_modify(|count| *count += 1);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.watches.push(OfWatch::default());
        WatchId(known.watches.len() - 1)
    }

    /// Takes up an event. Returns the jobs of which something is new.
    pub fn take<K>(
        &self,
        of: WatchId,
        event: &Event<K>,
        job_of: impl Fn(&K) -> Option<JobKey>,
    ) -> Vec<JobKey>
    where
        K: Resource<DynamicType = ()>,
    {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Init => {
                let watch = &mut known.watches[of.0];
                watch.listing = watch.listing.wrapping_add(1);
                Vec::new()
            }
            Event::InitApply(object) | Event::Apply(object) => match job_of(object) {
                Some(job) => known.put(of, object, job),
                None => known.remove(of, &key(object)).into_iter().collect(),
            },
            Event::Delete(object) => known.remove(of, &key(object)).into_iter().collect(),
            Event::InitDone => {
                let gone = known.sweep(of);
                if !std::mem::replace(&mut known.watches[of.0].complete, true) {
                    self.listing.send_modify(|count| *count -= 1);
                }
                gone
            }
        }
    }

    /// What is known of a job; `None`: nothing.
    pub fn seen(&self, namespace: &str, name: &str) -> Option<u64> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = known.jobs.get(&(namespace.to_owned(), name.to_owned()))?;
        Some(sum.print)
    }

    /// Waits until every watch has told what was there when it began.
    pub async fn complete(&self) {
        let mut listing = self.listing.subscribe();
        // The sender lives as long as this does.
        drop(listing.wait_for(|count| *count == 0).await);
    }
}

impl Known {
    fn put<K: Resource<DynamicType = ()>>(
        &mut self,
        of: WatchId,
        object: &K,
        job: JobKey,
    ) -> Vec<JobKey> {
        let watch = &mut self.watches[of.0];
        let print = print(of, object);
        let key = key(object);
        let listing = watch.listing;
        if let Some(told) = watch.objects.get_mut(&key)
            && told.print == print
            && told.job == job
        {
            told.listing = listing;
            return Vec::new();
        }
        let mut news: Vec<JobKey> = self.remove(of, &key).into_iter().collect();
        let sum = self.jobs.entry(job.clone()).or_default();
        sum.print = sum.print.wrapping_add(print);
        sum.objects += 1;
        self.watches[of.0].objects.insert(key, Told { job: job.clone(), print, listing });
        if !news.contains(&job) {
            news.push(job);
        }
        news
    }

    fn remove(&mut self, of: WatchId, key: &JobKey) -> Option<JobKey> {
        let told = self.watches[of.0].objects.remove(key)?;
        if let Some(sum) = self.jobs.get_mut(&told.job) {
            sum.print = sum.print.wrapping_sub(told.print);
            sum.objects -= 1;
            if sum.objects == 0 {
                self.jobs.remove(&told.job);
            }
        }
        Some(told.job)
    }

    /// What the newest listing did not name is gone.
    fn sweep(&mut self, of: WatchId) -> Vec<JobKey> {
        let watch = &self.watches[of.0];
        let old = watch.objects.iter().filter(|(_, told)| told.listing != watch.listing);
        let old: Vec<JobKey> = old.map(|(key, _)| key.clone()).collect();
        old.iter().filter_map(|key| self.remove(of, key)).collect()
    }
}

fn key<K: Resource<DynamicType = ()>>(object: &K) -> JobKey {
    (object.namespace().unwrap_or_default(), object.name_any())
}

fn print<K: Resource<DynamicType = ()>>(of: WatchId, object: &K) -> u64 {
    let mut hasher = DefaultHasher::new();
    (of.0, key(object), &object.meta().uid, &object.meta().resource_version).hash(&mut hasher);
    hasher.finish()
}

/// The job that a child names in its label.
pub fn by_label<K: Resource<DynamicType = ()>>(child: &K) -> Option<JobKey> {
    let job = child.labels().get(names::JOB)?;
    Some((child.namespace()?, job.clone()))
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Service;
    use serde_json::json;

    use super::*;

    fn child(name: &str, version: &str, job: &str) -> Service {
        let labels = if job.is_empty() { json!({}) } else { json!({names::JOB: job}) };
        let object = json!({"apiVersion": "v1", "kind": "Service", "metadata": {
            "namespace": "n", "name": name, "uid": name, "resourceVersion": version,
            "labels": labels,
        }});
        serde_json::from_value(object).expect("a Service")
    }

    #[test]
    fn a_job_is_told_of_what_is_new_and_of_nothing_else() {
        use Event as E;
        let watched = Watched::default();
        let id = watched.begin();
        let print = |job: &str| watched.seen("n", job);
        let steps = [
            (E::Init, vec![]),
            (E::InitApply(child("a", "1", "j")), vec!["j"]),
            (E::InitDone, vec![]),
            (E::Apply(child("a", "1", "j")), vec![]),
            (E::Apply(child("a", "2", "j")), vec!["j"]),
            (E::Apply(child("a", "3", "k")), vec!["j", "k"]),
            (E::Apply(child("b", "4", "k")), vec!["k"]),
            (E::Apply(child("c", "5", "")), vec![]),
            (E::Init, vec![]),
            (E::InitApply(child("b", "4", "k")), vec![]),
            (E::InitDone, vec!["k"]),
            (E::Delete(child("b", "4", "k")), vec!["k"]),
        ];
        for (event, want) in steps {
            let before = [print("j"), print("k")];
            let found = watched.take(id, &event, by_label);
            let names: Vec<&str> = found.iter().map(|(_, name)| name.as_str()).collect();
            assert_eq!(names, want, "{event:?}");
            assert_eq!(before != [print("j"), print("k")], !want.is_empty(), "{event:?}");
        }
        assert_eq!([print("j"), print("k")], [None, None]);
    }

    #[test]
    fn what_a_listing_finds_is_told_at_its_end() {
        use Event as E;
        let mut listing = Listing::default();
        let job = |name: &str| ("n".to_owned(), name.to_owned());
        let steps: [(Event<u8>, &[&str], &[&str]); 8] = [
            (E::Init, &[], &[]),
            (E::InitApply(1), &["a"], &[]),
            // It broke off, and what it told of is not told of again.
            (E::Init, &[], &[]),
            (E::InitApply(2), &["b"], &[]),
            (E::InitDone, &["gone"], &["a", "b", "gone"]),
            (E::Apply(3), &["c"], &["c"]),
            (E::Delete(3), &["c"], &["c"]),
            (E::Apply(4), &[], &[]),
        ];
        for (event, news, want) in steps {
            let found = listing.hold(&event, news.iter().map(|name| job(name)));
            let want: Vec<JobKey> = want.iter().map(|name| job(name)).collect();
            assert_eq!(found, want, "{event:?}");
        }
    }

    #[test]
    fn the_same_things_give_the_same_print_in_any_order() {
        let prints = [["a", "b"], ["b", "a"]].map(|order| {
            let watched = Watched::default();
            let id = watched.begin();
            for name in order {
                watched.take(id, &Event::Apply(child(name, "1", "j")), by_label);
            }
            watched.seen("n", "j")
        });
        assert!(prints[0].is_some() && prints[0] == prints[1]);
    }
}
