//! What `podOverrides` may say. Whoever may write a StreamJob may not, by that alone, start a pod
//! that leaves its container: so what is allowed is listed, and nothing else is.

use serde_json::{Map, Value};

use crate::validate::Violation;

const ROOT: &str = "spec.worker.podOverrides";
/// The container that the operator makes.
const WORKER: &str = "worker";
/// Lists whose items have names, which is how they are merged. Without one an item would replace
/// the operator's.
const NAMED: [&str; 5] = ["containers", "initContainers", "volumes", "env", "volumeMounts"];

/// Fields of the pod template; all below them is allowed too where they end with `.`.
const TEMPLATE: &[&str] = &[
    "metadata.labels.",
    "metadata.annotations.",
    "spec.nodeSelector.",
    "spec.tolerations.",
    "spec.affinity.",
    "spec.topologySpreadConstraints.",
    "spec.priorityClassName",
    "spec.schedulerName",
    "spec.runtimeClassName",
    "spec.dnsConfig.",
    "spec.dnsPolicy",
    "spec.hostAliases.",
    "spec.shareProcessNamespace",
    "spec.volumes.name",
    "spec.volumes.emptyDir.",
    "spec.volumes.configMap.",
    "spec.volumes.downwardAPI.",
    "spec.volumes.ephemeral.",
    "spec.volumes.persistentVolumeClaim.",
];

/// Fields of the worker's own container.
const OWN: &[&str] = &[
    "name",
    "env.name",
    "env.value",
    "env.valueFrom.fieldRef.",
    "env.valueFrom.configMapKeyRef.",
    "volumeMounts.",
];

/// Fields of a container beside it, as well.
const BESIDE: &[&str] = &[
    "image",
    "imagePullPolicy",
    "command.",
    "args.",
    "workingDir",
    "resources.",
    "restartPolicy",
    "ports.name",
    "ports.containerPort",
    "ports.protocol",
    "securityContext.runAsUser",
    "securityContext.runAsGroup",
    "securityContext.runAsNonRoot=true",
    "securityContext.readOnlyRootFilesystem",
    "securityContext.allowPrivilegeEscalation=false",
    "securityContext.privileged=false",
    "securityContext.capabilities.drop.",
    "securityContext.seccompProfile.type=RuntimeDefault",
    "startupProbe.",
    "readinessProbe.",
    "livenessProbe.",
];

/// The faults of the overrides, each with its path.
pub(crate) fn check(overrides: &Map<String, Value>) -> Vec<Violation> {
    let mut faults = Vec::new();
    for (name, value) in overrides {
        walk(name, name, value, Table::Template, &mut faults);
    }
    faults
}

/// Which fields are allowed at a place.
#[derive(Clone, Copy)]
enum Table {
    Template,
    Worker,
    Beside,
}

impl Table {
    fn allows(self, field: &str, value: &Value) -> bool {
        let listed = |table: &[&str]| table.iter().any(|rule| fits(rule, field, value));
        match self {
            Self::Template => listed(TEMPLATE),
            Self::Worker => listed(OWN),
            Self::Beside => listed(OWN) || listed(BESIDE),
        }
    }
}

/// Whether the rule is about the field: `a`, `a.` with all below, or `a=value`.
fn fits(rule: &str, field: &str, value: &Value) -> bool {
    if let Some(above) = rule.strip_suffix('.') {
        let below = field.strip_prefix(above);
        return below.is_some_and(|below| below.is_empty() || below.starts_with('.'));
    }
    match rule.split_once('=') {
        Some((name, "true")) => name == field && *value == true,
        Some((name, "false")) => name == field && *value == false,
        Some((name, only)) => name == field && *value == only,
        None => rule == field && !value.is_object() && !value.is_array(),
    }
}

/// `field` is the place within the table, `path` the whole one for people.
fn walk(path: &str, field: &str, value: &Value, table: Table, faults: &mut Vec<Violation>) {
    // A null would take away what the operator wrote there.
    if !value.is_null() && table.allows(field, value) {
        return;
    }
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                walk(&format!("{path}.{name}"), &format!("{field}.{name}"), value, table, faults);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let list = field.rsplit('.').next().unwrap_or(field);
            for (index, item) in items.iter().enumerate() {
                let path = format!("{path}[{index}]");
                if NAMED.contains(&list) && !item["name"].is_string() {
                    faults.push(fault(&path, "needs a name, by which it is merged"));
                    continue;
                }
                match field {
                    "spec.containers" | "spec.initContainers" => container(&path, item, faults),
                    _ => walk(&path, field, item, table, faults),
                }
            }
        }
        _ => faults.push(fault(path, "may not be set here; docs/operations.md lists what may")),
    }
}

