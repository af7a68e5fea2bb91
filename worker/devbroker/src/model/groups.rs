//! Committed offsets of groups. Groups have no members here: nobody subscribes, partitions are
//! assigned by hand.

use std::collections::BTreeMap;

use kafka_protocol::ResponseError;

/// Who commits. A client that subscribes to nothing says generation -1; then a member id has no
/// meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Generation of the group as the client knows it.
    pub generation: i32,
}

impl Member {
    /// A client that is not a member.
    pub const NONE: Member = Member { generation: -1 };
}

/// A committed offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offset {
    /// The next offset to read.
    pub offset: i64,
    /// Leader epoch that the client gave, or -1.
    pub leader_epoch: i32,
    /// Text that the client gave.
    pub metadata: String,
}

/// One offset of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommit {
    /// Topic name.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
    /// What to commit.
    pub offset: Offset,
}

/// A topic name and a partition.
type Key = (String, i32);

#[derive(Debug, Clone)]
struct Entry {
    offset: Offset,
    /// Place of the commit request in the order of all: a later one wins, whenever it is settled.
    order: u64,
}

/// A group.
#[derive(Debug, Default)]
pub struct Group {
    offsets: BTreeMap<Key, Entry>,
    /// Offsets of open transactions, by producer id.
    pending: BTreeMap<i64, BTreeMap<Key, Entry>>,
}

impl Group {
    /// The committed offset of a log.
    pub fn offset(&self, topic: &str, partition: i32) -> Option<&Offset> {
        self.offsets.get(&(topic.to_owned(), partition)).map(|entry| &entry.offset)
    }

    /// Whether an open transaction holds an offset of this log.
    pub fn is_pending(&self, topic: &str, partition: i32) -> bool {
        let key = (topic.to_owned(), partition);
        self.pending.values().any(|offsets| offsets.contains_key(&key))
    }

    /// Every log with a committed or a pending offset.
    pub fn logs(&self) -> Vec<(String, i32)> {
        let pending = self.pending.values().flat_map(BTreeMap::keys);
        let mut logs: Vec<_> = self.offsets.keys().chain(pending).cloned().collect();
        logs.sort();
        logs.dedup();
        logs
    }

    fn apply(&mut self, key: Key, entry: Entry) {
        let newer = self.offsets.get(&key).is_some_and(|old| old.order > entry.order);
        if !newer {
            self.offsets.insert(key, entry);
        }
    }
}

/// All groups.
#[derive(Debug, Default)]
pub struct Groups {
    groups: BTreeMap<String, Group>,
    commits: u64,
}

impl Groups {
    /// A group that has or had an offset.
    pub fn get(&self, group: &str) -> Option<&Group> {
        self.groups.get(group)
    }

    /// Names of the groups that have or had an offset.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }

    /// Whether such a client may commit offsets of the group. Groups have no members here.
    ///
    /// # Errors
    /// `InvalidGroupId`; for one that says it is a member, `UnknownMemberId`, or
    /// `IllegalGeneration` when there is no such group.
    pub fn check(&self, group: &str, member: Member) -> Result<(), ResponseError> {
        if group.is_empty() {
            Err(ResponseError::InvalidGroupId)
        } else if member.generation < 0 {
            Ok(())
        } else if self.groups.contains_key(group) {
            Err(ResponseError::UnknownMemberId)
        } else {
            Err(ResponseError::IllegalGeneration)
        }
    }

    /// Commits offsets outside a transaction.
    ///
    /// # Errors
    /// As [`Groups::check`].
    pub fn commit(
        &mut self,
        group: &str,
        member: Member,
        commits: Vec<OffsetCommit>,
    ) -> Result<(), ResponseError> {
        self.check(group, member)?;
        self.commits += 1;
        let order = self.commits;
        let group = self.groups.entry(group.to_owned()).or_default();
        for commit in commits {
            let entry = Entry { offset: commit.offset, order };
            group.apply((commit.topic, commit.partition), entry);
        }
        Ok(())
    }

    pub(crate) fn commit_pending(
        &mut self,
        group: &str,
        producer_id: i64,
        commits: Vec<OffsetCommit>,
    ) {
        if commits.is_empty() {
            return;
        }
        self.commits += 1;
        let order = self.commits;
        let group = self.groups.entry(group.to_owned()).or_default();
        let pending = group.pending.entry(producer_id).or_default();
        for commit in commits {
            let entry = Entry { offset: commit.offset, order };
            pending.insert((commit.topic, commit.partition), entry);
        }
    }

    /// Applies or drops what a transaction left pending.
    pub(crate) fn settle(&mut self, name: &str, producer_id: i64, commit: bool) {
        let Some(group) = self.groups.get_mut(name) else { return };
        let pending = group.pending.remove(&producer_id).unwrap_or_default();
        if commit {
            for (key, entry) in pending {
                group.apply(key, entry);
            }
        }
    }

    /// Deletes a group with its offsets.
    ///
    /// # Errors
    /// `GroupIdNotFound`.
    pub fn delete(&mut self, group: &str) -> Result<(), ResponseError> {
        self.groups.remove(group).map(|_| ()).ok_or(ResponseError::GroupIdNotFound)
    }

    pub(crate) fn forget_topic(&mut self, topic: &str) {
        for group in self.groups.values_mut() {
            group.offsets.retain(|(name, _), _| name != topic);
            for pending in group.pending.values_mut() {
                pending.retain(|(name, _), _| name != topic);
            }
        }
    }
}
