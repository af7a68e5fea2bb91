//! The StatefulSet of a generation: all its pods at once, never rolled, never changed.

use crds::{Pods, Storage};
use protocol::admin::{ADMIN_PORT, METRICS_PORT};
use serde_json::{Value, json};

use super::overrides::merge;
use super::{Blueprint, Object, metadata, pod, volumes};
use crate::limits::TERMINATION_GRACE_SECS;
use crate::names::{self, Component};
use crate::observed::Kind;

const STATE_DIR: &str = "/var/lib/streamjob";

/// The StatefulSet.
pub fn of(blueprint: &Blueprint<'_>) -> Object {
    let generation = blueprint.generation.number;
    let job = &blueprint.observed.job.name;
    let name = names::set(job, generation);
    let metadata = metadata::of(blueprint.observed, &name, Component::Worker, Some(generation));
    let labels = metadata["labels"].clone();
    let mut template = template(blueprint, &name, &labels);
    if let Some(overrides) = &blueprint.spec.worker.pod_overrides {
        merge(&mut template, &Value::Object(overrides.clone()));
        // What the operator finds its pods by cannot be overridden.
        merge(&mut template, &json!({"metadata": {"labels": labels}}));
    }
    let body = json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata,
        "spec": {
            "replicas": blueprint.generation.parallelism,
            "serviceName": name,
            "podManagementPolicy": "Parallel",
            "revisionHistoryLimit": 1,
            "updateStrategy": {"type": "OnDelete"},
            "selector": {"matchLabels": {
                names::JOB: job,
                names::GENERATION: generation.to_string(),
                names::COMPONENT: Component::Worker.as_str(),
            }},
            "template": template,
        },
    });
    Object { kind: Kind::StatefulSet, name, body }
}

fn template(blueprint: &Blueprint<'_>, name: &str, labels: &Value) -> Value {
    let pods = &blueprint.spec.worker;
    let job = &blueprint.observed.job.name;
    let mut spec = pod::base(pods);
    let mut volumes = pod::volumes(job, name, blueprint.spec, true);
    volumes.push(state_volume(pods.storage.as_ref()));
    spec["terminationGracePeriodSeconds"] = json!(TERMINATION_GRACE_SECS);
    spec["volumes"] = Value::Array(volumes);
    spec["containers"] = json!([container(blueprint)]);
    spec["topologySpreadConstraints"] = json!([{
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {
            names::JOB: job,
            names::GENERATION: blueprint.generation.number.to_string(),
        }},
    }]);
    json!({
        "metadata": {
            "labels": labels,
            "annotations": {
                "prometheus.io/scrape": "true",
                "prometheus.io/port": METRICS_PORT.to_string(),
            },
        },
        "spec": spec,
    })
}

fn container(blueprint: &Blueprint<'_>) -> Value {
    let pods = &blueprint.spec.worker;
    let mut mounts = pod::mounts();
    mounts.push(json!({"name": "state", "mountPath": STATE_DIR}));
    let mut container = json!({
        "name": "worker",
        "image": blueprint.generation.image,
        "args": args(blueprint),
        "env": env(),
        "ports": [
            {"name": "admin", "containerPort": ADMIN_PORT},
            {"name": "metrics", "containerPort": METRICS_PORT},
        ],
        "resources": pod::resources(pods),
        "securityContext": pod::container_security(),
        "volumeMounts": mounts,
        "startupProbe": probe("/startupz", 2, 90),
        "livenessProbe": probe("/livez", 10, 6),
        "readinessProbe": probe("/readyz", 1, 3),
        "terminationMessagePolicy": "FallbackToLogsOnError",
    });
    pull_policy(pods, &mut container);
    container
}

/// Writes the pull policy where the spec has one.
pub fn pull_policy(pods: &Pods, container: &mut Value) {
    if let Some(policy) = pods.image_pull_policy {
        container["imagePullPolicy"] = json!(policy);
    }
}

fn args(blueprint: &Blueprint<'_>) -> Vec<String> {
    let generation = blueprint.generation;
    let words = [
        "slot",
        "--supervise",
        "--job",
        "/etc/streamjob/job.json",
        "--layout",
        "/etc/streamjob/layout.json",
        "--secrets-dir",
        "/etc/streamjob/secrets",
        "--admin-token-file",
        "/etc/streamjob/secrets/admin/token",
        "--state-dir",
        STATE_DIR,
    ];
    let numbers = [
        ("--generation", generation.number),
        ("--slots", u64::from(generation.slots())),
        ("--slots-per-worker", u64::from(generation.slots_per_worker)),
    ];
    let partitions = blueprint.observed.job.status.plan.as_ref().map(|plan| plan.max_parallelism);
    let partitions = partitions.filter(|partitions| *partitions > 0);
    words
        .into_iter()
        .map(str::to_owned)
        .chain(numbers.into_iter().flat_map(|(name, n)| [name.to_owned(), n.to_string()]))
        .chain(
            partitions
                .into_iter()
                .flat_map(|n| ["--exchange-partitions".to_owned(), n.to_string()]),
        )
        .collect()
}

fn env() -> Value {
    let limit = |resource: &str| {
        json!({
            "resourceFieldRef": {"containerName": "worker", "resource": resource},
        })
    };
    json!([
        {"name": "STREAMJOB_LOG_FILE", "value": format!("{}/{}", volumes::MOUNT, volumes::LOG_FILE)},
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "STREAMJOB_MEMORY_LIMIT", "valueFrom": limit("limits.memory")},
        {"name": "STREAMJOB_CPU_LIMIT", "valueFrom": limit("limits.cpu")},
    ])
}

fn probe(path: &str, period_secs: u32, failures_max: u32) -> Value {
    json!({
        "httpGet": {"path": path, "port": "metrics"},
        "periodSeconds": period_secs,
        "timeoutSeconds": 3,
        "failureThreshold": failures_max,
    })
}

/// The disk of the local state: a cache that lives as long as its pod.
fn state_volume(storage: Option<&Storage>) -> Value {
    match storage {
        None => json!({"name": "state", "emptyDir": {}}),
        Some(Storage { size, storage_class_name: None }) => {
            json!({"name": "state", "emptyDir": {"sizeLimit": size}})
        }
        Some(Storage { size, storage_class_name: Some(class) }) => json!({
            "name": "state",
            "ephemeral": {"volumeClaimTemplate": {"spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": class,
                "resources": {"requests": {"storage": size}},
            }}},
        }),
    }
}
