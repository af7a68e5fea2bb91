//! One state of the model: the brokers, the object store, the operator's order, and every process of every slot.
//! Small numbers only, and nothing that no step could ever tell apart.

/// Shards at most; each has one log.
pub(crate) const SHARDS: usize = 2;
/// Transactional ids at most.
pub(crate) const IDS: usize = 5;
/// Processes at most, second pods of the same identity among them.
pub(crate) const PROCESSES: usize = 7;
/// Requests that are still on their way although their sender has given them up.
pub(crate) const DELAYED: usize = 2;
/// The nonce of a process that is no more.
pub(crate) const GONE: u8 = 15;

/// What a committed offset says of its shard. `unit` counts transactions worth of rows: how far the output is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) generation: u8,
    pub(crate) slot: u8,
    pub(crate) number: u8,
    pub(crate) nonce: u8,
    pub(crate) released: bool,
    pub(crate) unit: u8,
}

/// A [`Commit`] in 16 bits; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Entry(u16);

impl Entry {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn of(commit: Commit) -> Self {
        let bits = [
            (commit.unit, 2),
            (u8::from(commit.released), 1),
            (commit.nonce, 4),
            (commit.number, 4),
            (commit.slot, 1),
            (commit.generation, 2),
        ];
        Self(bits.iter().fold(0, |all, (value, width)| {
            assert!(value >> width == 0, "{commit:?} fits");
            all << width | u16::from(*value)
        }))
    }

    pub(crate) fn get(self) -> Option<Commit> {
        let bits = |from: u32, width: u32| (self.0 >> from) as u8 & ((1 << width) - 1);
        (self != Self::NONE).then(|| Commit {
            generation: bits(0, 2),
            slot: bits(2, 1),
            number: bits(3, 4),
            nonce: bits(7, 4),
            released: bits(11, 1) == 1,
            unit: bits(12, 2),
        })
    }

    /// The same with something changed; none stays none.
    pub(crate) fn map(self, change: impl FnOnce(&mut Commit)) -> Self {
        self.get().map_or(self, |mut commit| {
            change(&mut commit);
            Self::of(commit)
        })
    }
}

/// Where a transactional id is. An abort is over at once, a commit has its markers to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum State {
    #[default]
    Empty,
    Ongoing,
    /// Decided; the markers are not written.
    Prepared,
    /// Markers written; the group does not show the offsets yet.
    Late,
    Committed,
    Aborted,
}

/// A transactional id with what its transaction holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Txn {
    pub(crate) state: State,
    /// Bit `shard * 4 + unit`.
    pub(crate) rows: u8,
    pub(crate) offsets: [Entry; SHARDS],
    /// Order of arrival among the pending offsets of a shard, from 1.
    pub(crate) ranks: [u8; SHARDS],
}

/// Where a process is in its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// No such process.
    #[default]
    Absent,
    /// Ended; it starts anew.
    Down,
    Created,
    Opened,
    Listed,
    /// Fencing the ids in `fencing`; read for real when it is empty.
    Fencing,
    /// Knows where its shards stand; the claim is next.
    Restored,
    /// Reads its logs.
    Reading,
    /// Reads its logs while its transaction is open (without C1).
    ReadingOpen,
    Produced,
    OffsetsSent,
    /// The producer is spent: a new one, a list, a read (C6).
    Spent,
    Reopened,
    Relisted,
    /// Gave up its shards.
    Released,
}

/// What a transaction is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Burst {
    #[default]
    Rows,
    Claim,
    Release,
}

/// What a process remembers of a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Own {
    pub(crate) unit: u8,
    pub(crate) number: u8,
}

/// A process of a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(clippy::struct_excessive_bools, reason = "what a process remembers, bit by bit")]
pub(crate) struct Process {
    /// 0: no process.
    pub(crate) generation: u8,
    pub(crate) slot: u8,
    pub(crate) phase: Phase,
    pub(crate) burst: Burst,
    /// The commit was aborted and is to be sent again (C9).
    pub(crate) kept: bool,
    /// Its epoch is the newest of its id.
    pub(crate) current: bool,
    /// A request of the commit under way was repeated (C5).
    pub(crate) unclean: bool,
    /// Its first rows are those of the replay, too (without O3, 6).
    pub(crate) unmuted: bool,
    /// Rows that an aborted commit took with it (without C9).
    pub(crate) dropped: u8,
    /// Ids still to be fenced.
    pub(crate) fencing: u8,
    /// Shards that it owns.
    pub(crate) shards: u8,
    pub(crate) own: [Own; SHARDS],
    pub(crate) nonce: u8,
}

impl Process {
    /// Its epoch is over and all that it can do is find that out: then it may as well have ended. What it can lose
    /// is the word that it is fenced, and then it opens its id anew.
    fn is_doomed(&self, words_get_lost: bool) -> bool {
        let cannot_commit = match self.phase {
            Phase::Restored | Phase::OffsetsSent | Phase::Relisted => true,
            Phase::Fencing => self.fencing == 0,
            Phase::Reading | Phase::ReadingOpen | Phase::Produced => !words_get_lost,
            _ => false,
        };
        cannot_commit && !self.current
    }
}

