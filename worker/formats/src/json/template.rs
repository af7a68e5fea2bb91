//! Reading what looks like the records before it.
//!
//! Records of one topic mostly differ in their values only. What one record has between its values
//! (braces, names, colons, commas, blanks) is learned as it stands, and compared with the next as
//! a whole. Where it is equal and the values are well-formed, the record is well-formed and has the
//! same fields in the same places, without a look at the grammar. Whatever differs is left to the
//! decoder that knows the grammar, which finds the faults too: what is read here depends on the
//! record alone, never on what was learned.

use super::cursor::{Cursor, Fault, Text, Token, specials_in};
use super::learned::Target;
use super::number;
use super::prefix::Prefix;
use super::shape::Object;
use crate::limits::{TEMPLATE_BYTES_MAX, TEMPLATE_VALUES_MAX};
use crate::values::columns::Column;

/// How many records in turn must look different until one of them is learned. Doubled each time,
/// so that records which have nothing in common cost no learning.
const PATIENCE_MIN: u32 = 16;
const PATIENCE_MAX: u32 = 1 << 14;

/// One value of the record and what stands before it.
#[derive(Default)]
struct Step {
    before: Prefix,
    column: Option<usize>,
    /// Open objects beside the record.
    outer: u32,
}

/// A record without its values.
struct Template {
    steps: Vec<Step>,
    /// Behind the last value.
    behind: Vec<u8>,
    /// Columns whose fields it does not have.
    missing: Vec<usize>,
}

/// The template of the moment.
pub(crate) struct Templates {
    current: Option<Template>,
    misses: u32,
    patience: u32,
}

impl Templates {
    pub(crate) fn new() -> Self {
        Self { current: None, misses: 0, patience: 0 }
    }

    /// Appends the fields of a record that looks like the learned one. `false`: it does not, or has
    /// a value that is refused, and the columns hold a part of it.
    #[inline]
    pub(crate) fn read(
        &mut self,
        record: &[u8],
        columns: &mut [Column],
        nullable: &[bool],
    ) -> bool {
        let Some(template) = &self.current else { return false };
        if template.read(record, columns, nullable).is_none() {
            return false;
        }
        self.misses = 0;
        self.patience = PATIENCE_MIN;
        true
    }

    /// A well-formed record did not look like the learned one.
    pub(crate) fn missed(&mut self, record: &[u8], objects: &[Object], fields: &[usize]) {
        self.misses += 1;
        if self.misses <= self.patience {
            return;
        }
        self.misses = 0;
        self.patience = (self.patience * 2).clamp(PATIENCE_MIN, PATIENCE_MAX);
        self.current = Template::of(record, objects, fields).or(self.current.take());
    }
}

impl Template {
    /// Of a well-formed record; `None` where one template cannot say what its fields mean.
    fn of(record: &[u8], objects: &[Object], fields: &[usize]) -> Option<Self> {
        let mut learner = Learner {
            objects,
            cursor: Cursor::new(record),
            seen: vec![false; objects.len()],
            steps: Vec::new(),
            behind: 0,
        };
        learner.cursor.space();
        learner.object(0)?;
        if record.len() > TEMPLATE_BYTES_MAX || learner.steps.len() > TEMPLATE_VALUES_MAX {
            return None;
        }
        let has = |column: &usize| learner.steps.iter().any(|step| step.column == Some(*column));
        let missing = fields.iter().copied().filter(|column| !has(column)).collect();
        let behind = record[learner.behind..].to_vec();
        Some(Self { steps: learner.steps, behind, missing })
    }

    #[inline]
    fn read(&self, record: &[u8], columns: &mut [Column], nullable: &[bool]) -> Option<()> {
        let mut pos = 0;
        for step in &self.steps {
            if !step.before.begins(record.get(pos..)?) {
                return None;
            }
            pos += step.before.len();
            let Some(column) = step.column else {
                pos = skip(record, pos, step.outer)?;
                continue;
            };
            let (token, end) = value(record, pos, step.outer)?;
            pos = end;
            if matches!(token, Token::Null) {
                null(column, columns, nullable)?;
            } else {
                columns[column].push(token, record).ok()?;
            }
        }
        if record.get(pos..)? != self.behind {
            return None;
        }
        self.missing.iter().try_for_each(|column| null(*column, columns, nullable))
    }
}

#[inline]
fn null(column: usize, columns: &mut [Column], nullable: &[bool]) -> Option<()> {
    nullable[column].then(|| columns[column].push_null())
}

/// The value at `start` and where it ends.
#[inline]
fn value(record: &[u8], start: usize, outer: u32) -> Option<(Token, usize)> {
    let plain = match record.get(start)? {
        b'"' => plain_text(record, start + 1).map(|text| (Token::Text(text), text.end + 1)),
        b'-' | b'0'..=b'9' => number::plain(record, start).map(|(n, end)| (Token::Number(n), end)),
        _ => None,
    };
    if plain.is_some() { plain } else { any_value(record, start, outer) }
}

