use bytes::Bytes;
use object_store::memory::InMemory;
use protocol::generation::SealedShard;
use protocol::manifest::{MANIFEST_FORMAT, RunKind, ShardSnapshot};
use protocol::registers::ShardRegisters;
use protocol::{Fingerprint, ShardId};

use super::*;

const UID: &str = "u-1";
const BODY: &[u8] = b"first run|second run";

fn name(number: u64) -> ManifestName {
    format!("g1-s0-c{number}-00000000000000aa").parse().expect("a name")
}

fn run(object: &str, start: u64, bytes: &[u8]) -> Run {
    Run {
        object: object.to_owned(),
        start,
        len: bytes.len() as u64,
        crc32c: crc32c::crc32c(bytes),
        kind: RunKind::Base,
        entries: 1,
    }
}

/// A checkpoint of one shard with two runs in one object.
fn manifest(number: u64) -> Manifest {
    let object = Keys::new(UID).runs(&name(number));
    Manifest {
        format: MANIFEST_FORMAT,
        job_uid: UID.to_owned(),
        name: name(number),
        plan_fingerprint: Fingerprint::from_bits(1),
        hash_version: 1,
        assignment_version: 1,
        exchange_partitions: 0,
        shards: vec![ShardSnapshot {
            stage: StageId(0),
            log: Log::new("in", 0),
            topic_id: "id".to_owned(),
            offset: 7,
            registers: ShardRegisters::default(),
            tables: Vec::new(),
            runs: vec![run(&object, 0, &BODY[..9]), run(&object, 10, &BODY[10..])],
        }],
    }
}

struct Bucket(InMemory);

impl Bucket {
    fn path(key: &str) -> Path {
        Path::from(format!("jobs/{key}"))
    }

    async fn put(&self, key: &str, bytes: &[u8]) {
        let body = Bytes::copy_from_slice(bytes);
        self.0.put(&Self::path(key), body.into()).await.expect("memory takes it");
    }

    async fn delete(&self, key: &str) {
        self.0.delete(&Self::path(key)).await.expect("it was there");
    }

    /// Checkpoints 1 and 2; 2 is named.
    async fn filled() -> Self {
        let bucket = Self(InMemory::new());
        let keys = Keys::new(UID);
        for number in [1, 2] {
            bucket.put(&keys.runs(&name(number)), BODY).await;
            bucket.put(&keys.manifest(&name(number)), &manifest(number).encode()).await;
        }
        bucket
    }

    async fn judge(&self, log: Log, later: Duration) -> (StoredFigures, Vec<String>) {
        let job =
            StoredJob { store: &self.0, prefix: "jobs", uid: UID, retained: 1, orphans_max: 1 };
        let named = [NamedShard { stage: StageId(0), log, manifest: Some(name(2)) }];
        let mut verdict = Verdict::default();
        let now = SystemTime::now() + later;
        let figures = job.judge(&named, now, &mut verdict).await.expect("memory answers");
        (figures, verdict.findings.into_iter().map(|finding| finding.fault).collect())
    }

    async fn faults(&self) -> Vec<String> {
        self.judge(Log::new("in", 0), Duration::ZERO).await.1
    }
}

#[tokio::test]
async fn what_is_whole_is_counted_and_clean() {
    let bucket = Bucket::filled().await;
    bucket.put(&Keys::new(UID).runs(&name(3)), b"cut upload").await;
    let (figures, faults) = bucket.judge(Log::new("in", 0), Duration::ZERO).await;
    assert_eq!(faults, Vec::<String>::new());
    let expected = StoredFigures { roots: 1, runs: 2, bytes: 19, garbage: 3, orphans: 1 };
    assert_eq!(figures, expected);
}

#[tokio::test]
async fn what_is_reachable_and_gone_or_changed_is_caught() {
    let keys = Keys::new(UID);
    let (own, body) = (keys.manifest(&name(2)), keys.runs(&name(2)));

    let bucket = Bucket::filled().await;
    bucket.delete(&own).await;
    assert_eq!(bucket.faults().await, ["named manifest that is gone"]);

    let bucket = Bucket::filled().await;
    bucket.delete(&body).await;
    assert_eq!(bucket.faults().await, ["run of a named manifest that is gone"]);

    let bucket = Bucket::filled().await;
    bucket.put(&body, b"first run|second rum").await;
    assert_eq!(bucket.faults().await, ["run of a named manifest with other bytes"]);

    let bucket = Bucket::filled().await;
    bucket.put(&body, &BODY[..15]).await;
    assert_eq!(bucket.faults().await, ["run of a named manifest with other bytes"]);

    let bucket = Bucket::filled().await;
    bucket.put(&own, &manifest(1).encode()).await;
    assert_eq!(bucket.faults().await, ["named manifest that is damaged"]);

    let bucket = Bucket::filled().await;
    let elsewhere = bucket.judge(Log::new("in", 1), Duration::ZERO).await;
    assert_eq!(elsewhere.1, ["named manifest without the shard that names it"]);
}

#[tokio::test]
async fn garbage_that_stays_or_grows_is_caught() {
    let bucket = Bucket::filled().await;
    let later = bucket.judge(Log::new("in", 0), GARBAGE_AGE_MAX * 2).await;
    assert_eq!(later.1, ["garbage that nobody collects"]);
    for number in [3, 4] {
        bucket.put(&Keys::new(UID).runs(&name(number)), b"cut upload").await;
    }
    assert_eq!(bucket.faults().await, ["more runs without a manifest than uploads were cut"]);
}

#[tokio::test]
async fn a_job_at_rest_and_savepoints_keep_what_they_name() {
    let keys = Keys::new(UID);
    let bucket = Bucket::filled().await;
    let shard = ShardId { stage: StageId(0), log: Log::new("in", 0) };
    let sealed = Sealed {
        format: 1,
        generation: Generation(1),
        slot: SlotIndex(0),
        slots: 1,
        job_uid: UID.to_owned(),
        shards: vec![SealedShard { shard, offset: 7, manifest: Some(name(1)), clock: None }],
    };
    let sealed = serde_json::to_vec(&sealed).expect("JSON");
    for key in [keys.savepoint("daily", SlotIndex(0)), keys.sealed(Generation(1), SlotIndex(0))] {
        bucket.put(&key, &sealed).await;
        assert_eq!(bucket.faults().await, Vec::<String>::new());
        bucket.delete(&keys.runs(&name(1))).await;
        assert_eq!(bucket.faults().await, ["run of a named manifest that is gone"], "{key}");
        bucket.put(&keys.runs(&name(1)), BODY).await;
        bucket.delete(&key).await;
    }
    // Unsealed, it is history.
    bucket.put(&keys.sealed(Generation(1), SlotIndex(0)), &sealed).await;
    bucket.put(&keys.unsealed(Generation(1)), b"{}").await;
    bucket.delete(&keys.runs(&name(1))).await;
    assert_eq!(bucket.faults().await, Vec::<String>::new());
}
