//! A real Kubernetes cluster on this machine, a real Kafka, a real object store: what a user does by hand, and what a
//! bad day does, each under load and judged by the checker. Needs Debian and root.
#![allow(clippy::unwrap_used)]

mod act;
mod contract;
mod deletions;
mod edits;
mod forks;
mod handbook;
mod kubectl;
mod listener;
mod lives;
mod obstacles;
mod operators;
mod plugin;
#[path = "../random.rs"]
mod random;
mod rests;
mod rights;
mod rules;
mod secrets;
#[path = "../../operator/tests/contract/steps.rs"]
mod steps;
mod world;

use std::io::Write as _;
use std::time::Instant;

use world::World;

/// A name and what happens.
type Step = (&'static str, fn(&World));

/// Steps that take seconds as long as nothing else asks the API server.
const FIRST: &[Step] = &[
    ("every rule of the schemas, kept and broken", rules::held),
    ("random steps, as in the API server in memory", contract::kept),
];

/// Steps that may run at the same time: each has a job of its own.
const TOGETHER: &[Step] = &[
    ("apply, scale 1 → 4 → 2, kill, delete pods", lives::scale_and_kill),
    ("bad edits, and back", edits::bad_edits),
    ("query, image and resources upgraded", edits::upgrade),
    ("suspended for a minute, and resumed", rests::suspend_a_minute),
    ("savepoint, and a second job from it", forks::savepoint_and_fork),
    ("delete while Kafka is away", deletions::without_kafka),
    ("a generation that crashes goes back", edits::gone_back_from),
    ("the plugin, with no more rights than it needs", plugin::commands),
    ("each obstacle has a name", obstacles::named),
    ("two operators side by side", operators::side_by_side),
    ("every command of docs/operations.md", handbook::from_install_to_recovery),
];

/// Steps that touch the operator itself, one after another.
const ALONE: &[Step] = &[
    ("operator killed at each step of a rollout", operators::killed_at_each_step),
    ("helm upgrade and uninstall", rests::chart),
    ("no secret is shown anywhere", secrets::shown_nowhere),
    ("the rights of the roles are those that are used", rights::are_what_is_used),
    ("the end of docs/operations.md", handbook::uninstall),
];

/// One test: the steps share a cluster, which starts once and is taken down by `tests/tools/cluster.sh down`.
/// `STREAMJOB_E2E` chooses steps by a part of their names.
#[test]
fn jobs_live_in_a_real_cluster() {
    let world = World::start().unwrap();
    let only = std::env::var("STREAMJOB_E2E").unwrap_or_default();
    let chosen = |steps: &[Step]| -> Vec<Step> {
        steps.iter().copied().filter(|(name, _)| name.contains(&only)).collect()
    };
    run(&world, &chosen(FIRST));
    run(&world, &chosen(TOGETHER));
    for step in chosen(ALONE) {
        run(&world, &[step]);
    }
}

/// Runs steps at the same time and fails when one of them does.
fn run(world: &World, steps: &[Step]) {
    let failed: Vec<&str> = std::thread::scope(|scope| {
        let running: Vec<_> = steps
            .iter()
            .map(|(name, step)| (*name, scope.spawn(move || timed(name, *step, world))))
            .collect();
        running
            .into_iter()
            .filter_map(|(name, thread)| thread.join().is_err().then_some(name))
            .collect()
    });
    assert!(failed.is_empty(), "failed: {failed:?}");
}

fn timed(name: &str, step: fn(&World), world: &World) {
    let start = Instant::now();
    say(&format!("--- {name}"));
    step(world);
    say(&format!("--- {name}: {:.1} s", start.elapsed().as_secs_f64()));
}

/// Says what happens, also while the test harness keeps its own output back.
pub(crate) fn say(line: &str) {
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}
