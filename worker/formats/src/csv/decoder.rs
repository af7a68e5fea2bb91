//! Records → rows of one batch.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use protocol::Origin;

use super::scan::{Fault, Field, Scan};
use super::{CsvDialect, NAME};
use crate::values::rows::{Rows, check_utf8, payload};
use crate::values::{EventTimeRule, TimestampFormat};
use crate::{BadRecord, BadRecordKind, Record, UnsupportedSchema};

/// Reads records into batches of one schema. Steady state allocates nothing per row.
pub struct CsvDecoder {
    rows: Rows,
    scan: Scan,
    quote: u8,
    null: Vec<u8>,
    /// What every field of a record is for.
    targets: Vec<Option<usize>>,
    scratch: Vec<u8>,
}

impl CsvDecoder {
    /// For the columns that a query needs, each from where it stands.
    pub fn new(
        dialect: &CsvDialect,
        schema: SchemaRef,
        origins: &[Origin],
        event_time: Option<EventTimeRule>,
    ) -> Result<Self, UnsupportedSchema> {
        dialect.check()?;
        let rows = Rows::new(NAME, schema, origins, event_time)?;
        Ok(Self {
            scan: Scan::new(dialect.delimiter, dialect.quote),
            quote: dialect.quote,
            null: dialect.null.clone().into_bytes(),
            targets: targets(dialect.fields, rows.schema(), origins)?,
            scratch: Vec::new(),
            rows,
        })
    }

    /// From now on the instants of a column are written like this. The batch is empty.
    pub fn set_timestamp_format(&mut self, column: usize, format: TimestampFormat) {
        self.rows.set_timestamp_format(column, format);
    }

    /// Appends the record as one row, or nothing.
    pub fn decode(&mut self, record: Record<'_>) -> Result<(), BadRecord> {
        let payload = payload(&record)?;
        check_utf8(payload)?;
        self.append_row(without_line_break(payload), &record).inspect_err(|_| self.rows.take_back())
    }

    /// Rows of the batch so far.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the batch has no row yet.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }

    /// Bytes of the batch so far, about. Finish well before 2 GiB.
    pub fn bytes(&self) -> usize {
        self.rows.bytes()
    }

    /// The rows so far as one batch; the decoder begins the next.
    pub fn finish(&mut self) -> RecordBatch {
        self.rows.finish()
    }

    fn append_row(&mut self, line: &[u8], record: &Record<'_>) -> Result<(), BadRecord> {
        let mut next = Some(0);
        for position in 0..self.targets.len() {
            let Some(start) = next else {
                return Err(self.wrong_count(position, false));
            };
            let field = self.scan.field(line, start).map_err(|fault| malformed(fault, position))?;
            if let Some(column) = self.targets[position] {
                self.push(column, line, field)?;
            }
            next = field.next;
        }
        if next.is_some() {
            return Err(self.wrong_count(self.targets.len(), true));
        }
        self.rows.end_row(record)
    }

    #[inline]
    fn push(&mut self, column: usize, line: &[u8], field: Field) -> Result<(), BadRecord> {
        let raw = &line[field.start..field.end];
        if !field.quoted && raw == self.null {
            return self.rows.push_null(column);
        }
        if !field.doubled {
            return self.rows.push_text(column, raw);
        }
        self.scratch.clear();
        let mut rest = raw;
        while let Some(at) = rest.iter().position(|byte| *byte == self.quote) {
            self.scratch.extend_from_slice(&rest[..=at]);
            rest = &rest[at + 2..];
        }
        self.scratch.extend_from_slice(rest);
        self.rows.push_text(column, &self.scratch)
    }

    #[cold]
    fn wrong_count(&self, found: usize, more: bool) -> BadRecord {
        let more = if more { "more than " } else { "" };
        let message = format!("expected {} fields, found {more}{found}", self.targets.len());
        BadRecord::new(BadRecordKind::Malformed, message)
    }
}

#[cold]
fn malformed(fault: Fault, position: usize) -> BadRecord {
    let message = format!("{}: {}", Origin::Position(position), fault.message());
    BadRecord::new(BadRecordKind::Malformed, message)
}

fn without_line_break(payload: &[u8]) -> &[u8] {
    let line = payload.strip_suffix(b"\n").unwrap_or(payload);
    if line.len() < payload.len() { line.strip_suffix(b"\r").unwrap_or(line) } else { line }
}

/// The column of every field, if each column can be read from where it stands.
fn targets(
    fields: usize,
    schema: &SchemaRef,
    origins: &[Origin],
) -> Result<Vec<Option<usize>>, UnsupportedSchema> {
    let mut targets = vec![None; fields];
    for (column, origin) in origins.iter().enumerate() {
        let refuse = |reason: String| UnsupportedSchema {
            format: NAME,
            column: schema.field(column).name().clone(),
            reason,
        };
        match origin {
            Origin::Field(_) => {
                return Err(refuse("its fields have positions, not names".to_owned()));
            }
            Origin::Position(at) => match targets.get_mut(*at) {
                None => return Err(refuse(format!("a record has {fields} fields"))),
                Some(Some(_)) => return Err(refuse(format!("another column reads {origin}"))),
                Some(free) => *free = Some(column),
            },
            Origin::Key
            | Origin::Header(_)
            | Origin::Timestamp
            | Origin::Partition
            | Origin::Offset
            | Origin::ProcessingTime => {}
        }
    }
    Ok(targets)
}
