//! The slot loop, as it is, over modelled brokers, store, clock and disks, where a seed decides about
//! every order of events (docs/decisions/0009). `STREAMJOB_SIM_SEEDS` is how many seeds run,
//! `STREAMJOB_SIM_SEED` runs one of them again and shows every step.

mod acts;
mod added;
mod advances;
mod cluster;
mod crew;
mod judge;
mod logs;
mod objects;
mod planner;
mod process;
mod producer;
#[path = "../random.rs"]
mod random;
mod schedule;
mod seed;
mod seen;
mod setting;
mod spans;
mod upgrade;

use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use seed::Done;
use seen::Seen;
use tests::figures::Figures;

/// Seeds of a run, unless it is told otherwise.
const SEEDS: usize = 500;
/// One seed in so many runs twice, and must come to the same.
const TWICE: usize = 100;
/// Seeds that have failed once, and what happened then.
const KEPT: &[(u64, &str)] = &[
    (5, "fenced during the last checkpoint, a slot went on with the release"),
    (1_184, "a follower was overtaken by the purge of an exchange"),
    (1_377, "an owner woke after its successor had purged"),
    (1_538, "a warmed shard was acquired after the purge"),
    (496_346_236, "a follower of an older generation met the state of a newer plan"),
];

/// Past the capture of the test harness: the figures are a result.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("somebody reads");
}

/// A seed, on a thread of its own.
fn run(seed: u64, shown: bool) -> anyhow::Result<Done> {
    // In memory where there is: nothing here is about real disks.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let scratch = tempfile::tempdir_in(folder)?;
    let folder = scratch.path().to_owned();
    let body = move || seed::run(seed, &folder, shown);
    let run = thread::Builder::new().name(format!("seed {seed}")).spawn(body)?;
    run.join().map_err(|_| anyhow::anyhow!("the seed's own thread panicked"))?
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("the variable is a number"))
}

/// What a run of seeds came to.
#[derive(Default)]
struct Total {
    rows: AtomicU64,
    steps: AtomicU64,
    simulated_ms: AtomicU64,
    seen: Seen,
    failed: Mutex<Vec<String>>,
}

impl Total {
    fn take(&self, seed: u64, twice: bool) {
        let fail = |why: String| {
            let failed = &mut self.failed.lock().expect("nobody panicked");
            failed.push(format!("seed {seed}: {why}"));
        };
        match run(seed, false) {
            Err(error) => fail(format!("{error:#}")),
            Ok(done) => {
                self.rows.fetch_add(done.rows, Ordering::Relaxed);
                self.steps.fetch_add(done.steps, Ordering::Relaxed);
                let ms = done.simulated.as_millis() as u64;
                self.simulated_ms.fetch_add(ms, Ordering::Relaxed);
                self.seen.take(&done.seen);
                if twice {
                    let again = run(seed, false).map(|again| (again.trace, again.steps));
                    match again {
                        Ok(again) if again == (done.trace, done.steps) => {}
                        other => fail(format!(
                            "another run of it came to {other:?}, not {:?}",
                            (done.trace, done.steps)
                        )),
                    }
                }
            }
        }
    }
}

#[test]
fn every_seed_keeps_the_promises() {
    if let Some(seed) = number("STREAMJOB_SIM_SEED") {
        let done = run(seed, true).unwrap();
        say(&format!("seed {seed}: {} rows, trace {:016x}", done.rows, done.trace));
        return;
    }
    let seeds = number("STREAMJOB_SIM_SEEDS").map_or(SEEDS, |seeds| seeds as usize);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let first = number("STREAMJOB_SIM_FIRST").unwrap_or(since.as_micros() as u64 % 1_000_000_000);
    say(&format!("{seeds} seeds from {first}"));
    let (next, total, began) = (AtomicUsize::new(0), Total::default(), Instant::now());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= seeds + KEPT.len() || !total.failed.lock().unwrap().is_empty() {
                        return;
                    }
                    let fresh = |at: usize| first + at as u64;
                    let seed = KEPT.get(at).map_or_else(|| fresh(at - KEPT.len()), |kept| kept.0);
                    total.take(seed, at.is_multiple_of(TWICE));
                }
            });
        }
    });
    let failed = total.failed.into_inner().unwrap();
    assert!(failed.is_empty(), "run it again with STREAMJOB_SIM_SEED=…\n{}", failed.join("\n"));
    let rows = total.rows.into_inner();
    let simulated = Duration::from_millis(total.simulated_ms.into_inner());
    say(&format!(
        "{} seeds, {} steps, {} output rows as the oracle has them, {:.1} h simulated in {:.1} s",
        seeds + KEPT.len(),
        total.steps.into_inner(),
        rows,
        simulated.as_secs_f64() / 3_600.0,
        began.elapsed().as_secs_f64()
    ));
    say(&total.seen.line());
    let figures = Figures {
        faults: total.seen.faults(),
        histories: (seeds + KEPT.len()) as u64,
        records: rows,
        ..Figures::of("simulated slots, by seeds")
    };
    figures.tell().unwrap();
    let missing = total.seen.missing();
    assert!(missing.is_empty() || seeds < SEEDS, "never met: {}", missing.join(", "));
}
