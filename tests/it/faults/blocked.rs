//! Every condition that blocks a job, provoked: the worker says its name and goes no further, and `explain` says the
//! same of the shard.

use std::thread;
use std::time::Duration;

use futures::TryStreamExt as _;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use protocol::CommitNumber;
use protocol::admin::{SlotPhase, WorkerStatus};
use protocol::metadata::OffsetMetadata;
use protocol::reason::Reason;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::producer::{BaseProducer, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use tests::generator::Pace;
use tests::harness::worker::{Role, Worker};
use tests::kafka::{loss, topics};
use tests::oracle::Query;

use crate::stage::{PARTITIONS, Site, Stage};
use crate::tampering::{commit, commit_of, newest, newest_of_all};

const STEP_MAX: Duration = Duration::from_mins(1);
const BLOCKED: i32 = 21;
const REREAD: i32 = 11;

/// A reason, how often checkpoints are taken before, what is done to the job at rest.
type Case = (Reason, &'static str, fn(&Stage));

const CASES: [Case; 7] = [
    (Reason::CommitPointLost, "500ms", |stage| {
        loss::delete_group(&stage.job.bootstrap, &stage.job.source_group()).unwrap();
    }),
    (Reason::OffsetsMovedByOther, "500ms", move_offsets),
    (Reason::ManifestMissing, "500ms", |stage| change_manifests(stage, None)),
    (Reason::ManifestCorrupt, "500ms", |stage| change_manifests(stage, Some("{}"))),
    (Reason::LogTruncated, "500ms", |stage| {
        let last = newest(stage);
        commit(stage, last.offset + 1_000, &next(&last.metadata));
    }),
    (Reason::ReplayGapLost, "10m", |stage| {
        let committed = stage.committed();
        loss::delete_records(&stage.job.bootstrap, &stage.job.source, &committed).unwrap();
    }),
    (Reason::TopicReplaced, "500ms", replace_topic),
];

fn is_in(phase: SlotPhase) -> impl FnMut(&WorkerStatus) -> bool {
    move |status| status.slots.first().is_some_and(|slot| slot.phase == phase)
}

fn next(metadata: &str) -> OffsetMetadata {
    let metadata = OffsetMetadata::decode(metadata).unwrap();
    OffsetMetadata { commit: CommitNumber(metadata.commit.0 + 1), ..metadata }
}

/// As a tool for resetting groups does it.
fn move_offsets(stage: &Stage) {
    let group: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &stage.job.bootstrap)
        .set("group.id", stage.job.source_group())
        .create()
        .unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_offset(&stage.job.source, 0, Offset::Offset(0)).unwrap();
    group.commit(&offsets, CommitMode::Sync).unwrap();
}

fn change_manifests(stage: &Stage, content: Option<&'static str>) {
    let bucket = stage.bucket.as_deref().unwrap();
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let folder = Path::from(format!("jobs/{}/manifests", stage.job.uid));
        let manifests: Vec<_> = bucket.list(Some(&folder)).try_collect().await.unwrap();
        assert!(!manifests.is_empty());
        for manifest in manifests {
            match content {
                None => bucket.delete(&manifest.location).await.unwrap(),
                Some(text) => drop(bucket.put(&manifest.location, text.into()).await.unwrap()),
            }
        }
    });
}

/// The group's offsets go with the topic; here somebody has put them back.
fn replace_topic(stage: &Stage) {
    let last = newest_of_all(stage);
    let bootstrap = &stage.job.bootstrap;
    loss::delete_topic(bootstrap, &stage.job.source).unwrap();
    topics::create(bootstrap, &[(&stage.job.source, PARTITIONS)]).unwrap();
    for (partition, last) in last {
        commit_of(stage, partition, last.offset, &next(&last.metadata));
    }
}

fn start(stage: &Stage, generation: u64) -> Worker {
    let role = Role::only(generation);
    Worker::start(&stage.setup(&format!("g{generation}"), role)).unwrap()
}

/// A job that has done some work and was killed.
fn at_rest(site: &Site, name: &str, checkpoints: &str) -> Stage {
    let stage = site.stage(name, Query::bids_per_auction(true), |job| {
        checkpoints.clone_into(&mut job.checkpoint_interval);
    });
    stage.plan();
    let load = stage.load(stage.recipe(5), 2_000, Pace::PerSecond(8_000));
    let mut worker = start(&stage, 1);
    let written = load.written().unwrap();
    stage.until_committed(written.rows as i64, || worker.process().require_running().unwrap());
    if checkpoints != "10m" {
        worker.until_checkpoint(STEP_MAX, 0).unwrap();
    }
    worker.process().kill().unwrap();
    stage
}

fn require_blocked(site: &Site, (reason, checkpoints, harm): Case) {
    let stage = at_rest(site, &format!("blocked-{}", reason.as_str().to_lowercase()), checkpoints);
    let (code, text) = stage.explain();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(&format!("all {PARTITIONS} shards can go on")), "{text}");
    harm(&stage);
    let (code, text) = stage.explain();
    assert_eq!(code, Some(BLOCKED), "{reason}: {text}");
    assert!(text.contains(&format!("blocked: {reason}: ")), "{text}");
    assert!(text.contains(&format!("docs/runbooks/reasons/{reason}.md")), "{text}");
    let mut worker = start(&stage, 1);
    let blocked = is_in(SlotPhase::Blocked);
    let status = worker.until_status("blocked", STEP_MAX, blocked).unwrap();
    assert_eq!(status.slots[0].reason, Some(reason), "{:?}", status.slots[0].message);
}

/// A worker of a generation that was followed by another one.
fn superseded(site: &Site) {
    let stage = at_rest(site, "blocked-superseded", "500ms");
    let mut new = start(&stage, 2);
    let runs = is_in(SlotPhase::Running);
    new.until_status("running", STEP_MAX, runs).unwrap();
    let mut old = start(&stage, 1);
    let blocked = is_in(SlotPhase::Blocked);
    let status = old.until_status("blocked", STEP_MAX, blocked).unwrap();
    assert_eq!(status.slots[0].reason, Some(Reason::Superseded));
    let (code, text) = stage.explain();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("by generation 2 slot 0"), "{text}");
}

/// A worker whose transactional id somebody else has opened.
fn fenced(site: &Site) {
    let stage = at_rest(site, "blocked-fenced", "500ms");
    let mut worker = start(&stage, 1);
    let runs = is_in(SlotPhase::Running);
    worker.until_status("running", STEP_MAX, runs).unwrap();
    let stranger: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &stage.job.bootstrap)
        .set("transactional.id", format!("streamjob.{}.1.0", stage.job.uid))
        .create()
        .unwrap();
    stranger.init_transactions(STEP_MAX).unwrap();
    // The input goes on, so there is something to commit.
    let recipe = stage.recipe(6);
    stage.load(recipe, 100, Pace::FlatOut).written().unwrap();
    let status = worker.process().wait(STEP_MAX).unwrap();
    assert_eq!(status.code(), Some(REREAD), "{}", worker.process().output());
    assert!(worker.process().output().contains("Fenced"));
}

#[test]
fn whatever_blocks_a_job_is_named_by_the_worker_and_explained() {
    let site = Site::start("blocked");
    let site = &site;
    thread::scope(|scope| {
        let (some, others) = CASES.split_at(4);
        for cases in [some, others] {
            scope.spawn(move || cases.iter().for_each(|case| require_blocked(site, *case)));
        }
        scope.spawn(move || {
            superseded(site);
            fenced(site);
        });
    });
}
