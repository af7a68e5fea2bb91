//! Where state is kept and how often it is saved.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::duration::HumanDuration;
use crate::names::ObjectName;

/// Snapshots of state in an object store. They bound how much is replayed after a failure; they
/// do not decide when results become visible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoints {
    /// `s3://bucket/prefix`. A job run from a file also takes `file:///folder`. Cannot be changed.
    #[schemars(length(max = 1024), regex(pattern = "^(s3://[^/]+|file://)(/.*)?$"))]
    pub location: String,
    /// The store's address, where it is not AWS, such as `http://minio:9000`.
    #[schemars(length(min = 1, max = 1024), regex(pattern = "^https?://[^/]+/?$"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The region. Default us-east-1.
    #[schemars(length(min = 1, max = 63))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Address buckets by path instead of host name; most stores other than AWS want it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_style: Option<bool>,
    /// The Secret with the access keys. Without it the pod's own identity is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<S3SecretRef>,
    /// How often. Default 30s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<HumanDuration>,
    /// How long one may take. Default 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<HumanDuration>,
    /// How many finished ones are kept. Default 3.
    #[schemars(range(min = 1, max = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retained: Option<u32>,
}

impl Checkpoints {
    /// The interval in force.
    pub fn interval(&self) -> HumanDuration {
        self.interval.unwrap_or(HumanDuration::from_secs(30))
    }

    /// The timeout in force.
    pub fn timeout(&self) -> HumanDuration {
        self.timeout.unwrap_or(HumanDuration::from_secs(600))
    }

    /// The number of checkpoints kept.
    pub fn retained(&self) -> u32 {
        self.retained.unwrap_or(3)
    }

    /// The region in force.
    pub fn region(&self) -> &str {
        self.region.as_deref().unwrap_or("us-east-1")
    }
}

/// A Secret with access keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct S3SecretRef {
    /// The Secret.
    pub name: ObjectName,
    /// The key of the access key id in it. Default `access-key-id`.
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[-._a-zA-Z0-9]+$"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_id_key: Option<String>,
    /// The key of the secret access key in it. Default `secret-access-key`.
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[-._a-zA-Z0-9]+$"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_access_key_key: Option<String>,
}

impl S3SecretRef {
    /// The key of the access key id in the Secret.
    pub fn access_key_id_key(&self) -> &str {
        self.access_key_id_key.as_deref().unwrap_or("access-key-id")
    }

    /// The key of the secret access key in the Secret.
    pub fn secret_access_key_key(&self) -> &str {
        self.secret_access_key_key.as_deref().unwrap_or("secret-access-key")
    }
}
