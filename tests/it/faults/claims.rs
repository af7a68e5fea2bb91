//! What an acquire leaves alone, and what it must not wait for.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::admin::SlotPhase;
use protocol::metadata::OffsetMetadata;
use protocol::{CommitNumber, Generation};
use rdkafka::producer::Producer as _;
use tests::generator::{Pace, Written};
use tests::harness::worker::{Role, Worker};
use tests::kafka::commits::{self, CommittedOffset};
use tests::kafka::ends::ends;
use tests::kafka::logs::Isolation;
use tests::oracle::Query;

use crate::judging::open_transaction;
use crate::stage::{PARTITIONS, Site, Stage};
use crate::tampering::{commit_of, newest_of_all};

const STEP_MAX: Duration = Duration::from_mins(1);

fn start(stage: &Stage, generation: u64) -> Worker {
    let role = Role::only(generation);
    Worker::start(&stage.setup(&format!("g{generation}"), role)).unwrap()
}

/// A job that has read its input, and was killed then.
fn at_rest(site: &Site, name: &str) -> (Stage, Written) {
    let stage = site.stage(name, Query::bids_per_auction(true), |_| {});
    stage.plan();
    let mut worker = start(&stage, 1);
    let written = stage.load(stage.recipe(5), 2_000, Pace::FlatOut).written().unwrap();
    stage.until_committed(written.rows as i64, || worker.process().require_running().unwrap());
    worker.until_checkpoint(STEP_MAX, 0).unwrap();
    worker.process().kill().unwrap();
    (stage, written)
}

fn metadata(commit: &CommittedOffset) -> OffsetMetadata {
    OffsetMetadata::decode(&commit.metadata).unwrap()
}

/// A16.
fn claimed(site: &Site) {
    let (stage, written) = at_rest(site, "claimed");
    let mut worker = start(&stage, 2);
    worker.until_phase(STEP_MAX, SlotPhase::Running).unwrap();
    let mut all: BTreeMap<i32, Vec<CommittedOffset>> = BTreeMap::new();
    commits::history(&stage.job.bootstrap, &stage.job.source_group(), &mut |commit| {
        if commit.topic == stage.job.source {
            all.entry(commit.partition).or_default().push(commit);
        }
    })
    .unwrap();
    assert_eq!(all.len(), PARTITIONS as usize);
    for commits in all.values() {
        let of_new = |commit: &CommittedOffset| metadata(commit).generation == Generation(2);
        let at = commits.iter().position(of_new).expect("a claim");
        let (before, claim) = (&commits[at - 1], &commits[at]);
        assert_eq!(claim.offset, before.offset);
        let (before, claim) = (metadata(before), metadata(claim));
        assert!(before.manifest.is_some(), "a checkpoint was named");
        assert_eq!(claim.commit, CommitNumber(before.commit.0 + 1));
        assert_ne!(claim.nonce, before.nonce);
        let (commit, nonce) = (claim.commit, claim.nonce);
        let rest = OffsetMetadata { generation: Generation(2), commit, nonce, ..before };
        assert_eq!(metadata(&commits[at]), rest);
    }
    stage.finish(written, || worker.process().require_running().unwrap());
    assert!(worker.process().stop().unwrap().success());
}

/// A22: behind the last row that can be read lie rows of an aborted transaction, and the committed offset lies behind
/// these.
fn behind_aborted_rows(site: &Site) {
    let (stage, written) = at_rest(site, "aborted-end");
    let (bootstrap, source) = (&stage.job.bootstrap, &stage.job.source);
    let rows = (0..PARTITIONS).map(|partition| (partition, "no JSON".to_owned()));
    let aborted = open_transaction(bootstrap, "of-the-source", source, rows);
    aborted.abort_transaction(STEP_MAX).unwrap();
    let ends = ends(bootstrap, source, Isolation::Uncommitted).unwrap();
    for (partition, last) in newest_of_all(&stage) {
        let end = ends[partition as usize];
        assert_eq!(end, last.offset + 2, "a row and a marker");
        let metadata = metadata(&last);
        let next = CommitNumber(metadata.commit.0 + 1);
        commit_of(&stage, partition, end, &OffsetMetadata { commit: next, ..metadata });
    }
    let mut worker = start(&stage, 1);
    worker.until_phase(STEP_MAX, SlotPhase::Running).unwrap();
    stage.finish(written, || worker.process().require_running().unwrap());
    assert!(worker.process().stop().unwrap().success());
}

#[test]
fn a_claim_changes_the_owner_and_nothing_else() {
    claimed(&Site::start("claimed"));
}

#[test]
fn a_log_that_ends_in_aborted_rows_is_replayed_to_its_end() {
    behind_aborted_rows(&Site::start("aborted-end"));
}
