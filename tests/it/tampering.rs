//! The checker on a real run that was right, and was tampered with afterwards: in the coordinator's log, in the output
//! and in the store. Each change is one that a worker would make if it broke a rule of the protocol.

use std::collections::BTreeMap;
use std::time::Duration;

use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use protocol::metadata::OffsetMetadata;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, Producer as _};
use rdkafka::{Offset, TopicPartitionList};
use tests::checker::{Case, Upto, judge};
use tests::generator::Pace;
use tests::kafka::commits::{self, CommittedOffset};
use tests::kafka::logs::{self, Isolation};
use tests::oracle::Query;

use crate::judging;
use crate::stage::{PARTITIONS, Stage, seed};

const STEP_MAX: Duration = Duration::from_secs(20);

/// A job that has done its work, with checkpoints.
fn finished() -> Stage {
    let mut stage = Stage::real("tampered", Query::bids_per_auction(true));
    "1s".clone_into(&mut stage.job.checkpoint_interval);
    stage.write_job();
    stage.plan();
    let mut crew = stage.generation(1, 1, true);
    let load = stage.load(stage.recipe(seed()), 20_000, Pace::PerSecond(20_000));
    stage.finish(load.written().unwrap(), || crew.tend().unwrap());
    crew.stop().unwrap();
    assert!(stage.require_objects(0).runs > 0, "the last checkpoint has no run");
    stage
}

/// The newest commit of every partition of the source.
pub(crate) fn newest_of_all(stage: &Stage) -> BTreeMap<i32, CommittedOffset> {
    let mut newest = BTreeMap::new();
    commits::history(&stage.job.bootstrap, &stage.job.source_group(), &mut |commit| {
        if commit.topic == stage.job.source {
            newest.insert(commit.partition, commit);
        }
    })
    .unwrap();
    newest
}

/// The newest commit of partition 0 of the source.
pub(crate) fn newest(stage: &Stage) -> CommittedOffset {
    newest_of_all(stage).remove(&0).expect("the source is committed")
}

/// Commits an offset of partition 0, as a worker would that nobody has fenced.
pub(crate) fn commit(stage: &Stage, offset: i64, metadata: &OffsetMetadata) {
    commit_of(stage, 0, offset, metadata);
}

/// Commits an offset of the job in a transaction.
pub(crate) fn commit_of(stage: &Stage, partition: i32, offset: i64, metadata: &OffsetMetadata) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &stage.job.bootstrap);
    let group: BaseConsumer =
        config.clone().set("group.id", stage.job.source_group()).create().unwrap();
    let id = format!("stranger-of-{}", stage.job.source);
    let producer: BaseProducer = config.set("transactional.id", id).create().unwrap();
    producer.init_transactions(STEP_MAX).unwrap();
    producer.begin_transaction().unwrap();
    let mut offsets = TopicPartitionList::new();
    let mut entry = offsets.add_partition(&stage.job.source, partition);
    entry.set_offset(Offset::Offset(offset)).unwrap();
    entry.set_metadata(metadata.encode());
    let group = group.group_metadata().expect("a group");
    producer.send_offsets_to_transaction(&offsets, &group, STEP_MAX).unwrap();
    producer.commit_transaction(STEP_MAX).unwrap();
}

fn faults(case: &Case) -> Vec<String> {
    judge(case).unwrap().findings.into_iter().map(|finding| finding.fault).collect()
}

/// Committed offsets: of a generation that was replaced, of a process that was fenced, moved back, moved ahead of the
/// output.
#[test]
fn commits_that_break_the_protocol_are_seen() {
    let stage = finished();
    let last = newest(&stage);
    let metadata = OffsetMetadata::decode(&last.metadata).unwrap();
    let next = |number: u64| OffsetMetadata {
        commit: protocol::CommitNumber(metadata.commit.0 + number),
        ..metadata.clone()
    };
    let prefix = Case { upto: Upto::Committed { group: stage.job.source_group() }, ..stage.case() };
    assert_eq!(faults(&prefix), Vec::<String>::new());

    // Output without its offsets: the offset of before the last thousand rows.
    commit(&stage, last.offset - 1_000, &next(1));
    let found = faults(&prefix);
    assert!(found.contains(&"offset that went back".to_owned()), "{found:?}");
    assert!(found.contains(&"row with wrong values".to_owned()), "{found:?}");

    // Offsets of another kind of commit number, then of an older generation.
    commit(&stage, last.offset, &next(1));
    assert!(faults(&stage.case()).contains(&"commit number that did not rise".to_owned()));
    let newer = OffsetMetadata { generation: protocol::Generation(7), ..next(2) };
    commit(&stage, last.offset, &newer);
    commit(&stage, last.offset, &next(3));
    assert!(faults(&stage.case()).contains(&"generation that went back".to_owned()));

    // Offsets without output: the input grows, and only the offset says that it was read.
    let rows: Vec<_> = (0..3)
        .map(|n| {
            serde_json::json!({
                "auction": 0, "bidder": 1, "price": n, "channel": "web",
                "event_time": 2_000_000_000_000i64 + n * 60_000, "ref": "0:9",
            })
        })
        .collect();
    judging::write(&stage.job.bootstrap, &stage.job.source, &rows, 1, "commit");
    commit(&stage, last.offset + 3, &next(4));
    let found = faults(&prefix);
    assert!(found.contains(&"row lost".to_owned()), "{found:?}");
}

