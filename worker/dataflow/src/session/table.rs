//! The sessions of one shard, each with a number under which the accumulators know it.

mod closing;
mod expiry;
mod outgoing;
mod stored;

use arrow::array::ArrayRef;

use super::closed_until;
use crate::accumulate::{Accumulator, Order, Rows};
use crate::column::ColumnKind;
use crate::error::DataflowError;
use crate::group::{BatchKeys, KeyIndex};
use crate::limits::GROUPS_MAX;
use crate::plan::{Aggregate, Grouping};
use crate::watermark::UNDEFINED;
use expiry::Expiry;
use outgoing::Outgoing;

const NONE: u32 = u32::MAX;

/// A session that a row or a partial row makes, and the watermark that decides which others are closed for it.
#[derive(Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) watermark: i64,
}

/// What comes with the spans.
pub(crate) enum Added<'a> {
    Rows { arguments: &'a [Option<ArrayRef>], order: Order<'a> },
    States(&'a [ArrayRef]),
}

#[derive(Clone, Copy)]
struct Session {
    start: i64,
    /// Number of the key; [`NONE`] when the session is gone.
    key: u32,
    /// The next session of the key.
    next: u32,
    /// The end under which it was stored last; [`UNDEFINED`] if never.
    stored: i64,
    changed: bool,
}

pub(crate) struct SessionTable {
    /// How far a row may lie behind the watermark.
    lag: i64,
    kinds: Vec<ColumnKind>,
    aggregates: Vec<Aggregate>,
    index: KeyIndex,
    /// By number of the key: one of its sessions.
    first: Vec<u32>,
    sessions: Vec<Session>,
    /// By number of the session; `i64::MAX` when it is gone.
    ends: Vec<i64>,
    expiry: Expiry,
    outgoing: Outgoing,
    gone: usize,
    accumulators: Vec<Box<dyn Accumulator>>,
    /// Stored keys that no session has any more.
    unstored: Vec<Vec<u8>>,
    /// Reused between batches.
    keys: Vec<u32>,
    numbers: Vec<u32>,
    touching: Vec<u32>,
}

impl SessionTable {
    pub(crate) fn new(
        grouping: &Grouping,
        aggregates: Vec<Aggregate>,
    ) -> Result<Self, DataflowError> {
        let kinds = grouping.key_kinds();
        Ok(Self {
            lag: grouping.window.row_lag(),
            index: KeyIndex::new(&kinds),
            kinds,
            first: Vec::new(),
            sessions: Vec::new(),
            ends: Vec::new(),
            expiry: Expiry::default(),
            outgoing: Outgoing::of(grouping.window),
            gone: 0,
            accumulators: accumulators(&aggregates)?,
            aggregates,
            unstored: Vec::new(),
            keys: Vec::new(),
            numbers: Vec::new(),
            touching: Vec::new(),
        })
    }

    /// Adds rows of a batch, in log order: `rows` and their spans run along.
    pub(crate) fn add(
        &mut self,
        grouping: &Grouping,
        keys: &BatchKeys,
        (rows, spans): (&[u32], &[Span]),
        added: &Added<'_>,
    ) -> Result<(), DataflowError> {
        if self.sessions.len() + rows.len() > GROUPS_MAX {
            return Err(DataflowError::Input("there are more than 2^32 sessions".to_owned()));
        }
        let mut of_rows = std::mem::take(&mut self.keys);
        of_rows.clear();
        self.index.resolve(keys, &Rows::Picked(rows), &mut of_rows)?;
        self.first.resize(self.index.len(), NONE);
        self.outgoing.changed(&of_rows, self.index.len());
        self.numbers.clear();
        let mut from = 0;
        for (at, (key, span)) in of_rows.iter().zip(spans).enumerate() {
            self.find_touching(*key, *span);
            if self.touching.len() > 1 {
                // What came before belongs to sessions that become one now.
                self.accumulate(grouping, &rows[from..at], added)?;
                from = at;
                self.join(grouping)?;
            }
            let number = self.extend(*key, *span);
            self.numbers.push(number);
        }
        self.keys = of_rows;
        self.expiry.put_new(&self.ends);
        self.accumulate(grouping, &rows[from..], added)
    }

    /// The sessions of the key that the span touches and that are not closed, earliest first.
    fn find_touching(&mut self, key: u32, span: Span) {
        self.touching.clear();
        let closed = closed_until(span.watermark, self.lag);
        let mut next = self.first[key as usize];
        while next != NONE {
            let (session, end) = (&self.sessions[next as usize], self.ends[next as usize]);
            if session.start <= span.end && span.start <= end && end > closed {
                self.touching.push(next);
            }
            next = session.next;
        }
        if self.touching.len() > 1 {
            let sessions = &self.sessions;
            self.touching.sort_unstable_by_key(|number| sessions[*number as usize].start);
        }
    }

    /// Makes the touching sessions one.
    fn join(&mut self, grouping: &Grouping) -> Result<(), DataflowError> {
        let target = self.touching[0];
        for at in 1..self.touching.len() {
            let other = self.touching[at];
            for (place, accumulator) in self.accumulators.iter_mut().enumerate() {
                let states = accumulator.states(&[other]);
                accumulator
                    .merge(&Rows::All(1), &[target], &states)
                    .map_err(|e| e.at(grouping, place))?;
            }
            let end = self.ends[other as usize];
            let session = self.sessions[other as usize];
            if session.stored != UNDEFINED {
                self.unstored.push(self.stored_key(session.stored, session.key));
            }
            self.remove(other);
            let start = self.sessions[target as usize].start;
            self.outgoing.joined((start, target), (session.start, other));
            let own = &mut self.sessions[target as usize];
            own.start = own.start.min(session.start);
            own.changed = true;
            self.ends[target as usize] = self.ends[target as usize].max(end);
        }
        self.touching.truncate(1);
        Ok(())
    }

