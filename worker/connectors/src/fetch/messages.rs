//! The few messages that reading needs, each in one version: what Kafka 3.1 and everything newer speaks.

use super::wire::{Input, Malformed, Output};

/// A request's kind and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Api {
    pub(crate) name: &'static str,
    pub(crate) key: i16,
    pub(crate) version: i16,
    /// Headers with tagged fields, in requests and answers.
    flexible: bool,
}

/// Records of partitions, topics by id.
pub(crate) const FETCH: Api = Api { name: "Fetch", key: 1, version: 13, flexible: true };
/// Leaders and topic ids.
pub(crate) const METADATA: Api = Api { name: "Metadata", key: 3, version: 12, flexible: true };
/// Which requests a broker speaks.
pub(crate) const API_VERSIONS: Api =
    Api { name: "ApiVersions", key: 18, version: 0, flexible: false };

/// The broker that answers for a transactional id.
pub(crate) const FIND_COORDINATOR: Api =
    Api { name: "FindCoordinator", key: 10, version: 3, flexible: true };
/// A transactional id is taken over.
pub(crate) const INIT_PRODUCER: Api =
    Api { name: "InitProducerId", key: 22, version: 2, flexible: true };

/// Committed records only.
const READ_COMMITTED: i8 = 1;

/// Kafka's 128 bits of a topic.
pub(crate) type TopicId = [u8; 16];

impl Api {
    /// A request up to its body.
    pub(crate) fn request(self, correlation: i32, client_id: &str) -> Output {
        let mut out = Output::default();
        out.i16(self.key);
        out.i16(self.version);
        out.i32(correlation);
        out.text(client_id);
        if self.flexible {
            out.no_tags();
        }
        out
    }

    /// Reads the head of an answer; the correlation id is returned.
    pub(crate) fn answer(self, input: &mut Input<'_>) -> Result<i32, Malformed> {
        let correlation = input.i32()?;
        if self.flexible {
            input.skip_tags()?;
        }
        Ok(correlation)
    }
}

/// A request that a broker speaks: its key, the lowest and the highest version.
pub(crate) type Spoken = (i16, i16, i16);

/// Error and what a broker speaks.
pub(crate) fn read_api_versions(input: &mut Input<'_>) -> Result<(i16, Vec<Spoken>), Malformed> {
    let error = input.i16()?;
    let count = input.array_length(6)?;
    let mut known = Vec::with_capacity(count);
    for _ in 0..count {
        known.push((input.i16()?, input.i16()?, input.i16()?));
    }
    Ok((error, known))
}

pub(crate) fn write_coordinator(out: &mut Output, transactional_id: &str) {
    const TRANSACTIONS: i8 = 1;
    out.compact_text(transactional_id);
    out.i8(TRANSACTIONS);
    out.no_tags();
}

/// Host and port, or the error.
pub(crate) fn read_coordinator(
    input: &mut Input<'_>,
) -> Result<Result<(String, u16), i16>, Malformed> {
    let error = read_error(input)?;
    input.compact_text()?; // in words
    input.i32()?; // its number
    let (host, port) = (input.compact_text()?, input.i32()?);
    let host = host.unwrap_or_default().to_owned();
    Ok(if error == 0 { Ok((host, u16::try_from(port).unwrap_or(0))) } else { Err(error) })
}

pub(crate) fn write_init(out: &mut Output, transactional_id: &str, transaction_ms: i32) {
    out.compact_text(transactional_id);
    out.i32(transaction_ms);
    out.no_tags();
}

/// Of an answer that begins with throttling and an error.
pub(crate) fn read_error(input: &mut Input<'_>) -> Result<i16, Malformed> {
    input.i32()?;
    input.i16()
}

pub(crate) fn write_metadata(out: &mut Output, topics: &[&str]) {
    out.compact_array(topics.len());
    for topic in topics {
        out.raw(&[0; 16]);
        out.compact_text(topic);
        out.no_tags();
    }
    out.i8(0); // topics are not created by asking
    out.i8(0);
    out.no_tags();
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) id: i32,
    pub(crate) host: String,
    pub(crate) port: u16,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PartitionMetadata {
    pub(crate) error: i16,
    pub(crate) partition: i32,
    pub(crate) leader: i32,
    pub(crate) leader_epoch: i32,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TopicMetadata {
    pub(crate) error: i16,
    pub(crate) name: String,
    pub(crate) id: TopicId,
    pub(crate) partitions: Vec<PartitionMetadata>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) nodes: Vec<Node>,
    pub(crate) topics: Vec<TopicMetadata>,
}

pub(crate) fn read_metadata(input: &mut Input<'_>) -> Result<Metadata, Malformed> {
    let mut metadata = Metadata::default();
    input.i32()?; // throttling
    for _ in 0..input.compact_array(11)? {
        let (id, host, port) = (input.i32()?, input.compact_text()?, input.i32()?);
        input.compact_text()?; // rack
        input.skip_tags()?;
        let host = host.unwrap_or_default().to_owned();
        metadata.nodes.push(Node { id, host, port: u16::try_from(port).unwrap_or(0) });
    }
    input.compact_text()?; // cluster
    input.i32()?; // controller
    for _ in 0..input.compact_array(25)? {
        let error = input.i16()?;
        let name = input.compact_text()?.unwrap_or_default().to_owned();
        let id = input.uuid()?;
        input.i8()?; // internal
        let count = input.compact_array(18)?;
        let partitions = (0..count).map(|_| read_partition(input)).collect::<Result<_, _>>()?;
        input.i32()?; // operations
        input.skip_tags()?;
        metadata.topics.push(TopicMetadata { error, name, id, partitions });
    }
    input.skip_tags()?;
    Ok(metadata)
}

