//! From the raw object to a target: what should run, checked, with every default resolved.

use std::collections::BTreeMap;

use crds::{
    DesiredState, GenerationStatus, HumanDuration, JobName, PlanStatus, RestoreFrom, Source,
    StreamJobSpec, validate_for_cluster,
};
use serde_json::{Value, json};

use crate::digest;
use crate::names;
use crate::observed::{JobView, Observed, RestoreView};
use crate::partitions::{self, Asked};

/// What the operator was told when it was installed.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The worker image of jobs that name none.
    pub worker_image: String,
    /// How long a new generation may take to warm up beside a running one.
    pub warm_up_deadline: std::time::Duration,
}

/// A valid spec and what follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The spec, with `restoreFrom` resolved to an address.
    pub spec: StreamJobSpec,
    /// The image in force.
    pub image: String,
    /// A digest of what the planner looks at.
    pub plan_digest: String,
    /// Partitions of the sources, where some were added since the first plan of the spec.
    pub partitions: Option<BTreeMap<String, u32>>,
    /// A digest of what pods are made from, but for their number.
    pub pods_digest: String,
    /// The savepoint to begin with is not complete yet.
    pub waits_for_savepoint: bool,
}

/// A spec that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// All faults in one text.
    pub message: String,
    /// A digest of the raw spec.
    pub digest: String,
}

/// Checks the spec of what was read.
pub fn target(observed: &Observed, settings: &Settings) -> Result<Target, Invalid> {
    let job = &observed.job;
    let invalid = |message: String| Invalid { message, digest: digest::of(&job.spec) };
    JobName::new(job.name.as_str()).map_err(|error| invalid(error.to_string()))?;
    let spec: StreamJobSpec = serde_json::from_value(job.spec.clone())
        .map_err(|error| invalid(format!("spec cannot be read: {error}")))?;
    let faults = validate_for_cluster(&spec);
    if !faults.is_empty() {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        return Err(invalid(faults.join("; ")));
    }
    resolve(observed, spec, settings).map_err(invalid)
}

fn resolve(
    observed: &Observed,
    mut spec: StreamJobSpec,
    settings: &Settings,
) -> Result<Target, String> {
    let job = &observed.job;
    let Asked { digest: plan_digest, partitions } =
        partitions::asked(digest::of(&planned_part(&spec)), observed);
    let pods_digest = digest::of(&pods_part(&spec, job));
    let image = spec.worker.image.clone().unwrap_or_else(|| settings.worker_image.clone());
    let first = job.status.current.is_none();
    let mut waits_for_savepoint = false;
    if let (Some(RestoreFrom::Savepoint(_)), true) = (&spec.restore_from, first) {
        match &observed.restore {
            Some(RestoreView::Ready { location }) => {
                spec.restore_from = Some(RestoreFrom::Manifest(location.clone()));
            }
            Some(RestoreView::Missing(why)) => return Err(format!("spec.restoreFrom: {why}")),
            Some(RestoreView::Pending) | None => waits_for_savepoint = true,
        }
    }
    Ok(Target { spec, image, plan_digest, partitions, pods_digest, waits_for_savepoint })
}

/// What the query is made of. The image belongs to it: another version may plan differently.
fn query_part(spec: &StreamJobSpec) -> Value {
    json!({
        "kafka": spec.kafka,
        "sources": spec.sources.iter().map(planned_source).collect::<Vec<_>>(),
        "sinks": spec.sinks,
        "sql": spec.sql,
        "delivery": spec.delivery,
        "location": spec.checkpoints.location,
        "maxParallelism": spec.max_parallelism,
        "image": spec.worker.image,
    })
}

/// A source but for what only the reading of its logs goes by.
fn planned_source(source: &Source) -> Source {
    let mut source = source.clone();
    if let Some(watermark) = &mut source.watermark {
        watermark.max_drift = None;
    }
    source
}

/// How far the logs of each source may be apart, by name.
fn drifts(spec: &StreamJobSpec) -> BTreeMap<&str, HumanDuration> {
    let drift = |source: &Source| source.watermark.as_ref()?.max_drift;
    let drifts = spec.sources.iter().map(|source| Some((source.name.as_str(), drift(source)?)));
    drifts.flatten().collect()
}

/// What the planner looks at: the query, what may become of the state, and the way to the store, so
/// that wrong credentials are found before pods start with them.
fn planned_part(spec: &StreamJobSpec) -> Value {
    let checkpoints = &spec.checkpoints;
    json!({
        "query": query_part(spec),
        "store": [
            json!(checkpoints.endpoint),
            json!(checkpoints.region),
            json!(checkpoints.path_style),
            json!(checkpoints.credentials_secret_ref),
        ],
        "restoreFrom": spec.restore_from,
        "mode": spec.upgrade.mode(),
        "acknowledged": spec.upgrade.acknowledge_state_loss,
    })
}

/// What a change of which needs new pods. The image is the one written, not the one resolved: an
/// upgrade of the operator must not restart anything.
fn pods_part(spec: &StreamJobSpec, job: &JobView) -> Value {
    let mut made_from = json!({
        "query": query_part(spec),
        "commit": spec.commit,
        "checkpoints": spec.checkpoints,
        "worker": spec.worker,
        "restartedAt": job.annotations.get(names::RESTARTED_AT),
    });
    let drifts = drifts(spec);
    // Only then, so that pods from before there were any stay what they were.
    if !drifts.is_empty() {
        made_from["drifts"] = json!(drifts);
    }
    made_from
}

impl Target {
    /// The pods that a plan wants, if the number is left to the operator: one slot per shard.
    pub fn parallelism(&self, plan: &PlanStatus) -> u32 {
        let fitting = plan.shards.div_ceil(self.spec.worker.slots()).max(1);
        self.spec.parallelism.unwrap_or(fitting)
    }

    /// Whether whole pods would have nothing to do.
    pub fn too_many_slots(&self, plan: &PlanStatus) -> bool {
        self.parallelism(plan) > plan.shards.div_ceil(self.spec.worker.slots()).max(1)
    }

    /// The digest of a generation made from this target.
    pub fn generation_digest(&self, plan: &PlanStatus) -> String {
        self.digest_with(self.parallelism(plan), &plan.fingerprint)
    }

    /// The digest of a generation made from this target with so many pods and that plan.
    pub fn digest_with(&self, parallelism: u32, plan: &str) -> String {
        let mut made_from = json!({
            "pods": self.pods_digest,
            "parallelism": parallelism,
            "plan": plan,
        });
        // Only then, so that a generation from before there was growth stays what it was.
        if let Some(partitions) = &self.partitions {
            made_from["partitions"] = json!(partitions);
        }
        digest::of(&made_from)
    }

    /// Whether a generation is what this target wants.
    pub fn is_met_by(&self, generation: &GenerationStatus, plan: &PlanStatus) -> bool {
        generation.spec_digest == self.generation_digest(plan)
    }

    /// Whether the job should rest.
    pub fn suspended(&self) -> bool {
        self.spec.state == DesiredState::Suspended
    }
}
