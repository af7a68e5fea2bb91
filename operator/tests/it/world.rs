//! A small cluster: the API server, the controllers of stateful sets and jobs, the workers, and
//! the operator in the middle.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use operator::reconcile::{Context, reconcile};
use operator::savepoint::edge;
use operator::validate::Settings;
use protocol::admin::SlotPhase;
use serde_json::{Value, json};

use crate::api::{Fault, Server, Shared, client};
use crate::reading::{ages, is_broken, mask, slots_per_worker, verdict};
use crate::store::Key;
use crate::watches::Watches;
use crate::workers::{Admin, CallFault, Fake, Fleet, Visitor};

/// Passes until a scenario must have come to rest.
const PASSES_MAX: u32 = 400;
/// Passes without a change that count as rest.
const QUIET_PASSES: u32 = 3;

pub(crate) const SHARDS: u32 = 4;

pub(crate) struct World {
    pub(crate) server: Shared,
    pub(crate) fleet: Arc<Mutex<Fleet>>,
    context: Context,
    watches: Watches,
    /// Passes in which the watches tell nothing.
    silent_passes: u32,
    /// Savepoints that need nothing more, with their versions.
    settled: Vec<(String, Value)>,
    addresses: u32,
    /// New pods are not scheduled.
    pub(crate) no_capacity: Arc<Mutex<bool>>,
}

/// A world at one time.
pub(crate) struct Snapshot {
    server: Server,
    fleet: Fleet,
    addresses: u32,
    no_capacity: bool,
}

/// What goes wrong in a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disturbance {
    /// A request to the API server, by number.
    pub(crate) request: Option<(u64, Fault)>,
    /// Writes after which the operator dies, by number.
    pub(crate) deaths: Vec<u64>,
    /// A call of a worker, by number.
    pub(crate) call: Option<(u64, CallFault)>,
    /// The watches tell nothing for so many passes, then all at once.
    pub(crate) silence: u32,
}

impl Snapshot {
    /// Writes until then.
    pub(crate) fn writes(&self) -> u64 {
        self.server.writes
    }

    /// Calls of workers until then.
    pub(crate) fn calls(&self) -> u64 {
        self.fleet.calls
    }

    /// Requests until then.
    pub(crate) fn requests(&self) -> u64 {
        self.server.requests
    }
}

pub(crate) fn key(plural: &str, name: &str) -> Key {
    (plural.to_owned(), "default".to_owned(), name.to_owned())
}

impl World {
    pub(crate) fn new() -> Self {
        let server: Shared = Arc::new(Mutex::new(Server::default()));
        server.lock().unwrap().store.now = 1_800_000_000;
        server.lock().unwrap().store.tempo = 1;
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
            metrics: Arc::default(),
            patrol: Arc::default(),
            sightings: Arc::default(),
            watched: Arc::default(),
            rests: Arc::default(),
            new_token: Box::new(|| "token".to_owned()),
        };
        let no_capacity = Arc::new(Mutex::new(false));
        let watches = Watches::begin(&context.watched);
        Self {
            server,
            fleet,
            context,
            watches,
            silent_passes: 0,
            settled: Vec::new(),
            addresses: 0,
            no_capacity,
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

    /// Everything as it is.
    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot {
            server: self.server.lock().unwrap().clone(),
            fleet: self.fleet.lock().unwrap().clone(),
            addresses: self.addresses,
            no_capacity: *self.no_capacity.lock().unwrap(),
        }
    }

    /// Everything as it was.
    pub(crate) fn restore(&mut self, snapshot: &Snapshot) {
        *self.server.lock().unwrap() = snapshot.server.clone();
        *self.fleet.lock().unwrap() = snapshot.fleet.clone();
        self.addresses = snapshot.addresses;
        *self.no_capacity.lock().unwrap() = snapshot.no_capacity;
        self.forget();
    }

    /// A new operator has seen nothing.
    fn forget(&mut self) {
        self.context.sightings = Arc::default();
        self.context.patrol = Arc::default();
        self.context.rests = Arc::default();
        self.context.watched = Arc::default();
        self.watches = Watches::begin(&self.context.watched);
        self.settled.clear();
    }

    /// The watches tell what is there, unless they are held up; the patrol goes round.
    async fn news(&mut self) {
        if self.silent_passes > 0 {
            self.silent_passes -= 1;
        } else {
            self.watches.tell(&self.server.lock().unwrap().store, &self.context.watched);
        }
        let visitor = Visitor { fleet: Arc::clone(&self.fleet) };
        let now = (self.context.clock)();
        for job in self.context.patrol.go_round(&visitor, now).await {
            self.context.rests.wake(&job);
        }
    }

