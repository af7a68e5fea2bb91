//! Check 6: no committed offset carries a generation below one already committed for its shard, and offsets and
//! commit numbers never go back.

use std::collections::BTreeMap;

use anyhow::Context as _;
use protocol::metadata::OffsetMetadata;
use protocol::{Log, StageId};

use super::objects::NamedShard;
use super::verdict::Verdict;
use crate::kafka::commits::CommittedOffset;

/// The control topic holds proofs of freshness, no shards.
const CONTROL_SUFFIX: &str = ".control";

/// Takes commits in the order in which they took effect.
#[derive(Default)]
pub struct Generations {
    last: BTreeMap<(String, String, i32), (OffsetMetadata, i64)>,
    commits: u64,
    faults: BTreeMap<&'static str, (u64, String)>,
}

impl Generations {
    /// Commits taken.
    pub fn commits(&self) -> u64 {
        self.commits
    }

    /// The largest generation seen.
    pub fn newest(&self) -> Option<u64> {
        self.last.values().map(|(metadata, _)| metadata.generation.0).max()
    }

    /// What the newest commit of every shard names.
    pub fn named(&self) -> anyhow::Result<Vec<NamedShard>> {
        let shards = self.last.iter().map(|((group, topic, partition), (metadata, _))| {
            let stage = group.rsplit('.').next().and_then(|number| number.parse().ok());
            Ok(NamedShard {
                stage: StageId(stage.with_context(|| format!("the group {group} names no stage"))?),
                log: Log::new(topic.clone(), *partition),
                manifest: metadata.manifest.clone(),
            })
        });
        shards.collect()
    }

    /// Takes the next commit of a job's groups.
    pub fn take(&mut self, commit: &CommittedOffset) {
        if commit.topic.ends_with(CONTROL_SUFFIX) {
            return;
        }
        self.commits += 1;
        let place = format!("{} {}[{}]", commit.group, commit.topic, commit.partition);
        let metadata = match OffsetMetadata::decode(&commit.metadata) {
            Ok(metadata) => metadata,
            Err(error) => {
                return self.fault("commit that is not ours", format!("{place}: {error}"));
            }
        };
        let shard = (commit.group.clone(), commit.topic.clone(), commit.partition);
        let entry = (metadata.clone(), commit.offset);
        let Some((before, offset)) = self.last.insert(shard, entry) else { return };
        let both = format!(
            "{place}: {} @{offset}, then {} @{}",
            before.encode(),
            commit.metadata,
            commit.offset
        );
        if metadata.generation < before.generation {
            self.fault("generation that went back", both);
        } else if commit.offset < offset {
            self.fault("offset that went back", both);
        } else if metadata.commit <= before.commit {
            self.fault("commit number that did not rise", both);
        }
    }

    /// Adds what was found to a verdict.
    pub fn finish(self, verdict: &mut Verdict) {
        for (fault, (count, witness)) in self.faults {
            verdict.note(fault, count, Some(witness));
        }
    }

    fn fault(&mut self, fault: &'static str, witness: String) {
        self.faults.entry(fault).or_insert((0, witness)).0 += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::manifest::ManifestName;
    use protocol::{CommitNumber, Generation, Nonce, SlotIndex};

    fn commit(generation: u64, commit: u64, offset: i64) -> CommittedOffset {
        let metadata = OffsetMetadata {
            generation: Generation(generation),
            slot: SlotIndex(0),
            commit: CommitNumber(commit),
            nonce: Nonce::from_bits(1),
            manifest: None,
            released: false,
            cursor: None,
            clock: None,
        };
        CommittedOffset {
            group: "job.0".into(),
            topic: "in".into(),
            partition: 0,
            offset,
            metadata: metadata.encode(),
        }
    }

    fn faults(commits: &[CommittedOffset]) -> Vec<String> {
        let mut generations = Generations::default();
        for commit in commits {
            generations.take(commit);
        }
        let mut verdict = Verdict::default();
        generations.finish(&mut verdict);
        verdict.findings.into_iter().map(|finding| finding.fault).collect()
    }

    #[test]
    fn rising_commits_are_clean_and_other_shards_do_not_matter() {
        let elsewhere = CommittedOffset { partition: 1, ..commit(1, 1, 0) };
        let proof = CommittedOffset {
            topic: "streamjob.uid.control".into(),
            metadata: "nonce".into(),
            ..commit(1, 1, 0)
        };
        let history = [commit(1, 1, 0), commit(2, 2, 5), elsewhere, proof, commit(2, 3, 5)];
        assert!(faults(&history).is_empty());
    }

    #[test]
    fn the_newest_commit_of_a_shard_says_what_is_named() {
        let manifest: ManifestName = "g1-s0-c7-00000000000000aa".parse().expect("a name");
        let mut named = commit(1, 2, 5);
        named.metadata = named.metadata.replace("m=-", &format!("m={manifest}"));
        let mut generations = Generations::default();
        generations.take(&commit(1, 1, 0));
        generations.take(&named);
        let expected =
            NamedShard { stage: StageId(0), log: Log::new("in", 0), manifest: Some(manifest) };
        assert_eq!(generations.named().expect("a stage"), [expected]);
    }

    #[test]
    fn zombies_and_rewinds_are_caught() {
        let foreign = CommittedOffset { metadata: "hello".into(), ..commit(1, 1, 0) };
        for (second, fault) in [
            (commit(1, 3, 9), "generation that went back"),
            (commit(2, 3, 4), "offset that went back"),
            (commit(2, 2, 9), "commit number that did not rise"),
            (foreign, "commit that is not ours"),
        ] {
            assert_eq!(faults(&[commit(2, 2, 5), second]), [fault]);
        }
    }
}