fn container(path: &str, item: &Value, faults: &mut Vec<Violation>) {
    let own = item["name"] == WORKER;
    let table = if own { Table::Worker } else { Table::Beside };
    for (name, value) in item.as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), name, value, table, faults);
    }
}

fn fault(path: &str, message: &str) -> Violation {
    Violation { path: format!("{ROOT}.{path}"), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(overrides: &Value) -> Vec<String> {
        check(overrides.as_object().expect("an object"))
            .into_iter()
            .map(|fault| fault.path.strip_prefix("spec.worker.podOverrides.").map(str::to_owned))
            .map(|path| path.expect("a path within the overrides"))
            .collect()
    }

    #[test]
    fn what_places_and_names_a_pod_is_allowed() {
        let overrides = json!({
            "metadata": {"labels": {"team": "a"}, "annotations": {"x.y/z": "1"}},
            "spec": {
                "nodeSelector": {"disk": "ssd"},
                "tolerations": [{"key": "dedicated", "operator": "Exists"}],
                "topologySpreadConstraints": [{"maxSkew": 1, "labelSelector": {"matchLabels": {}}}],
                "priorityClassName": "high",
                "shareProcessNamespace": true,
                "volumes": [{"name": "logs", "emptyDir": {}}],
                "containers": [
                    {"name": "worker", "env": [{"name": "RUST_LOG", "value": "debug"}],
                     "volumeMounts": [{"name": "logs", "mountPath": "/logs"}]},
                    {"name": "shipper", "image": "x:1", "args": ["-v"], "env": [],
                     "resources": {"limits": {"cpu": "1"}},
                     "securityContext": {"allowPrivilegeEscalation": false,
                                         "capabilities": {"drop": ["ALL"]}}},
                ],
            },
        });
        // An empty list of variables would be nothing to merge.
        assert_eq!(paths(&overrides), ["spec.containers[1].env"]);
    }

    #[test]
    fn what_leads_out_of_a_container_is_not() {
        for (overrides, path) in [
            (json!({"spec": {"hostNetwork": true}}), "spec.hostNetwork"),
            (json!({"spec": {"hostPID": true}}), "spec.hostPID"),
            (json!({"spec": {"serviceAccountName": "admin"}}), "spec.serviceAccountName"),
            (
                json!({"spec": {"automountServiceAccountToken": true}}),
                "spec.automountServiceAccountToken",
            ),
            (json!({"spec": {"securityContext": null}}), "spec.securityContext"),
            (
                json!({"spec": {"securityContext": {"runAsUser": 0}}}),
                "spec.securityContext.runAsUser",
            ),
            (json!({"spec": {"nodeName": "control-plane"}}), "spec.nodeName"),
            (json!({"spec": {"containers": null}}), "spec.containers"),
            (json!({"spec": {"containers": []}}), "spec.containers"),
            (json!({"spec": {"containers": [{"image": "x"}]}}), "spec.containers[0]"),
            (
                json!({"spec": {"containers": [{"name": "worker", "image": "x"}]}}),
                "spec.containers[0].image",
            ),
            (
                json!({"spec": {"containers": [{"name": "worker", "securityContext": null}]}}),
                "spec.containers[0].securityContext",
            ),
            (
                json!({"spec": {"containers": [{"name": "x", "securityContext": {"privileged": true}}]}}),
                "spec.containers[0].securityContext.privileged",
            ),
            (
                json!({"spec": {"initContainers": [{"name": "x", "securityContext":
                    {"capabilities": {"add": ["SYS_ADMIN"]}}}]}}),
                "spec.initContainers[0].securityContext.capabilities.add[0]",
            ),
            (
                json!({"spec": {"containers": [{"name": "x", "ports": [{"hostPort": 80}]}]}}),
                "spec.containers[0].ports[0].hostPort",
            ),
            (
                json!({"spec": {"containers": [{"name": "x", "env": [{"name": "A", "valueFrom":
                    {"secretKeyRef": {"name": "s", "key": "k"}}}]}]}}),
                "spec.containers[0].env[0].valueFrom.secretKeyRef.key",
            ),
            (
                json!({"spec": {"volumes": [{"name": "x", "hostPath": {"path": "/"}}]}}),
                "spec.volumes[0].hostPath.path",
            ),
            (
                json!({"spec": {"volumes": [{"name": "x", "secret": {"secretName": "s"}}]}}),
                "spec.volumes[0].secret.secretName",
            ),
            (
                json!({"spec": {"volumes": [{"name": "x", "projected":
                    {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]}}),
                "spec.volumes[0].projected.sources[0].serviceAccountToken.path",
            ),
            (json!({"kind": "Pod"}), "kind"),
            (json!({"metadata": {"name": "x"}}), "metadata.name"),
        ] {
            let found = paths(&overrides);
            assert!(found.iter().any(|found| found == path), "{path}: {found:?}");
        }
    }
}
