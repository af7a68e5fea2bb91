//! Which field comes next. Records of one topic mostly have their fields in one order, so the
//! expected name is compared first; a wrong guess costs a look-up and is remembered.

use super::prefix::Prefix;
use crate::limits::{LEARNED_FIELDS_MAX, LEARNED_LOOKAHEAD, LEARNED_NAME_BYTES_MAX};

/// What a field is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Target {
    /// Nothing.
    #[default]
    Skip,
    /// A column.
    Column(usize),
    /// Fields of an object that is looked into.
    Object(usize),
}

#[derive(Default)]
struct Field {
    /// The name with its quotes and the colon behind it, without escapes.
    prefix: Prefix,
    target: Target,
}

/// The order in which fields came so far.
pub(crate) struct Learned {
    fields: Vec<Field>,
    next: usize,
    /// Names that are for something, sorted.
    needed: Vec<(Box<[u8]>, Target)>,
}

impl Learned {
    /// No name comes twice.
    pub(crate) fn new(names: impl Iterator<Item = (String, Target)>) -> Self {
        let mut needed: Vec<(Box<[u8]>, Target)> =
            names.map(|(name, target)| (name.into_bytes().into(), target)).collect();
        needed.sort_by(|one, other| one.0.cmp(&other.0));
        Self { fields: Vec::new(), next: 0, needed }
    }

    /// An object begins.
    #[inline]
    pub(crate) fn start(&mut self) {
        self.next = 0;
    }

    /// If the expected field stands at the start of `rest`: how long it is up to its colon, and its
    /// target.
    #[inline]
    pub(crate) fn expected(&mut self, rest: &[u8]) -> Option<(usize, Target)> {
        let field = self.fields.get(self.next)?;
        if !field.prefix.begins(rest) {
            return None;
        }
        self.next += 1;
        Some((field.prefix.len(), field.target))
    }

    /// The target of a field that was not the expected one; `quoted` has no escapes.
    pub(crate) fn unexpected(&mut self, quoted: &[u8]) -> Target {
        let ahead = self.fields.iter().enumerate().skip(self.next).take(LEARNED_LOOKAHEAD);
        for (i, field) in ahead {
            if field.prefix.text().strip_suffix(b":") == Some(quoted) {
                self.next = i + 1;
                return field.target;
            }
        }
        let target = self.target(&quoted[1..quoted.len() - 1]);
        self.learn(quoted, target);
        target
    }

    /// What the field of this name is for.
    pub(crate) fn target(&self, name: &[u8]) -> Target {
        let found = self.needed.binary_search_by(|(needed, _)| needed.as_ref().cmp(name));
        found.map_or(Target::Skip, |at| self.needed[at].1)
    }

    fn learn(&mut self, quoted: &[u8], target: Target) {
        if quoted.len() > LEARNED_NAME_BYTES_MAX || self.next >= LEARNED_FIELDS_MAX {
            return;
        }
        if self.next == self.fields.len() {
            self.fields.push(Field::default());
        }
        let field = &mut self.fields[self.next];
        field.prefix.set(&[quoted, b":"]);
        field.target = target;
        self.next += 1;
    }
}
