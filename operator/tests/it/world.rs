//! A small cluster: the API server, the controllers of stateful sets and jobs, the workers, and
//! the operator in the middle.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use operator::reconcile::{Context, reconcile};
use operator::savepoint::edge;
use operator::validate::Settings;
use protocol::admin::SlotPhase;
use serde_json::{Value, json};

use crate::api::{Fault, Server, Shared, client};
use crate::store::{Key, time};
use crate::workers::{Admin, Fake, Fleet};

/// Passes until a scenario must have come to rest.
const PASSES_MAX: u32 = 400;
/// Passes without a change that count as rest.
const QUIET_PASSES: u32 = 3;

pub(crate) const SHARDS: u32 = 4;

pub(crate) struct World {
    pub(crate) server: Shared,
    pub(crate) fleet: Arc<Mutex<Fleet>>,
    context: Context,
    addresses: u32,
    /// What the planner says of a SQL text; accepted unless it contains a reason's name.
    pub(crate) passes: u32,
    /// Writes and requests after the first step of the story.
    pub(crate) first_step: Option<(u64, u64)>,
    /// New pods are not scheduled.
    pub(crate) no_capacity: Arc<Mutex<bool>>,
    /// Seconds that pass with each pass.
    pub(crate) tempo: i64,
}

pub(crate) fn key(plural: &str, name: &str) -> Key {
    (plural.to_owned(), "default".to_owned(), name.to_owned())
}

impl World {
    pub(crate) fn new() -> Self {
        let server: Shared = Arc::new(Mutex::new(Server::default()));
        server.lock().unwrap().store.now = 1_800_000_000;
        let fleet = Arc::new(Mutex::new(Fleet::default()));
        let clock = Arc::clone(&server);
        let admin = Admin { fleet: Arc::clone(&fleet), server: Arc::clone(&server) };
        let context = Context {
            client: client(&server),
            admin: Arc::new(admin),
            settings: Settings {
                worker_image: "worker:1".to_owned(),
                warm_up_deadline: Duration::from_mins(1),
            },
            clock: Box::new(move || {
                let now = clock.lock().unwrap().store.now;
                jiff::Timestamp::from_second(now).expect("a time")
            }),
            patrol: Arc::default(),
            new_token: Box::new(|| "token".to_owned()),
        };
        let no_capacity = Arc::new(Mutex::new(false));
        Self {
            server,
            fleet,
            context,
            addresses: 0,
            passes: 0,
            first_step: None,
            no_capacity,
            tempo: 1,
        }
    }

    /// The StreamJob as stored.
    pub(crate) fn job(&self) -> Option<Value> {
        self.server.lock().unwrap().store.get(&key("streamjobs", "j")).cloned()
    }

    /// Changes the spec, as a user does.
    pub(crate) fn edit(&self, change: impl FnOnce(&mut Value)) {
        let mut server = self.server.lock().unwrap();
        server.store.update(&key("streamjobs", "j"), |job| change(&mut job["spec"]));
    }

    /// Runs operator, controllers and workers until nothing changes any more.
    pub(crate) async fn settle(&mut self) {
        let mut quiet = 0;
        for _ in 0..PASSES_MAX {
            let before = self.activity();
            self.pass().await;
            quiet = if self.activity() == before { quiet + 1 } else { 0 };
            if quiet >= QUIET_PASSES {
                return;
            }
        }
        let job = self.job().unwrap_or_default();
        panic!("no rest after {PASSES_MAX} passes: {:#}", job["status"]);
    }

    /// One pass of everything.
    pub(crate) async fn pass(&mut self) {
        self.passes += 1;
        self.operator_pass().await;
        self.controllers();
        self.fleet.lock().unwrap().step();
        self.server.lock().unwrap().store.now += self.tempo;
    }

    async fn operator_pass(&mut self) {
        // An operator that died in the last pass has been started again.
        self.server.lock().unwrap().dead = false;
        let savepoints: Vec<String> = {
            let server = self.server.lock().unwrap();
            let names = server.store.objects.keys().filter(|key| key.0 == "savepoints");
            names.map(|key| key.2.clone()).collect()
        };
        // Errors are what the disturbances are about; the next pass looks again.
        drop(reconcile(&self.context, "default", "j").await);
        for name in savepoints {
            drop(edge::reconcile(&self.context, "default", &name).await);
        }
    }

