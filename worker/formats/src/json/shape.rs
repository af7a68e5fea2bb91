//! Which objects and arrays of a record hold needed values, and which values those are.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use protocol::PathStep;

use super::learned::{Learned, Target};

/// An object or an array that is looked into.
pub(crate) struct Object {
    pub(crate) learned: Learned,
    /// Of an array what its elements are for, by their places; none: it is an object.
    pub(crate) elements: Vec<Target>,
    /// Columns whose fields lie in it or deeper; of the record itself they are not listed.
    pub(crate) columns: Vec<usize>,
}

impl Object {
    /// What it begins with.
    pub(crate) fn bracket(&self) -> u8 {
        if self.elements.is_empty() { b'{' } else { b'[' }
    }
}

/// Two columns that cannot both be read: of one field, of a field and one within it, or of a field that is an object to
/// one and an array to the other.
pub(crate) struct Clash {
    /// The later one.
    pub(crate) column: usize,
}

#[derive(Default)]
struct Members {
    targets: BTreeMap<PathStep, Target>,
    columns: Vec<usize>,
}

impl Members {
    /// Whether all of them are names, or all of them places.
    fn agree(&self) -> bool {
        let is_name = |step: &PathStep| matches!(step, PathStep::Name(_));
        // Names come before places.
        self.targets.first_key_value().map(|(step, _)| is_name(step))
            == self.targets.last_key_value().map(|(step, _)| is_name(step))
    }

    fn object(self) -> Object {
        let (mut names, mut elements) = (Vec::new(), Vec::new());
        for (step, target) in self.targets {
            match step {
                PathStep::Name(name) => names.push((name, target)),
                PathStep::At(place) => {
                    elements.resize(place as usize, Target::Skip);
                    elements.push(target);
                }
            }
        }
        let learned = Learned::new(names.into_iter());
        Object { learned, elements, columns: self.columns }
    }
}

/// The record is object 0; the others are numbered as their parents refer to them.
pub(crate) fn objects<'a>(
    paths: impl Iterator<Item = (usize, &'a [PathStep])>,
) -> Result<Vec<Object>, Clash> {
    let mut objects = vec![Members::default()];
    for (column, path) in paths {
        let clash = || Clash { column };
        let (last, outer) = path.split_last().ok_or_else(clash)?;
        let mut at = 0;
        for step in outer {
            let next = objects.len();
            let found = *objects[at].targets.entry(step.clone()).or_insert(Target::Object(next));
            let Target::Object(inner) = found else { return Err(clash()) };
            if inner == next {
                objects.push(Members::default());
            }
            objects[inner].columns.push(column);
            at = inner;
        }
        match objects[at].targets.entry(last.clone()) {
            Entry::Vacant(free) => drop(free.insert(Target::Column(column))),
            Entry::Occupied(_) => return Err(clash()),
        }
        if !objects.iter().all(Members::agree) {
            return Err(clash());
        }
    }
    Ok(objects.into_iter().map(Members::object).collect())
}
