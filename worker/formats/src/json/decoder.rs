//! Records → rows of one batch.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use protocol::Origin;

use super::checks::check_fields;
use super::cursor::{Cursor, Fault, Token};
use super::learned::Target;
use super::shape::Object;
use super::template::Templates;
use super::text::unescape;
use crate::values::metadata::Metadata;
use crate::values::rows::{Rows, check_utf8, payload};
use crate::values::{EventTimeRule, TimestampFormat};
use crate::{BadRecord, BadRecordKind, Record, UnsupportedSchema};

/// Reads records into batches of one schema. Steady state allocates nothing per row.
pub struct JsonDecoder {
    rows: Rows,
    /// The columns that are fields of the value.
    fields: Vec<usize>,
    /// The record's last value for every column.
    cells: Vec<Option<Token>>,
    /// The objects that hold fields; the record comes first.
    objects: Vec<Object>,
    templates: Templates,
    scratch: Vec<u8>,
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
        let rows = Rows::new(super::NAME, schema, origins, event_time)?;
        let objects = check_fields(rows.schema(), origins)?;
        let columns = 0..origins.len();
        Ok(Self {
            cells: vec![None; origins.len()],
            fields: columns.filter(|i| Metadata::of(&origins[*i]).is_none()).collect(),
            objects,
            templates: Templates::new(),
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
        let (columns, nullable) = self.rows.columns();
        let known = self.templates.read(payload, columns, nullable);
        let read = if known { Ok(()) } else { self.decode_any(payload) };
        read.and_then(|()| self.rows.end_row(&record)).inspect_err(|_| self.rows.take_back())
    }

    /// The fields of a record that looks unlike those before it.
    fn decode_any(&mut self, payload: &[u8]) -> Result<(), BadRecord> {
        self.rows.take_back();
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

    /// The value where an object or an array with needed values should be. It replaces what stood in an
    /// earlier field of its name. No deeper than the longest path, whatever the record holds.
    fn read_inner(&mut self, object: usize, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        let opens = cursor.peek() == self.objects[object].bracket();
        let misplaced = !opens && !cursor.null()?;
        let within = misplaced.then_some(Token::Misplaced);
        for column in &self.objects[object].columns {
            self.cells[*column] = within;
        }
        if opens {
            cursor.pos += 1;
            cursor.outer += 1;
            if self.objects[object].elements.is_empty() {
                self.read_object(object, cursor)?;
            } else {
                self.read_array(object, cursor)?;
            }
            cursor.outer -= 1;
        }
        Ok(())
    }

    /// An array with needed elements, the cursor behind its bracket. One that is too short has none of those
    /// that are not there.
    fn read_array(&mut self, array: usize, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
        cursor.space();
        if cursor.peek() == b']' {
            cursor.pos += 1;
            return Ok(());
        }
        let mut at = 0;
        loop {
            match self.objects[array].elements.get(at).copied().unwrap_or_default() {
                Target::Object(inner) => self.read_inner(inner, cursor)?,
                Target::Column(column) => self.cells[column] = Some(cursor.element()?),
                Target::Skip => drop(cursor.element()?),
            }
            cursor.space();
            match cursor.peek() {
                b',' => cursor.pos += 1,
                b']' => {
                    cursor.pos += 1;
                    return Ok(());
                }
                _ => return Err(Fault::CommaOrBracket),
            }
            cursor.space();
            at += 1;
        }
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
            match self.cells[i] {
                None | Some(Token::Null) => self.rows.push_null(i)?,
                Some(token) => self.rows.push(i, token, payload)?,
            }
        }
        Ok(())
    }
}

fn malformed(fault: Fault, at: usize) -> BadRecord {
    let kind = match fault {
        Fault::NotAnObject => BadRecordKind::NotAnObject,
        Fault::TooDeep => BadRecordKind::TooDeep,
        _ => BadRecordKind::Malformed,
    };
    BadRecord::new(kind, format!("{} at byte {at}", fault.message()))
}
