//! What every pod of ours has in common: no privileges, no token, no writable root.

use crds::{Pods, Resources, StreamJobSpec};
use serde_json::{Value, json};

use super::volumes;
use crate::limits::DEAD_NODE_GRACE_SECS;

/// The user and group that the processes run as.
const USER: u32 = 10_001;

/// The security context of a pod ("restricted" of the Pod Security Standards).
pub fn security() -> Value {
    json!({
        "runAsNonRoot": true,
        "runAsUser": USER,
        "runAsGroup": USER,
        "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    })
}

/// The security context of a container.
pub fn container_security() -> Value {
    json!({
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]},
    })
}

/// Requests and limits in force: as written, else half a core of one and a gibibyte.
pub fn resources(pods: &Pods) -> Value {
    match &pods.resources {
        Some(Resources { requests, limits }) => json!({"requests": requests, "limits": limits}),
        None => json!({
            "requests": {"cpu": "500m", "memory": "1Gi"},
            "limits": {"cpu": "1", "memory": "1Gi"},
        }),
    }
}

/// The fields of a pod spec that a worker and a task share, without containers and volumes.
pub fn base(pods: &Pods) -> Value {
    let mut spec = json!({
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "securityContext": security(),
        "tolerations": tolerations(),
    });
    if !pods.image_pull_secrets.is_empty() {
        spec["imagePullSecrets"] = json!(pods.image_pull_secrets);
    }
    if let Some(account) = &pods.service_account_name {
        spec["serviceAccountName"] = json!(account);
    }
    spec
}

/// A pod leaves a node that does not report after half a minute, not after five.
fn tolerations() -> Vec<Value> {
    let tolerated = ["not-ready", "unreachable"].into_iter();
    tolerated
        .map(|taint| {
            json!({
                "key": format!("node.kubernetes.io/{taint}"),
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": DEAD_NODE_GRACE_SECS,
            })
        })
        .collect()
}

/// The projected volume with the job and its Secrets, and a folder for temporary files.
pub fn volumes(job: &str, config_map: &str, spec: &StreamJobSpec, admin: bool) -> Vec<Value> {
    vec![
        json!({"name": "job", "projected": {
            "defaultMode": 0o440,
            "sources": volumes::sources(job, config_map, spec, admin),
        }}),
        json!({"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}),
    ]
}

/// Where they are mounted.
pub fn mounts() -> Vec<Value> {
    vec![
        json!({"name": "job", "mountPath": volumes::MOUNT, "readOnly": true}),
        json!({"name": "tmp", "mountPath": "/tmp"}),
    ]
}
