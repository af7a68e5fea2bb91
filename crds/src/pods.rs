//! What the worker pods are made of.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::names::ObjectName;
use crate::quantity::Quantity;

/// The worker pods. Whatever is left out is the operator's choice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pods {
    /// The worker image. Default: the one that the operator was installed with.
    #[schemars(length(min = 1, max = 1024))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// When the node asks the registry. Default: the cluster's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<ImagePullPolicy>,
    /// Secrets for the registry.
    #[schemars(length(max = 8))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<LocalObjectRef>,
    /// The pods' identity, for stores that trust it. The token of the Kubernetes API is never
    /// mounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<ObjectName>,
    /// CPU and memory of one pod. Every whole core of the CPU limit is a slot.
    /// Default: limits of 1 core and 1Gi, half a core requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// A disk for the local copy of the state. Default: the node's own, by an emptyDir.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    /// More of a pod template (`metadata`, `spec`), merged over what the operator makes: objects
    /// field by field, lists of named things by name, everything else replaced. What it may say is
    /// listed: where pods run, labels, variables and mounts of the container `worker`, containers
    /// beside it without privileges, volumes that are no Secrets and not the node's.
    #[schemars(schema_with = "raw_object")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_overrides: Option<Map<String, Value>>,
}

impl Pods {
    /// Slots of one pod: whole cores of the CPU limit, at least one.
    pub fn slots(&self) -> u32 {
        let cpu = self.resources.as_ref().and_then(|resources| resources.limits.get("cpu"));
        cpu.map_or(1, |cpu| u32::try_from(cpu.floor()).unwrap_or(u32::MAX).max(1))
    }
}

/// The schema of an object that nothing looks into.
pub(crate) fn raw_object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// When the node asks the registry for an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ImagePullPolicy {
    /// At every start.
    Always,
    /// Only if the node has none.
    IfNotPresent,
    /// Not at all.
    Never,
}

/// Another object of the job's namespace, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LocalObjectRef {
    /// Its name.
    pub name: ObjectName,
}

/// Requests and limits, as in a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Resources {
    /// What is reserved.
    #[schemars(extend("maxProperties" = 16))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, Quantity>,
    /// What is never exceeded.
    #[schemars(extend("maxProperties" = 16))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, Quantity>,
}

/// A disk that lives as long as its pod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Storage {
    /// Its size.
    pub size: Quantity,
    /// A generic ephemeral volume of this class; without it an emptyDir with `size` as limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<ObjectName>,
}