fn read_partition(input: &mut Input<'_>) -> Result<PartitionMetadata, Malformed> {
    let error = input.i16()?;
    let (partition, leader, leader_epoch) = (input.i32()?, input.i32()?, input.i32()?);
    for _replicas_in_sync_offline in 0..3 {
        let count = input.compact_array(4)?;
        input.take(4 * count)?;
    }
    input.skip_tags()?;
    Ok(PartitionMetadata { error, partition, leader, leader_epoch })
}

/// One partition of a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) topic: TopicId,
    pub(crate) partition: i32,
    pub(crate) leader_epoch: i32,
    pub(crate) offset: i64,
    /// Leader epoch of the batch before `offset`, -1 where none was read: the broker sees by it that its log was
    /// truncated since.
    pub(crate) last_epoch: i32,
}

/// Sizes and waiting of a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FetchBounds {
    pub(crate) wait_ms: i32,
    pub(crate) bytes_max: i32,
    pub(crate) partition_bytes_max: i32,
}

/// Partitions of one topic stand together in `wanted`.
pub(crate) fn write_fetch(out: &mut Output, bounds: FetchBounds, wanted: &[Wanted]) {
    out.i32(-1); // no replica
    out.i32(bounds.wait_ms);
    out.i32(1);
    out.i32(bounds.bytes_max);
    out.i8(READ_COMMITTED);
    out.i32(0); // no session:
    out.i32(-1); // every request is whole
    let topics: Vec<&[Wanted]> = wanted.chunk_by(|a, b| a.topic == b.topic).collect();
    out.compact_array(topics.len());
    for partitions in topics {
        out.raw(&partitions[0].topic);
        out.compact_array(partitions.len());
        for wanted in partitions {
            out.i32(wanted.partition);
            out.i32(wanted.leader_epoch);
            out.i64(wanted.offset);
            out.i32(wanted.last_epoch);
            out.i64(-1);
            out.i32(bounds.partition_bytes_max);
            out.no_tags();
        }
        out.no_tags();
    }
    out.compact_array(0); // nothing to forget
    out.compact_text(""); // no rack
    out.no_tags();
}

/// An aborted transaction: producer and first offset.
pub(crate) type Aborted = (i64, i64);

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FetchedPartition<'a> {
    pub(crate) topic: TopicId,
    pub(crate) partition: i32,
    pub(crate) error: i16,
    pub(crate) high_watermark: i64,
    pub(crate) last_stable: i64,
    pub(crate) aborted: Vec<Aborted>,
    /// Where the broker's log and what was read go apart, `None` where they do not.
    pub(crate) diverges_at: Option<i64>,
    pub(crate) records: &'a [u8],
    /// Where `records` begins in the answer.
    pub(crate) records_at: usize,
}

/// An answer to a fetch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fetched<'a> {
    pub(crate) throttle_ms: i32,
    pub(crate) error: i16,
    pub(crate) partitions: Vec<FetchedPartition<'a>>,
}

pub(crate) fn read_fetch<'a>(input: &mut Input<'a>) -> Result<Fetched<'a>, Malformed> {
    let (throttle_ms, error) = (input.i32()?, input.i16()?);
    input.i32()?; // session
    let mut partitions = Vec::new();
    for _ in 0..input.compact_array(18)? {
        let topic = input.uuid()?;
        for _ in 0..input.compact_array(37)? {
            partitions.push(read_fetched(input, topic)?);
        }
        input.skip_tags()?;
    }
    input.skip_tags()?;
    Ok(Fetched { throttle_ms, error, partitions })
}

fn read_fetched<'a>(
    input: &mut Input<'a>,
    topic: TopicId,
) -> Result<FetchedPartition<'a>, Malformed> {
    let (partition, error) = (input.i32()?, input.i16()?);
    let (high_watermark, last_stable) = (input.i64()?, input.i64()?);
    input.i64()?; // start of the log
    let count = input.compact_array(17)?;
    let mut aborted = Vec::with_capacity(count);
    for _ in 0..count {
        aborted.push((input.i64()?, input.i64()?));
        input.skip_tags()?;
    }
    input.i32()?; // a nearer replica: none was asked for
    let records = input.compact_bytes()?.unwrap_or_default();
    let records_at = input.position() - records.len();
    let mut diverges_at = None;
    input.tags(|tag, field| {
        if tag == 0 {
            let (epoch, end) = (field.i32()?, field.i64()?);
            diverges_at = (epoch >= 0 || end >= 0).then_some(end);
        }
        Ok(())
    })?;
    Ok(FetchedPartition {
        topic,
        partition,
        error,
        high_watermark,
        last_stable,
        aborted,
        diverges_at,
        records,
        records_at,
    })
}
