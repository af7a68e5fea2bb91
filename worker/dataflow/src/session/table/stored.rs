//! Sessions as entries of the store: under their end and key, so that closed ones expire by time.

use std::collections::BTreeMap;

use super::{NONE, SessionTable};
use crate::changes::encode_time;
use crate::codec::Value;
use crate::watermark::UNDEFINED;

impl SessionTable {
    /// The key of a stored session: its end, then the canonical bytes of its key.
    pub(super) fn stored_key(&self, end: i64, key: u32) -> Vec<u8> {
        let mut out = encode_time(end).to_vec();
        self.index.put_key(key, &mut out);
        out
    }

    /// Stored keys with the changed sessions that are stored under them, none where they are to be deleted; forgets
    /// what changed.
    pub(crate) fn take_changed(&mut self) -> BTreeMap<Vec<u8>, Option<u32>> {
        let unstored = std::mem::take(&mut self.unstored);
        let mut all: BTreeMap<Vec<u8>, Option<u32>> =
            unstored.into_iter().map(|key| (key, None)).collect();
        let mut changed = Vec::new();
        for number in 0..self.sessions.len() {
            let (session, end) = (self.sessions[number], self.ends[number]);
            if session.key == NONE || !session.changed {
                continue;
            }
            if session.stored != UNDEFINED && session.stored != end {
                all.insert(self.stored_key(session.stored, session.key), None);
            }
            changed.push((self.stored_key(end, session.key), Some(number as u32)));
            let session = &mut self.sessions[number];
            (session.stored, session.changed) = (end, false);
        }
        // What is deleted and there again is there.
        all.extend(changed);
        all
    }

    pub(crate) fn mark_all_changed(&mut self) {
        self.sessions.iter_mut().for_each(|session| session.changed = true);
    }

    pub(crate) fn put_state(&self, number: u32, out: &mut Vec<u8>) {
        self.accumulators.iter().for_each(|accumulator| accumulator.encode(number, out));
    }

    /// Restores one session; `None` if its key does not decode, or it is there already. Of one that starts at `sent`
    /// or before the first row has gone out.
    pub(crate) fn restore(
        &mut self,
        key: &[u8],
        (start, end): (i64, i64),
        state: &[Value<'_>],
        sent: i64,
    ) -> Option<()> {
        let key = self.index.find_or_insert_stored(key)?;
        self.first.resize(self.index.len(), NONE);
        let mut next = self.first[key as usize];
        while next != NONE {
            if self.ends[next as usize] == end {
                return None;
            }
            next = self.sessions[next as usize].next;
        }
        let number = self.insert(key, (start, end), end);
        self.outgoing.restored(number, start, sent);
        self.expiry.put_new(&self.ends);
        let mut rest = state;
        for accumulator in &mut self.accumulators {
            accumulator.grow(self.sessions.len());
            let (own, others) = rest.split_at_checked(accumulator.state_width())?;
            accumulator.decode(number, own)?;
            rest = others;
        }
        rest.is_empty().then_some(())
    }
}