/// Output rows: left out, written again, swapped between windows, never decided.
#[test]
fn outputs_that_break_the_protocol_are_seen() {
    let stage = finished();
    let mut rows = Vec::new();
    logs::read(&stage.job.bootstrap, &stage.job.sink, Isolation::Committed, &mut |record| {
        rows.push(serde_json::from_slice::<serde_json::Value>(record.value.unwrap())?);
        Ok(())
    })
    .unwrap();
    let found = |sink: &str, rows: &[serde_json::Value]| {
        judging::write(&stage.job.bootstrap, sink, rows, PARTITIONS, "commit");
        faults(&Case { sink: sink.to_owned(), groups: None, ..stage.case() })
    };
    assert_eq!(found("as-it-was", &rows), Vec::<String>::new());
    assert_eq!(found("one-less", &rows[1..]), ["row lost"]);
    let more: Vec<_> = rows.iter().chain(&rows[..1]).cloned().collect();
    assert_eq!(found("one-again", &more), ["row doubled"]);
    // State applied twice, or an older snapshot restored: a count is off.
    let mut other = rows.clone();
    let bids = other[0]["bids"].as_i64().unwrap();
    other[0]["bids"] = serde_json::json!(bids * 2);
    assert_eq!(found("applied-twice", &other), ["row with wrong values"]);
    other[0]["bids"] = serde_json::json!(bids - 1);
    assert_eq!(found("older-state", &other), ["row with wrong values"]);
    // A transaction that nobody ends.
    let _open = judging::write(&stage.job.bootstrap, &stage.job.sink, &rows[..1], 1, "leave open");
    assert_eq!(faults(&stage.case()), ["output log held back by a transaction"]);
}

/// Objects: deleted though reachable, overwritten, cut.
#[test]
fn objects_that_break_the_protocol_are_seen() {
    let stage = finished();
    let store = stage.minio.as_ref().unwrap().client().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let metadata = OffsetMetadata::decode(&newest(&stage).metadata).unwrap();
    let name = metadata.manifest.expect("a checkpoint is named");
    let keys = protocol::keys::Keys::new(&stage.job.uid);
    let manifest = Path::from(format!("jobs/{}", keys.manifest(&name)));
    let bytes = |path: &Path| {
        runtime.block_on(async { store.get(path).await.unwrap().bytes().await.unwrap() })
    };
    let put = |path: &Path, body: bytes::Bytes| {
        drop(runtime.block_on(store.put(path, body.into())).unwrap());
    };
    let found = || -> Vec<String> {
        stage.objects(0).1.findings.into_iter().map(|finding| finding.fault).collect()
    };
    let body = bytes(&manifest);
    let read = protocol::manifest::Manifest::decode(&body, &name, &stage.job.uid).unwrap();
    let run = read.shards.iter().flat_map(|shard| &shard.runs).next().expect("a run");
    let runs = Path::from(format!("jobs/{}", run.object));
    let packed = bytes(&runs);

    runtime.block_on(store.delete(&manifest)).unwrap();
    assert!(found().contains(&"named manifest that is gone".to_owned()));
    put(&manifest, body);
    assert_eq!(found(), Vec::<String>::new());
    runtime.block_on(store.delete(&runs)).unwrap();
    assert_eq!(found(), ["run of a named manifest that is gone"]);
    let mut flipped = packed.to_vec();
    flipped[run.start as usize] ^= 1;
    put(&runs, flipped.into());
    assert_eq!(found(), ["run of a named manifest with other bytes"]);
    put(&runs, packed);
    assert_eq!(found(), Vec::<String>::new());
}
