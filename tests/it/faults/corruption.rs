//! Objects that are gone, cut, damaged, swapped or from the future: never wrong rows. The worker falls back to an older
//! checkpoint that is whole and whose input is still there, or names the condition.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;
use protocol::admin::{SlotPhase, WorkerStatus};
use protocol::manifest::{Manifest, ManifestName};
use protocol::metadata::OffsetMetadata;
use protocol::reason::Reason;
use tests::generator::Pace;
use tests::harness::worker::{Role, Worker};
use tests::kafka::loss;
use tests::oracle::Query;
use tokio::runtime::Runtime;

use crate::stage::{Stage, seed};
use crate::tampering::newest;

const STEP_MAX: Duration = Duration::from_mins(1);

/// What becomes of an object; `None`: it is gone.
type Damage = fn(&Objects, &Path, &Bytes) -> Option<Bytes>;

/// Damages of manifests, then of packed runs, and the condition when no checkpoint is spared.
const DAMAGES: [(&str, &str, Damage, Reason); 9] = [
    ("manifests", "gone", |_, _, _| None, Reason::ManifestMissing),
    ("manifests", "cut", |_, _, b| Some(b.slice(..b.len() / 2)), Reason::ManifestCorrupt),
    ("manifests", "flipped", |_, _, b| Some(flipped(b)), Reason::ManifestCorrupt),
    ("manifests", "swapped", Objects::other, Reason::ManifestCorrupt),
    ("manifests", "from a newer release", |o, p, b| Some(o.newer(p, b)), Reason::ManifestCorrupt),
    ("runs", "gone", |_, _, _| None, Reason::ManifestMissing),
    ("runs", "cut", |_, _, b| Some(b.slice(..b.len() / 2)), Reason::ManifestCorrupt),
    ("runs", "flipped", |_, _, b| Some(flipped(b)), Reason::ManifestCorrupt),
    ("runs", "swapped", Objects::other, Reason::ManifestCorrupt),
];

fn flipped(bytes: &Bytes) -> Bytes {
    // More than one bit, so that every run in it is hit.
    let mut bytes = bytes.to_vec();
    for byte in bytes.iter_mut().step_by(64) {
        *byte ^= 4;
    }
    bytes.into()
}

/// The manifests and runs of a job.
struct Objects {
    runtime: Runtime,
    uid: String,
    bucket: std::sync::Arc<dyn object_store::ObjectStore>,
}

impl Objects {
    fn of(stage: &Stage) -> Self {
        let bucket = stage.bucket.clone().unwrap();
        Self { runtime: Runtime::new().unwrap(), uid: stage.job.uid.clone(), bucket }
    }

    fn read(&self, kind: &str) -> BTreeMap<Path, Bytes> {
        let folder = Path::from(format!("jobs/{}/{kind}", self.uid));
        self.runtime.block_on(async {
            let listed: Vec<_> = self.bucket.list(Some(&folder)).try_collect().await.unwrap();
            let mut objects = BTreeMap::new();
            for meta in listed {
                let bytes = self.bucket.get(&meta.location).await.unwrap().bytes().await.unwrap();
                objects.insert(meta.location, bytes);
            }
            objects
        })
    }

    fn write(&self, path: &Path, content: Option<Bytes>) {
        self.runtime.block_on(async {
            match content {
                None => self.bucket.delete(path).await.unwrap(),
                Some(bytes) => drop(self.bucket.put(path, bytes.into()).await.unwrap()),
            }
        });
    }

    /// The content of another object of the same kind.
    fn other(&self, path: &Path, own: &Bytes) -> Option<Bytes> {
        let kind = path.as_ref().rsplit('/').nth(1).unwrap();
        self.read(kind).into_iter().find(|(p, b)| p != path && b != own).map(|(_, bytes)| bytes)
    }

    /// The same manifest as a later release would write it.
    fn newer(&self, path: &Path, bytes: &Bytes) -> Bytes {
        let name: ManifestName = path.filename().unwrap().parse().unwrap();
        let mut manifest = Manifest::decode(bytes, &name, &self.uid).unwrap();
        manifest.format += 1;
        manifest.encode().into()
    }

    /// Leaves the checkpoint that is named and the one before it: an older one, taken before there
    /// was state, would need no run; a newer one, uploaded when the worker died and not yet named,
    /// would do as well as the named one.
    fn forget_all_but_two(&self, stage: &Stage) {
        let name = |path: &Path| path.filename().unwrap().parse::<ManifestName>().unwrap();
        let mut manifests: Vec<Path> = self.read("manifests").into_keys().collect();
        manifests.sort_by_key(|path| name(path).number);
        let last = named(stage).number;
        let (mut known, not_named): (Vec<_>, Vec<_>) =
            manifests.into_iter().partition(|path| name(path).number <= last);
        let kept = known.split_off(known.len() - 2);
        for path in known.iter().chain(&not_named) {
            self.write(path, None);
        }
        for path in kept {
            let read = &self.read("manifests")[&path];
            let manifest = Manifest::decode(read, &name(&path), &self.uid).unwrap();
            assert!(manifest.shards.iter().all(|shard| !shard.runs.is_empty()), "{path}");
        }
    }

    /// Damages the object of the checkpoint that is named now.
    fn damage_named(&self, stage: &Stage, kind: &str, damage: Damage) {
        let name = named(stage).to_string();
        let objects = self.read(kind);
        let named = objects.iter().find(|(path, _)| path.filename() == Some(&name));
        let (path, bytes) = named.unwrap_or_else(|| panic!("{kind} of {name}"));
        self.write(path, damage(self, path, bytes));
    }
}

