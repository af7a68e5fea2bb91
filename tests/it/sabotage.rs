//! The checker is checked: a real worker that breaks the protocol on purpose (docs/decisions/0004) on a real Kafka and
//! a real object store. Each breach must be seen, by the check that should see it.

mod breaches;
mod idle;
mod successions;

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use tests::harness::worker;

use self::breaches::{BREACHES, Breach};
use crate::stage::Site;

/// Scenarios beside each other: most of their time is waiting.
const BESIDE: usize = 5;

/// What the checker said of a breach.
struct Seen {
    name: &'static str,
    expected: &'static [&'static str],
    found: Vec<String>,
    seconds: f64,
}

impl Seen {
    fn is_caught(&self) -> bool {
        self.found.iter().any(|fault| self.expected.contains(&fault.as_str()))
    }
}

fn run(site: &Site, breach: &Breach) -> Seen {
    let start = Instant::now();
    let found = (breach.scenario)(site, breach.name);
    let (name, expected) = (breach.name, breach.expected);
    Seen { name, expected, found, seconds: start.elapsed().as_secs_f64() }
}

#[test]
fn every_breach_is_caught_by_the_check_that_should() {
    let mut known = worker::fault_names("sabotage").unwrap();
    let mut named: Vec<&str> = BREACHES.iter().map(|breach| breach.name).collect();
    known.sort();
    named.sort_unstable();
    assert_eq!(known, named, "a breach without a scenario");

    let site = Site::start("sabotage");
    let waiting = Mutex::new(BREACHES.iter().collect::<VecDeque<_>>());
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let mut seen: Vec<Seen> = thread::scope(|scope| {
        let work = || std::iter::from_fn(next).map(|breach| run(&site, breach)).collect::<Vec<_>>();
        let workers: Vec<_> = (0..BESIDE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|w| w.join().expect("a scenario runs")).collect()
    });
    seen.sort_by_key(|seen| named.iter().position(|name| *name == seen.name));
    for Seen { name, found, seconds, .. } in &seen {
        eprintln!("{name:<26} {seconds:>5.1} s  {}", found.join(", "));
    }
    let caught = seen.iter().filter(|seen| seen.is_caught()).count();
    eprintln!("{caught} of {} caught", seen.len());
    let missed: Vec<_> =
        seen.iter().filter(|s| !s.is_caught()).map(|s| (s.name, &s.found)).collect();
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

/// Whatever of `needles` stands in a file.
fn found_in(path: &std::path::Path, needles: &[String]) -> Vec<String> {
    let bytes = std::fs::read(path).unwrap();
    let mut begins = vec![false; 1 << 16];
    let start = |text: &[u8]| usize::from(u16::from_le_bytes([text[0], text[1]]));
    for needle in needles {
        begins[start(needle.as_bytes())] = true;
    }
    let mut found = Vec::new();
    for (at, two) in bytes.windows(2).enumerate() {
        if begins[start(two)] {
            let here = |needle: &&String| bytes[at..].starts_with(needle.as_bytes());
            found.extend(needles.iter().filter(here).cloned());
        }
    }
    found.sort();
    found.dedup();
    found
}

#[test]
fn the_binary_that_ships_knows_no_fault() {
    let mut names = vec!["STREAMJOB_FAULT".to_owned()];
    names.extend(worker::fault_names("point").unwrap());
    names.extend(worker::fault_names("sabotage").unwrap());
    names.sort();
    assert!(names.len() > 50, "{}", names.len());
    let program = |name: &str| tests::harness::tools::program(name).unwrap();
    assert_eq!(found_in(&program("streamjob-worker-sabotaged"), &names), names);
    assert!(found_in(&program("streamjob-worker"), &names).is_empty());
}
