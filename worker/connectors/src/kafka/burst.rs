//! The content of one commit: rows for topics, and the offsets of the shards with their metadata.

use protocol::Log;

use crate::faults::{self, Sabotage};

const NONE: u32 = u32::MAX;

/// One row, as ranges of the arena.
#[derive(Debug, Clone, Copy)]
struct Row {
    topic: u32,
    partition: i32,
    start: usize,
    key: u32,
    value: u32,
    headers: u32,
    header_count: u16,
}

/// One header, as ranges of the arena: the name, then the value.
#[derive(Debug, Clone, Copy)]
struct HeaderRange {
    start: usize,
    name: u32,
    value: u32,
}

/// Offsets of one consumer group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BurstOffsets {
    /// The group.
    pub group: String,
    /// Log, next offset, metadata.
    pub entries: Vec<(Log, i64, String)>,
}

/// What one transaction carries. Rows lie in one arena, so that filling it again allocates nothing.
#[derive(Debug, Clone, Default)]
pub struct Burst {
    topics: Vec<String>,
    arena: Vec<u8>,
    rows: Vec<Row>,
    headers: Vec<HeaderRange>,
    offsets: Vec<BurstOffsets>,
}

/// A row of a burst.
#[derive(Debug, Clone, Copy)]
pub struct BurstRecord<'a> {
    burst: &'a Burst,
    row: Row,
}

impl Burst {
    /// An empty burst.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of a topic inside this burst; stays valid over [`Burst::clear`].
    pub fn topic(&mut self, name: &str) -> u32 {
        if let Some(index) = self.topics.iter().position(|known| known == name) {
            return index as u32;
        }
        self.topics.push(name.to_owned());
        (self.topics.len() - 1) as u32
    }

    /// Adds a row. `partition` is the caller's choice, or -1: then the key decides as in the Java client
    /// (`murmur2_random`).
    pub fn push(&mut self, topic: u32, partition: i32, key: Option<&[u8]>, value: Option<&[u8]>) {
        self.push_with_headers(topic, partition, key, value, &[]);
    }

    /// Adds a row with headers.
    pub fn push_with_headers(
        &mut self,
        topic: u32,
        partition: i32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, &[u8])],
    ) {
        debug_assert!((topic as usize) < self.topics.len(), "topic() names the topics of a burst");
        let first_header = self.headers.len() as u32;
        for (name, content) in headers {
            let start = self.arena.len();
            self.arena.extend_from_slice(name.as_bytes());
            self.arena.extend_from_slice(content);
            let (name, value) = (name.len() as u32, content.len() as u32);
            self.headers.push(HeaderRange { start, name, value });
        }
        let start = self.arena.len();
        let mut add = |part: Option<&[u8]>| {
            part.map_or(NONE, |bytes| {
                self.arena.extend_from_slice(bytes);
                bytes.len() as u32
            })
        };
        let (key, value) = (add(key), add(value));
        let header_count = headers.len() as u16;
        let headers = first_header;
        self.rows.push(Row { topic, partition, start, key, value, headers, header_count });
    }

    /// Adds the next offset of a log and its metadata to those of a group.
    pub fn push_offset(&mut self, group: &str, log: Log, next: i64, metadata: String) {
        let entry = (log, next, metadata);
        if let Some(offsets) = self.offsets.iter_mut().find(|offsets| offsets.group == group) {
            offsets.entries.push(entry);
        } else {
            self.offsets.push(BurstOffsets { group: group.to_owned(), entries: vec![entry] });
        }
    }

    /// Rows in it.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Bytes of keys, values and headers in it.
    pub fn bytes(&self) -> usize {
        self.arena.len()
    }

    /// Nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.offsets.is_empty()
    }

    /// Forgets rows and offsets and keeps the memory and the topics.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.rows.clear();
        self.headers.clear();
        self.offsets.clear();
    }

    /// The rows, in order of addition.
    pub fn records(&self) -> impl ExactSizeIterator<Item = BurstRecord<'_>> {
        self.rows.iter().map(|row| BurstRecord { burst: self, row: *row })
    }

    /// Changes the rows as a deliberate fault asks.
    pub fn doctor(&mut self) {
        if self.rows.len() > 1 && faults::due(Sabotage::DropOne) {
            self.rows.remove(0);
        }
        if self.rows.len() > 1 && faults::due(Sabotage::DoubleOne) {
            self.rows.push(self.rows[0]);
        }
        if self.rows.len() > 1 && faults::due(Sabotage::SwapTwo) {
            self.rows.swap(0, 1);
        }
    }

    /// The offsets by group.
    pub fn offsets(&self) -> &[BurstOffsets] {
        &self.offsets
    }
}