    /// What a run at rest leaves alone: objects, workers, orders.
    fn activity(&self) -> (u64, u64, Vec<SlotPhase>) {
        let changes = self.server.lock().unwrap().store.changes;
        let fleet = self.fleet.lock().unwrap();
        (changes, fleet.orders, fleet.workers.values().map(|fake| fake.phase).collect())
    }

    fn controllers(&mut self) {
        let sets = self.server.lock().unwrap().store.list("statefulsets", "default", None);
        for set in &sets {
            self.run_set(set);
        }
        let jobs = self.server.lock().unwrap().store.list("jobs", "default", None);
        for job in &jobs {
            self.run_job(job);
        }
        self.kubelet();
    }

    fn run_set(&mut self, set: &Value) {
        let name = set["metadata"]["name"].as_str().unwrap();
        let replicas = set["spec"]["replicas"].as_u64().unwrap();
        for ordinal in 0..replicas {
            let key = key("pods", &format!("{name}-{ordinal}"));
            let mut server = self.server.lock().unwrap();
            if server.store.get(&key).is_some() {
                continue;
            }
            let mut pod = set["spec"]["template"].clone();
            pod["metadata"]["ownerReferences"] = json!([{"uid": set["metadata"]["uid"]}]);
            if *self.no_capacity.lock().unwrap() {
                pod["status"] = json!({"phase": "Pending", "conditions": [{
                    "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                    "message": "0/1 nodes are available",
                }]});
                server.store.create(&key, pod).expect("a new pod");
                continue;
            }
            self.addresses += 1;
            let ip = format!("10.0.0.{}", self.addresses);
            pod["status"] = json!({"phase": "Running", "podIP": ip});
            server.store.create(&key, pod).expect("a new pod");
            let label = &set["metadata"]["labels"]["streamjob.dev/generation"];
            let generation = label.as_str().unwrap().parse().unwrap();
            let slots = slots_per_worker(set);
            let fake = Fake::new(generation, u32::try_from(ordinal).unwrap(), slots);
            self.fleet.lock().unwrap().workers.insert(ip, fake);
        }
    }

    /// Pods are ready when their workers are warm; workers of pods that are gone are gone.
    fn kubelet(&mut self) {
        let mut server = self.server.lock().unwrap();
        let mut fleet = self.fleet.lock().unwrap();
        let pods: Vec<(Key, String)> = server
            .store
            .objects
            .iter()
            .filter(|(key, _)| key.0 == "pods")
            .filter_map(|(key, pod)| Some((key.clone(), pod["status"]["podIP"].as_str()?.into())))
            .collect();
        fleet.workers.retain(|ip, _| pods.iter().any(|(_, known)| known == ip));
        for (key, ip) in pods {
            let Some(fake) = fleet.workers.get(&ip) else { continue };
            let ready = if fake.phase == SlotPhase::Warming { "False" } else { "True" };
            server.store.update(&key, |pod| {
                pod["status"]["conditions"] = json!([{"type": "Ready", "status": ready}]);
            });
        }
    }

