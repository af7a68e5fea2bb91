//! Records → rows of one batch.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use protocol::Origin;

use super::checks::{check_event_time, check_origins};
use super::columns::{Column, Misfit};
use super::cursor::{Cursor, Fault, Token};
use super::learned::Target;
use super::metadata::Metadata;
use super::shape::Object;
use super::template::Templates;
use super::text::unescape;
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

/// Reads records into batches of one schema. Steady state allocates nothing per row.
pub struct JsonDecoder {
    schema: SchemaRef,
    event_time: Option<EventTimeRule>,
    columns: Vec<Column>,
    origins: Vec<Origin>,
    /// The columns that are fields of the value, and those that are not.
    fields: Vec<usize>,
    metadata: Vec<(usize, Metadata)>,
    /// The record's last value for every column.
    cells: Vec<Option<Token>>,
    /// The objects that hold fields; the record comes first.
    objects: Vec<Object>,
    templates: Templates,
    /// Whether a column takes nulls.
    nullable: Vec<bool>,
    scratch: Vec<u8>,
    rows: usize,
    row_width: usize,
    /// The columns whose bytes differ from row to row.
    texts: Vec<usize>,
}

impl JsonDecoder {
    /// For the columns that a query needs, each of them the field of its name.
    pub fn new(
        schema: SchemaRef,
        event_time: Option<EventTimeRule>,
    ) -> Result<Self, UnsupportedSchema> {
        let origins: Vec<Origin> =
            schema.fields().iter().map(|f| Origin::field(f.name())).collect();
        Self::with_origins(schema, &origins, event_time)
    }

    /// For the columns that a query needs, each from where it stands.
    pub fn with_origins(
        schema: SchemaRef,
        origins: &[Origin],
        event_time: Option<EventTimeRule>,
    ) -> Result<Self, UnsupportedSchema> {
        let columns: Vec<Column> =
            schema.fields().iter().map(|f| Column::new(f)).collect::<Result<_, _>>()?;
        let objects = check_origins(&schema, origins)?;
        if let Some(rule) = event_time {
            check_event_time(&schema, rule)?;
        }
        let metadata: Vec<(usize, Metadata)> = origins
            .iter()
            .enumerate()
            .filter_map(|(i, origin)| Some((i, Metadata::of(origin)?)))
            .collect();
        let nullable = |i: usize| {
            schema.field(i).is_nullable() && event_time.is_none_or(|rule| rule.column != i)
        };
        Ok(Self {
            event_time,
            templates: Templates::new(),
            nullable: (0..columns.len()).map(nullable).collect(),
            cells: vec![None; columns.len()],
            fields: (0..columns.len()).filter(|i| Metadata::of(&origins[*i]).is_none()).collect(),
            metadata,
            origins: origins.to_vec(),
            objects,
            scratch: Vec::new(),
            rows: 0,
            row_width: columns.iter().map(Column::width).sum(),
            texts: (0..columns.len()).filter(|i| columns[*i].is_text()).collect(),
            columns,
            schema,
        })
    }

    /// Appends the record as one row, or nothing.
    pub fn decode(&mut self, record: Record<'_>) -> Result<(), BadRecord> {
        let Some(payload) = record.payload else {
            return Err(BadRecord::new(BadRecordKind::NullPayload, "the record has no value"));
        };
        if payload.len() > RECORD_BYTES_MAX {
            let message = format!("{} bytes, more than {RECORD_BYTES_MAX}", payload.len());
            return Err(BadRecord::new(BadRecordKind::TooLarge, message));
        }
        let known = self.templates.read(payload, &mut self.columns, &self.nullable);
        let read = if known { Ok(()) } else { self.decode_any(payload) };
        read.and_then(|()| self.append_metadata(&record)).inspect_err(|_| self.truncate())?;
        self.rows += 1;
        Ok(())
    }

    /// The fields of a record that looks unlike those before it.
    fn decode_any(&mut self, payload: &[u8]) -> Result<(), BadRecord> {
        self.truncate();
        self.cells.fill(None);
        let mut cursor = Cursor::new(payload);
        if let Err(fault) = self.read_cells(&mut cursor) {
            // What is not UTF-8 is called so, wherever the walk stopped.
            check_utf8(payload)?;
            return Err(malformed(fault, cursor.pos));
        }
        self.templates.missed(payload, &self.objects, &self.fields);
        self.append_fields(payload)
    }

    /// Back to whole rows.
    fn truncate(&mut self) {
        for column in &mut self.columns {
            column.truncate(self.rows);
        }
    }

    /// Rows of the batch so far.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether the batch has no row yet.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Bytes of the batch so far, about. Finish well before 2 GiB.
    pub fn bytes(&self) -> usize {
        let texts: usize = self.texts.iter().map(|i| self.columns[*i].text_bytes()).sum();
        self.rows * self.row_width + texts
    }

