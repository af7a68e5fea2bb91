//! The objects of a generation, looked at field by field.

use std::collections::BTreeMap;
use std::time::Duration;

use crds::{GenerationStatus, PlanStatus, StreamJobStatus};
use operator::names;
use operator::observed::{JobView, Kind, Observed};
use operator::plan::{Object, plan};
use operator::validate::{Settings, Target, target};
use serde_json::{Value, json};

/// What a look at a job without children finds.
pub(crate) fn observed(job: &Value, status: StreamJobStatus) -> Observed {
    Observed {
        job: JobView {
            name: job["metadata"]["name"].as_str().unwrap().to_owned(),
            namespace: "default".to_owned(),
            uid: "11111111-2222".to_owned(),
            resource_version: "1".to_owned(),
            generation: 1,
            deleted_at: None,
            finalizers: vec![names::FINALIZER.to_owned()],
            annotations: BTreeMap::new(),
            labels: BTreeMap::new(),
            spec: job["spec"].clone(),
            status,
        },
        now: jiff::Timestamp::from_second(1_800_000_000).unwrap(),
        token: Some("token".to_owned()),
        children: Vec::new(),
        sets: BTreeMap::new(),
        configs: BTreeMap::new(),
        tasks: BTreeMap::new(),
        savepoints: Vec::new(),
        restore: None,
    }
}

pub(crate) fn settings() -> Settings {
    Settings { worker_image: "worker:1".to_owned(), warm_up_deadline: Duration::from_mins(1) }
}

fn secured() -> Value {
    let text = include_str!("../../../crds/examples/secured.yaml");
    let job = crds::file::stream_job(text).expect("the example parses");
    serde_json::to_value(job).unwrap()
}

/// Plan and next generation as the machine would have written them.
pub(crate) fn memory(target: &Target, shards: u32) -> StreamJobStatus {
    let plan = PlanStatus {
        fingerprint: "00000000000000ff".to_owned(),
        spec_digest: target.plan_digest.clone(),
        max_parallelism: 64,
        hash_version: 1,
        shards,
        change: None,
        layout: serde_json::Map::new(),
    };
    let next = GenerationStatus {
        before: None,
        number: 7,
        parallelism: target.parallelism(&plan),
        slots_per_worker: target.spec.worker.slots(),
        image: target.image.clone(),
        plan_fingerprint: plan.fingerprint.clone(),
        spec_digest: target.generation_digest(&plan),
        spec_generation: 1,
        change: None,
        created_at: None,
        claimed_at: None,
    };
    StreamJobStatus {
        plan: Some(plan),
        next: Some(next),
        last_generation: 7,
        ..StreamJobStatus::default()
    }
}

fn objects(job: &Value) -> Vec<Object> {
    let empty = observed(job, StreamJobStatus::default());
    let wanted = target(&empty, &settings()).expect("a valid job");
    let observed = observed(job, memory(&wanted, 16));
    plan(&observed, Some(&wanted), &observed.job.status, &settings()).create
}

fn of(kind: Kind) -> Value {
    let found = objects(&secured()).into_iter().find(|object| object.kind == kind);
    found.expect("an object of this kind").body
}

#[test]
fn a_generation_is_four_objects_in_order() {
    let found: Vec<(Kind, String)> =
        objects(&secured()).into_iter().map(|object| (object.kind, object.name)).collect();
    let wanted = [Kind::ConfigMap, Kind::Service, Kind::StatefulSet, Kind::PodDisruptionBudget];
    assert_eq!(found, wanted.map(|kind| (kind, "secured-g7".to_owned())));
}

#[test]
fn every_object_is_owned_labelled_and_stamped() {
    for object in objects(&secured()) {
        let meta = &object.body["metadata"];
        assert_eq!(meta["ownerReferences"][0]["uid"], "11111111-2222", "{:?}", object.kind);
        assert_eq!(meta["ownerReferences"][0]["controller"], true);
        assert_eq!(meta["labels"][names::JOB], "secured");
        assert_eq!(meta["labels"][names::JOB_UID], "11111111-2222");
        assert_eq!(meta["labels"][names::GENERATION], "7");
    }
}

