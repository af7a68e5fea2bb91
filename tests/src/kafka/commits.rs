//! Committed group offsets: as the coordinator's log has them, one after another, and as a client is told.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};

use super::logs::{self, Isolation};

/// Kafka's internal topic of group offsets.
const OFFSETS_TOPIC: &str = "__consumer_offsets";
const REQUEST_MAX: Duration = Duration::from_secs(10);

/// One committed offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    /// Group.
    pub group: String,
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Next offset to read.
    pub offset: i64,
    /// What was committed with it.
    pub metadata: String,
}

/// Every commit of the groups that start with `prefix`, as the coordinator's log still has it, in order per group,
/// without what is there twice because a client asked again. Only a real Kafka keeps them as a topic.
pub fn history(
    bootstrap: &str,
    prefix: &str,
    visit: &mut dyn FnMut(CommittedOffset),
) -> anyhow::Result<()> {
    let mut transactions = Transactions::default();
    logs::read(bootstrap, OFFSETS_TOPIC, Isolation::Committed, &mut |record| {
        let place = transactions.place(record.partition, record.offset);
        let (Some(key), Some(value)) = (record.key, record.value) else { return Ok(()) };
        let commit = parse(key, value)
            .with_context(|| format!("{OFFSETS_TOPIC}[{}]@{}", record.partition, record.offset))?;
        if let Some(commit) = commit.filter(|commit| commit.group.starts_with(prefix))
            && !transactions.repeats(place, &commit)
        {
            visit(commit);
        }
        Ok(())
    })?;
    Ok(())
}

/// Tells a commit that a client sent again within one transaction from a second one: between two transactions lies a
/// marker, and with it an offset without a record.
#[derive(Default)]
struct Transactions {
    /// By partition of the coordinator's log: the next offset, and how many gaps lie before it.
    gaps: BTreeMap<u32, (i64, u64)>,
    /// By group, topic and partition: where the newest commit lies, and what it says.
    newest: BTreeMap<(String, String, i32), (Place, i64, String)>,
}

/// A partition of the coordinator's log, and gaps in it.
type Place = (u32, u64);

impl Transactions {
    fn place(&mut self, partition: u32, offset: i64) -> Place {
        let (next, gaps) = self.gaps.entry(partition).or_insert((offset, 0));
        *gaps += u64::from(offset != *next);
        *next = offset + 1;
        (partition, *gaps)
    }

    fn repeats(&mut self, place: Place, commit: &CommittedOffset) -> bool {
        let shard = (commit.group.clone(), commit.topic.clone(), commit.partition);
        let entry = (place, commit.offset, commit.metadata.clone());
        self.newest.insert(shard, entry.clone()) == Some(entry)
    }
}

/// Asks for the committed offsets of a group, again and again over one connection.
pub struct OffsetReader {
    client: BaseConsumer,
    group: String,
}

impl OffsetReader {
    /// A client of the group that never joins it.
    pub fn open(bootstrap: &str, group: &str) -> anyhow::Result<Self> {
        let client = ClientConfig::new()
            .set("bootstrap.servers", bootstrap)
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("isolation.level", Isolation::Committed.name())
            .create()
            .context("cannot open a client")?;
        Ok(Self { client, group: group.to_owned() })
    }

    /// What is committed now for the partitions of a topic; `None` where nothing is. A transaction that is open on a
    /// partition makes this wait, up to a bound.
    pub fn read(
        &self,
        topic: &str,
        partitions: u32,
    ) -> anyhow::Result<Vec<Option<CommittedOffset>>> {
        let mut wanted = TopicPartitionList::new();
        for partition in 0..partitions {
            wanted.add_partition(topic, partition as i32);
        }
        let answer = self
            .client
            .committed_offsets(wanted, REQUEST_MAX)
            .with_context(|| format!("the committed offsets of {}", self.group))?;
        Ok(answer
            .elements()
            .iter()
            .map(|element| match element.offset() {
                Offset::Offset(offset) => Some(CommittedOffset {
                    group: self.group.clone(),
                    topic: topic.to_owned(),
                    partition: element.partition(),
                    offset,
                    metadata: element.metadata().to_owned(),
                }),
                _ => None,
            })
            .collect())
    }

    /// How many rows lie before what is committed now, in a topic that is read from its beginning; `None` while a
    /// transaction is open.
    pub fn rows(&self, topic: &str, partitions: u32) -> Option<u64> {
        let committed = self.read(topic, partitions).ok()?;
        Some(committed.into_iter().flatten().map(|log| log.offset as u64).sum())
    }
}

