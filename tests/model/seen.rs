//! Which states were seen before: 64-bit fingerprints in an open table, each with the state that it was found from.

use std::hash::{Hash, Hasher};

/// No state.
pub(crate) const NONE: u32 = u32::MAX;

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
const FACTOR: u64 = 0xd6e8_feb8_6659_fd93;

/// Among 10⁸ states two have the same fingerprint with a chance of 3 in 10⁴.
pub(crate) fn fingerprint(state: &impl Hash) -> u64 {
    let mut mixer = Mixer(GOLDEN);
    state.hash(&mut mixer);
    mixer.finish()
}

struct Mixer(u64);

impl Mixer {
    fn word(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(FACTOR);
        self.0 = ((product >> 64) as u64 ^ product as u64).wrapping_add(GOLDEN);
    }
}

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.word(u64::from(value));
    }

    fn write_u16(&mut self, value: u16) {
        self.word(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.word(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.word(value as u64);
    }

    fn write_isize(&mut self, value: isize) {
        self.word(value as u64);
    }

    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 32)).wrapping_mul(FACTOR);
        mixed ^ (mixed >> 29)
    }
}

/// States by number, in the order in which they were found.
pub(crate) struct Seen {
    /// Numbers; the place follows from the fingerprint.
    places: Vec<u32>,
    fingerprints: Vec<u64>,
    parents: Vec<u32>,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self { places: vec![NONE; 1 << 16], fingerprints: Vec::new(), parents: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.fingerprints.len()
    }

    /// The number of a state, and whether it is new.
    pub(crate) fn insert(&mut self, fingerprint: u64, parent: u32) -> (u32, bool) {
        if self.len() * 3 > self.places.len() * 2 {
            self.grow();
        }
        let at = self.place(fingerprint);
        if self.places[at] != NONE {
            return (self.places[at], false);
        }
        let number = self.len() as u32;
        assert!(number < NONE, "state numbers have 32 bits");
        self.places[at] = number;
        self.fingerprints.push(fingerprint);
        self.parents.push(parent);
        (number, true)
    }

    fn place(&self, fingerprint: u64) -> usize {
        let mask = self.places.len() - 1;
        let mut at = fingerprint as usize & mask;
        while self.places[at] != NONE && self.fingerprints[self.places[at] as usize] != fingerprint
        {
            at = (at + 1) & mask;
        }
        at
    }

    fn grow(&mut self) {
        self.places = vec![NONE; self.places.len() * 2];
        for number in 0..self.len() {
            let at = self.place(self.fingerprints[number]);
            self.places[at] = number as u32;
        }
    }

    /// The fingerprints from the first state to this one.
    pub(crate) fn path(&self, mut number: u32) -> Vec<u64> {
        let mut path = Vec::new();
        while number != NONE {
            path.push(self.fingerprints[number as usize]);
            number = self.parents[number as usize];
        }
        path.reverse();
        path
    }
}
