//! How a job starts, changes, delivers and ends.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::HumanDuration;
use crate::names::ObjectName;

/// Whether the job should run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DesiredState {
    /// It should process.
    #[default]
    Running,
    /// It should save its state and use no pods.
    Suspended,
}

/// What a reader of the sinks sees after failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Delivery {
    /// Every row once, for readers with `isolation.level=read_committed`.
    #[default]
    ExactlyOnce,
    /// No row lost; some twice after a failure. Sinks are written without transactions.
    AtLeastOnce,
}

/// How soon results are visible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = crate::rules::rules(&[(
    "!has(self.interval) || (duration(self.interval) >= duration('1ms') && \
     duration(self.interval) <= duration('1m'))",
    "commit.interval must be 1ms to 1m",
)])))]
pub struct Commit {
    /// The time between two commits of a slot. Default 100ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<HumanDuration>,
}

impl Commit {
    /// The interval in force.
    pub fn interval(&self) -> HumanDuration {
        self.interval.unwrap_or(HumanDuration::from_millis(100))
    }
}

/// State to begin with, at the first start only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RestoreFrom {
    /// A completed `Savepoint` of this namespace.
    Savepoint(ObjectName),
    /// The address of a savepoint's manifest.
    Manifest(
        #[schemars(length(max = 2048), regex(pattern = "^(s3|file)://.+$"))]
        String,
    ),
}

/// How a changed query, image or pod takes over from the running one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = crate::rules::rules(&[(
    "!has(self.mode) || self.mode != 'Stateless' || has(self.acknowledgeStateLoss)",
    "mode Stateless gives state up: set acknowledgeStateLoss to status.plan.fingerprint",
)])))]
pub struct Upgrade {
    /// What becomes of the state. Default Savepoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<UpgradeMode>,
    /// Start the new pods before the old ones stop. Default true; false needs no spare capacity
    /// and stops the job meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surge: Option<bool>,
    /// The fingerprint of the plan whose state is given up.
    #[schemars(length(max = 64))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledge_state_loss: Option<String>,
}

impl Upgrade {
    /// The mode in force.
    pub fn mode(&self) -> UpgradeMode {
        self.mode.unwrap_or_default()
    }

    /// Whether the new pods start first.
    pub fn surge(&self) -> bool {
        self.surge.unwrap_or(true)
    }
}

/// What becomes of the state in an upgrade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UpgradeMode {
    /// It is carried over; what cannot carry it over is refused.
    #[default]
    Savepoint,
    /// It is given up; offsets stay.
    Stateless,
}

/// What happens when the object is deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deletion {
    /// What becomes of checkpoints and internal topics. Default Keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<DeletionPolicy>,
    /// Save the state before the pods stop. Default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub savepoint: Option<bool>,
    /// After so long the object goes in any case, and an event names what stays behind.
    /// Default 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<HumanDuration>,
}

impl Deletion {
    /// The policy in force.
    pub fn policy(&self) -> DeletionPolicy {
        self.policy.unwrap_or_default()
    }

    /// Whether state is saved first.
    pub fn savepoint(&self) -> bool {
        self.savepoint.unwrap_or(true)
    }

    /// The deadline in force.
    pub fn deadline(&self) -> HumanDuration {
        self.deadline.unwrap_or(HumanDuration::from_secs(600))
    }
}

/// What becomes of a deleted job's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// It stays; a new job can be restored from it.
    #[default]
    Keep,
    /// It is deleted, with the internal topics.
    Delete,
}