/// A record of the internal topic; `None` when it is not about an offset.
fn parse(key: &[u8], value: &[u8]) -> anyhow::Result<Option<CommittedOffset>> {
    let mut key = Bytes(key);
    // Key versions 0 and 1 are offsets; 2 and above describe groups.
    if key.number::<2>().map(i16::from_be_bytes)? > 1 {
        return Ok(None);
    }
    let (group, topic) = (key.text()?, key.text()?);
    let partition = i32::from_be_bytes(key.number()?);
    let mut value = Bytes(value);
    let version = i16::from_be_bytes(value.number()?);
    ensure!((0..=4).contains(&version), "offset value of unknown version {version}");
    let offset = i64::from_be_bytes(value.number()?);
    if version >= 3 {
        value.number::<4>()?; // leader epoch
    }
    let metadata = if version >= 4 { value.compact_text()? } else { value.text()? };
    Ok(Some(CommittedOffset { group, topic, partition, offset, metadata }))
}

struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn number<const N: usize>(&mut self) -> anyhow::Result<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>().context("the record ends too early")?;
        self.0 = rest;
        Ok(*head)
    }

    fn take(&mut self, len: usize) -> anyhow::Result<String> {
        ensure!(len <= self.0.len(), "a text of {len} bytes goes beyond the record");
        let (head, rest) = self.0.split_at(len);
        self.0 = rest;
        Ok(String::from_utf8(head.to_vec())?)
    }

    fn text(&mut self) -> anyhow::Result<String> {
        let len = i16::from_be_bytes(self.number()?);
        self.take(usize::try_from(len).context("a text of negative length")?)
    }

    /// Length + 1 as an unsigned varint, then the text.
    fn compact_text(&mut self) -> anyhow::Result<String> {
        let (mut len, mut shift) = (0usize, 0);
        loop {
            let [byte] = self.number::<1>()?;
            len |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
            ensure!(shift < 35, "a varint without an end");
        }
        self.take(len.checked_sub(1).context("a text that is null")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(version: i16) -> Vec<u8> {
        let mut key = version.to_be_bytes().to_vec();
        for text in ["group", "topic"] {
            key.extend((text.len() as i16).to_be_bytes());
            key.extend(text.as_bytes());
        }
        key.extend(7i32.to_be_bytes());
        key
    }

    fn value(version: i16) -> Vec<u8> {
        let mut value = version.to_be_bytes().to_vec();
        value.extend(42i64.to_be_bytes());
        if version >= 3 {
            value.extend((-1i32).to_be_bytes());
        }
        if version >= 4 {
            value.push(3);
        } else {
            value.extend(2i16.to_be_bytes());
        }
        value.extend(b"me");
        value.extend(0i64.to_be_bytes());
        value
    }

    #[test]
    fn a_request_that_was_sent_again_is_one_commit_and_another_transaction_is_not() {
        let commit = |offset, metadata: &str| CommittedOffset {
            group: "g".into(),
            topic: "t".into(),
            partition: 0,
            offset,
            metadata: metadata.into(),
        };
        let mut transactions = Transactions::default();
        let mut repeats = |at: i64, commit: &CommittedOffset| {
            let place = transactions.place(3, at);
            transactions.repeats(place, commit)
        };
        assert!(!repeats(10, &commit(5, "a")));
        assert!(repeats(11, &commit(5, "a")));
        assert!(!repeats(12, &commit(5, "b")));
        assert!(!repeats(13, &commit(6, "b")));
        // Offset 14 is the marker.
        assert!(!repeats(15, &commit(6, "b")));
    }

    #[test]
    fn offsets_of_every_version_are_read_and_groups_are_passed_over() {
        for version in [0, 1, 2, 3, 4] {
            let commit = parse(&key(1), &value(version)).expect("a commit").expect("an offset");
            assert_eq!((commit.group.as_str(), commit.topic.as_str()), ("group", "topic"));
            assert_eq!((commit.partition, commit.offset), (7, 42));
            assert_eq!(commit.metadata, "me");
        }
        assert_eq!(parse(&key(2), &value(1)).expect("a group"), None);
    }

    #[test]
    fn a_cut_or_unknown_record_is_an_error() {
        assert!(parse(&key(1), &value(3)[..10]).is_err());
        assert!(parse(&key(1), &value(9)).is_err());
        assert!(parse(&key(1)[..5], &value(3)).is_err());
    }
}
