//! Where Kafka is and how to authenticate with it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::{ObjectName, TopicPrefix};

/// The connection to Kafka, one for all sources and sinks of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kafka {
    /// Comma-separated `host:port` list of brokers to ask first.
    #[schemars(required, length(min = 1, max = 2048))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_servers: Option<String>,
    /// Encryption and identity; without it the connection is plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// What every internal topic, group and transactional id begins with, so that prefixed ACLs
    /// can be granted beforehand. Default `streamjob`. Cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub internal_prefix: Option<TopicPrefix>,
}

impl Kafka {
    /// The prefix in force.
    pub fn internal_prefix(&self) -> &str {
        self.internal_prefix.as_ref().map_or("streamjob", TopicPrefix::as_str)
    }
}

/// Encryption and identity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Auth {
    /// Encrypt the connection. `tls: {}` trusts the authorities of the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Prove who we are by name and password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sasl: Option<Sasl>,
}

/// TLS towards the brokers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = crate::rules::rules(&[(
    "has(self.certificateSecretRef) == has(self.keySecretRef)",
    "certificateSecretRef and keySecretRef come together",
)])))]
pub struct Tls {
    /// The authority that signed the brokers' certificates (PEM).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKeyRef>,
    /// The client's certificate (PEM), where brokers ask for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_secret_ref: Option<SecretKeyRef>,
    /// The client's private key (PEM).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_secret_ref: Option<SecretKeyRef>,
}

/// Name and password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sasl {
    /// How the password is shown to the broker.
    pub mechanism: Mechanism,
    /// The user's name.
    pub username_secret_ref: SecretKeyRef,
    /// The user's password.
    pub password_secret_ref: SecretKeyRef,
}

/// SASL mechanisms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mechanism {
    /// The password itself; use with TLS only.
    #[serde(rename = "PLAIN")]
    Plain,
    /// Salted challenge and response with SHA-256.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// Salted challenge and response with SHA-512.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

impl Mechanism {
    /// The name that Kafka gives it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// One key of a Secret in the job's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// The Secret.
    pub name: ObjectName,
    /// The key in it.
    #[schemars(length(min = 1, max = 253), regex(pattern = "^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}