    /// A digest of all that the future depends on. Times count where they are near their bounds.
    pub(crate) fn digest(&self) -> u64 {
        let mut text = json!([self.rest(), self.counts()]).to_string();
        let mut workers: Vec<String> = {
            let fleet = self.fleet.lock().unwrap();
            fleet.workers.values().map(|fake| format!("{fake:?}")).collect()
        };
        workers.sort();
        text.extend(workers);
        text.push_str(if *self.no_capacity.lock().unwrap() { "full" } else { "" });
        let (now, tempo) = {
            let store = &self.server.lock().unwrap().store;
            (store.now, store.tempo)
        };
        if tempo > 1 {
            ages(&self.job().unwrap_or_default(), now, &mut text);
        }
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        hasher.finish()
    }

    /// Runs operator, controllers and workers until nothing changes any more, or somebody who looks has seen enough,
    /// which is the answer.
    pub(crate) async fn settle(&mut self, enough: &mut dyn FnMut(&World) -> bool) -> bool {
        let mut quiet = 0;
        for _ in 0..PASSES_MAX {
            let before = self.activity();
            self.pass().await;
            if enough(self) {
                return true;
            }
            quiet = if self.activity() == before { quiet + 1 } else { 0 };
            if quiet >= QUIET_PASSES {
                return false;
            }
        }
        let job = self.job().unwrap_or_default();
        panic!("no rest after {PASSES_MAX} passes: {:#}", job["status"]);
    }

    /// One pass of everything.
    pub(crate) async fn pass(&mut self) {
        self.operator_pass().await;
        self.controllers();
        self.fleet.lock().unwrap().step();
        let store = &mut self.server.lock().unwrap().store;
        store.now += store.tempo;
    }

    async fn operator_pass(&mut self) {
        // An operator that died in the last pass has been started again.
        if std::mem::take(&mut self.server.lock().unwrap().dead) {
            self.forget();
        }
        self.news().await;
        let savepoints: Vec<(String, Value)> = {
            let server = self.server.lock().unwrap();
            let found = server.store.objects.iter().filter(|(key, _)| key.0 == "savepoints");
            found.map(|(k, o)| (k.2.clone(), o["metadata"]["resourceVersion"].clone())).collect()
        };
        // Errors are what the disturbances are about; the next pass looks again.
        if self.job().is_some() {
            drop(reconcile(&self.context, "default", "j").await);
        }
        for version in savepoints {
            // One that needs nothing more is looked at when it changes.
            if self.settled.contains(&version) {
                continue;
            }
            let again = edge::reconcile(&self.context, "default", &version.0).await;
            if matches!(again, Ok(None)) {
                self.settled.push(version);
            }
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
            let mut fake = Fake::new(generation, u32::try_from(ordinal).unwrap(), slots);
            fake.crashes = is_broken(&server.store, name);
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
            let restarts = fake.restarts;
            server.store.update(&key, |pod| {
                pod["status"]["conditions"] = json!([{"type": "Ready", "status": ready}]);
                if restarts > 0 {
                    pod["status"]["containerStatuses"] = json!([{
                        "name": "worker", "ready": false, "restartCount": restarts, "image": "",
                        "imageID": "",
                    }]);
                }
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

    /// The requests of these numbers fail so.
    pub(crate) fn disturb(&mut self, disturbance: &Disturbance) {
        self.silent_passes = disturbance.silence;
        let mut server = self.server.lock().unwrap();
        server.fault = disturbance.request;
        server.deaths.clone_from(&disturbance.deaths);
        drop(server);
        self.fleet.lock().unwrap().fault = disturbance.call;
    }

    /// Annotates the job.
    pub(crate) fn annotate(&self, name: &str, text: &str) {
        let mut server = self.server.lock().unwrap();
        let text = text.to_owned();
        server.store.update(&key("streamjobs", "j"), |job| {
            job["metadata"]["annotations"][name] = text.into();
        });
    }

    pub(crate) fn writes(&self) -> u64 {
        self.server.lock().unwrap().writes
    }

    pub(crate) fn requests(&self) -> u64 {
        self.server.lock().unwrap().requests
    }

    pub(crate) fn create(&self, plural: &str, object: Value) {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let mut server = self.server.lock().unwrap();
        server.store.create(&key(plural, &name), object).expect("a new object");
    }

    /// Takes a pod and what runs in it away.
    pub(crate) fn delete_pod(&self, name: &str) {
        self.server.lock().unwrap().store.delete(&key("pods", name), None).expect("a pod");
    }

    pub(crate) fn delete_job(&self) {
        self.server.lock().unwrap().store.delete(&key("streamjobs", "j"), None).expect("a job");
    }
}
