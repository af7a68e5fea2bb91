//! Which objects may go (G2, G3): by roots that were read, never by age alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{CheckpointNumber, Generation, SlotIndex};
use crate::limits::GARBAGE_GRACE;
use crate::manifest::{Manifest, ManifestName};

/// What the committed metadata of **every** shard says. Collected whole or not at all: a shard without metadata, or
/// any read error, means that nothing is deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// Manifests that commits name.
    pub manifests: BTreeSet<ManifestName>,
    /// The generation that last committed each shard.
    pub generations: Vec<Generation>,
}

impl Named {
    /// The newest checkpoint that a slot of a generation has named.
    fn newest(&self) -> BTreeMap<(Generation, SlotIndex), CheckpointNumber> {
        let mut newest = BTreeMap::new();
        for name in &self.manifests {
            let entry = newest.entry((name.generation, name.slot)).or_insert(name.number);
            *entry = name.number.max(*entry);
        }
        newest
    }
}

/// The roots: named, sealed, kept by savepoints, and the `retained` newest of each slot of the newest generation.
pub fn roots(
    named: &Named,
    kept: &BTreeSet<ManifestName>,
    listed: &[ManifestName],
    retained: usize,
) -> BTreeSet<ManifestName> {
    let mut roots: BTreeSet<ManifestName> = named.manifests.union(kept).cloned().collect();
    let newest = named.generations.iter().max();
    let mut by_slot: BTreeMap<SlotIndex, Vec<&ManifestName>> = BTreeMap::new();
    for name in listed.iter().filter(|n| Some(&n.generation) == newest) {
        by_slot.entry(name.slot).or_default().push(name);
    }
    for names in by_slot.values_mut() {
        names.sort_by_key(|n| std::cmp::Reverse(n.number));
        roots.extend(names.iter().take(retained).map(|n| (*n).clone()));
    }
    roots
}

/// The objects with runs that these manifests reach.
pub fn reachable_objects(manifests: &[Manifest]) -> BTreeSet<String> {
    manifests
        .iter()
        .flat_map(|m| m.shards.iter().flat_map(|s| s.runs.iter().map(|r| r.object.clone())))
        .collect()
}

/// G3: can the writer of an object still name it? Not if its slot has since named a later checkpoint, nor if every
/// shard of the job is claimed by a later generation.
pub fn writer_is_done(named: &Named, name: &ManifestName) -> bool {
    let later_checkpoint = named
        .newest()
        .get(&(name.generation, name.slot))
        .is_some_and(|newest| *newest > name.number);
    let later_generation = !named.generations.is_empty()
        && named.generations.iter().all(|generation| *generation > name.generation);
    later_checkpoint || later_generation
}

/// What to do about one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Reachable, or its writer may still name it.
    Keep,
    /// Unreachable for the first time: write down when.
    Mark,
    /// Marked but reachable again: forget the mark.
    Unmark,
    /// Unreachable for long enough.
    Delete,
}

/// The fate of an object; `marked_at` and `now` in ms since the epoch, of one clock.
pub fn fate(reachable: bool, writer_done: bool, marked_at: Option<i64>, now: i64) -> Fate {
    let grace = GARBAGE_GRACE.as_millis() as i64;
    match (reachable || !writer_done, marked_at) {
        (true, Some(_)) => Fate::Unmark,
        (false, None) => Fate::Mark,
        (false, Some(at)) if now.saturating_sub(at) >= grace => Fate::Delete,
        (true, None) | (false, Some(_)) => Fate::Keep,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ManifestName {
        format!("{text}-00000000000000aa").parse().expect("a name")
    }

    fn named(manifests: &[&str], generations: &[u64]) -> Named {
        Named {
            manifests: manifests.iter().map(|m| name(m)).collect(),
            generations: generations.iter().map(|g| Generation(*g)).collect(),
        }
    }

    #[test]
    fn the_newest_of_every_slot_are_roots() {
        let listed: Vec<_> =
            ["g2-s0-c1", "g2-s0-c2", "g2-s0-c10", "g2-s1-c4", "g1-s0-c9"].map(name).to_vec();
        let found = roots(&named(&["g2-s0-c10"], &[2, 2]), &BTreeSet::new(), &listed, 2);
        let expected: BTreeSet<_> = ["g2-s0-c10", "g2-s0-c2", "g2-s1-c4"].map(name).into();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_writer_that_may_still_name_its_object_protects_it() {
        let current = named(&["g2-s0-c5"], &[2, 2]);
        assert!(writer_is_done(&current, &name("g2-s0-c4")));
        assert!(!writer_is_done(&current, &name("g2-s0-c5")));
        assert!(!writer_is_done(&current, &name("g2-s0-c6")), "uploaded, not named yet");
        assert!(!writer_is_done(&current, &name("g2-s1-c1")), "that slot has named nothing yet");
        assert!(writer_is_done(&current, &name("g1-s1-c9")), "all shards are claimed later");
        assert!(!writer_is_done(&named(&[], &[1, 2]), &name("g1-s1-c9")), "one shard is not");
        assert!(
            !writer_is_done(&named(&[], &[]), &name("g1-s1-c9")),
            "nothing read, nothing known"
        );
    }

    #[test]
    fn age_alone_deletes_nothing() {
        let hour = GARBAGE_GRACE.as_millis() as i64;
        assert_eq!(fate(false, true, None, 0), Fate::Mark);
        assert_eq!(fate(false, true, Some(0), hour - 1), Fate::Keep);
        assert_eq!(fate(false, true, Some(0), hour), Fate::Delete);
        assert_eq!(fate(true, true, Some(0), hour), Fate::Unmark);
        assert_eq!(fate(false, false, Some(0), hour * 9), Fate::Unmark);
        assert_eq!(fate(true, true, None, hour), Fate::Keep);
    }
}
