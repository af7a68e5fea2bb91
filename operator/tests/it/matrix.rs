//! Every scenario with every disturbance: each request of each pass fails once in each way, or is the last thing that
//! the operator does before it dies. Every run must end as the undisturbed one does, having created and deleted the
//! same objects, and then write nothing.
//!
//! A disturbed run begins where its disturbance is, and ends as soon as it comes to a state that an earlier run has
//! left for the right end: what follows depends on the state alone.

use std::collections::HashSet;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use crate::api::Fault;
use crate::scenarios::{SCENARIOS, Scenario};
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

/// How far the second of two deaths is from the first, in writes.
const PAIR_WRITES: u64 = 16;

/// Whether pairs of deaths are tried too; it takes longer.
fn explores() -> bool {
    std::env::var_os("STREAMJOB_EXPLORE").is_some()
}

/// Everything that can go wrong once between two snapshots, and the pairs of deaths that begin there. What died after
/// a read left nothing else behind than what died before it, so pairs are counted in writes.
fn disturbances(from: &Snapshot, to: &Snapshot, pairs: bool) -> Vec<Disturbance> {
    let mut all = Vec::new();
    for request in from.requests() + 1..=to.requests() {
        let one = |fault| Disturbance { request: Some((request, fault)), ..Disturbance::default() };
        all.extend(FAULTS.map(one));
    }
    for call in from.calls() + 1..=to.calls() {
        let one = |fault| Disturbance { call: Some((call, fault)), ..Disturbance::default() };
        all.extend([CallFault::Lost, CallFault::Unanswered].map(one));
    }
    let silence = |silence| Disturbance { silence, ..Disturbance::default() };
    all.extend(SILENCES.map(silence));
    if pairs {
        for first in from.writes() + 1..=to.writes() {
            let pair =
                |second| Disturbance { deaths: vec![first, second], ..Disturbance::default() };
            all.extend((first + 1..=first + PAIR_WRITES).map(pair));
        }
    }
    all
}

/// A step of a story and a digest of everything in it.
type State = (usize, u64);

/// Where a run may be disturbed: before a pass.
struct Place {
    step: usize,
    before: Snapshot,
}

/// A story, played once undisturbed.
struct Story<'a> {
    scenario: &'a Scenario,
    world: World,
    places: Vec<Place>,
    /// States from which the right end is reached.
    proven: HashSet<State>,
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
            places.push(Place { step, before: world.snapshot() });
            world
                .settle(&mut |world| {
                    places.push(Place { step, before: world.snapshot() });
                    proven.insert((step, world.digest()));
                    false
                })
                .await;
        }
        let (rest, counts) = (world.rest(), world.counts());
        let mut story = Self { scenario, world, places, proven, rest, counts, runs: 0 };
        story.check_end(&Disturbance::default()).await;
        story
    }

    /// Disturbs every pass at every request and every call; every story begins with the same creation, and one is
    /// disturbed in it.
    async fn disturb(&mut self) {
        let from = usize::from(self.scenario.steps.len() > 1);
        // Two deaths take longer than a deadline of three passes allows: another end is right then.
        let pairs = explores() && self.scenario.seconds_per_pass == 1;
        for at in 0..self.places.len() - 1 {
            let (place, next) = (&self.places[at], &self.places[at + 1]);
            if place.step < from || place.step != next.step {
                continue;
            }
            for disturbance in disturbances(&place.before, &next.before, pairs) {
                self.run(at, &disturbance).await;
            }
        }
    }

    async fn run(&mut self, at: usize, disturbance: &Disturbance) {
        self.runs += 1;
        let Place { step, before } = &self.places[at];
        let first = *step;
        self.world.restore(before);
        self.world.disturb(disturbance);
        let last = disturbance.deaths.last().copied().unwrap_or(0);
        let mut path = Vec::new();
        for (step, act) in self.scenario.steps.iter().enumerate().skip(first) {
            if step > first {
                act(&self.world);
            }
            let proven = &self.proven;
            let mut known = |world: &World| {
                if world.writes() < last {
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
        let violations = self.world.fleet.lock().unwrap().violations.clone();
        assert_eq!(violations, Vec::<String>::new(), "{}: {disturbance:?}", self.scenario.name);
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
        assert_eq!(self.counts, counts, "{name}: {disturbance:?}\n{:#?}", log());
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
        for (object, created, _) in self.world.counts() {
            let again = object.starts_with("pods/") || object.contains("/j-plan-");
            assert!(created == 1 || again, "{name}: {object} made {created} times");
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
    let (runs, states) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let began = Instant::now();
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        while let Some(scenario) = SCENARIOS.get(next.fetch_add(1, Ordering::Relaxed)) {
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
        SCENARIOS.len()
    ));
}
