//! Whether bytes begin with a known text, for short texts by one comparison or two.

const WORD_LEN: usize = 16;

/// A known text.
#[derive(Default)]
pub(crate) struct Prefix {
    text: Vec<u8>,
    /// The first bytes of the text as one number, and which of its bits count.
    word: u128,
    mask: u128,
    /// Where its last bytes begin, and these as one number.
    last: usize,
    last_word: u128,
}

impl Prefix {
    pub(crate) fn set(&mut self, parts: &[&[u8]]) {
        self.text.clear();
        for part in parts {
            self.text.extend_from_slice(part);
        }
        let mut head = [0; WORD_LEN];
        let len = self.text.len().min(WORD_LEN);
        head[..len].copy_from_slice(&self.text[..len]);
        self.word = u128::from_le_bytes(head);
        self.mask = u128::MAX.checked_shr(8 * (WORD_LEN - len) as u32).unwrap_or(0);
        let last = self.text.last_chunk::<WORD_LEN>();
        self.last = self.text.len().saturating_sub(WORD_LEN);
        self.last_word = last.map_or(0, |last| u128::from_le_bytes(*last));
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether `bytes` begin with the text.
    #[inline]
    pub(crate) fn begins(&self, bytes: &[u8]) -> bool {
        let Some(head) = bytes.first_chunk::<WORD_LEN>() else {
            return bytes.starts_with(&self.text);
        };
        if u128::from_le_bytes(*head) & self.mask != self.word {
            return false;
        }
        if self.last == 0 {
            return true;
        }
        let last = bytes.get(self.last..).and_then(<[u8]>::first_chunk);
        // The first and the last bytes are all of a text that is not longer than both.
        last.is_some_and(|last| u128::from_le_bytes(*last) == self.last_word)
            && (self.last <= WORD_LEN || bytes.starts_with(&self.text))
    }
}