    /// The session that takes the span: the one that it touches, else a new one.
    fn extend(&mut self, key: u32, span: Span) -> u32 {
        if let Some(number) = self.touching.first().copied() {
            let session = &mut self.sessions[number as usize];
            let start = session.start.min(span.start);
            self.outgoing.moved(number, session.start, start);
            session.start = start;
            session.changed = true;
            let end = &mut self.ends[number as usize];
            *end = span.end.max(*end);
            return number;
        }
        self.insert(key, (span.start, span.end), UNDEFINED)
    }

    fn insert(&mut self, key: u32, (start, end): (i64, i64), stored: i64) -> u32 {
        let number = self.sessions.len() as u32;
        let first = &mut self.first[key as usize];
        let next = std::mem::replace(first, number);
        let changed = stored == UNDEFINED;
        self.sessions.push(Session { start, key, next, stored, changed });
        self.ends.push(end);
        self.outgoing.added(start, number);
        number
    }

    fn accumulate(
        &mut self,
        grouping: &Grouping,
        rows: &[u32],
        added: &Added<'_>,
    ) -> Result<(), DataflowError> {
        let numbers = std::mem::take(&mut self.numbers);
        let (sessions, rows) = (self.sessions.len(), Rows::Picked(rows));
        let mut taken = 0;
        for (at, accumulator) in self.accumulators.iter_mut().enumerate() {
            accumulator.grow(sessions);
            let done = match added {
                Added::Rows { arguments, order } => {
                    accumulator.update(&rows, &numbers, arguments[at].as_ref(), *order)
                }
                Added::States(states) => {
                    let own = &states[taken..taken + accumulator.state_width()];
                    taken += own.len();
                    accumulator.merge(&rows, &numbers, own)
                }
            };
            done.map_err(|e| e.at(grouping, at))?;
        }
        self.numbers = numbers;
        self.numbers.clear();
        Ok(())
    }

    /// Takes a session out of the list of its key.
    fn remove(&mut self, number: u32) {
        let Session { key, next, .. } = self.sessions[number as usize];
        let mut at = self.first[key as usize];
        if at == number {
            self.first[key as usize] = next;
        } else {
            while self.sessions[at as usize].next != number {
                at = self.sessions[at as usize].next;
            }
            self.sessions[at as usize].next = next;
        }
        self.sessions[number as usize].key = NONE;
        self.ends[number as usize] = i64::MAX;
        self.gone += 1;
    }

    /// All sessions, in the order in which they came.
    pub(crate) fn all(&self) -> Vec<u32> {
        let there = |number: &u32| self.ends[*number as usize] != i64::MAX;
        (0..self.sessions.len() as u32).filter(there).collect()
    }

    /// Forgets everything and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.index.clear();
        self.first.clear();
        self.sessions.clear();
        self.ends.clear();
        self.expiry.clear();
        self.outgoing.clear();
        self.gone = 0;
        self.accumulators.iter_mut().for_each(|accumulator| accumulator.clear());
    }

    pub(crate) fn len(&self) -> usize {
        self.sessions.len() - self.gone
    }

    pub(crate) fn start(&self, number: u32) -> i64 {
        self.sessions[number as usize].start
    }

    pub(crate) fn end(&self, number: u32) -> i64 {
        self.ends[number as usize]
    }

    pub(crate) fn key_hash(&self, number: u32) -> u64 {
        self.index.key_hash(self.sessions[number as usize].key)
    }

    pub(crate) fn key_columns(&self, numbers: &[u32]) -> Vec<ArrayRef> {
        let keys: Vec<u32> = numbers.iter().map(|n| self.sessions[*n as usize].key).collect();
        self.index.columns(&keys)
    }

    pub(crate) fn output_columns(&self, numbers: &[u32]) -> Vec<ArrayRef> {
        self.accumulators.iter().map(|a| a.output(numbers)).collect()
    }

    pub(crate) fn state_columns(&self, numbers: &[u32]) -> Vec<ArrayRef> {
        self.accumulators.iter().flat_map(|a| a.states(numbers)).collect()
    }

    /// Bytes of sets and arrays.
    pub(crate) fn held_bytes(&self) -> usize {
        self.accumulators.iter().map(|a| a.held_bytes()).sum()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.index.memory_bytes()
            + 4 * (self.first.capacity() + self.keys.capacity() + self.numbers.capacity())
            + (size_of::<Session>() + 8) * self.sessions.capacity()
            + self.expiry.memory_bytes()
            + self.outgoing.memory_bytes()
            + self.unstored.iter().map(Vec::capacity).sum::<usize>()
            + self.accumulators.iter().map(|a| a.memory_bytes()).sum::<usize>()
    }
}

fn accumulators(aggregates: &[Aggregate]) -> Result<Vec<Box<dyn Accumulator>>, DataflowError> {
    aggregates.iter().map(Aggregate::accumulator).collect()
}
