//! Numbers by seed, and what the tests of formats draw with them.

#[path = "../../../../tests/random.rs"]
mod numbers;

pub(crate) use numbers::Random;

impl Random {
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Damages bytes the way disks, networks and enemies do: flips, cuts, repeats, inserts.
    pub(crate) fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(3) {
            if bytes.is_empty() {
                return;
            }
            let at = self.below(bytes.len());
            match self.below(6) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = self.next() as u8,
                2 => bytes.truncate(at),
                3 => drop(bytes.remove(at)),
                4 => bytes.insert(at, *self.pick(b"{}[]\",:\\0-9.eE+ntu \x00\xff")),
                _ => {
                    let end = (at + 1 + self.below(8)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
    }
}