/// A request that its sender has repeated or given up, and that may still arrive. Its epoch is the newest of its
/// id; with another one it could do nothing and is forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Request {
    #[default]
    None,
    /// `TxnOffsetCommit`.
    Offsets { id: u8, offsets: [Entry; SHARDS] },
    /// `EndTxn(commit)`.
    Commit { id: u8 },
    /// `EndTxn(abort)`.
    Abort { id: u8 },
}

impl Request {
    pub(crate) fn id(self) -> Option<u8> {
        match self {
            Self::None => None,
            Self::Offsets { id, .. } | Self::Commit { id } | Self::Abort { id } => Some(id),
        }
    }
}

/// A promise that a step broke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Promise {
    #[default]
    Kept,
    Twice,
    Skipped,
    GenerationBack,
    OffsetBack,
    TwoOwners,
    FencedInPeace,
}

impl Promise {
    pub(crate) fn text(self) -> Option<&'static str> {
        match self {
            Self::Kept => None,
            Self::Twice => Some("twice: rows that are committed are committed again"),
            Self::Skipped => {
                Some("skipped: the committed offset is past rows that are not committed")
            }
            Self::GenerationBack => Some("a commit of an older generation follows a newer one's"),
            Self::OffsetBack => Some("the committed offset of a shard moves back"),
            Self::TwoOwners => Some("two owners: a commit does not follow the shard's newest one"),
            Self::FencedInPeace => Some("a planned rollout fences a slot that is at work"),
        }
    }
}

/// A state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World {
    /// The newest generation that was ordered to acquire.
    pub(crate) ordered: u8,
    /// `generations/<g>`: bit g.
    pub(crate) objects: u8,
    /// Faults that may still happen.
    pub(crate) crashes: u8,
    pub(crate) disturbances: u8,
    pub(crate) fences: u8,
    /// Committed offsets as the group's coordinator shows them.
    pub(crate) visible: [Entry; SHARDS],
    /// As a coordinator shows them that was cut off and does not know.
    pub(crate) stale: Option<[Entry; SHARDS]>,
    /// Units whose rows are committed.
    pub(crate) sink: [u8; SHARDS],
    pub(crate) ids: [Txn; IDS],
    pub(crate) slots: [Process; PROCESSES],
    pub(crate) delayed: [Request; DELAYED],
    pub(crate) broken: Promise,
}

impl World {
    /// Puts states that mean the same into the same form: processes in order, nonces named after their place,
    /// commit numbers counted from the newest.
    pub(crate) fn normalize(&mut self) {
        for slot in &mut self.slots {
            if slot.is_doomed(self.disturbances > 0) {
                slot.phase = Phase::Down;
            }
            *slot = match slot.phase {
                Phase::Absent => Process::default(),
                Phase::Down | Phase::Released => Process {
                    generation: slot.generation,
                    slot: slot.slot,
                    phase: slot.phase,
                    ..Process::default()
                },
                _ => *slot,
            };
        }
        self.slots.sort_unstable_by(|a, b| b.cmp(a));
        let mut names = [GONE; 16];
        names[0] = 0;
        for (at, slot) in self.slots.iter_mut().enumerate().filter(|(_, s)| s.nonce != 0) {
            names[slot.nonce as usize] = at as u8 + 1;
            slot.nonce = at as u8 + 1;
        }
        let newest = self.visible.map(|entry| entry.get().map_or(0, |commit| commit.number));
        self.each_entry(|shard, entry| {
            *entry = entry.map(|commit| {
                commit.nonce = names[commit.nonce as usize];
                commit.number = shifted(commit.number, newest[shard]);
            });
        });
        for slot in &mut self.slots {
            for (own, newest) in slot.own.iter_mut().zip(newest).filter(|(own, _)| own.number > 0) {
                own.number = shifted(own.number, newest);
            }
        }
        self.delayed.sort_unstable();
        self.rank();
    }

    /// Pending offsets of a shard count their order from 1.
    fn rank(&mut self) {
        for shard in 0..SHARDS {
            let mut ranks = self.ids.map(|id| id.ranks[shard]);
            ranks.sort_unstable();
            for id in &mut self.ids {
                let before = ranks.iter().filter(|r| **r > 0 && **r < id.ranks[shard]).count();
                id.ranks[shard] = if id.ranks[shard] == 0 { 0 } else { before as u8 + 1 };
            }
        }
    }

    fn each_entry(&mut self, mut change: impl FnMut(usize, &mut Entry)) {
        let pending = self.ids.iter_mut().map(|id| &mut id.offsets);
        let delayed = self.delayed.iter_mut().filter_map(|request| match request {
            Request::Offsets { offsets, .. } => Some(offsets),
            _ => None,
        });
        let all = pending.chain(delayed).chain([&mut self.visible]).chain(&mut self.stale);
        for entries in all {
            entries.iter_mut().enumerate().for_each(|(shard, entry)| change(shard, entry));
        }
    }
}

/// Commit numbers only matter beside each other: the newest of a shard is always this one.
const NEWEST: u8 = 4;

fn shifted(number: u8, newest: u8) -> u8 {
    if newest == 0 { number } else { (number + NEWEST).saturating_sub(newest).clamp(1, 12) }
}
