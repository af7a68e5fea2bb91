//! Sessions that go out before they close: the newest of each key with every change, or the first row of each.

use std::collections::BTreeSet;

use super::{NONE, SessionTable};
use crate::group::Bits;
use crate::window::WindowKind;

/// What is still to be handed out.
pub(super) enum Outgoing {
    /// Sessions when they close.
    Closed,
    /// The numbers of keys that have got rows.
    Changed { keys: Bits, rows: usize },
    /// Start and number of sessions whose first row has not gone out.
    Firsts(BTreeSet<(i64, u32)>),
}

impl Outgoing {
    pub(super) fn of(window: WindowKind) -> Self {
        match window {
            WindowKind::Life { .. } => Self::Changed { keys: Bits::default(), rows: 0 },
            WindowKind::First { .. } => Self::Firsts(BTreeSet::new()),
            _ => Self::Closed,
        }
    }

    /// Rows came for these keys; `known`: how many keys there are.
    pub(super) fn changed(&mut self, own: &[u32], known: usize) {
        if let Self::Changed { keys, rows } = self {
            keys.grow(known);
            for key in own {
                keys.set(*key as usize);
            }
            *rows += own.len();
        }
    }

    pub(super) fn added(&mut self, start: i64, number: u32) {
        if let Self::Firsts(pending) = self {
            pending.insert((start, number));
        }
    }

    /// One that was just added comes from the store.
    pub(super) fn restored(&mut self, number: u32, start: i64, sent: i64) {
        if let Self::Firsts(pending) = self
            && start <= sent
        {
            pending.remove(&(start, number));
        }
    }

    pub(super) fn moved(&mut self, number: u32, from: i64, to: i64) {
        if let Self::Firsts(pending) = self
            && from != to
            && pending.remove(&(from, number))
        {
            pending.insert((to, number));
        }
    }

    /// The second becomes part of the first.
    pub(super) fn joined(&mut self, target: (i64, u32), other: (i64, u32)) {
        if let Self::Firsts(pending) = self
            && !pending.remove(&other)
        {
            // The first row of it has gone out; the two have one.
            pending.remove(&target);
        }
    }

    /// Sessions got new numbers; `left` are the old ones in order.
    pub(super) fn renumbered(mut self, left: &[u32]) -> Self {
        match &mut self {
            Self::Closed => {}
            // Those of keys change as well; at a boundary none waits.
            Self::Changed { .. } => self.clear(),
            Self::Firsts(pending) => {
                let new = |old: &u32| left.binary_search(old).ok().map(|at| at as u32);
                let kept = pending.iter().filter_map(|(start, old)| Some((*start, new(old)?)));
                *pending = kept.collect();
            }
        }
        self
    }

    pub(super) fn clear(&mut self) {
        match self {
            Self::Closed => {}
            Self::Changed { keys, rows } => {
                keys.clear();
                *rows = 0;
            }
            Self::Firsts(pending) => pending.clear(),
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Self::Closed => 0,
            Self::Changed { keys, .. } => keys.memory_bytes(),
            Self::Firsts(pending) => size_of::<(i64, u32)>() * pending.len(),
        }
    }
}

impl SessionTable {
    /// The newest session of every key that has got rows since the last call, by hash of the key, key.
    pub(crate) fn take_changed_keys(&mut self) -> Vec<u32> {
        let Outgoing::Changed { keys, rows } = &mut self.outgoing else { return Vec::new() };
        *rows = 0;
        let keys = keys.take();
        let mut newest: Vec<(u64, u32)> = keys
            .into_iter()
            .filter_map(|key| self.newest(key))
            .map(|number| (self.key_hash(number), number))
            .collect();
        newest.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| self.compare_keys(a.1, b.1)));
        newest.into_iter().map(|(_, number)| number).collect()
    }

    /// Rows since the last call of [`take_changed_keys`](Self::take_changed_keys).
    pub(crate) fn changed_rows(&self) -> usize {
        match &self.outgoing {
            Outgoing::Changed { rows, .. } => *rows,
            Outgoing::Closed | Outgoing::Firsts(_) => 0,
        }
    }

    /// No key has a session that is newer.
    pub(crate) fn is_newest(&self, number: u32) -> bool {
        self.newest(self.sessions[number as usize].key) == Some(number)
    }

    fn newest(&self, key: u32) -> Option<u32> {
        let some = |number: u32| (number != NONE).then_some(number);
        let first = some(*self.first.get(key as usize)?);
        let own = std::iter::successors(first, |number| some(self.sessions[*number as usize].next));
        own.max_by_key(|number| self.ends[*number as usize])
    }

    /// The smallest start of a session whose first row has not gone out.
    pub(crate) fn earliest_first(&self) -> Option<i64> {
        match &self.outgoing {
            Outgoing::Firsts(pending) => pending.first().map(|(start, _)| *start),
            Outgoing::Closed | Outgoing::Changed { .. } => None,
        }
    }

    /// The largest such start.
    pub(crate) fn latest_first(&self) -> Option<i64> {
        match &self.outgoing {
            Outgoing::Firsts(pending) => pending.last().map(|(start, _)| *start),
            Outgoing::Closed | Outgoing::Changed { .. } => None,
        }
    }

    /// The sessions that start at `until` or before and whose first row has not gone out, by start, hash, key.
    pub(crate) fn firsts(&self, until: i64) -> Vec<u32> {
        let Outgoing::Firsts(pending) = &self.outgoing else { return Vec::new() };
        let due = pending.range(..=(until, u32::MAX));
        let mut firsts: Vec<(i64, u64, u32)> =
            due.map(|(start, number)| (*start, self.key_hash(*number), *number)).collect();
        firsts.sort_unstable_by(|a, b| {
            (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| self.compare_keys(a.2, b.2))
        });
        firsts.into_iter().map(|(_, _, number)| number).collect()
    }

    /// Their first rows have gone out.
    pub(crate) fn drop_firsts(&mut self, until: i64) {
        if let Outgoing::Firsts(pending) = &mut self.outgoing {
            *pending = pending.split_off(&(until.saturating_add(1), 0));
        }
    }
}
