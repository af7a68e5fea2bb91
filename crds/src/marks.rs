//! Labels and annotations that people and programs outside the operator use too.

/// Label of everything of a job: its name.
pub const JOB: &str = "streamjob.dev/job";
/// Label of everything of a job: its identity.
pub const JOB_UID: &str = "streamjob.dev/job-uid";
/// Label: the generation.
pub const GENERATION: &str = "streamjob.dev/generation";
/// Annotation of a StreamJob: change it to start all pods anew.
pub const RESTARTED_AT: &str = "streamjob.dev/restartedAt";
/// Annotation of a StreamJob: a spec that is asked about, as JSON `{"id": …, "spec": …}`. Nothing follows from it but
/// the answer in `status.proposal`.
pub const PROPOSAL: &str = "streamjob.dev/proposal";
/// Label of a Savepoint that the job's schedule made.
pub const SCHEDULED: &str = "streamjob.dev/scheduled";
/// Label of worker, planner and clean pods: which of them it is.
pub const COMPONENT: &str = "app.kubernetes.io/component";
