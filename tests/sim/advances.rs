//! What the commits of a seed say of forced advances (R8): which happened, behind which record, and how far they went.
//! The oracle goes by it, and holds that they went where the rule says.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use protocol::manifest::Manifest;
use protocol::metadata::OffsetMetadata;
use protocol::{Log, StageId};

use crate::process::Site;
use crate::seen::Sight;

/// One advance of the watermark of a source's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Advance {
    pub(crate) partition: i32,
    /// Before the record at this offset.
    pub(crate) offset: i64,
    /// The watermark behind it, ms.
    pub(crate) to: i64,
    /// Number of the commit that named its checkpoint.
    pub(crate) commit: u64,
}

/// Of all logs, in order: an advance happened when a commit of the shard named its checkpoint.
pub(crate) fn of(site: &Site, source: &str, delay: i64) -> anyhow::Result<Vec<Advance>> {
    let group = site.job.names.group(StageId(0));
    let manifests = site.objects.manifests();
    let mut named = BTreeSet::new();
    let mut counts = BTreeMap::<i32, u64>::new();
    let mut found = Vec::new();
    let own = site.cluster.history().into_iter().filter(|c| c.group == group && c.topic == source);
    for commit in own {
        let metadata = OffsetMetadata::decode(&commit.metadata)?;
        let Some(name) = metadata.manifest else { continue };
        if !named.insert((commit.partition, name.clone())) {
            continue;
        }
        let key = site.job.keys.manifest(&name);
        let written = manifests.get(&key);
        let bytes = written.with_context(|| format!("{key} was named and never written"))?;
        let manifest = Manifest::decode(bytes, &name, &site.job.uid)?;
        let log = Log::new(source, commit.partition);
        let snapshot = manifest.shard(StageId(0), &log);
        let snapshot = snapshot.with_context(|| format!("{key} does not cover {log}"))?;
        let registers = &snapshot.registers;
        let count = counts.entry(commit.partition).or_default();
        if registers.advanced_by.as_ref() == Some(&name) {
            *count += 1;
            let largest = registers.max_event_time.context("an advance without a row")?;
            let (partition, offset) = (commit.partition, snapshot.offset);
            let (to, commit) = (largest - delay, metadata.commit.0);
            found.push(Advance { partition, offset, to, commit });
        }
        ensure!(
            registers.advances == *count,
            "{key} counts {} advances of {log}; commits named {count}",
            registers.advances
        );
    }
    note_dropped(site, &manifests, &named)?;
    found.sort();
    Ok(found)
}

/// Checkpoints of advances that no commit of the shard named: the log went on, or the process ended before.
fn note_dropped(
    site: &Site,
    manifests: &BTreeMap<String, bytes::Bytes>,
    named: &BTreeSet<(i32, protocol::manifest::ManifestName)>,
) -> anyhow::Result<()> {
    for (path, bytes) in manifests {
        let name = path.strip_prefix(&site.job.keys.manifests()).map(str::parse);
        let Some(Ok(name)) = name else { continue }; // a mark beside one
        let manifest = Manifest::decode(bytes, &name, &site.job.uid)?;
        let dropped = manifest.shards.iter().filter(|shard| {
            shard.registers.advanced_by.as_ref() == Some(&name)
                && !named.contains(&(shard.log.partition, name.clone()))
        });
        site.cluster.seen.add(Sight::AdvanceDropped, dropped.count() as u64);
    }
    Ok(())
}
