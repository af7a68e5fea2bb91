//! What the planner finds wrong with topics, and what becomes of partitions that are added.

use std::time::Duration;

use protocol::admin::SlotPhase;
use serde_json::json;
use tests::checker::settle;
use tests::generator::{Load, Pace, Recipe, WriteOptions};
use tests::harness::worker;
use tests::kafka::topics;
use tests::oracle::Query;

use crate::stage::{PARTITIONS, Stage};

const STEP_MAX: Duration = Duration::from_mins(1);
/// Partitions that are added.
const MORE: u32 = 2;

/// Plans, and requires that the planner refuses with these words.
fn require_refused(stage: &Stage, words: &[&str]) {
    let log = stage.scratch.path().join("refused.log");
    let refused = worker::plan(&stage.job_path, &stage.secrets, &log);
    let text = refused.expect_err("the planner refuses").to_string();
    assert!(words.iter().all(|word| text.contains(word)), "{words:?}: {text}");
}

#[test]
fn a_source_that_is_compacted_too_early_is_refused() {
    let mut stage = Stage::development("compacted", Query::bids_per_auction(true));
    let topic = |name: &str, lag: &str| {
        let settings = [("cleanup.policy", "compact"), ("min.compaction.lag.ms", lag)];
        topics::create_with(&stage.job.bootstrap, name, PARTITIONS, &settings).unwrap();
    };
    topic("early", "1000");
    topic("late", "86400000");
    "early".clone_into(&mut stage.job.source);
    stage.write_job();
    require_refused(&stage, &["NotSupported", "'early' is compacted"]);
    "late".clone_into(&mut stage.job.source);
    stage.write_job();
    stage.plan();
}

#[test]
fn two_sources_over_one_topic_are_refused() {
    let mut stage = Stage::development("one-reader", Query::bids_filtered());
    let mut object = stage.job.object();
    let mut second = object["spec"]["sources"][0].clone();
    second["name"] = json!("again");
    object["spec"]["sources"].as_array_mut().unwrap().push(second);
    object["spec"]["sql"] = json!(
        "INSERT INTO snk SELECT ref, auction, price AS double_price FROM src;
         INSERT INTO snk SELECT ref, auction, price AS double_price FROM again;"
    );
    stage.job_path = stage.scratch.file("job.json", &object.to_string()).unwrap();
    require_refused(&stage, &["NotSupported", "a log has one reader"]);
}

/// Runs a generation until it owns its shards, and ends it.
fn run_once(stage: &Stage, generation: u64) {
    let mut crew = stage.generation(generation, 1, true);
    crew.worker(0).unwrap().until_phase(STEP_MAX, SlotPhase::Running).unwrap();
    crew.stop().unwrap();
}

#[test]
fn partitions_that_are_added_block_a_claim_and_are_read_from_their_start_without_one() {
    let claimed = Stage::development("grown-claimed", Query::bids_per_auction(true));
    claimed.plan();
    run_once(&claimed, 1);
    topics::grow(&claimed.job.bootstrap, &claimed.job.source, PARTITIONS + MORE).unwrap();
    require_refused(&claimed, &["SourcePartitionsChanged"]);

    // Without a claim, and where the job started at `latest`.
    let mut stage = Stage::development("grown", Query::bids_filtered());
    let mut object = stage.job.object();
    object["spec"]["sources"][0]["startFrom"] = json!({"latest": {}});
    stage.job_path = stage.scratch.file("job.json", &object.to_string()).unwrap();
    stage.plan();
    run_once(&stage, 1);
    topics::grow(&stage.job.bootstrap, &stage.job.source, PARTITIONS + MORE).unwrap();
    // Written before the generation that reads it.
    let options = WriteOptions {
        bootstrap: stage.job.bootstrap.clone(),
        topic: stage.job.source.clone(),
        rows: 500,
        first: 0,
        pace: Pace::FlatOut,
        lz4: true,
        closing: None,
    };
    let recipe = Recipe::plain(stage.job.query.shape, 17, PARTITIONS + MORE);
    let written = Load::start(recipe, options).written().unwrap();
    stage.plan();
    let mut crew = stage.generation(2, 1, true);
    let tend = || {
        crew.tend()?;
        Ok(true)
    };
    let verdict = settle(&stage.case(), STEP_MAX, tend).unwrap().unwrap().require_clean().unwrap();
    assert_eq!(verdict.events, written.rows);
    crew.stop().unwrap();
}
