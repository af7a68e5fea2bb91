//! Every scenario with every disturbance: each request of each pass fails once in each way, or is the last thing that
//! the operator does before it dies; or it reads what was, or writes late, or another operator acts beside it. Every
//! run must end as the undisturbed one does, having created and deleted the same objects, and then write nothing; and
//! no write and no order on the way may break a promise.
//!
//! A disturbed run begins where its disturbance is, and ends as soon as it comes to a state that an earlier run has
//! left for the right end: what follows depends on the state alone.

use std::collections::HashSet;
use std::io::Write as _;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::api::Fault;
use crate::hardships::HARDSHIPS;
use crate::scenarios::{SCENARIOS, Scenario};
use crate::store::Store;
use crate::workers::CallFault;
use crate::world::{Disturbance, Snapshot, World};

/// Passes at rest in which nothing may be written.
const IDLE_PASSES: u32 = 4;

const FAULTS: [Fault; 5] = [
    Fault::Crash,
    Fault::AppliedWithoutAnswer,
    Fault::Status(409),
    Fault::Status(429),
    Fault::Status(500),
];

/// For how many passes the watches tell nothing.
const SILENCES: [u32; 2] = [1, 4];

/// How many passes late a write arrives: while it is still wanted, and when others have been there since.
const LATENESS: [u32; 2] = [1, 6];

/// From how many passes before stale readings are.
const STALENESS: [usize; 2] = [1, 4];

/// For how many passes two operators act at once.
const TWIN_PASSES: u32 = 3;

/// Whether pairs of deaths and every single stale reading are tried too; it takes longer.
fn explores() -> bool {
    std::env::var_os("STREAMJOB_EXPLORE").is_some()
}

/// Everything that can go wrong once between two snapshots; the single readings only where they are wanted.
fn disturbances(from: &Snapshot, to: &Snapshot, readings: bool) -> Vec<Disturbance> {
    let mut all = Vec::new();
    for request in from.requests() + 1..=to.requests() {
        let one = |fault| Disturbance { request: Some((request, fault)), ..Disturbance::default() };
        all.extend(FAULTS.map(one));
    }
    for call in from.calls() + 1..=to.calls() {
        let one = |fault| Disturbance { call: Some((call, fault)), ..Disturbance::default() };
        all.extend([CallFault::Lost, CallFault::Unanswered].map(one));
    }
    let written = to.written();
    for request in written.into_iter().filter(|request| *request > from.requests()) {
        let late = |passes| Disturbance {
            request: Some((request, Fault::Late(passes))),
            ..Disturbance::default()
        };
        all.extend(LATENESS.map(late));
    }
    let stale = |passes| Disturbance { old: Some(passes), ..Disturbance::default() };
    all.extend(STALENESS.map(stale));
    if readings {
        for request in from.requests() + 1..=to.requests() {
            let request = Some((request, Fault::Stale));
            all.extend(STALENESS.map(|passes| Disturbance { request, ..stale(passes) }));
        }
    }
    all.push(Disturbance { twin: TWIN_PASSES, ..Disturbance::default() });
    let silence = |silence| Disturbance { silence, ..Disturbance::default() };
    all.extend(SILENCES.map(silence));
    all
}

/// A step of a story and a digest of everything in it.
type State = (usize, u64);

/// Where a run may be disturbed: before a pass.
struct Place {
    step: usize,
    before: Snapshot,
}

impl Place {
    fn here(step: usize, world: &World) -> Rc<Self> {
        Rc::new(Self { step, before: world.snapshot() })
    }
}

/// A story, played once undisturbed.
struct Story<'a> {
    scenario: &'a Scenario,
    world: World,
    places: Vec<Rc<Place>>,
    /// States from which the right end is reached.
    proven: HashSet<State>,
    /// States in whose next pass the operator has died after each write.
    died_from: HashSet<State>,
    rest: serde_json::Value,
    counts: Vec<(String, u32, u32)>,
    runs: usize,
}