#[test]
fn pods_meet_the_restricted_standard() {
    let set = of(Kind::StatefulSet);
    let pod = &set["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["automountServiceAccountToken"], false);
    for container in pod["containers"].as_array().unwrap() {
        let security = &container["securityContext"];
        assert_eq!(security["allowPrivilegeEscalation"], false);
        assert_eq!(security["readOnlyRootFilesystem"], true);
        assert_eq!(security["capabilities"]["drop"], json!(["ALL"]));
    }
    let allowed = ["projected", "emptyDir", "ephemeral"];
    for volume in pod["volumes"].as_array().unwrap() {
        let fields = volume.as_object().unwrap();
        assert!(fields.keys().any(|field| allowed.contains(&field.as_str())), "{volume}");
    }
}

#[test]
fn the_worker_is_told_its_generation() {
    let set = of(Kind::StatefulSet);
    let container = &set["spec"]["template"]["spec"]["containers"][0];
    let args: Vec<&str> =
        container["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
    let line = args.join(" ");
    for words in [
        "slot --supervise --job /etc/streamjob/job.json",
        "--generation 7",
        "--slots 8",
        "--slots-per-worker 2",
        "--exchange-partitions 64",
        "--admin-token-file /etc/streamjob/secrets/admin/token",
    ] {
        assert!(line.contains(words), "{words}: {line}");
    }
    assert_eq!(container["image"], "worker:1");
    assert_eq!(set["spec"]["replicas"], 4);
    assert_eq!(set["spec"]["podManagementPolicy"], "Parallel");
}

#[test]
fn secrets_are_projected_to_fixed_paths_and_may_be_missing() {
    let set = of(Kind::StatefulSet);
    let volumes = set["spec"]["template"]["spec"]["volumes"].as_array().unwrap().clone();
    let job = volumes.iter().find(|volume| volume["name"] == "job").unwrap();
    let mut paths = Vec::new();
    for source in job["projected"]["sources"].as_array().unwrap() {
        let Some(secret) = source.get("secret") else { continue };
        let ours = secret["name"] == "secured-admin";
        assert_eq!(secret["optional"] == json!(true), !ours, "{secret}");
        let items = secret["items"].as_array().unwrap();
        paths.extend(items.iter().map(|item| item["path"].as_str().unwrap().to_owned()));
    }
    paths.sort();
    let wanted = [
        "secrets/admin/token",
        "secrets/kafka/ca.crt",
        "secrets/kafka/password",
        "secrets/kafka/username",
        "secrets/s3/access-key-id",
        "secrets/s3/secret-access-key",
    ];
    assert_eq!(paths, wanted);
}

#[test]
fn an_annotation_of_a_pod_is_the_file_that_its_worker_follows() {
    let set = of(Kind::StatefulSet);
    let pod = &set["spec"]["template"]["spec"];
    let file = "STREAMJOB_LOG_FILE";
    let followed = pod["containers"][0]["env"].as_array().unwrap().iter();
    let followed: Vec<&serde_json::Value> = followed.filter(|env| env["name"] == file).collect();
    assert_eq!(followed, [&json!({"name": file, "value": "/etc/streamjob/log"})]);
    let sources = pod["volumes"][0]["projected"]["sources"].as_array().unwrap();
    let annotation = json!({"fieldPath": "metadata.annotations['streamjob.dev/log']"});
    let item = json!({"path": "log", "fieldRef": annotation});
    assert!(sources.contains(&json!({"downwardAPI": {"items": [item]}})), "{sources:?}");
}

#[test]
fn the_job_in_the_config_map_is_the_job() {
    let config = of(Kind::ConfigMap);
    let text = config["data"]["job.json"].as_str().unwrap();
    let job: crds::StreamJob = serde_json::from_str(text).unwrap();
    assert_eq!(job.metadata.uid.as_deref(), Some("11111111-2222"));
    assert_eq!(serde_json::to_value(&job.spec).unwrap(), secured()["spec"]);
}

#[test]
fn overrides_win_but_never_over_the_labels() {
    let mut job = secured();
    job["spec"]["worker"]["podOverrides"] = json!({
        "metadata": {"labels": {names::JOB: "other", "team": "a"}},
        "spec": {"nodeSelector": {"disk": "ssd"}, "containers": [
            {"name": "worker", "env": [{"name": "RUST_LOG", "value": "debug"}]},
        ]},
    });
    let set = objects(&job).into_iter().find(|o| o.kind == Kind::StatefulSet).unwrap().body;
    let template = &set["spec"]["template"];
    assert_eq!(template["metadata"]["labels"][names::JOB], "secured");
    assert_eq!(template["metadata"]["labels"]["team"], "a");
    assert_eq!(template["spec"]["nodeSelector"]["disk"], "ssd");
    let env = template["spec"]["containers"][0]["env"].as_array().unwrap();
    assert!(env.iter().any(|entry| entry["name"] == "POD_NAME"), "own variables stay: {env:?}");
    assert!(env.iter().any(|entry| entry["name"] == "RUST_LOG"));
}

#[test]
fn nothing_of_a_former_job_is_touched() {
    let job = secured();
    let wanted = target(&observed(&job, StreamJobStatus::default()), &settings()).unwrap();
    let mut seen = observed(&job, memory(&wanted, 16));
    seen.children.push(operator::observed::Child {
        kind: Kind::StatefulSet,
        name: "secured-g7".to_owned(),
        uid: "x".to_owned(),
        job_uid: "a former job".to_owned(),
        generation: Some(7),
        terminating: false,
    });
    let plan = plan(&seen, Some(&wanted), &seen.job.status, &settings());
    assert!(plan.blocked_by_former);
    assert!(plan.create.is_empty() && plan.delete.is_empty());
}

#[test]
fn a_generation_newer_than_the_memory_is_left_alone() {
    let job = secured();
    let wanted = target(&observed(&job, StreamJobStatus::default()), &settings()).unwrap();
    let mut seen = observed(&job, memory(&wanted, 16));
    for generation in [6, 8] {
        seen.children.push(operator::observed::Child {
            kind: Kind::StatefulSet,
            name: names::set("secured", generation),
            uid: "x".to_owned(),
            job_uid: seen.job.uid.clone(),
            generation: Some(generation),
            terminating: false,
        });
    }
    let plan = plan(&seen, Some(&wanted), &seen.job.status, &settings());
    let deleted: Vec<&str> = plan.delete.iter().map(|child| child.name.as_str()).collect();
    assert_eq!(deleted, ["secured-g6"]);
}
