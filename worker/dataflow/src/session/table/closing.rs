//! Sessions that close: which they are, and how they go.

use std::cmp::Ordering;

use super::outgoing::Outgoing;
use super::{NONE, Session, SessionTable, accumulators};
use crate::accumulate::Rows;
use crate::error::DataflowError;
use crate::group::KeyIndex;
use crate::plan::Grouping;

/// Sessions that are gone are kept until there are so many, and more than others.
const GONE_MAX: usize = 1024;

impl SessionTable {
    /// The smallest end of a session beyond `after`, at `end` or before.
    pub(crate) fn earliest_end(&self, after: i64, end: i64) -> Option<i64> {
        let mut earliest: Option<i64> = None;
        for (from, numbers) in self.expiry.until(end) {
            if earliest.is_some_and(|earliest| earliest < from) {
                break;
            }
            let ends = numbers.map(|number| self.ends[number as usize]);
            let least = ends.filter(|own| *own > after && *own <= end).min();
            earliest = least.into_iter().chain(earliest).min();
        }
        earliest
    }

    /// The largest end of a session.
    pub(crate) fn latest_end(&self) -> Option<i64> {
        self.ends.iter().copied().filter(|end| *end != i64::MAX).max()
    }

    /// All sessions that end beyond `after`, at `end` or before, by end, hash of the key, key.
    pub(crate) fn closed(&self, after: i64, end: i64) -> Vec<u32> {
        let numbers = self.expiry.until(end).flat_map(|(_, numbers)| numbers);
        let mut closed: Vec<(i64, u64, u32)> = numbers
            .map(|number| (self.ends[number as usize], number))
            .filter(|(own, _)| *own > after && *own <= end)
            .map(|(own, number)| (own, self.key_hash(number), number))
            .collect();
        closed.sort_unstable_by(|a, b| {
            (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| self.compare_keys(a.2, b.2))
        });
        closed.into_iter().map(|(_, _, number)| number).collect()
    }

    pub(super) fn compare_keys(&self, a: u32, b: u32) -> Ordering {
        self.index.compare(self.sessions[a as usize].key, self.sessions[b as usize].key)
    }

    /// Forgets all sessions that end at `end` or before.
    pub(crate) fn drop_closed(
        &mut self,
        grouping: &Grouping,
        end: i64,
    ) -> Result<(), DataflowError> {
        if self.expiry.is_after(end) {
            return Ok(());
        }
        for number in self.expiry.take_until(end) {
            match self.ends[number as usize] {
                i64::MAX => {}
                own if own <= end => self.remove(number),
                own => self.expiry.put(number, own),
            }
        }
        let left = self.sessions.len() - self.gone;
        if left == 0 {
            self.clear();
        } else if self.gone > GONE_MAX && self.gone > left {
            self.compact(grouping)?;
        }
        Ok(())
    }

    /// Gives the sessions that are left new numbers, and frees what the others hold.
    fn compact(&mut self, grouping: &Grouping) -> Result<(), DataflowError> {
        let left = self.all();
        let old_keys: Vec<u32> = left.iter().map(|n| self.sessions[*n as usize].key).collect();
        let mut index = KeyIndex::new(&self.kinds);
        let mut keys = Vec::with_capacity(left.len());
        index.insert_all(&self.index, &old_keys, &mut keys)?;
        let mut accumulators = accumulators(&self.aggregates)?;
        let numbers: Vec<u32> = (0..left.len() as u32).collect();
        for (at, (new, old)) in accumulators.iter_mut().zip(&self.accumulators).enumerate() {
            new.grow(left.len());
            new.merge(&Rows::All(left.len()), &numbers, &old.states(&left))
                .map_err(|e| e.at(grouping, at))?;
        }
        let outgoing = std::mem::replace(&mut self.outgoing, Outgoing::Closed);
        let sessions: Vec<Session> = left.iter().map(|n| self.sessions[*n as usize]).collect();
        let ends: Vec<i64> = left.iter().map(|n| self.ends[*n as usize]).collect();
        self.sessions.clear();
        self.ends.clear();
        self.expiry.clear();
        self.first.clear();
        self.first.resize(index.len(), NONE);
        self.index = index;
        self.accumulators = accumulators;
        self.gone = 0;
        for ((session, end), key) in sessions.into_iter().zip(ends).zip(keys) {
            let number = self.insert(key, (session.start, end), session.stored);
            self.sessions[number as usize].changed = session.changed;
        }
        self.expiry.put_new(&self.ends);
        self.outgoing = outgoing.renumbered(&left);
        Ok(())
    }
}
