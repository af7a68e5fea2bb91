//! A real Kubernetes cluster on this machine, a real Kafka, a real object store: what a user does by hand, and what a
//! bad day does, each under load and judged by the checker. Needs Debian and root.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod act;
mod edits;
mod kubectl;
mod lives;
mod rests;
mod world;

use world::World;

/// A name and what happens.
type Step = (&'static str, fn(&World));

/// One test: the steps share a cluster, which starts once and is taken down by `tests/tools/cluster.sh down`.
#[test]
fn jobs_live_in_a_real_cluster() {
    let world = World::start().unwrap();
    let steps: [Step; 6] = [
        ("apply, scale 1 → 4 → 2, kill, delete pods", lives::scale_and_kill),
        ("operator killed during a rollout", lives::operator_killed),
        ("bad edits, and back", edits::bad_edits),
        ("image and resources upgraded", edits::upgrade),
        ("suspend, resume, savepoint", rests::suspend_and_keep),
        ("helm upgrade and uninstall", rests::chart),
    ];
    let only = std::env::var("STREAMJOB_E2E").unwrap_or_default();
    for (name, step) in steps.into_iter().filter(|(name, _)| name.contains(&only)) {
        let start = std::time::Instant::now();
        eprintln!("--- {name}");
        step(&world);
        eprintln!("--- {name}: {:.1} s", start.elapsed().as_secs_f64());
    }
}
