//! Whatever comes from outside, spoilt: it is refused, or read and means what it says, and nothing panics. Inputs are
//! made from a corpus, by a seed. `STREAMJOB_FUZZ_SECONDS` gives each target that long (`make fuzz`); without it each
//! has a fixed number of cases. `STREAMJOB_SEED` repeats a run. An input that was found at fault belongs into the
//! corpus.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod corpus;
mod mutate;
mod targets;

#[path = "../../worker/sql/tests/it/fixture.rs"]
mod fixture;
#[path = "../random.rs"]
mod numbers;

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use numbers::Random;
use targets::Target;
use tests::figures::Figures;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// The input as it would stand in a source.
fn shown(input: &[u8]) -> String {
    input.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{}", byte.escape_ascii()).expect("a string takes all");
        text
    })
}

fn attempt(target: &Target, input: &[u8], seed: u64) {
    let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    assert!(
        outcome.is_ok(),
        "{} with STREAMJOB_SEED={seed}; add this to tests/fuzz/corpus/{}:\n{}",
        target.name,
        target.name,
        shown(input)
    );
}

fn fuzz(target: &Target) {
    let corpus = corpus::of(target);
    assert!(!corpus.is_empty(), "{} has no corpus", target.name);
    let time = setting("STREAMJOB_FUZZ_SECONDS").map(Duration::from_secs);
    // Who has time looks further each time; without it the same cases are held.
    let new = time.map_or(1, |_| u64::from(std::process::id()));
    let seed = setting("STREAMJOB_SEED").unwrap_or(new);
    for input in &corpus {
        attempt(target, input, seed);
    }
    let mut random = Random::new(seed);
    let began = Instant::now();
    let mut cases = 0;
    while time.map_or(cases < target.cases, |time| began.elapsed() < time) {
        let mut input = corpus[random.below(corpus.len())].clone();
        let other = &corpus[random.below(corpus.len())];
        mutate::spoil(&mut random, &mut input, other, target.words);
        attempt(target, &input, seed);
        cases += 1;
    }
    eprintln!("{}: {} seeds, {cases} cases, STREAMJOB_SEED={seed}", target.name, corpus.len());
    let name = format!("spoilt inputs: {}", target.name);
    Figures { histories: cases, ..Figures::of(&name) }.tell().unwrap();
}

#[test]
fn records_are_read_alike_in_a_learned_and_in_an_unknown_order() {
    fuzz(&targets::JSON);
}

#[test]
fn offset_metadata_is_ours_or_foreign() {
    fuzz(&targets::OFFSET_METADATA);
}

#[test]
fn manifests_and_keys_are_read_or_refused() {
    fuzz(&targets::MANIFEST);
}

#[test]
fn a_job_is_valid_or_told_what_is_wrong() {
    fuzz(&targets::STREAM_JOB);
}

#[test]
fn a_query_is_planned_or_refused_with_a_position() {
    fuzz(&targets::SQL);
}

#[test]
fn exchange_records_are_read_whole_or_refused() {
    fuzz(&targets::EXCHANGE);
}
