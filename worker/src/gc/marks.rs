//! When objects were first seen unreachable (G3).

use std::collections::{BTreeMap, BTreeSet};

use protocol::acquire::Stop;
use protocol::manifest::ManifestName;

use super::{create, delete, list};
use crate::cluster::View;
use crate::job::Job;
use crate::slot::store_stop;

/// What is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A manifest.
    Manifest,
    /// Packed runs.
    Runs,
    /// A manifest of the plan before; its mark says since when a newer plan runs.
    Rollback,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Manifest, Self::Runs, Self::Rollback];

    fn folder(self) -> &'static str {
        match self {
            Self::Manifest => "manifests",
            Self::Runs => "runs",
            Self::Rollback => "rollback",
        }
    }
}

/// All marks of a job.
pub(super) struct Marks {
    at: BTreeMap<(Kind, ManifestName), i64>,
}

impl Marks {
    /// Reads them. A mark that says nothing counts from now on: it is removed and set again.
    pub(super) fn read(job: &Job, view: &View) -> Result<Self, Stop> {
        let mut at = BTreeMap::new();
        for key in list(view, &job.keys.garbage_marks())? {
            let Some((kind, name)) = parse(&key) else { continue };
            let bytes = view.wait(view.store.get(&key)).map_err(|e| store_stop(&e))?;
            match std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok()) {
                Some(ms) => drop(at.insert((kind, name), ms)),
                None => delete(view, &key)?,
            }
        }
        Ok(Self { at })
    }

    /// When an object was marked, ms since the epoch.
    pub(super) fn at(&self, kind: Kind, name: &ManifestName) -> Option<i64> {
        self.at.get(&(kind, name.clone())).copied()
    }

    /// For how long an object has been marked, ms.
    pub(super) fn age(&self, kind: Kind, name: &ManifestName, now: i64) -> Option<i64> {
        self.at(kind, name).map(|at| now.saturating_sub(at))
    }

    /// Marks an object.
    pub(super) fn set(
        &mut self,
        job: &Job,
        view: &View,
        kind: Kind,
        name: &ManifestName,
        now: i64,
    ) -> Result<(), Stop> {
        create(view, &job.keys.garbage_mark(kind.folder(), name), now.to_string())?;
        self.at.insert((kind, name.clone()), now);
        Ok(())
    }

    /// Forgets a mark.
    pub(super) fn remove(
        &mut self,
        job: &Job,
        view: &View,
        kind: Kind,
        name: &ManifestName,
    ) -> Result<(), Stop> {
        if self.at.remove(&(kind, name.clone())).is_some() {
            delete(view, &job.keys.garbage_mark(kind.folder(), name))?;
        }
        Ok(())
    }

    /// Forgets the marks of objects that are no longer there.
    pub(super) fn forget_gone(
        &mut self,
        job: &Job,
        view: &View,
        manifests: &[ManifestName],
        runs: &[ManifestName],
    ) -> Result<(), Stop> {
        let manifests: BTreeSet<&ManifestName> = manifests.iter().collect();
        let runs: BTreeSet<&ManifestName> = runs.iter().collect();
        let gone: Vec<(Kind, ManifestName)> = self
            .at
            .keys()
            .filter(|(kind, name)| match kind {
                Kind::Manifest | Kind::Rollback => !manifests.contains(name),
                Kind::Runs => !runs.contains(name),
            })
            .cloned()
            .collect();
        for (kind, name) in gone {
            self.remove(job, view, kind, &name)?;
        }
        Ok(())
    }
}

/// `…/garbage/<kind>/<name>`.
fn parse(key: &str) -> Option<(Kind, ManifestName)> {
    let mut parts = key.rsplit('/');
    let name = parts.next()?.parse().ok()?;
    let folder = parts.next()?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.folder() == folder)?;
    (parts.next()? == "garbage").then_some((kind, name))
}

#[cfg(test)]
mod tests {
    use protocol::keys::Keys;

    use super::*;

    #[test]
    fn a_mark_is_found_again_by_its_key() {
        let name: ManifestName = "g1-s2-c3-0000000000000001".parse().expect("a name");
        for kind in Kind::ALL {
            let key = Keys::new("u-1").garbage_mark(kind.folder(), &name);
            assert_eq!(parse(&key), Some((kind, name.clone())));
        }
        for key in ["u/garbage/other/g1-s2-c3-0000000000000001", "u/garbage/runs/x", "runs/x", ""] {
            assert_eq!(parse(key), None, "{key}");
        }
    }
}