impl<'a> Story<'a> {
    async fn play(scenario: &'a Scenario) -> Self {
        let mut world = World::new();
        world.server.lock().unwrap().store.tempo = scenario.seconds_per_pass;
        let mut places = Vec::new();
        let mut proven = HashSet::new();
        for (step, act) in scenario.steps.iter().enumerate() {
            act(&world);
            places.push(Place::here(step, &world));
            world
                .settle(&mut |world| {
                    places.push(Place::here(step, world));
                    proven.insert((step, world.digest()));
                    false
                })
                .await;
        }
        let (rest, counts) = (world.rest(), world.counts());
        let died_from = proven.clone();
        let mut story = Self { scenario, world, places, proven, died_from, rest, counts, runs: 0 };
        story.check_end(&Disturbance::default()).await;
        story
    }

    /// Disturbs every pass at every request and every call; every story begins with the same creation, and one is
    /// disturbed in it.
    async fn disturb(&mut self) {
        let from = usize::from(self.scenario.steps.len() > 1);
        // What takes longer than a deadline of three passes allows may rightly end otherwise.
        let pairs = explores() && self.scenario.seconds_per_pass == 1;
        for at in 0..self.places.len() - 1 {
            let (place, next) = (Rc::clone(&self.places[at]), Rc::clone(&self.places[at + 1]));
            if place.step < from || place.step != next.step {
                continue;
            }
            for disturbance in disturbances(&place.before, &next.before, pairs) {
                let old = disturbance.old.map(|passes| self.before(at, passes));
                self.run(&place, &disturbance, old).await;
            }
            for write in place.before.writes() + 1..=next.before.writes() {
                if pairs {
                    self.die_twice(&place, write).await;
                }
            }
        }
    }

    /// What was so many passes before, but not before the user's last act: whoever was told of it knows it.
    fn before(&self, at: usize, passes: usize) -> Arc<Store> {
        let begins = self.places.partition_point(|place| place.step < self.places[at].step);
        self.places[at.saturating_sub(passes).max(begins)].before.store()
    }

    /// The operator dies after this write, and after each write that follows until what follows is known. What died
    /// after a read left nothing else behind than what died before it.
    async fn die_twice(&mut self, place: &Rc<Place>, write: u64) {
        let death = |write| Disturbance { deaths: vec![write], ..Disturbance::default() };
        self.world.restore(&place.before);
        self.world.disturb(&death(write));
        self.world.pass().await;
        let mut later = vec![Place::here(place.step, &self.world)];
        while self.died_from.insert((place.step, self.world.digest())) {
            self.world.pass().await;
            later.push(Place::here(place.step, &self.world));
        }
        for (from, to) in later.iter().zip(&later[1..]) {
            for second in from.before.writes() + 1..=to.before.writes() {
                self.run(from, &death(second), None).await;
            }
        }
    }

    async fn run(&mut self, place: &Place, disturbance: &Disturbance, old: Option<Arc<Store>>) {
        self.runs += 1;
        let first = place.step;
        self.world.restore(&place.before);
        self.world.disturb(disturbance);
        if let Some(old) = old {
            self.world.read_from(old, disturbance.request.is_none());
        }
        let last = disturbance.deaths.last().copied().unwrap_or(0);
        let mut path = Vec::new();
        for (step, act) in self.scenario.steps.iter().enumerate().skip(first) {
            if step > first {
                act(&self.world);
            }
            let proven = &self.proven;
            let mut known = |world: &World| {
                if world.writes() < last || world.is_disturbed() {
                    // What follows depends on the state alone only when nothing more is disturbed.
                    return false;
                }
                let state = (step, world.digest());
                path.push(state);
                proven.contains(&state)
            };
            if self.world.settle(&mut known).await {
                self.check_orders(disturbance);
                self.proven.extend(path);
                return;
            }
        }
        self.check_end(disturbance).await;
        self.proven.extend(path);
    }

    fn check_orders(&self, disturbance: &Disturbance) {
        let broken = self.world.broken_promises();
        assert_eq!(broken, Vec::<String>::new(), "{}: {disturbance:?}", self.scenario.name);
    }

