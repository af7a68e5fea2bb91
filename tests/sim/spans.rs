//! Which plan committed what: the commits of every shard over the source, each with the plan of its generation, and
//! with what the state behind it may have been restored from.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use anyhow::{Context as _, ensure};
use protocol::manifest::{Manifest, ManifestName};
use protocol::metadata::OffsetMetadata;
use protocol::{Generation, Log, Nonce, SlotIndex, StageId};

use crate::process::Site;
use crate::seen::Sight;
use crate::upgrade::{AFTER, BEFORE};

/// Offsets from which the plan that came after may have counted.
pub(crate) type Since = Rc<BTreeSet<i64>>;

/// One commit of a shard.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    /// Its number: rises with every commit of the shard.
    pub(crate) number: u64,
    /// It ends before this offset.
    pub(crate) end: i64,
    /// The plan of whoever committed it.
    pub(crate) version: usize,
    /// Only of the plan that came after: a state of its own goes back to a checkpoint of the plan before, which one is
    /// left open where a follower may have been warm from an older one.
    pub(crate) since: Since,
}

/// The commits of each partition of the source, in order.
pub(crate) struct Spans(BTreeMap<i32, Vec<Span>>);

impl Spans {
    /// Reads them from what was committed and from the manifests that were named.
    pub(crate) fn of(site: &Site, source: &str) -> anyhow::Result<Self> {
        let group = site.job.names.group(StageId(0));
        let manifests = site.objects.manifests();
        let mut folds = BTreeMap::<i32, Fold>::new();
        let own = site.cluster.history().into_iter();
        for commit in own.filter(|c| c.group == group && c.topic == source) {
            let metadata = OffsetMetadata::decode(&commit.metadata)?;
            let version = site.version_of(metadata.generation)?;
            let fold = folds.entry(commit.partition).or_default();
            fold.owner((metadata.generation, metadata.slot, metadata.nonce.clone()));
            if let Some(name) = metadata.manifest.filter(|name| !fold.named.contains_key(name)) {
                let key = site.job.keys.manifest(&name);
                let written = manifests.get(&key);
                let bytes = written.with_context(|| format!("{key} was named, never written"))?;
                let manifest = Manifest::decode(bytes, &name, &site.job.uid)?;
                let snapshot = manifest.shard(StageId(0), &Log::new(source, commit.partition));
                let offset = snapshot.with_context(|| format!("{key} without its shard"))?.offset;
                let own = site.versions[version].plan.fingerprint == manifest.plan_fingerprint;
                ensure!(own, "{key} was named by a generation of another plan");
                fold.name(name, if version == AFTER { None } else { Some(offset) });
            }
            fold.spans.push(Span {
                number: metadata.commit.0,
                end: commit.offset,
                version,
                since: Rc::clone(&fold.since),
            });
        }
        Ok(Self(folds.into_iter().map(|(partition, fold)| (partition, fold.spans)).collect()))
    }

    /// The commit that took the record at an offset.
    pub(crate) fn at(&self, partition: i32, offset: i64) -> Option<&Span> {
        let spans = self.0.get(&partition)?;
        spans.get(spans.partition_point(|span| span.end <= offset))
    }

    /// The commit with a number.
    pub(crate) fn numbered(&self, partition: i32, number: u64) -> Option<&Span> {
        let spans = self.0.get(&partition)?;
        spans.binary_search_by_key(&number, |span| span.number).ok().map(|at| &spans[at])
    }

    /// Notes how often the plan has changed, and how often it went back.
    pub(crate) fn note(&self, site: &Site) {
        for spans in self.0.values() {
            for pair in spans.windows(2) {
                match (pair[0].version, pair[1].version) {
                    (BEFORE, AFTER) => site.cluster.seen.note(Sight::Upgraded),
                    (AFTER, BEFORE) => site.cluster.seen.note(Sight::WayBack),
                    _ => {}
                }
            }
        }
    }
}

/// What is known of a shard on the way through its commits.
#[derive(Default)]
struct Fold {
    spans: Vec<Span>,
    owner: Option<(Generation, SlotIndex, Nonce)>,
    since: Since,
    named: BTreeMap<ManifestName, Since>,
}

impl Fold {
    /// Another process goes on from what was named: now, or when it began to follow.
    fn owner(&mut self, owner: (Generation, SlotIndex, Nonce)) {
        if self.owner.as_ref() == Some(&owner) {
            return;
        }
        self.owner = Some(owner);
        self.since = if self.named.is_empty() {
            Rc::new(BTreeSet::from([0]))
        } else {
            Rc::new(self.named.values().flat_map(|since| since.iter().copied()).collect())
        };
    }

    /// A checkpoint of the own state is named; where it is of the plan before, the other one counts from there on.
    fn name(&mut self, name: ManifestName, offset: Option<i64>) {
        let since = match offset {
            Some(offset) => Rc::new(BTreeSet::from([offset])),
            None => Rc::clone(&self.since),
        };
        self.named.insert(name, since);
    }
}
