//! Where the first start of a job begins to read: one resolved number for every partition (S1).

use std::collections::BTreeMap;

use crds::StartFrom;
use jiff::Timestamp;

/// What the broker says about one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    /// The oldest record.
    pub(super) start: i64,
    /// The next record.
    pub(super) end: i64,
}

/// Why a start cannot be resolved.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadStart {
    /// Partitions without an offset.
    #[error(
        "startFrom.offsets of source '{name}' lacks the partitions {partitions:?}; every partition needs a number"
    )]
    Missing {
        /// The source.
        name: String,
        /// Without a number.
        partitions: Vec<u32>,
    },
    /// Offsets for partitions that the topic does not have.
    #[error(
        "startFrom.offsets of source '{name}' names the partitions {partitions:?}, which do not exist"
    )]
    Unknown {
        /// The source.
        name: String,
        /// As written.
        partitions: Vec<String>,
    },
    /// An offset that the log does not hold.
    #[error(
        "startFrom.offsets of source '{name}': partition {partition} holds {start} to {end}, not {offset}"
    )]
    OutOfRange {
        /// The source.
        name: String,
        /// Which partition.
        partition: u32,
        /// As written.
        offset: i64,
        /// Oldest record.
        start: i64,
        /// Next record.
        end: i64,
    },
    /// Not a time.
    #[error("startFrom.timestamp.at of source '{name}': '{text}' is no RFC 3339 time")]
    Time {
        /// The source.
        name: String,
        /// As written.
        text: String,
    },
}

/// The time of `startFrom.timestamp` in ms since the epoch; none for the other ways to start.
pub(super) fn timestamp_ms(name: &str, from: &StartFrom) -> Result<Option<i64>, BadStart> {
    let StartFrom::Timestamp(at) = from else { return Ok(None) };
    let time: Timestamp =
        at.at.parse().map_err(|_| BadStart::Time { name: name.to_owned(), text: at.at.clone() })?;
    Ok(Some(time.as_millisecond()))
}

/// The first offset of every partition. `at_time` holds the answers for `startFrom.timestamp`: none where every
/// record is older.
pub(super) fn first_offsets(
    name: &str,
    from: &StartFrom,
    ranges: &[Range],
    at_time: &[Option<i64>],
) -> Result<Vec<i64>, BadStart> {
    match from {
        StartFrom::Earliest(_) => Ok(ranges.iter().map(|r| r.start).collect()),
        StartFrom::Latest(_) => Ok(ranges.iter().map(|r| r.end).collect()),
        StartFrom::Timestamp(_) => Ok(ranges
            .iter()
            .enumerate()
            .map(|(p, r)| at_time.get(p).copied().flatten().unwrap_or(r.end))
            .collect()),
        StartFrom::Offsets(offsets) => written(name, offsets, ranges),
    }
}

fn written(
    name: &str,
    offsets: &BTreeMap<String, i64>,
    ranges: &[Range],
) -> Result<Vec<i64>, BadStart> {
    let exists = |key: &&String| key.parse::<usize>().is_ok_and(|p| p < ranges.len());
    let unknown: Vec<String> = offsets.keys().filter(|key| !exists(key)).cloned().collect();
    if !unknown.is_empty() {
        return Err(BadStart::Unknown { name: name.to_owned(), partitions: unknown });
    }
    let found: Vec<Option<i64>> =
        (0..ranges.len()).map(|p| offsets.get(&p.to_string()).copied()).collect();
    let missing: Vec<u32> =
        (0u32..).zip(&found).filter(|(_, offset)| offset.is_none()).map(|(p, _)| p).collect();
    if !missing.is_empty() {
        return Err(BadStart::Missing { name: name.to_owned(), partitions: missing });
    }
    let found: Vec<i64> = found.into_iter().flatten().collect();
    for ((partition, range), offset) in (0u32..).zip(ranges).zip(&found) {
        if !(range.start..=range.end).contains(offset) {
            let (offset, Range { start, end }) = (*offset, *range);
            let name = name.to_owned();
            return Err(BadStart::OutOfRange { name, partition, offset, start, end });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(json: &str) -> StartFrom {
        serde_json::from_str(json).expect("a way to start")
    }

    const RANGES: [Range; 2] = [Range { start: 5, end: 9 }, Range { start: 0, end: 0 }];

    #[test]
    fn every_partition_gets_one_number() {
        for (way, at_time, expected) in [
            (r#"{"earliest":{}}"#, [None, None], [5, 0]),
            (r#"{"latest":{}}"#, [None, None], [9, 0]),
            (r#"{"timestamp":{"at":"2026-01-31T00:00:00Z"}}"#, [Some(7), None], [7, 0]),
            (r#"{"timestamp":{"at":"2026-01-31T00:00:00Z"}}"#, [None, None], [9, 0]),
            (r#"{"offsets":{"0":6,"1":0}}"#, [None, None], [6, 0]),
        ] {
            assert_eq!(first_offsets("s", &from(way), &RANGES, &at_time), Ok(expected.to_vec()));
        }
    }

    #[test]
    fn offsets_must_cover_every_partition_and_lie_in_the_log() {
        let refused = |way: &str| first_offsets("s", &from(way), &RANGES, &[]).expect_err(way);
        assert!(matches!(refused(r#"{"offsets":{"0":6}}"#), BadStart::Missing { partitions, .. }
            if partitions == [1]));
        assert!(matches!(refused(r#"{"offsets":{"0":6,"1":0,"2":0}}"#), BadStart::Unknown { .. }));
        for offset in [4, 10] {
            let way = format!(r#"{{"offsets":{{"0":{offset},"1":0}}}}"#);
            assert!(matches!(refused(&way), BadStart::OutOfRange { partition: 0, .. }), "{way}");
        }
    }

    #[test]
    fn a_time_is_read_with_its_offset() {
        let ms =
            |at: &str| timestamp_ms("s", &from(&format!(r#"{{"timestamp":{{"at":"{at}"}}}}"#)));
        assert_eq!(ms("1970-01-01T00:00:01Z"), Ok(Some(1000)));
        assert_eq!(ms("1970-01-01T01:00:01+01:00"), Ok(Some(1000)));
        assert!(ms("yesterday").is_err());
        assert_eq!(timestamp_ms("s", &from(r#"{"latest":{}}"#)), Ok(None));
    }
}
