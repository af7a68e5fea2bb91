//! A growable set of group numbers.

#[derive(Debug, Default)]
pub(crate) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// Makes room for numbers below `len`.
    pub(crate) fn grow(&mut self, len: usize) {
        let words = len.div_ceil(64);
        if words > self.words.len() {
            self.words.resize(words, 0);
        }
    }

    #[inline]
    pub(crate) fn set(&mut self, at: usize) {
        self.words[at / 64] |= 1 << (at % 64);
    }

    pub(crate) fn set_all(&mut self, len: usize) {
        self.words.clear();
        self.words.resize(len / 64, u64::MAX);
        if !len.is_multiple_of(64) {
            self.words.push((1 << (len % 64)) - 1);
        }
    }

    /// The members in order; empties the set.
    pub(crate) fn take(&mut self) -> Vec<u32> {
        let mut members = Vec::new();
        for (at, word) in self.words.iter_mut().enumerate() {
            let mut rest = std::mem::take(word);
            while rest != 0 {
                members.push(64 * at as u32 + rest.trailing_zeros());
                rest &= rest - 1;
            }
        }
        members
    }

    pub(crate) fn clear(&mut self) {
        self.words.clear();
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        8 * self.words.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_out_once_and_in_order() {
        let mut bits = Bits::default();
        bits.grow(200);
        for at in [199, 0, 63, 64, 0] {
            bits.set(at);
        }
        assert_eq!(bits.take(), vec![0, 63, 64, 199]);
        assert!(bits.take().is_empty());
        for len in [0, 1, 63, 64, 65, 128] {
            bits.set_all(len);
            assert_eq!(bits.take(), (0..len as u32).collect::<Vec<_>>());
        }
    }
}
