//! Which sessions may have ended, without a look at the others.
//!
//! A session is in the list of the time at which it ended when it was put there. Rows that move its end leave it where
//! it is: ends only grow, so it is never looked at too late, and too early a few times for every gap of its length.

use std::collections::BTreeMap;

use super::NONE;

/// Ends of one list lie in the same so many milliseconds: about what goes by between two boundaries.
const SPAN_MS: i64 = 64;

#[derive(Default)]
pub(super) struct Expiry {
    /// By time, in spans: the first session of a list.
    first: BTreeMap<i64, u32>,
    /// By number of the session: the next of its list.
    next: Vec<u32>,
}

impl Expiry {
    /// Puts the sessions in that have come since; `ends` are those of all, `i64::MAX` of those that are gone.
    pub(super) fn put_new(&mut self, ends: &[i64]) {
        // Most end when the one before ends: its list and their first are looked up once for many.
        let mut list: Option<(i64, u32)> = None;
        for (number, end) in ends.iter().enumerate().skip(self.next.len()) {
            if *end == i64::MAX {
                self.next.push(NONE);
                continue;
            }
            let time = span(*end);
            let first = match list {
                Some((same, first)) if same == time => first,
                other => {
                    self.first.extend(other);
                    self.first.get(&time).copied().unwrap_or(NONE)
                }
            };
            self.next.push(first);
            list = Some((time, number as u32));
        }
        self.first.extend(list);
    }

    /// Puts a session in that is in no list.
    pub(super) fn put(&mut self, number: u32, end: i64) {
        let first = self.first.entry(span(end)).or_insert(NONE);
        self.next[number as usize] = std::mem::replace(first, number);
    }

    /// No session ends at `end` or before, nor soon after.
    pub(super) fn is_after(&self, end: i64) -> bool {
        self.first.first_key_value().is_none_or(|(first, _)| *first > span(end))
    }

    /// All sessions that end at `end` or before, and some that are gone or end later: lists with the time before which
    /// none of theirs ends, times ascending.
    pub(super) fn until(&self, end: i64) -> impl Iterator<Item = (i64, impl Iterator<Item = u32>)> {
        let lists = self.first.range(..=span(end));
        lists.map(|(first, number)| (first * SPAN_MS, self.list(*number)))
    }

    /// The same in one, and they are in no list any more.
    pub(super) fn take_until(&mut self, end: i64) -> Vec<u32> {
        let mut taken = Vec::new();
        while let Some(list) = self.first.first_entry().filter(|list| *list.key() <= span(end)) {
            let first = list.remove();
            taken.extend(self.list(first));
        }
        taken
    }

    fn list(&self, first: u32) -> impl Iterator<Item = u32> {
        let some = |number: u32| (number != NONE).then_some(number);
        std::iter::successors(some(first), move |number| some(self.next[*number as usize]))
    }

    /// Forgets everything and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.first.clear();
        self.next.clear();
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of::<(i64, u32)>() * self.first.len() + size_of::<u32>() * self.next.capacity()
    }
}

fn span(end: i64) -> i64 {
    end.div_euclid(SPAN_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(expiry: &Expiry, end: i64) -> Vec<(i64, Vec<u32>)> {
        expiry.until(end).map(|(from, numbers)| (from, numbers.collect())).collect()
    }

    #[test]
    fn what_may_have_ended_is_found_and_nothing_else_is_looked_at() {
        let mut expiry = Expiry::default();
        expiry.put_new(&[10, -1, 64, i64::MAX, 20]);
        assert_eq!(expiry.next, [NONE, NONE, NONE, NONE, 0]);
        assert_eq!(until(&expiry, -65), []);
        assert_eq!(until(&expiry, 0), [(-64, vec![1]), (0, vec![4, 0])]);
        assert_eq!(until(&expiry, 1_000), [(-64, vec![1]), (0, vec![4, 0]), (64, vec![2])]);
        assert!(expiry.is_after(-65) && !expiry.is_after(-64));
    }

    #[test]
    fn sessions_are_put_in_once_and_again_when_they_were_taken() {
        let mut expiry = Expiry::default();
        expiry.put_new(&[10, 100]);
        expiry.put_new(&[10, 100, 30, 31, i64::MAX, 32]);
        assert_eq!(expiry.take_until(63), [5, 3, 2, 0]);
        assert!(expiry.is_after(63));
        expiry.put(0, 200);
        assert_eq!(until(&expiry, 255), [(64, vec![1]), (192, vec![0])]);
        expiry.clear();
        assert!(expiry.is_after(i64::MAX));
        expiry.put_new(&[5]);
        assert_eq!(expiry.take_until(5), [0]);
    }
}
