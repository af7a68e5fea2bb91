//! Numbers by seed, and what the tests of state draw with them.

#[path = "../../../../tests/random.rs"]
mod numbers;

pub(crate) use numbers::Random;

impl Random {
    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}
