//! The key of every object of a job, below `<location>/<job uid>/`. One builder, so that no two places disagree.

use crate::ids::{Fingerprint, Generation, SlotIndex};
use crate::manifest::ManifestName;

/// Keys relative to the location of the checkpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    uid: String,
}

impl Keys {
    /// The keys of a job.
    pub fn new(uid: &str) -> Self {
        Self { uid: uid.to_owned() }
    }

    /// Everything of the job.
    pub fn root(&self) -> String {
        format!("{}/", self.uid)
    }

    /// Existence of a generation (O1). Never deleted while the job exists.
    pub fn generation(&self, generation: Generation) -> String {
        format!("{}/generations/{generation}", self.uid)
    }

    /// All generations.
    pub fn generations(&self) -> String {
        format!("{}/generations/", self.uid)
    }

    /// Where a slot stood when it was suspended (S1).
    pub fn sealed(&self, generation: Generation, slot: SlotIndex) -> String {
        format!("{}/sealed/{generation}/{slot}", self.uid)
    }

    /// All sealed objects.
    pub fn sealed_all(&self) -> String {
        format!("{}/sealed/", self.uid)
    }

    /// That the sealed objects of a generation are history (S2).
    pub fn unsealed(&self, generation: Generation) -> String {
        format!("{}/unsealed/{generation}", self.uid)
    }

    /// A checkpoint's manifest.
    pub fn manifest(&self, name: &ManifestName) -> String {
        format!("{}/manifests/{name}", self.uid)
    }

    /// All manifests.
    pub fn manifests(&self) -> String {
        format!("{}/manifests/", self.uid)
    }

    /// The runs that a checkpoint adds, packed.
    pub fn runs(&self, name: &ManifestName) -> String {
        format!("{}/runs/{name}", self.uid)
    }

    /// All packed runs.
    pub fn runs_all(&self) -> String {
        format!("{}/runs/", self.uid)
    }

    /// The full plan of a fingerprint.
    pub fn plan(&self, fingerprint: &Fingerprint) -> String {
        format!("{}/plans/{fingerprint}", self.uid)
    }

    /// A savepoint's part of one slot.
    pub fn savepoint(&self, savepoint: &str, slot: SlotIndex) -> String {
        format!("{}/savepoints/{savepoint}/{slot}", self.uid)
    }

    /// All parts of a savepoint; with an empty name, all savepoints.
    pub fn savepoints(&self, savepoint: &str) -> String {
        if savepoint.is_empty() {
            format!("{}/savepoints/", self.uid)
        } else {
            format!("{}/savepoints/{savepoint}/", self.uid)
        }
    }

    /// When an object was first seen unreachable (G3); `kind` is `manifests` or `runs`.
    pub fn garbage_mark(&self, kind: &str, name: &ManifestName) -> String {
        format!("{}/garbage/{kind}/{name}", self.uid)
    }

    /// All marks.
    pub fn garbage_marks(&self) -> String {
        format!("{}/garbage/", self.uid)
    }

    /// A throw-away object by which a start checks that the store lists consistently (O1).
    pub fn probe(&self, nonce: &str) -> String {
        format!("{}/probe/{nonce}", self.uid)
    }
}

/// The number at the end of a key such as `…/generations/12`.
pub fn trailing_number(key: &str) -> Option<u64> {
    key.rsplit('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_frozen() {
        let keys = Keys::new("u");
        let name: ManifestName = "g1-s0-c2-00000000000000aa".parse().expect("a name");
        let found = [
            keys.generation(Generation(12)),
            keys.sealed(Generation(0), SlotIndex(3)),
            keys.unsealed(Generation(0)),
            keys.manifest(&name),
            keys.runs(&name),
            keys.plan(&Fingerprint::from_bits(1)),
            keys.savepoint("daily", SlotIndex(1)),
            keys.garbage_mark("runs", &name),
        ];
        assert_eq!(found.join("\n"), include_str!("../golden/keys_v1.txt").trim_end());
        assert_eq!(trailing_number(&found[0]), Some(12));
    }
}
