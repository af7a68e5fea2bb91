//! Which field comes next. Records of one topic mostly have their fields in one order, so the expected name is
//! compared first; a wrong guess costs a look-up and is remembered.

use crate::limits::{LEARNED_FIELDS_MAX, LEARNED_LOOKAHEAD, LEARNED_NAME_BYTES_MAX};

/// What a field is for: a column, or nothing.
pub(crate) type Target = Option<usize>;

struct Field {
    /// The name with its quotes, without escapes.
    quoted: Vec<u8>,
    target: Target,
}

/// The order in which fields came so far.
pub(crate) struct Learned {
    fields: Vec<Field>,
    next: usize,
    /// Names of the columns, sorted.
    columns: Vec<(Box<[u8]>, usize)>,
}

impl Learned {
    pub(crate) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut columns: Vec<_> = names.enumerate().map(|(i, n)| (Box::from(n.as_bytes()), i)).collect();
        columns.sort();
        Self { fields: Vec::new(), next: 0, columns }
    }

    /// A record begins.
    #[inline]
    pub(crate) fn start(&mut self) {
        self.next = 0;
    }

    /// If the expected field stands at the start of `rest`: how long its quoted name is, and its target.
    #[inline]
    pub(crate) fn expected(&mut self, rest: &[u8]) -> Option<(usize, Target)> {
        let field = self.fields.get(self.next)?;
        if !rest.starts_with(&field.quoted) {
            return None;
        }
        self.next += 1;
        Some((field.quoted.len(), field.target))
    }

    /// The target of a field that was not the expected one; `quoted` has no escapes.
    pub(crate) fn unexpected(&mut self, quoted: &[u8]) -> Target {
        let ahead = self.fields.iter().enumerate().skip(self.next).take(LEARNED_LOOKAHEAD);
        for (i, field) in ahead {
            if field.quoted == quoted {
                self.next = i + 1;
                return field.target;
            }
        }
        let target = self.column(&quoted[1..quoted.len() - 1]);
        self.learn(quoted, target);
        target
    }

    /// The column of this name.
    pub(crate) fn column(&self, name: &[u8]) -> Target {
        let found = self.columns.binary_search_by(|(column, _)| column.as_ref().cmp(name)).ok()?;
        Some(self.columns[found].1)
    }

    fn learn(&mut self, quoted: &[u8], target: Target) {
        if quoted.len() > LEARNED_NAME_BYTES_MAX || self.next >= LEARNED_FIELDS_MAX {
            return;
        }
        if let Some(field) = self.fields.get_mut(self.next) {
            field.quoted.clear();
            field.quoted.extend_from_slice(quoted);
            field.target = target;
        } else {
            self.fields.push(Field { quoted: quoted.to_vec(), target });
        }
        self.next += 1;
    }
}
