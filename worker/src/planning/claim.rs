//! Samples a `partitionedBy` claim: a value that lies in two partitions refutes it. A sample proves nothing, but it
//! finds the common mistake, a topic whose producer uses another key.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Field, Schema};
use connectors::{Event, KafkaError, ReadLimits, turns};
use formats::{Decoder, Format, Record, UnsupportedSchema};
use protocol::{Log, Origin, PathStep};
use serde_json::Value;

use crate::limits::{CLAIM_QUEUED_BYTES, CLAIM_SAMPLE_MAX, CLAIM_VALUES_MAX};
use crate::world::Logs;

/// A value in two partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Conflict {
    /// The value, as JSON.
    pub(super) value: String,
    /// Where it was seen first.
    pub(super) first: i32,
    /// And then.
    pub(super) second: i32,
}

/// What has been seen of the claimed columns.
pub(super) struct Sample {
    columns: Vec<Origin>,
    /// Fields by position as texts; of JSON they are looked for by name.
    fields: Option<Decoder>,
    seen: BTreeMap<String, i32>,
    conflict: Option<Conflict>,
}

impl Sample {
    /// A sample of these columns.
    pub(super) fn new(format: &Format, columns: Vec<Origin>) -> Result<Self, UnsupportedSchema> {
        let fields = match format {
            Format::Json => None,
            Format::Csv(_) => {
                let places: Vec<Origin> =
                    columns.iter().filter(|c| matches!(c, Origin::Position(_))).cloned().collect();
                let texts: Vec<Field> = places
                    .iter()
                    .map(|c| Field::new(c.to_string(), DataType::Utf8, true))
                    .collect();
                Some(Decoder::new(format, Schema::new(texts).into(), &places, None)?)
            }
        };
        Ok(Self { columns, fields, seen: BTreeMap::new(), conflict: None })
    }

    /// Takes a record. What cannot be read, and a wanted key that is no text, is a bad record and claims nothing; a
    /// missing field is null, as in the query.
    pub(super) fn observe(&mut self, record: &Record<'_>) {
        if self.is_done() {
            return;
        }
        let Some(fields) = self.fields(record) else { return };
        let values = self.columns.iter().map(|column| value(column, record, &fields));
        let Some(values) = values.collect::<Option<Vec<Value>>>() else { return };
        let value = match &values[..] {
            [single] => single.to_string(),
            _ => serde_json::to_string(&values).expect("values are JSON"),
        };
        let first = *self.seen.entry(value.clone()).or_insert(record.partition);
        if first != record.partition {
            self.conflict = Some(Conflict { value, first, second: record.partition });
        }
    }

    /// The fields of a record: by name, or by position those that are wanted. None in a bad record.
    fn fields(&mut self, record: &Record<'_>) -> Option<Value> {
        let Some(decoder) = &mut self.fields else {
            let payload = record.payload.unwrap_or_default();
            return serde_json::from_slice::<Value>(payload).ok().filter(Value::is_object);
        };
        decoder.decode(*record).ok()?;
        let row = decoder.finish();
        let text = |column: &arrow::array::ArrayRef| {
            let texts = column.as_string::<i32>();
            if texts.is_null(0) { Value::Null } else { texts.value(0).into() }
        };
        let names = row.schema();
        let names = names.fields().iter().map(|field| field.name().clone());
        Some(Value::Object(names.zip(row.columns().iter().map(text)).collect()))
    }

    /// Refuted, or full.
    pub(super) fn is_done(&self) -> bool {
        self.conflict.is_some() || self.seen.len() >= CLAIM_VALUES_MAX
    }

    /// What refutes the claim.
    pub(super) fn conflict(&self) -> Option<&Conflict> {
        self.conflict.as_ref()
    }
}

/// What a column holds in a record, as the query sees it; none in a bad record.
fn value(column: &Origin, record: &Record<'_>, fields: &Value) -> Option<Value> {
    Some(match column {
        Origin::Field(path) => {
            let found = path.iter().try_fold(fields, |value, step| match step {
                PathStep::Name(name) => value.get(name),
                PathStep::At(place) => value.get(*place as usize),
            });
            found.cloned().unwrap_or(Value::Null)
        }
        Origin::Position(_) => fields.get(column.to_string()).cloned().unwrap_or(Value::Null),
        Origin::Key => record.key.map(std::str::from_utf8).transpose().ok()?.into(),
        Origin::Header(name) => {
            let header = record.headers.last(name).ok()?;
            header.map(std::str::from_utf8).transpose().ok()?.into()
        }
        Origin::Timestamp => record.timestamp_ms.into(),
        Origin::Partition => record.partition.into(),
        Origin::Offset => record.offset.into(),
        Origin::ProcessingTime => record.read_ms.into(),
    })
}