    /// The pod of a Job ends at once; the planner says what the SQL wants it to say.
    fn run_job(&mut self, job: &Value) {
        let name = job["metadata"]["name"].as_str().unwrap();
        if job["status"].is_object() {
            return;
        }
        let mut server = self.server.lock().unwrap();
        let planner = job["metadata"]["labels"]["app.kubernetes.io/component"] == "planner";
        let config = server.store.get(&key("configmaps", name)).cloned();
        let Some(config) = config else { return };
        let message = planner.then(|| verdict(&config));
        let good = message.as_ref().is_none_or(|message| message.contains("\"refusals\":[]"));
        let mut pod = job["spec"]["template"].clone();
        pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] = name.into();
        pod["metadata"]["ownerReferences"] = json!([{"uid": job["metadata"]["uid"]}]);
        pod["status"] = json!({"phase": "Succeeded", "containerStatuses": [{
            "name": "worker", "ready": false, "restartCount": 0, "image": "", "imageID": "",
            "state": {"terminated": {"exitCode": 0, "message": message.unwrap_or_default()}},
        }]});
        server.store.create(&key("pods", &format!("{name}-x")), pod).expect("a new pod");
        let ended = if good { "Complete" } else { "Failed" };
        server.store.update(&key("jobs", name), |job| {
            job["status"] = json!({"conditions": [{"type": ended, "status": "True"}]});
        });
    }

    /// What is left at the end, without what differs between runs for good reasons.
    pub(crate) fn rest(&self) -> Value {
        let server = self.server.lock().unwrap();
        let objects = server.store.objects.iter().filter(|(key, _)| key.0 != "events");
        let masked: serde_json::Map<String, Value> =
            objects.map(|(key, object)| (format!("{}/{}", key.0, key.2), mask(object))).collect();
        Value::Object(masked)
    }

    /// Creations and deletions of everything but events.
    pub(crate) fn counts(&self) -> Vec<(String, u32, u32)> {
        let server = self.server.lock().unwrap();
        let created = server.store.created.iter().filter(|(key, _)| key.0 != "events");
        created
            .map(|(key, count)| {
                let deleted = server.store.deleted.get(key).copied().unwrap_or(0);
                (format!("{}/{}", key.0, key.2), *count, deleted)
            })
            .collect()
    }

    pub(crate) fn disturb(&self, counted: crate::api::Counted, at: u64, fault: Fault) {
        self.server.lock().unwrap().fault = Some((counted, at, fault));
    }

    pub(crate) fn writes(&self) -> u64 {
        self.server.lock().unwrap().writes
    }

    pub(crate) fn create(&self, plural: &str, object: Value) {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let mut server = self.server.lock().unwrap();
        server.store.create(&key(plural, &name), object).expect("a new object");
    }

    pub(crate) fn delete_job(&self) {
        self.server.lock().unwrap().store.delete(&key("streamjobs", "j"), None).expect("a job");
    }
}

/// What the worker is told.
fn slots_per_worker(set: &Value) -> u32 {
    let args = &set["spec"]["template"]["spec"]["containers"][0]["args"];
    let args: Vec<&str> = args.as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    let at = args.iter().position(|arg| *arg == "--slots-per-worker").unwrap();
    args[at + 1].parse().unwrap()
}

fn mask(object: &Value) -> Value {
    match object {
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| {
                !matches!(
                    name.as_str(),
                    "uid"
                        | "resourceVersion"
                        | "creationTimestamp"
                        | "lastTransitionTime"
                        | "createdAt"
                        | "releasingSince"
                        | "acquiringSince"
                        | "observedAt"
                        | "startedAt"
                        | "completedAt"
                        | "podIP"
                        | "at"
                        | "streamjob.dev/job-uid"
                        | "location"
                        | "jobUid"
                        | "digest"
                )
            })
            .map(|(name, value)| (name.clone(), mask(value)))
            .collect::<serde_json::Map<String, Value>>()
            .into(),
        Value::Array(items) => items.iter().map(mask).collect::<Vec<Value>>().into(),
        Value::String(text) if text.contains("\"uid\"") => Value::Null,
        plain => plain.clone(),
    }
}

/// The planner of the tests: refuses SQL that begins with a reason, else makes a plan of it.
fn verdict(config: &Value) -> String {
    let job: Value =
        serde_json::from_str(config["data"]["job.json"].as_str().unwrap()).expect("job.json");
    let sql = job["spec"]["sql"].as_str().unwrap();
    let word = sql.split_whitespace().next().unwrap_or_default();
    let reason = protocol::reason::Reason::ALL.iter().find(|reason| reason.as_str() == word);
    let refusals = reason.map(|reason| json!({"reason": reason, "message": "as the test wants"}));
    let layout = json!({"stages": [
        {"stage": 0, "topics": [{"topic": "clicks", "partitions": SHARDS}]},
    ]});
    let fingerprint = operator::digest::of(&sql);
    json!({
        "fingerprint": reason.is_none().then_some(fingerprint),
        "diff": null,
        "layout": reason.is_none().then_some(layout),
        "exchange_partitions": 16,
        "hash_version": 1,
        "refusals": refusals.into_iter().collect::<Vec<_>>(),
        "warnings": [],
    })
    .to_string()
}

/// Time as the store writes it; for scenarios that check a deadline.
#[allow(dead_code)]
pub(crate) fn at(seconds: i64) -> String {
    time(seconds)
}