/// Nothing keeps the objects of a checkpoint that no commit names: a shard that was restored from one is whole in what
/// came after.
fn require_whole_in_itself(stage: &Stage, objects: &Objects, log: &str) {
    let passed_over = |id: &str| {
        let shard = format!("\"shard\":\"{id}\"");
        log.lines().any(|l| l.contains("restored from an older checkpoint") && l.contains(&shard))
    };
    let name = named(stage);
    let manifests = objects.read("manifests");
    let is_named = |path: &&Path| path.filename() == Some(&name.to_string());
    let path = manifests.keys().find(is_named).expect("it is in the store");
    let manifest = Manifest::decode(&manifests[path], &name, &objects.uid).unwrap();
    let runs = manifest.shards.iter().filter(|s| passed_over(&format!("{}/{}", s.stage, s.log)));
    let mut runs = runs.flat_map(|shard| &shard.runs).peekable();
    assert!(runs.peek().is_some(), "{path}: {log}");
    let foreign: Vec<_> = runs.filter(|r| !r.object.ends_with(&name.nonce.to_string())).collect();
    assert!(foreign.is_empty(), "{path} needs {foreign:?}");
}

/// The checkpoint that the newest commit names.
fn named(stage: &Stage) -> ManifestName {
    let metadata = OffsetMetadata::decode(&newest(stage).metadata).unwrap();
    metadata.manifest.expect("a checkpoint is named")
}

fn start(stage: &Stage, folder: &str) -> Worker {
    let role = Role::only(1);
    Worker::start(&stage.setup(folder, role)).unwrap()
}

/// Until this process has named a checkpoint with changes of its own.
fn until_checkpoints(worker: &mut Worker, count: u64) {
    let first = worker.until_checkpoint(STEP_MAX, 0).unwrap();
    worker.until_checkpoint(STEP_MAX, first + count - 1).unwrap();
}

fn require_blocked(stage: &Stage, folder: &str, reason: Reason) {
    let mut worker = start(stage, folder);
    let blocked = |s: &WorkerStatus| s.slots.iter().any(|s| s.phase == SlotPhase::Blocked);
    let status = worker.until_status("blocked", STEP_MAX, blocked).unwrap();
    let message = &status.slots[0].message;
    assert_eq!(status.slots[0].reason, Some(reason), "{folder}: {message:?}");
    worker.process().kill().unwrap();
}

fn job(name: &str) -> Stage {
    let mut stage = Stage::real(name, Query::bids_per_auction(true));
    "500ms".clone_into(&mut stage.job.checkpoint_interval);
    stage.write_job();
    stage.plan();
    stage
}

#[test]
fn a_damaged_checkpoint_is_passed_over_for_an_older_one() {
    let stage = job("older-checkpoint");
    let objects = Objects::of(&stage);
    let load = stage.load(stage.recipe(seed()), 1_000_000, Pace::PerSecond(4_000));
    let mut worker = start(&stage, "first");
    until_checkpoints(&mut worker, 2);
    worker.process().kill().unwrap();
    for (kind, what, damage, _) in DAMAGES {
        objects.damage_named(&stage, kind, damage);
        let (code, text) = stage.explain();
        assert!(code == Some(0) && text.contains("is passed over for an older one"), "{text}");
        // A new folder: the local copy would do as well as the store.
        worker = start(&stage, &format!("{kind}-{what}"));
        until_checkpoints(&mut worker, 1);
        let log = worker.process().output();
        assert!(log.contains("restored from an older checkpoint"), "{kind} {what}: {log}");
        worker.process().kill().unwrap();
        require_whole_in_itself(&stage, &objects, &log);
    }
    worker = start(&stage, "last");
    load.stop();
    let verdict =
        stage.finish(load.written().unwrap(), || worker.process().require_running().unwrap());
    let damages = DAMAGES.len() as u64;
    stage.survived(|figures| (figures.faults, figures.kills) = (damages, damages + 1));
    eprintln!("{damages} damaged checkpoints passed over: {verdict}");
    assert!(worker.process().stop().unwrap().success());
}

#[test]
fn without_a_whole_checkpoint_the_condition_is_named() {
    let stage = job("damaged");
    let objects = Objects::of(&stage);
    let load = stage.load(stage.recipe(seed()), 1_000_000, Pace::PerSecond(4_000));
    let mut worker = start(&stage, "first");
    until_checkpoints(&mut worker, 4);
    worker.process().kill().unwrap();
    load.stop();
    load.written().unwrap();
    objects.forget_all_but_two(&stage);
    for (kind, what, damage, reason) in DAMAGES {
        let before = objects.read(kind);
        assert!(before.len() > 1, "{kind}");
        let damaged: Vec<_> =
            before.iter().map(|(path, bytes)| (path, damage(&objects, path, bytes))).collect();
        for (path, content) in damaged {
            objects.write(path, content);
        }
        require_blocked(&stage, &format!("{kind}-{what}"), reason);
        for (path, bytes) in &before {
            objects.write(path, Some(bytes.clone()));
        }
    }
    // An older checkpoint is whole, but the log no longer reaches back to it.
    objects.damage_named(&stage, "manifests", |_, _, _| None);
    let committed = stage.committed();
    loss::delete_records(&stage.job.bootstrap, &stage.job.source, &committed).unwrap();
    require_blocked(&stage, "no-way-back", Reason::ManifestMissing);
}
