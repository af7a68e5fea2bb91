//! The Kubernetes API of the project: the kinds `StreamJob` and `Savepoint` of the group
//! `streamjob.dev`, version `v1alpha1`.
//!
//! The types here are the whole surface that a user writes and reads. They carry their own limits:
//! text is parsed into newtypes, the rules that Kubernetes enforces (schema and CEL) stand beside
//! the fields, and [`validate`] says the same in Rust for whoever reads a job from a file.
//!
//! This crate knows no Kubernetes client, no Kafka and no clock.
#![deny(missing_docs)]

pub mod checkpoints;
pub mod column;
pub mod condition;
pub mod duration;
pub mod file;
pub mod format;
pub mod kafka;
pub mod lifecycle;
pub mod manifests;
pub mod marks;
pub mod names;
mod overrides;
pub mod pods;
pub mod quantity;
pub mod rules;
#[allow(clippy::duplicated_attributes, reason = "each printer column has its own fields")]
pub mod savepoint;
pub mod schedule;
pub mod schema;
pub mod sink;
pub mod source;
pub mod status;
#[allow(clippy::duplicated_attributes, reason = "each printer column has its own fields")]
pub mod stream_job;
pub mod validate;

pub use checkpoints::{Checkpoints, S3SecretRef};
pub use column::{Column, ColumnType, Metadata, PathStep, TimestampFormat};
pub use condition::{Condition, ConditionStatus, ConditionType};
pub use duration::HumanDuration;
pub use format::{CsvFormat, Format, JsonFormat, Sign};
pub use kafka::{Auth, Kafka, Mechanism, Sasl, SecretKeyRef, Tls};
pub use lifecycle::{
    Commit, Deletion, DeletionPolicy, Delivery, DesiredState, RestoreFrom, Upgrade, UpgradeMode,
};
pub use names::{ColumnName, JobName, ObjectName, RelationName, TopicName, TopicPrefix};
pub use pods::{Pods, Resources, Storage};
pub use quantity::Quantity;
pub use savepoint::{
    Savepoint, SavepointPhase, SavepointRetention, SavepointSpec, SavepointStatus,
};
pub use schedule::{CronSchedule, Savepoints};
pub use sink::Sink;
pub use source::{OnBadRecord, Source, StartFrom, WatermarkStrategy};
pub use status::{
    ChangeClass, ChangeStatus, CheckpointStatus, FiguresStatus, GenerationStatus, HealthyStatus,
    Phase, PlanStatus, ProgressStatus, ProposalRefusal, ProposalStatus, RolloutStatus,
    ScheduleStatus, StreamJobStatus,
};
pub use stream_job::{StreamJob, StreamJobSpec};
pub use validate::{Violation, validate, validate_for_cluster};

/// The API group of both kinds.
pub const GROUP: &str = "streamjob.dev";
/// The only version served and stored.
pub const VERSION: &str = "v1alpha1";
