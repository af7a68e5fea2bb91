//! A small cluster: the API server, the controllers of stateful sets and jobs, the workers, and
//! the operator in the middle.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use operator::reconcile::{Context, reconcile};
use operator::savepoint::edge;
use operator::validate::Settings;
use protocol::admin::SlotPhase;
use serde_json::Value;

use crate::api::{Fault, Server, Shared, client};
use crate::reading::{ages, mask};
use crate::store::{Key, Store};
use crate::watches::Watches;
use crate::workers::{Admin, CallFault, Fleet, Visitor};

/// Passes until a scenario must have come to rest.
const PASSES_MAX: u32 = 400;
/// As soon as for a job of which something is expected.
const SOON: Duration = operator::limits::STARTING_REQUEUE;
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
    /// Passes in which another operator acts too.
    twin_passes: u32,
    /// The operator wants to look again soon.
    looks_soon: bool,
    /// Savepoints that need nothing more, with their versions.
    settled: Vec<(String, Value)>,
    pub(crate) addresses: u32,
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
    /// In so many passes another operator acts too, which takes turns with this one.
    pub(crate) twin: u32,
    /// The readings of one pass, or the one of a request that is stale, are of so many passes before.
    pub(crate) old: Option<usize>,
}

impl Disturbance {
    /// What is made and removed on the way may differ, as long as the end is the same: what was decided came late, or
    /// from what is no more.
    pub(crate) fn may_take_a_detour(&self) -> bool {
        self.old.is_some() || matches!(self.request, Some((_, Fault::Late(_))))
    }
}

impl Snapshot {
    /// The objects.
    pub(crate) fn store(&self) -> Arc<Store> {
        Arc::new(self.server.store.clone())
    }

    /// Numbers of the requests that wrote, until then.
    pub(crate) fn written(&self) -> Vec<u64> {
        self.server.log.iter().map(|(number, _)| *number).collect()
    }

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

/// An operator that has just begun.
fn operator(server: &Shared, fleet: &Arc<Mutex<Fleet>>) -> Context {
    let clock = Arc::clone(server);
    let admin = Admin { fleet: Arc::clone(fleet), server: Arc::clone(server) };
    Context {
        client: client(server),
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
        let context = operator(&server, &fleet);
        let no_capacity = Arc::new(Mutex::new(false));
        let watches = Watches::begin(&context.watched);
        Self {
            server,
            fleet,
            context,
            watches,
            silent_passes: 0,
            twin_passes: 0,
            looks_soon: false,
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
        let mut hasher = DefaultHasher::new();
        {
            let store = &self.server.lock().unwrap().store;
            let counts = store.created.iter().chain(&*store.deleted);
            counts.filter(|(key, _)| key.0 != "events").for_each(|count| count.hash(&mut hasher));
            for (key, object) in store.objects.iter().filter(|(key, _)| key.0 != "events") {
                (&key.0, &key.2, object.print()).hash(&mut hasher);
            }
        }
        let mut text = String::new();
        let mut workers: Vec<String> = {
            let fleet = self.fleet.lock().unwrap();
            fleet.workers.values().map(|fake| format!("{fake:?}")).collect()
        };
        workers.sort();
        text.extend(workers);
        text.push_str(&self.fleet.lock().unwrap().surroundings());
        text.push_str(if *self.no_capacity.lock().unwrap() { "full" } else { "" });
        let (now, tempo) = {
            let store = &self.server.lock().unwrap().store;
            (store.now, store.tempo)
        };
        let away = self.fleet.lock().unwrap().store_returns_at.saturating_sub(now).max(0);
        text.push_str(&away.to_string());
        if tempo > 1 || away > 0 {
            ages(&self.job().unwrap_or_default(), now, &mut text);
        }
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
            let waits = self.looks_soon || self.is_disturbed();
            let rests = self.activity() == before && !waits;
            quiet = if rests { quiet + 1 } else { 0 };
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
        let now = self.server.lock().unwrap().store.now;
        self.fleet.lock().unwrap().step(now);
        let server = &mut self.server.lock().unwrap();
        server.reads_old = false;
        server.deliver();
        server.store.now += server.store.tempo;
    }

    /// Something that goes wrong is not over yet.
    pub(crate) fn is_disturbed(&self) -> bool {
        self.twin_passes > 0 || self.server.lock().unwrap().is_owed()
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
        let twin = self.twin_passes > 0;
        self.twin_passes = self.twin_passes.saturating_sub(1);
        self.server.lock().unwrap().takes_turns = twin;
        let other = twin.then(|| operator(&self.server, &self.fleet));
        // Errors are what the disturbances are about; the next pass looks again.
        if self.job().is_some() {
            let pass = |context| reconcile(context, "default", "j");
            let again = beside(
                Box::pin(pass(&self.context)),
                other.as_ref().map(|other| Box::pin(pass(other))),
            )
            .await;
            self.looks_soon = again.is_ok_and(|again| again.is_some_and(|at| at <= SOON));
        }
        for version in savepoints {
            // One that needs nothing more is looked at when it changes.
            if self.settled.contains(&version) {
                continue;
            }
            let pass = |context| edge::reconcile(context, "default", &version.0);
            let again = beside(
                Box::pin(pass(&self.context)),
                other.as_ref().map(|other| Box::pin(pass(other))),
            )
            .await;
            if matches!(again, Ok(None)) {
                self.settled.push(version);
            }
        }
    }

    /// What a run at rest leaves alone: objects, workers, orders.
    fn activity(&self) -> (u64, u64, Vec<SlotPhase>) {
        let server = self.server.lock().unwrap();
        let changes = server.store.changes + server.writes;
        drop(server);
        let fleet = self.fleet.lock().unwrap();
        (changes, fleet.orders, fleet.workers.values().map(|fake| fake.phase).collect())
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
        self.twin_passes = disturbance.twin;
        let mut server = self.server.lock().unwrap();
        server.fault = disturbance.request;
        server.deaths.clone_from(&disturbance.deaths);
        drop(server);
        self.fleet.lock().unwrap().fault = disturbance.call;
    }

    /// The readings of the next pass, or one of them, come from what was.
    pub(crate) fn read_from(&self, store: Arc<Store>, all: bool) {
        let mut server = self.server.lock().unwrap();
        server.old = Some(store);
        server.reads_old = all;
    }

    /// The operator dies and is started again.
    pub(crate) fn operator_dies(&self) {
        self.server.lock().unwrap().dead = true;
    }

    /// What a ConfigMap holds.
    pub(crate) fn config(&self, name: &str) -> Value {
        let server = self.server.lock().unwrap();
        server.store.get(&key("configmaps", name)).expect("a ConfigMap")["data"].clone()
    }

    /// Promises that were not kept, by a write or an order.
    pub(crate) fn broken_promises(&self) -> Vec<String> {
        let mut broken = self.server.lock().unwrap().broken.clone();
        broken.extend(self.fleet.lock().unwrap().violations.iter().cloned());
        broken
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

/// What the first one comes to, while the second one runs too.
async fn beside<A, B>(one: impl Future<Output = A>, other: Option<impl Future<Output = B>>) -> A {
    match other {
        Some(other) => futures::join!(one, other).0,
        None => one.await,
    }
}