/// Reads the given ranges, at most until the bounds of a sample.
pub(super) fn read(
    reader: &mut Logs,
    ranges: &[(Log, i64, i64)],
    sample: &mut Sample,
) -> Result<(), KafkaError> {
    const POLL: std::time::Duration = std::time::Duration::from_millis(100);
    const RECORDS: usize = 10_000;
    let logs: Vec<(Log, i64)> = ranges.iter().map(|(log, from, _)| (log.clone(), *from)).collect();
    let numbers = reader.assign(&logs)?;
    let mut open: BTreeMap<u32, (i32, i64)> = numbers
        .into_iter()
        .zip(ranges)
        .filter(|(_, (_, from, end))| from < end)
        .map(|(number, (log, _, end))| (number, (log.partition, *end)))
        .collect();
    let until = turns::now() + CLAIM_SAMPLE_MAX;
    let mut failed = None;
    while !open.is_empty() && !sample.is_done() && failed.is_none() && turns::now() < until {
        reader.poll(POLL, RECORDS, &mut |event| match event {
            Event::Record { log, offset, timestamp_ms, key, payload, headers } => {
                let Some((partition, end)) = open.get(&log).copied() else { return };
                let read_ms = None;
                sample.observe(&Record {
                    payload,
                    key,
                    headers,
                    timestamp_ms,
                    partition,
                    offset,
                    read_ms,
                });
                if offset + 1 >= end {
                    open.remove(&log);
                }
            }
            Event::Eof { log, .. } => {
                open.remove(&log);
            }
            Event::Failed { error, .. } => failed = Some(error),
        })?;
    }
    failed.map_or(Ok(()), Err)
}

/// Bounds of a sampling reader.
pub(super) fn read_limits() -> ReadLimits {
    ReadLimits { queued_bytes: CLAIM_QUEUED_BYTES }
}

#[cfg(test)]
mod tests {
    use formats::csv::CsvDialect;

    use super::*;

    fn sampled(columns: &[&str], records: &[(i32, &str)]) -> Option<Conflict> {
        let columns = columns.iter().map(|name| Origin::field(*name)).collect();
        let mut sample = Sample::new(&Format::Json, columns).unwrap();
        for (partition, record) in records {
            let record = Record::of_value(record.as_bytes());
            sample.observe(&Record { partition: *partition, ..record });
        }
        sample.conflict().cloned()
    }

    #[test]
    fn a_value_in_two_partitions_refutes_and_is_named() {
        let found = sampled(&["u"], &[(0, r#"{"u":7}"#), (1, r#"{"u":8}"#), (1, r#"{"u":7}"#)]);
        assert_eq!(found, Some(Conflict { value: "7".into(), first: 0, second: 1 }));
    }

    #[test]
    fn columns_are_looked_for_where_they_stand() {
        let columns = vec![Origin::Field(vec!["bid".into(), "u".into()]), Origin::Key];
        let mut sample = Sample::new(&Format::Json, columns).unwrap();
        for (partition, key) in [(0, "a"), (1, "b"), (1, "a")] {
            let record = Record::of_value(br#"{"bid":{"u":7},"u":1}"#);
            sample.observe(&Record { partition, key: Some(key.as_bytes()), ..record });
        }
        let found = sample.conflict().map(|c| c.value.clone());
        assert_eq!(found, Some(r#"[7,"a"]"#.into()));
    }

    #[test]
    fn keys_that_are_no_text_refute_nothing() {
        let mut sample = Sample::new(&Format::Json, vec![Origin::Key]).unwrap();
        for (partition, key) in [(0, b"\xff"), (1, b"\xfe")] {
            let record = Record::of_value(b"{}");
            sample.observe(&Record { partition, key: Some(key), ..record });
        }
        assert_eq!(sample.conflict(), None);
    }

    #[test]
    fn fields_of_csv_are_taken_by_position() {
        let dialect = CsvDialect { delimiter: b',', quote: b'"', null: String::new(), fields: 3 };
        let mut sample =
            Sample::new(&Format::Csv(dialect), vec![Origin::Position(1), Origin::Key]).unwrap();
        for (partition, key, record) in [
            (0, "a", "1,7,x"),
            (1, "b", "1,7,x"),
            (1, "a", "7,8,x"),
            (1, "a", "7"),
            (2, "a", "2,\"7\",y"),
        ] {
            let record = Record::of_value(record.as_bytes());
            sample.observe(&Record { partition, key: Some(key.as_bytes()), ..record });
        }
        let found = sample.conflict().map(|c| (c.value.clone(), c.second));
        assert_eq!(found, Some((r#"["7","a"]"#.into(), 2)));
    }

    #[test]
    fn equal_values_in_one_partition_refute_nothing() {
        assert_eq!(sampled(&["u"], &[(0, r#"{"u":7}"#), (0, r#"{"u":7}"#)]), None);
    }

    #[test]
    fn several_columns_count_together() {
        let records = [(0, r#"{"a":1,"b":2}"#), (1, r#"{"a":1,"b":3}"#)];
        assert_eq!(sampled(&["a", "b"], &records), None);
        let found = sampled(&["a", "b"], &[records[0], (2, r#"{"b":2,"a":1}"#)]);
        assert_eq!(found.map(|c| c.value), Some("[1,2]".into()));
    }

    #[test]
    fn a_missing_field_is_null_and_a_bad_record_is_nothing() {
        assert!(sampled(&["u"], &[(0, "{}"), (1, r#"{"u":null}"#)]).is_some());
        assert_eq!(sampled(&["u"], &[(0, "oops"), (1, "oops"), (1, "[1]")]), None);
    }
}
