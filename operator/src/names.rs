//! Names and labels of everything that the operator makes.

use std::collections::BTreeMap;

pub use crds::marks::{COMPONENT, GENERATION, JOB, JOB_UID, PROPOSAL, RESTARTED_AT, SCHEDULED};

/// Who the operator is in server-side apply.
pub const FIELD_MANAGER: &str = "streamjob-operator";
/// Keeps a job until its last generation is fenced.
pub const FINALIZER: &str = "streamjob.dev/release";
/// Keeps a savepoint until its data is gone.
pub const DISPOSE_FINALIZER: &str = "streamjob.dev/dispose";
/// Annotation of a planner Job: the digest of what it looks at.
pub const SPEC_DIGEST: &str = "streamjob.dev/spec-digest";

/// Annotation of a pod: its log filter.
pub const LOG: &str = "streamjob.dev/log";

/// What a pod is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// Processes.
    Worker,
    /// Checks a spec.
    Planner,
    /// Fences and removes.
    Clean,
}

impl Component {
    /// As a label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Planner => "planner",
            Self::Clean => "clean",
        }
    }
}

/// StatefulSet, Service, ConfigMap and PodDisruptionBudget of a generation.
pub fn set(job: &str, generation: u64) -> String {
    format!("{job}-g{generation}")
}

/// The Secret with the token of the admin port.
pub fn token_secret(job: &str) -> String {
    format!("{job}-admin")
}

/// The planner Job and its ConfigMap, one for each spec that is looked at.
pub fn planner(job: &str, digest: &str) -> String {
    format!("{job}-plan-{}", &digest[..digest.len().min(8)])
}

/// The planner Job of a spec that is only asked about, and its ConfigMap.
pub fn trial(job: &str, digest: &str) -> String {
    format!("{job}-try-{}", &digest[..digest.len().min(8)])
}

/// The Savepoint that the schedule of a job makes for that time.
pub fn scheduled(job: &str, due: jiff::Timestamp) -> String {
    format!("{job}-{}", due.strftime("%Y%m%d-%H%M"))
}

/// The clean Job and its ConfigMap.
pub fn clean(job: &str) -> String {
    format!("{job}-clean")
}

/// The selector of everything of a job.
pub fn selector(job: &str) -> String {
    format!("{JOB}={job}")
}

/// The selector of the pods of a generation.
pub fn generation_selector(job: &str, generation: u64) -> String {
    format!("{JOB}={job},{GENERATION}={generation}")
}

/// Labels of every child.
pub fn labels(job: &str, uid: &str, component: Component) -> BTreeMap<String, String> {
    let pairs = [
        ("app.kubernetes.io/name", "streamjob"),
        ("app.kubernetes.io/instance", job),
        ("app.kubernetes.io/managed-by", FIELD_MANAGER),
        (COMPONENT, component.as_str()),
        (JOB, job),
        (JOB_UID, uid),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_longest_job_name_leaves_room_for_a_generation() {
        let job = "j".repeat(crds::JobName::LEN_MAX);
        assert!(super::set(&job, 999_999).len() <= 52);
        // The name of a Job is a label of its pods.
        assert!(super::planner(&job, "0123456789abcdef").len() <= 63);
    }
}
