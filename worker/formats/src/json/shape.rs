//! Which objects of a record hold needed fields, and which fields those are.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::learned::{Learned, Target};

/// An object that is looked into.
pub(crate) struct Object {
    pub(crate) learned: Learned,
    /// Columns whose fields lie in it or deeper; of the record itself they are not listed.
    pub(crate) columns: Vec<usize>,
}

/// Two columns that cannot both be read: of one field, or of a field and one within it.
pub(crate) struct Clash {
    /// The later one.
    pub(crate) column: usize,
}

#[derive(Default)]
struct Names {
    targets: BTreeMap<String, Target>,
    columns: Vec<usize>,
}

/// The record is object 0; the others are numbered as their parents refer to them.
pub(crate) fn objects<'a>(
    paths: impl Iterator<Item = (usize, &'a [String])>,
) -> Result<Vec<Object>, Clash> {
    let mut objects = vec![Names::default()];
    for (column, path) in paths {
        let clash = || Clash { column };
        let (last, outer) = path.split_last().ok_or_else(clash)?;
        let mut at = 0;
        for name in outer {
            let next = objects.len();
            let found = *objects[at].targets.entry(name.clone()).or_insert(Target::Object(next));
            let Target::Object(inner) = found else { return Err(clash()) };
            if inner == next {
                objects.push(Names::default());
            }
            objects[inner].columns.push(column);
            at = inner;
        }
        match objects[at].targets.entry(last.clone()) {
            Entry::Vacant(free) => drop(free.insert(Target::Column(column))),
            Entry::Occupied(_) => return Err(clash()),
        }
    }
    let object = |names: Names| Object {
        learned: Learned::new(names.targets.into_iter()),
        columns: names.columns,
    };
    Ok(objects.into_iter().map(object).collect())
}