impl<'a> BurstRecord<'a> {
    /// Topic name.
    pub fn topic(&self) -> &'a str {
        &self.burst.topics[self.row.topic as usize]
    }

    /// Partition, `None` where the key decides.
    pub fn partition(&self) -> Option<i32> {
        (self.row.partition >= 0).then_some(self.row.partition)
    }

    /// Key.
    pub fn key(&self) -> Option<&'a [u8]> {
        (self.row.key != NONE).then(|| self.part(self.row.start, self.row.key))
    }

    /// Value.
    pub fn value(&self) -> Option<&'a [u8]> {
        let after_key = self.row.start + self.key().map_or(0, <[u8]>::len);
        (self.row.value != NONE).then(|| self.part(after_key, self.row.value))
    }

    /// Headers: name and value.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&'a str, &'a [u8])> {
        let first = self.row.headers as usize;
        let record = *self;
        self.burst.headers[first..first + self.row.header_count as usize].iter().map(
            move |header| {
                let name = record.part(header.start, header.name);
                let value = record.part(header.start + name.len(), header.value);
                (std::str::from_utf8(name).unwrap_or_default(), value)
            },
        )
    }

    fn part(&self, start: usize, len: u32) -> &'a [u8] {
        &self.burst.arena[start..start + len as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_as_they_were_pushed() {
        let mut burst = Burst::new();
        let (a, b) = (burst.topic("a"), burst.topic("b"));
        assert_eq!(burst.topic("a"), a);
        burst.push(a, 3, Some(b"k"), Some(b"value"));
        burst.push(b, -1, None, Some(b""));
        burst.push_with_headers(b, 0, Some(b""), None, &[("reason", b"bad"), ("offset", b"7")]);
        let seen: Vec<_> =
            burst.records().map(|r| (r.topic(), r.partition(), r.key(), r.value())).collect();
        assert_eq!(
            seen,
            [
                ("a", Some(3), Some(&b"k"[..]), Some(&b"value"[..])),
                ("b", None, None, Some(&b""[..])),
                ("b", Some(0), Some(&b""[..]), None),
            ]
        );
        let last = burst.records().next_back_headers();
        assert_eq!(last, [("reason", &b"bad"[..]), ("offset", &b"7"[..])]);
        assert_eq!((burst.rows(), burst.bytes()), (3, 22));
        burst.clear();
        assert!(burst.is_empty());
        assert_eq!(burst.topic("b"), b);
    }

    #[test]
    fn offsets_gather_by_group() {
        let mut burst = Burst::new();
        for (group, partition) in [("g0", 0), ("g1", 0), ("g0", 1)] {
            burst.push_offset(group, Log::new("t", partition), 5, "m".into());
        }
        let sizes: Vec<_> =
            burst.offsets().iter().map(|o| (o.group.as_str(), o.entries.len())).collect();
        assert_eq!(sizes, [("g0", 2), ("g1", 1)]);
    }

    trait LastHeaders<'a> {
        fn next_back_headers(self) -> Vec<(&'a str, &'a [u8])>;
    }
    impl<'a, I: Iterator<Item = BurstRecord<'a>>> LastHeaders<'a> for I {
        fn next_back_headers(self) -> Vec<(&'a str, &'a [u8])> {
            self.last().map(|record| record.headers().collect()).unwrap_or_default()
        }
    }
}