    /// The rows so far as one batch; the decoder begins the next.
    pub fn finish(&mut self) -> RecordBatch {
        let fields = self.schema.fields();
        let arrays = self.columns.iter_mut().zip(fields).map(|(c, f)| c.finish(f)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .expect("the columns were made from this schema, a row at a time")
    }

    /// The whole record by the grammar; the last value of every needed field.
    fn read_cells(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        cursor.space();
        cursor.expect(b'{', Fault::NotAnObject)?;
        self.read_object(0, cursor)?;
        cursor.space();
        if cursor.pos == cursor.bytes.len() { Ok(()) } else { Err(Fault::Trailing) }
    }

    /// An object that holds needed fields, the cursor behind its brace.
    fn read_object(&mut self, object: usize, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        cursor.space();
        self.objects[object].learned.start();
        if cursor.peek() == b'}' {
            cursor.pos += 1;
            return Ok(());
        }
        loop {
            let target = self.name(object, cursor)?;
            cursor.space();
            if let Target::Object(inner) = target {
                self.read_inner(inner, cursor)?;
            } else {
                // The only place, so that it is made part of this loop.
                let value = cursor.value()?;
                if let Target::Column(column) = target {
                    self.cells[column] = Some(value);
                }
            }
            cursor.space();
            match cursor.peek() {
                b',' => cursor.pos += 1,
                b'}' => {
                    cursor.pos += 1;
                    return Ok(());
                }
                _ => return Err(Fault::CommaOrBrace),
            }
            cursor.space();
        }
    }

    /// The value where an object with needed fields should be. It replaces what stood in an earlier
    /// field of its name. No deeper than the longest path, whatever the record holds.
    fn read_inner(&mut self, object: usize, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        let opens = cursor.peek() == b'{';
        let misplaced = !opens && !cursor.null()?;
        let within = misplaced.then_some(Token::Misplaced);
        for column in &self.objects[object].columns {
            self.cells[*column] = within;
        }
        if opens {
            cursor.pos += 1;
            cursor.outer += 1;
            self.read_object(object, cursor)?;
            cursor.outer -= 1;
        }
        Ok(())
    }

    /// A field name and what it is for; the cursor ends behind its colon.
    #[inline]
    fn name(&mut self, object: usize, cursor: &mut Cursor<'_>) -> Result<Target, Fault> {
        let start = cursor.pos;
        let rest = cursor.bytes.get(start..).unwrap_or_default();
        let learned = &mut self.objects[object].learned;
        if let Some((len, target)) = learned.expected(rest) {
            cursor.pos += len;
            return Ok(target);
        }
        if cursor.peek() != b'"' {
            return Err(Fault::Name);
        }
        let name = cursor.text()?;
        let end = cursor.pos;
        cursor.colon()?;
        if !name.escaped {
            return Ok(learned.unexpected(&cursor.bytes[start..end]));
        }
        self.scratch.clear();
        let raw = &cursor.bytes[name.start..name.end];
        // A name with half a surrogate pair is no column's.
        let readable = unescape(raw, &mut self.scratch).is_ok();
        Ok(if readable { learned.target(&self.scratch) } else { Target::Skip })
    }

    fn append_fields(&mut self, payload: &[u8]) -> Result<(), BadRecord> {
        for at in 0..self.fields.len() {
            let i = self.fields[at];
            match &self.cells[i] {
                None | Some(Token::Null) => self.push_null(i)?,
                Some(token) => {
                    if let Err(misfit) = self.columns[i].push(*token, payload) {
                        return Err(misfit_record(misfit, &self.origins[i]));
                    }
                }
            }
        }
        Ok(())
    }

    fn append_metadata(&mut self, record: &Record<'_>) -> Result<(), BadRecord> {
        for at in 0..self.metadata.len() {
            let (i, metadata) = self.metadata[at];
            match metadata.push(record, &mut self.columns[i]) {
                Ok(true) => {}
                Ok(false) => self.push_null(i)?,
                Err(misfit) => return Err(misfit_record(misfit, &self.origins[i])),
            }
        }
        self.check_future(record.timestamp_ms)
    }

    /// A null, where there may be one.
    #[inline]
    fn push_null(&mut self, column: usize) -> Result<(), BadRecord> {
        if !self.nullable[column] {
            let event_time = self.event_time.is_some_and(|rule| rule.column == column);
            return Err(misfit_record(missing(event_time), &self.origins[column]));
        }
        self.columns[column].push_null();
        Ok(())
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

fn missing(event_time: bool) -> Misfit {
    if event_time {
        (BadRecordKind::MissingEventTime, "an event time, which is missing or null")
    } else {
        (BadRecordKind::MissingField, "a value, which is missing or null")
    }
}

fn misfit_record((kind, expected): Misfit, origin: &Origin) -> BadRecord {
    BadRecord::new(kind, format!("{origin}: expected {expected}"))
}

fn malformed(fault: Fault, at: usize) -> BadRecord {
    let kind = match fault {
        Fault::NotAnObject => BadRecordKind::NotAnObject,
        Fault::TooDeep => BadRecordKind::TooDeep,
        _ => BadRecordKind::Malformed,
    };
    BadRecord::new(kind, format!("{} at byte {at}", fault.message()))
}

fn check_utf8(record: &[u8]) -> Result<(), BadRecord> {
    std::str::from_utf8(record).map(|_| ()).map_err(|fault| {
        let message = format!("not UTF-8 at byte {}", fault.valid_up_to());
        BadRecord::new(BadRecordKind::InvalidUtf8, message)
    })
}
