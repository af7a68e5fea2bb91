//! The brokers' side: transactional ids with epochs, open, decided and finished transactions, committed offsets.
//!
//! An epoch is no number here: a process or a delayed request either has the newest epoch of its id or never will
//! again. `Produce` is not delayed: its sequence numbers make a repeated one do nothing.

use super::bounds::Bounds;
use super::world::{Entry, Promise, Request, SHARDS, State, World};

/// What the coordinator says to an `EndTxn`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Done,
    Refused,
}

impl World {
    /// `InitProducerId`: the id gets a new epoch, what was open is aborted. False: ask again, a commit is under way.
    pub(crate) fn init(&mut self, id: u8) -> bool {
        let txn = &mut self.ids[id as usize];
        match txn.state {
            State::Prepared => return false,
            State::Late => {}
            _ => *txn = super::world::Txn::default(),
        }
        for request in self.delayed.iter_mut().filter(|request| request.id() == Some(id)) {
            *request = Request::None;
        }
        true
    }

    /// Opens a transaction unless one is open. False: ask again.
    pub(crate) fn open(&mut self, id: u8) -> bool {
        let txn = &mut self.ids[id as usize];
        match txn.state {
            State::Prepared | State::Late => return false,
            State::Ongoing => {}
            _ => txn.state = State::Ongoing,
        }
        true
    }

    /// `AddPartitionsToTxn` and `Produce`.
    pub(crate) fn produce(&mut self, id: u8, rows: u8) -> bool {
        let opened = self.open(id);
        if opened {
            self.ids[id as usize].rows |= rows;
        }
        opened
    }

    /// `TxnOffsetCommit` into the open transaction.
    pub(crate) fn add_offsets(&mut self, id: u8, offsets: [Entry; SHARDS]) {
        for (shard, entry) in offsets.into_iter().enumerate().filter(|(_, e)| *e != Entry::NONE) {
            let newest = self.ids.iter().map(|id| id.ranks[shard]).max().unwrap_or(0);
            let txn = &mut self.ids[id as usize];
            txn.offsets[shard] = entry;
            txn.ranks[shard] = newest + 1;
        }
    }

    /// `EndTxn`. Said again it does no harm; said of another outcome, or of nothing, it is refused.
    pub(crate) fn end(&mut self, id: u8, commit: bool) -> Ended {
        let txn = &mut self.ids[id as usize];
        match (txn.state, commit) {
            (State::Ongoing, true) => {
                txn.state = State::Prepared;
                let rows = txn.rows;
                self.commit_rows(rows);
                Ended::Done
            }
            (State::Ongoing, false) => {
                *txn = super::world::Txn { state: State::Aborted, ..super::world::Txn::default() };
                Ended::Done
            }
            (State::Prepared | State::Late | State::Committed, true) | (State::Aborted, false) => {
                Ended::Done
            }
            _ => Ended::Refused,
        }
    }

    fn commit_rows(&mut self, rows: u8) {
        for (shard, sink) in self.sink.iter_mut().enumerate() {
            let of_shard = rows >> (shard * 4) & 0xf;
            if *sink & of_shard != 0 {
                self.broken = Promise::Twice;
            }
            *sink |= of_shard;
        }
    }

    /// Writes the markers of a decided transaction.
    pub(crate) fn write_markers(&mut self, id: u8, bounds: &Bounds) {
        let txn = &mut self.ids[id as usize];
        txn.rows = 0;
        txn.state = State::Late;
        if !bounds.late || txn.offsets == [Entry::NONE; SHARDS] {
            self.show_offsets(id);
        }
    }

    /// The group shows the offsets of a finished transaction. Of two commits the one that was *sent* later counts.
    pub(crate) fn show_offsets(&mut self, id: u8) {
        let txn = &mut self.ids[id as usize];
        txn.state = State::Committed;
        let (offsets, ranks) = (txn.offsets, txn.ranks);
        txn.offsets = [Entry::NONE; SHARDS];
        txn.ranks = [0; SHARDS];
        for shard in (0..SHARDS).filter(|shard| offsets[*shard] != Entry::NONE) {
            for other in &mut self.ids {
                if (1..ranks[shard]).contains(&other.ranks[shard]) {
                    other.offsets[shard] = Entry::NONE;
                    other.ranks[shard] = 0;
                }
            }
            self.judge(shard, offsets[shard]);
            self.visible[shard] = offsets[shard];
        }
    }

    /// The promises that a newly shown offset has to keep.
    fn judge(&mut self, shard: usize, entry: Entry) {
        let Some(new) = entry.get() else { return };
        let old = self.visible[shard].get().unwrap_or_default();
        let all_before = (1 << new.unit) - 1;
        self.broken = if new.generation < old.generation {
            Promise::GenerationBack
        } else if new.number != old.number + 1 {
            Promise::TwoOwners
        } else if new.unit < old.unit {
            Promise::OffsetBack
        } else if self.sink[shard] & all_before != all_before {
            Promise::Skipped
        } else {
            return;
        };
    }

    /// Whether an offset of the shard is pending: a stable read waits.
    pub(crate) fn is_pending(&self, shard: usize) -> bool {
        self.ids.iter().any(|id| id.offsets[shard] != Entry::NONE)
    }

    /// A request stays on its way. False: there is no room for it within the bounds.
    pub(crate) fn delay(&mut self, request: Request) -> bool {
        let free = self.delayed.iter_mut().find(|place| **place == Request::None);
        free.is_some_and(|place| {
            *place = request;
            true
        })
    }

    /// A delayed request arrives.
    pub(crate) fn arrive(&mut self, at: usize) -> bool {
        match std::mem::take(&mut self.delayed[at]) {
            Request::None => false,
            Request::Offsets { id, offsets } => {
                let open = self.ids[id as usize].state == State::Ongoing;
                if open {
                    self.add_offsets(id, offsets);
                }
                open
            }
            Request::Commit { id } => {
                let open = self.ids[id as usize].state == State::Ongoing;
                open && self.end(id, true) == Ended::Done
            }
            Request::Abort { id } => {
                let open = self.ids[id as usize].state == State::Ongoing;
                open && self.end(id, false) == Ended::Done
            }
        }
    }
}
