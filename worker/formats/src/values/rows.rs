//! The rows of a batch that is being read, whatever the format: a row is appended whole or not at all.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use protocol::Origin;

use super::columns::{Column, Misfit};
use super::metadata::Metadata;
use super::timestamp::TimestampFormat;
use crate::json::cursor::Token;
use crate::limits::RECORD_BYTES_MAX;
use crate::{BadRecord, BadRecordKind, Record, UnsupportedSchema};

/// What the event time of a record must satisfy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventTimeRule {
    /// Its column in the schema, a `Timestamp(ms)`. A record without it is bad.
    pub column: usize,
    /// How far after the record's Kafka timestamp it may lie, ms. One wrong clock would otherwise
    /// make all later rows late. Not checked where the record has no Kafka timestamp.
    pub max_future_ms: Option<i64>,
}

/// The columns that a query needs, and the rows in them so far. Steady state allocates nothing per
/// row.
pub(crate) struct Rows {
    schema: SchemaRef,
    event_time: Option<EventTimeRule>,
    columns: Vec<Column>,
    /// Whether a column takes nulls.
    nullable: Vec<bool>,
    origins: Vec<Origin>,
    metadata: Vec<(usize, Metadata)>,
    count: usize,
    row_width: usize,
    /// The columns whose bytes differ from row to row.
    texts: Vec<usize>,
}

impl Rows {
    /// Checks the types and what stands beside the record's value; where in it the fields stand is
    /// for the format to check.
    pub(crate) fn new(
        format: &'static str,
        schema: SchemaRef,
        origins: &[Origin],
        event_time: Option<EventTimeRule>,
    ) -> Result<Self, UnsupportedSchema> {
        let fields = schema.fields();
        if origins.len() != fields.len() {
            let column = fields.first().map_or_else(String::new, |f| f.name().clone());
            let reason = format!("{} columns come from {} places", fields.len(), origins.len());
            return Err(UnsupportedSchema { format, column, reason });
        }
        let columns: Vec<Column> =
            fields.iter().map(|f| Column::new(format, f)).collect::<Result<_, _>>()?;
        let mut metadata = Vec::new();
        for (i, origin) in origins.iter().enumerate() {
            if let Some(found) = Metadata::of(origin) {
                found.check(format, &fields[i])?;
                metadata.push((i, found));
            }
        }
        if let Some(rule) = event_time {
            check_event_time(format, &schema, rule)?;
        }
        let nullable = |i: usize| {
            schema.field(i).is_nullable() && event_time.is_none_or(|rule| rule.column != i)
        };
        Ok(Self {
            event_time,
            nullable: (0..columns.len()).map(nullable).collect(),
            metadata,
            origins: origins.to_vec(),
            count: 0,
            row_width: columns.iter().map(Column::width).sum(),
            texts: (0..columns.len()).filter(|i| columns[*i].is_text()).collect(),
            columns,
            schema,
        })
    }

    /// From now on the instants of a column are written like this; of one without instants nothing changes.
    pub(crate) fn set_timestamp_format(&mut self, column: usize, format: TimestampFormat) {
        self.columns[column].set_timestamp_format(&self.schema.fields()[column], format);
    }

    /// Appends a value of the row that is being read.
    #[inline]
    pub(crate) fn push(
        &mut self,
        column: usize,
        token: Token,
        bytes: &[u8],
    ) -> Result<(), BadRecord> {
        match self.columns[column].push(token, bytes) {
            Ok(()) => Ok(()),
            Err(misfit) => Err(misfit_record(misfit, &self.origins[column])),
        }
    }

    /// The columns, for whoever appends a row to them itself, and which of them take nulls.
    pub(crate) fn columns(&mut self) -> (&mut [Column], &[bool]) {
        (&mut self.columns, &self.nullable)
    }

    /// Appends what a text without a type stands for.
    #[inline]
    pub(crate) fn push_text(&mut self, column: usize, text: &[u8]) -> Result<(), BadRecord> {
        match self.columns[column].push_text(text) {
            Ok(()) => Ok(()),
            Err(misfit) => Err(misfit_record(misfit, &self.origins[column])),
        }
    }