/// Where the value at `start` ends.
#[inline]
fn skip(record: &[u8], start: usize, outer: u32) -> Option<usize> {
    let plain = match record.get(start)? {
        b'"' => plain_text(record, start + 1).map(|text| text.end + 1),
        b'0'..=b'9' => number::plain_integer_end(record, start),
        _ => None,
    };
    if plain.is_some() { plain } else { Some(any_value(record, start, outer)?.1) }
}

/// A text of ASCII without escapes, from behind its first quote.
#[expect(clippy::inline_always, reason = "once per value of a record, where a call shows")]
#[inline(always)]
fn plain_text(record: &[u8], start: usize) -> Option<Text> {
    let mut end = start;
    loop {
        // Behind the end of the record stand zeros, which no text holds.
        if let Some(at) = specials_in(number::eight_bytes(record, end)) {
            end += at;
            return (*record.get(end)? == b'"').then_some(Text { start, end, escaped: false });
        }
        end += 8;
        if end - start == LONG_TEXT {
            let chunk = |at: usize| record.get(at..).and_then(<[u8]>::first_chunk::<32>);
            while chunk(end).is_some_and(is_plain) {
                end += 32;
            }
        }
    }
}

/// Texts that are longer are looked through in larger pieces.
const LONG_TEXT: usize = 16;

/// Whether a text of ASCII without escapes goes on behind these bytes. A form that the compiler
/// turns into operations on sixteen bytes at once.
#[inline]
fn is_plain(bytes: &[u8; 32]) -> bool {
    let ends = |byte: &u8| {
        u8::from(*byte == b'"') | u8::from(*byte == b'\\') | u8::from(*byte < b' ') | (byte & 0x80)
    };
    bytes.iter().fold(0, |found, byte| found | ends(byte)) == 0
}

#[inline(never)]
fn any_value(record: &[u8], start: usize, outer: u32) -> Option<(Token, usize)> {
    if record.get(start..)?.first_chunk() == Some(b"null") {
        return Some((Token::Null, start + 4));
    }
    let mut cursor = Cursor { bytes: record, pos: start, outer };
    let token = cursor.value().ok()?;
    Some((token, cursor.pos))
}

/// A walk through a record whose fields are to be learned.
struct Learner<'a> {
    objects: &'a [Object],
    cursor: Cursor<'a>,
    /// Objects that were there.
    seen: Vec<bool>,
    steps: Vec<Step>,
    /// Where the last value ended.
    behind: usize,
}

impl Learner<'_> {
    /// The cursor on the bracket. `None` where a name comes twice or is escaped, or where something
    /// else stands for an object or an array: what then counts does not follow from one record.
    fn object(&mut self, object: usize) -> Option<()> {
        if std::mem::replace(&mut self.seen[object], true) {
            return None;
        }
        let objects = self.objects;
        let elements = &objects[object].elements;
        self.cursor.expect(objects[object].bracket(), Fault::NotAnObject).ok()?;
        self.cursor.space();
        let mut at = 0;
        // The record is well-formed.
        while !matches!(self.cursor.peek(), b'}' | b']') {
            if elements.is_empty() {
                let target = self.name(object)?;
                self.member(target)?;
            } else {
                self.member(elements.get(at).copied().unwrap_or_default())?;
                at += 1;
            }
            self.cursor.space();
            if self.cursor.peek() == b',' {
                self.cursor.pos += 1;
                self.cursor.space();
            }
        }
        self.cursor.pos += 1;
        Some(())
    }

    fn name(&mut self, object: usize) -> Option<Target> {
        let name = self.cursor.text().ok().filter(|name| !name.escaped)?;
        self.cursor.colon().ok()?;
        let name = &self.cursor.bytes[name.start..name.end];
        Some(self.objects[object].learned.target(name))
    }

    /// A value of an object or an array, the cursor on it.
    fn member(&mut self, target: Target) -> Option<()> {
        let column = match target {
            Target::Object(inner) => {
                self.cursor.outer += 1;
                self.object(inner)?;
                self.cursor.outer -= 1;
                return Some(());
            }
            Target::Column(column) => Some(column),
            Target::Skip => None,
        };
        if column.is_some() && self.steps.iter().any(|step| step.column == column) {
            return None;
        }
        let mut step = Step { column, outer: self.cursor.outer, ..Step::default() };
        step.before.set(&[&self.cursor.bytes[self.behind..self.cursor.pos]]);
        self.steps.push(step);
        self.cursor.value().ok()?;
        self.behind = self.cursor.pos;
        Some(())
    }
}
