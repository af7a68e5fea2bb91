//! The Job that ends a job for good: it fences every id of the last generation and, where the
//! user wants it, deletes what the job left in Kafka and in the store.

use crds::{DeletionPolicy, StreamJobStatus};

use super::Object;
use super::task::{Task, objects};
use crate::limits::CLEAN_DEADLINE_SECS;
use crate::machine::End;
use crate::names::{self, Component};
use crate::observed::Observed;
use crate::validate::{Settings, Target};

/// ConfigMap and Job, if there is a spec to work with and something to do.
pub fn of(
    observed: &Observed,
    target: Option<&Target>,
    memory: &StreamJobStatus,
    settings: &Settings,
) -> Vec<Object> {
    let end = End::of(target.map(|target| &target.spec));
    let current = memory.current.as_ref();
    let good = current.and_then(|current| observed.configs.get(&current.number));
    let Some(spec) = good.or(target.map(|target| &target.spec)) else { return Vec::new() };
    if memory.last_generation == 0 && end.policy == DeletionPolicy::Keep {
        return Vec::new();
    }
    let mut args: Vec<String> =
        ["clean", "--job", "/etc/streamjob/job.json"].map(str::to_owned).to_vec();
    if memory.last_generation > 0 {
        args.extend(["--generation".to_owned(), memory.last_generation.to_string()]);
        args.push("--fence".to_owned());
    }
    if end.policy == DeletionPolicy::Delete {
        args.push("--delete-state".to_owned());
    }
    let image = current.map_or(settings.worker_image.as_str(), |current| current.image.as_str());
    let task = Task {
        name: names::clean(&observed.job.name),
        component: Component::Clean,
        spec_digest: "",
        image,
        spec,
        args,
        retries: 6,
        deadline_secs: CLEAN_DEADLINE_SECS,
    };
    objects(observed, &task)
}