    /// Nothing is made twice but pods, and planners whose answer was lost.
    fn check_counts(&self) {
        let counts = self.world.counts();
        let lives = counts.iter().find(|(object, ..)| object == "streamjobs/j").map_or(1, |c| c.1);
        for (object, created, _) in counts {
            let again = object.starts_with("pods/") || object.contains("/j-plan-");
            let name = self.scenario.name;
            assert!(created <= lives || again, "{name}: {object} made {created} times");
        }
    }

    async fn check_end(&mut self, disturbance: &Disturbance) {
        let name = self.scenario.name;
        let (rest, counts) = (self.world.rest(), self.world.counts());
        let log = || self.world.server.lock().unwrap().log.clone();
        assert!(
            self.rest == rest,
            "{name}: {disturbance:?}: {}\n{:#?}",
            difference(&self.rest, &rest),
            log()
        );
        if !disturbance.may_take_a_detour() {
            assert_eq!(self.counts, counts, "{name}: {disturbance:?}\n{:#?}", log());
        }
        if let Some(job) = self.world.job() {
            let seen = kstatus(&job);
            assert!(
                matches!(seen, "Current" | "Failed"),
                "{name}: {disturbance:?}: {seen}: {job:#}"
            );
        }
        let (writes, requests) = (self.world.writes(), self.world.requests());
        for _ in 0..IDLE_PASSES {
            self.world.pass().await;
        }
        assert_eq!(self.world.writes(), writes, "{name}: writes at rest, {disturbance:?}");
        assert_eq!(self.world.requests(), requests, "{name}: requests at rest, {disturbance:?}");
        self.check_orders(disturbance);
        (self.scenario.end)(&self.world);
        if !disturbance.may_take_a_detour() {
            self.check_counts();
        }
    }
}

/// What tools make of an object that they do not know, by the rules of kstatus.
fn kstatus(object: &serde_json::Value) -> &'static str {
    let status = &object["status"];
    let holds = |of: &str, value: &str| {
        let all = status["conditions"].as_array();
        all.is_some_and(|all| all.iter().any(|c| c["type"] == of && c["status"] == value))
    };
    if !object["metadata"]["deletionTimestamp"].is_null() {
        "Terminating"
    } else if status["observedGeneration"] != object["metadata"]["generation"]
        || holds("Reconciling", "True")
    {
        "InProgress"
    } else if holds("Stalled", "True") {
        "Failed"
    } else if holds("Ready", "True") {
        "Current"
    } else {
        "InProgress"
    }
}

fn difference(want: &serde_json::Value, found: &serde_json::Value) -> String {
    let (want, found) = (want.as_object().unwrap(), found.as_object().unwrap());
    let names: std::collections::BTreeSet<&String> = want.keys().chain(found.keys()).collect();
    let different = names.into_iter().filter(|name| want.get(*name) != found.get(*name));
    let lines: Vec<String> = different
        .map(|name| format!("{name}: want {:#?}\nfound {:#?}", want.get(name), found.get(name)))
        .collect();
    lines.join("\n")
}

#[test]
fn no_disturbance_of_any_request_changes_the_end() {
    let next = AtomicUsize::new(0);
    let scenarios: Vec<&Scenario> = SCENARIOS.iter().chain(HARDSHIPS).collect();
    let (runs, states) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let began = Instant::now();
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut story = runtime.block_on(Story::play(scenario));
            runtime.block_on(story.disturb());
            runs.fetch_add(story.runs, Ordering::Relaxed);
            states.fetch_add(story.proven.len(), Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let working: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        assert!(working.into_iter().all(|thread| thread.join().is_ok()), "see above");
    });
    let (runs, states, took) = (runs.into_inner(), states.into_inner(), began.elapsed());
    drop(writeln!(
        std::io::stderr(),
        "{} scenarios, {runs} disturbed runs, {states} states, {took:?}",
        scenarios.len()
    ));
}