    /// A null, where there may be one.
    #[inline]
    pub(crate) fn push_null(&mut self, column: usize) -> Result<(), BadRecord> {
        if !self.nullable[column] {
            let event_time = self.event_time.is_some_and(|rule| rule.column == column);
            return Err(misfit_record(missing(event_time), &self.origins[column]));
        }
        self.columns[column].push_null();
        Ok(())
    }

    /// Ends a row whose fields were appended: adds what stands beside the record's value.
    #[inline]
    pub(crate) fn end_row(&mut self, record: &Record<'_>) -> Result<(), BadRecord> {
        for at in 0..self.metadata.len() {
            let (i, ref metadata) = self.metadata[at];
            match metadata.push(record, &mut self.columns[i]) {
                Ok(true) => {}
                Ok(false) => self.push_null(i)?,
                Err(misfit) => return Err(misfit_record(misfit, &self.origins[i])),
            }
        }
        self.check_future(record.timestamp_ms)?;
        self.count += 1;
        Ok(())
    }

    /// Takes back what was appended of a row that was not ended.
    pub(crate) fn take_back(&mut self) {
        for column in &mut self.columns {
            column.truncate(self.count);
        }
    }

    /// Of which the rows are.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Rows of the batch so far.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Bytes of the batch so far, about.
    pub(crate) fn bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(|i| self.columns[*i].text_bytes()).sum();
        self.count * self.row_width + texts
    }

    /// The rows so far as one batch; the next one begins.
    pub(crate) fn finish(&mut self) -> RecordBatch {
        let fields = self.schema.fields();
        let arrays = self.columns.iter_mut().zip(fields).map(|(c, f)| c.finish(f)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.count));
        self.count = 0;
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .expect("the columns were made from this schema, a row at a time")
    }

    fn check_future(&self, kafka_timestamp_ms: Option<i64>) -> Result<(), BadRecord> {
        let Some(EventTimeRule { column, max_future_ms: Some(max) }) = self.event_time else {
            return Ok(());
        };
        let (Some(kafka), Some(event)) = (kafka_timestamp_ms, self.columns[column].last_instant())
        else {
            return Ok(());
        };
        if event <= kafka.saturating_add(max) {
            return Ok(());
        }
        let origin = &self.origins[column];
        let ahead = event.saturating_sub(kafka);
        let message =
            format!("{origin} lies {ahead} ms after the record's timestamp, more than {max}");
        Err(BadRecord::new(BadRecordKind::EventTimeTooFarAhead, message))
    }
}

/// The value of a record, if it can be read at all.
#[inline]
pub(crate) fn payload<'a>(record: &Record<'a>) -> Result<&'a [u8], BadRecord> {
    let Some(payload) = record.payload else {
        return Err(BadRecord::new(BadRecordKind::NullPayload, "the record has no value"));
    };
    if payload.len() > RECORD_BYTES_MAX {
        let message = format!("{} bytes, more than {RECORD_BYTES_MAX}", payload.len());
        return Err(BadRecord::new(BadRecordKind::TooLarge, message));
    }
    Ok(payload)
}

pub(crate) fn check_utf8(payload: &[u8]) -> Result<(), BadRecord> {
    std::str::from_utf8(payload).map(|_| ()).map_err(|fault| {
        let message = format!("not UTF-8 at byte {}", fault.valid_up_to());
        BadRecord::new(BadRecordKind::InvalidUtf8, message)
    })
}

fn missing(event_time: bool) -> Misfit {
    if event_time {
        (BadRecordKind::MissingEventTime, "an event time, which is missing or null")
    } else {
        (BadRecordKind::MissingField, "a value, which is missing or null")
    }
}

#[cold]
fn misfit_record((kind, expected): Misfit, origin: &Origin) -> BadRecord {
    BadRecord::new(kind, format!("{origin}: expected {expected}"))
}

fn check_event_time(
    format: &'static str,
    schema: &SchemaRef,
    rule: EventTimeRule,
) -> Result<(), UnsupportedSchema> {
    let Some(field) = schema.fields().get(rule.column) else {
        let reason = format!("the schema has {} columns", schema.fields().len());
        return Err(UnsupportedSchema { format, column: rule.column.to_string(), reason });
    };
    match field.data_type() {
        DataType::Timestamp(TimeUnit::Millisecond, _) => Ok(()),
        other => {
            let reason = format!("an event time must be a TIMESTAMP in milliseconds, not {other}");
            Err(UnsupportedSchema { format, column: field.name().clone(), reason })
        }
    }
}
