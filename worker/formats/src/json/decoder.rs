//! Records → rows of one batch.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};

use super::columns::{Column, Misfit};
use super::cursor::{Cursor, Fault, Token};
use super::learned::{Learned, Target};
use super::text::unescape;
use crate::limits::RECORD_BYTES_MAX;
use crate::{BadRecord, BadRecordKind, UnsupportedSchema};

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
    /// The record's last value for every column.
    cells: Vec<Option<Token>>,
    learned: Learned,
    scratch: Vec<u8>,
    rows: usize,
    row_width: usize,
    /// The columns whose bytes differ from row to row.
    texts: Vec<usize>,
}

impl JsonDecoder {
    /// For the columns that a query needs.
    pub fn new(
        schema: SchemaRef,
        event_time: Option<EventTimeRule>,
    ) -> Result<Self, UnsupportedSchema> {
        let columns: Vec<Column> =
            schema.fields().iter().map(|f| Column::new(f)).collect::<Result<_, _>>()?;
        check_names(&schema)?;
        if let Some(rule) = event_time {
            check_event_time(&schema, rule)?;
        }
        Ok(Self {
            event_time,
            cells: vec![None; columns.len()],
            learned: Learned::new(schema.fields().iter().map(|f| f.name().as_str())),
            scratch: Vec::new(),
            rows: 0,
            row_width: columns.iter().map(Column::width).sum(),
            texts: (0..columns.len()).filter(|i| columns[*i].is_text()).collect(),
            columns,
            schema,
        })
    }

    /// Appends the record as one row, or nothing.
    pub fn decode(
        &mut self,
        payload: Option<&[u8]>,
        kafka_timestamp_ms: Option<i64>,
    ) -> Result<(), BadRecord> {
        let Some(record) = payload else {
            return Err(BadRecord::new(BadRecordKind::NullPayload, "the record has no value"));
        };
        if record.len() > RECORD_BYTES_MAX {
            let message = format!("{} bytes, more than {RECORD_BYTES_MAX}", record.len());
            return Err(BadRecord::new(BadRecordKind::TooLarge, message));
        }
        self.cells.fill(None);
        let mut cursor = Cursor::new(record);
        if let Err(fault) = self.read_cells(&mut cursor) {
            // What is not UTF-8 is called so, wherever the walk stopped.
            check_utf8(record)?;
            return Err(malformed(fault, cursor.pos));
        }
        self.append_row(record, kafka_timestamp_ms).inspect_err(|_| {
            for column in &mut self.columns {
                column.truncate(self.rows);
            }
        })?;
        self.rows += 1;
        Ok(())
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
        cursor.space();
        self.learned.start();
        if cursor.peek() == b'}' {
            cursor.pos += 1;
        } else {
            loop {
                let target = self.name(cursor)?;
                cursor.space();
                let value = cursor.value()?;
                if let Some(column) = target {
                    self.cells[column] = Some(value);
                }
                cursor.space();
                match cursor.peek() {
                    b',' => cursor.pos += 1,
                    b'}' => {
                        cursor.pos += 1;
                        break;
                    }
                    _ => return Err(Fault::CommaOrBrace),
                }
                cursor.space();
            }
        }
        cursor.space();
        if cursor.pos == cursor.bytes.len() { Ok(()) } else { Err(Fault::Trailing) }
    }

    /// A field name and what it is for; the cursor ends behind its colon.
    #[inline]
    fn name(&mut self, cursor: &mut Cursor<'_>) -> Result<Target, Fault> {
        let start = cursor.pos;
        let rest = cursor.bytes.get(start..).unwrap_or_default();
        if let Some((len, target)) = self.learned.expected(rest) {
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
            return Ok(self.learned.unexpected(&cursor.bytes[start..end]));
        }
        self.scratch.clear();
        let raw = &cursor.bytes[name.start..name.end];
        // A name with half a surrogate pair is no column's.
        let readable = unescape(raw, &mut self.scratch).is_ok();
        Ok(if readable { self.learned.column(&self.scratch) } else { None })
    }

    fn append_row(
        &mut self,
        record: &[u8],
        kafka_timestamp_ms: Option<i64>,
    ) -> Result<(), BadRecord> {
        for (i, column) in self.columns.iter_mut().enumerate() {
            let misfit = match &self.cells[i] {
                None | Some(Token::Null) => {
                    if self.event_time.is_none_or(|rule| rule.column != i)
                        && self.schema.field(i).is_nullable()
                    {
                        column.push_null();
                        continue;
                    }
                    missing(self.event_time, i)
                }
                Some(token) => match column.push(token, record) {
                    Ok(()) => continue,
                    Err(misfit) => misfit,
                },
            };
            return Err(misfit_record(misfit, self.schema.field(i).name()));
        }
        self.check_future(kafka_timestamp_ms)
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
        let name = self.schema.field(column).name();
        let ahead = event.saturating_sub(kafka);
        let message =
            format!("field '{name}' lies {ahead} ms after the record's timestamp, more than {max}");
        Err(BadRecord::new(BadRecordKind::EventTimeTooFarAhead, message))
    }
}

fn missing(event_time: Option<EventTimeRule>, column: usize) -> Misfit {
    if event_time.is_some_and(|rule| rule.column == column) {
        (BadRecordKind::MissingEventTime, "an event time, which is missing or null")
    } else {
        (BadRecordKind::MissingField, "a value, which is missing or null")
    }
}

fn misfit_record((kind, expected): Misfit, field: &str) -> BadRecord {
    BadRecord::new(kind, format!("field '{field}': expected {expected}"))
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

fn check_names(schema: &SchemaRef) -> Result<(), UnsupportedSchema> {
    let mut names: Vec<&String> = schema.fields().iter().map(|f| f.name()).collect();
    names.sort();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(pair) => Err(UnsupportedSchema {
            format: "json",
            column: pair[0].clone(),
            reason: "two columns have this name".to_owned(),
        }),
    }
}

fn check_event_time(schema: &SchemaRef, rule: EventTimeRule) -> Result<(), UnsupportedSchema> {
    let refuse =
        |column: String, reason: String| UnsupportedSchema { format: "json", column, reason };
    let Some(field) = schema.fields().get(rule.column) else {
        let reason = format!("the schema has {} columns", schema.fields().len());
        return Err(refuse(rule.column.to_string(), reason));
    };
    match field.data_type() {
        DataType::Timestamp(TimeUnit::Millisecond, _) => Ok(()),
        other => {
            let reason = format!("an event time must be a TIMESTAMP in milliseconds, not {other}");
            Err(refuse(field.name().clone(), reason))
        }
    }
}
