//! Ownership and commit, explored exhaustively: every order of steps, faults and late requests within the bounds.
//! `docs/decisions/0008-model-checking.md` says what is modelled and what was found. `STREAMJOB_MODEL=full` takes the
//! large bounds.

mod bounds;
mod burst;
mod decide;
mod exchange;
mod explore;
mod kafka;
mod mirror;
mod ownership;
mod removals;
mod rules;
mod seen;
mod slot;
mod world;

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bounds::{Bounds, FULL, SMALL};
use exchange::Exchange;
use explore::{Found, explore};
use ownership::Ownership;

/// A guard for the memory: a state takes about 20 bytes, its edges for progress 8 each.
const STATES_MAX: usize = 120_000_000;

/// Two upgrades: of an exchange that stays, of one that changes, of one that changes back.
const UPGRADES: [[u64; 3]; 3] = [[1, 1, 1], [1, 2, 2], [1, 2, 1]];

/// Past the capture of the test harness: the figures are a result.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("somebody reads");
}

fn kept(bounds: Bounds) -> usize {
    let began = Instant::now();
    let model = Ownership::new(bounds, None);
    let Found { states, transitions, depth, broken } = explore(&model, STATES_MAX);
    let broken = broken.map(|broken| broken.to_string());
    assert!(broken.is_none(), "{}: {}", bounds.name, broken.unwrap_or_default());
    let took = began.elapsed().as_secs_f64();
    say(&format!(
        "{}: {states} states, {transitions} steps, depth {depth}, {took:.1} s",
        bounds.name
    ));
    states
}

#[test]
fn every_promise_holds_within_the_bounds() {
    let full = std::env::var("STREAMJOB_MODEL").is_ok_and(|bounds| bounds == "full");
    let all = if full { FULL } else { SMALL };
    let next = AtomicUsize::new(0);
    let explorer = || {
        let take = || all.get(next.fetch_add(1, Ordering::Relaxed));
        std::iter::from_fn(take).map(|bounds| kept(*bounds)).sum::<usize>()
    };
    let states: usize = std::thread::scope(|scope| {
        let explorers = [scope.spawn(explorer), scope.spawn(explorer)];
        explorers.map(|explorer| explorer.join().expect("every promise is kept")).iter().sum()
    });
    say(&format!("model: {states} states, every promise kept"));
}

#[test]
fn an_upgrade_loses_no_row_of_an_exchange() {
    for fingerprints in UPGRADES {
        let found = explore(&Exchange::new(fingerprints, None), STATES_MAX);
        assert!(found.broken.is_none(), "{}", found.broken.expect("checked"));
    }
}

/// The model is alive, and every rule earns its place: without it a promise breaks.
#[test]
fn without_any_single_rule_a_promise_is_broken() {
    let mut missed = Vec::new();
    for (rule, broken) in removals::all() {
        match broken {
            Some(broken) => println!("without {rule:?}: {broken}"),
            None => missed.push(rule),
        }
    }
    assert!(missed.is_empty(), "nothing is found without {missed:?}");
}

/// The decision note says why each of these is kept all the same.
#[test]
fn what_other_rules_cover_is_known() {
    for (rule, found) in removals::covered() {
        assert!(found.is_none(), "without {rule:?}: {}", found.expect("checked"));
    }
}

#[test]
fn a_trace_starts_at_the_beginning_and_ends_at_the_broken_promise() {
    let bounds = Bounds::new("", &[1, 1], 1);
    let model = Ownership::new(bounds, Some(rules::Rule::O7OffsetsStay));
    let broken = explore(&model, STATES_MAX).broken.expect("the offset moves back");
    assert!(broken.trace.iter().any(|step| step.contains("order")), "{broken}");
    assert!(broken.trace.last().is_some_and(|step| step.contains("markers")), "{broken}");
    assert!(broken.promise.contains("moves back"), "{broken}");
}
