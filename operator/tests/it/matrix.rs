//! Every scenario with every disturbance.

use std::ops::RangeInclusive;

use crate::api::{Counted, Fault};
use crate::scenarios::{SCENARIOS, Scenario};
use crate::world::World;

/// Passes at rest in which nothing may be written.
const IDLE_PASSES: u32 = 4;

async fn play(scenario: &Scenario, disturbance: Option<(Counted, u64, Fault)>) -> World {
    let mut world = World::new();
    world.tempo = scenario.seconds_per_pass;
    if let Some((counted, at, fault)) = disturbance {
        world.disturb(counted, at, fault);
    }
    for step in scenario.steps {
        step(&world);
        world.settle().await;
        let counts = (world.writes(), world.server.lock().unwrap().requests);
        world.first_step.get_or_insert(counts);
    }
    let writes = world.writes();
    for _ in 0..IDLE_PASSES {
        world.pass().await;
    }
    let name = scenario.name;
    assert_eq!(world.writes(), writes, "{name}: writes at rest, {disturbance:?}");
    let violations = world.fleet.lock().unwrap().violations.clone();
    assert_eq!(violations, Vec::<String>::new(), "{name}: {disturbance:?}");
    world
}

#[tokio::test]
async fn scenarios_end_as_they_should() {
    for scenario in SCENARIOS {
        let world = play(scenario, None).await;
        (scenario.end)(&world);
        for (object, created, _) in world.counts() {
            let again = object.starts_with("pods/") || object.starts_with("jobs/");
            assert!(created == 1 || again, "{}: {object} made {created} times", scenario.name);
        }
    }
}

/// Runs a scenario with each of the disturbances and compares the end with the undisturbed one.
async fn compare(
    scenario: &Scenario,
    counted: Counted,
    range: RangeInclusive<u64>,
    faults: &dyn Fn(u64) -> Vec<Fault>,
) {
    let reference = play(scenario, None).await;
    for at in range {
        for fault in faults(at) {
            let disturbance = Some((counted, at, fault));
            let world = play(scenario, disturbance).await;
            (scenario.end)(&world);
            let name = scenario.name;
            let log = || world.server.lock().unwrap().log.clone();
            let (want, found) = (reference.rest(), world.rest());
            assert!(
                want == found,
                "{name}: {disturbance:?}: {}\n{:#?}",
                difference(&want, &found),
                log()
            );
            assert_eq!(world.counts(), reference.counts(), "{name}: {disturbance:?}\n{:#?}", log());
        }
    }
}

/// Every story begins with the same creation; only one of them is disturbed in it.
fn begin(scenario: &Scenario, first_step: u64) -> u64 {
    if scenario.steps.len() == 1 { 1 } else { first_step + 1 }
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

/// A crash after every write, and one failure of each write, of another kind each time.
#[tokio::test]
async fn a_crash_or_failure_at_any_write_changes_nothing() {
    let failures =
        [Fault::AppliedWithoutAnswer, Fault::Status(409), Fault::Status(429), Fault::Status(500)];
    for scenario in SCENARIOS {
        let world = play(scenario, None).await;
        let from = begin(scenario, world.first_step.expect("a step").0);
        compare(scenario, Counted::Writes, from..=world.writes(), &|at| {
            let other = usize::try_from(at).unwrap() % failures.len();
            vec![Fault::Crash, failures[other]]
        })
        .await;
    }
}

/// Reads fail too; every thirteenth is enough to meet each kind of read in each situation.
#[tokio::test]
async fn a_failure_of_any_request_changes_nothing() {
    for scenario in SCENARIOS {
        let world = play(scenario, None).await;
        let requests = world.server.lock().unwrap().requests;
        let from = begin(scenario, world.first_step.expect("a step").1);
        compare(scenario, Counted::All, from..=requests, &|at| {
            if at % 13 == 0 { vec![Fault::Status(500)] } else { Vec::new() }
        })
        .await;
    }
}
