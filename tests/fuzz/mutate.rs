//! Spoiling bytes as senders, disks and enemies do.

use crate::numbers::Random;

/// Inputs do not grow without bound.
const LENGTH_MAX: usize = 20_000;
const CHANGES_MAX: usize = 4;
const PIECE_MAX: usize = 64;
/// Numbers at the edges of what they are written in.
const EDGES: [u8; 6] = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

fn piece<'a>(random: &mut Random, from: &'a [u8]) -> &'a [u8] {
    if from.is_empty() {
        return from;
    }
    let start = random.below(from.len());
    &from[start..(start + 1 + random.below(PIECE_MAX)).min(from.len())]
}

/// Changes the input a few times; `other` is one more of the corpus, `words` mean something to whoever reads it.
pub(crate) fn spoil(random: &mut Random, input: &mut Vec<u8>, other: &[u8], words: &[&str]) {
    for _ in 0..=random.below(CHANGES_MAX) {
        let at = random.below(input.len() + 1);
        let end = (at + 1 + random.below(PIECE_MAX)).min(input.len());
        match random.below(10) {
            0 if at < input.len() => input[at] ^= 1 << random.below(8),
            1 if at < input.len() => input[at] = EDGES[random.below(EDGES.len())],
            2 => input.truncate(at),
            3 if at < end => drop(input.drain(at..end)),
            4 if at < end => {
                let again = input[at..end].to_vec();
                for _ in 0..=random.below(8) {
                    input.splice(at..at, again.iter().copied());
                }
            }
            5 => drop(input.splice(at..at, piece(random, other).iter().copied())),
            6 => {
                input.truncate(at);
                let from = random.below(other.len() + 1);
                input.extend_from_slice(&other[from..]);
            }
            _ if !words.is_empty() => {
                let word = words[random.below(words.len())];
                let end = if random.one_in(2) { end.max(at) } else { at };
                input.splice(at..end, word.bytes());
            }
            _ => input.insert(at, random.next() as u8),
        }
    }
    input.truncate(LENGTH_MAX);
}
