//! The rows of every key, in order: those that wait for the watermark, and before them those that frames still reach.

mod trimming;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;

use crate::accumulate::{Place, Rows};
use crate::column::ColumnKind;
use crate::error::DataflowError;
use crate::frame::Frame;
use crate::group::{BatchKeys, KeyIndex};

/// About what a row takes beside its bytes, bytes.
const ROW_BYTES: usize = size_of::<FrameRow>() + 16;

/// A row, packed.
pub(super) struct FrameRow {
    pub(super) place: Place,
    pub(super) kept: Box<[u8]>,
    /// It is in its entry of the store.
    pub(super) stored: bool,
}

/// The rows of a key by place.
#[derive(Default)]
pub(super) struct KeyRows {
    pub(super) rows: VecDeque<FrameRow>,
    /// So many of them have been handed out.
    handed: usize,
    /// When the watermark is beyond it, some of them go.
    goes: Option<i64>,
    /// It is among those that have changed.
    changed: bool,
}

pub(crate) struct FrameTable {
    frame: Frame,
    kinds: Vec<ColumnKind>,
    pub(super) index: KeyIndex,
    /// By number.
    pub(super) keys: Vec<KeyRows>,
    /// Keys without rows.
    empty: usize,
    /// Times of rows that have not been handed out, with the keys that have some.
    waiting: BTreeMap<i64, Vec<u32>>,
    /// Keys by when something of them goes.
    going: BTreeSet<(i64, u32)>,
    /// Keys of which rows have been handed out, and that are not trimmed yet.
    handed: Vec<u32>,
    /// Keys that have changed since the last snapshot.
    pub(super) changed: Vec<u32>,
    /// Entries of the store that are to be deleted, or written anew.
    pub(super) unstored: Vec<Vec<u8>>,
    rows: usize,
    bytes: usize,
}

impl FrameTable {
    pub(crate) fn new(frame: Frame, kinds: Vec<ColumnKind>) -> Self {
        Self {
            frame,
            index: KeyIndex::new(&kinds),
            kinds,
            keys: Vec::new(),
            empty: 0,
            waiting: BTreeMap::new(),
            going: BTreeSet::new(),
            handed: Vec::new(),
            changed: Vec::new(),
            unstored: Vec::new(),
            rows: 0,
            bytes: 0,
        }
    }

    /// The number of the key of each of these rows.
    pub(crate) fn resolve(
        &mut self,
        keys: &BatchKeys,
        rows: &[u32],
    ) -> Result<Vec<u32>, DataflowError> {
        let mut numbers = Vec::with_capacity(rows.len());
        self.index.resolve(keys, &Rows::Picked(rows), &mut numbers)?;
        self.grow();
        Ok(numbers)
    }

    pub(super) fn grow(&mut self) {
        let known = self.keys.len();
        self.keys.resize_with(self.index.len(), KeyRows::default);
        self.empty += self.keys.len() - known;
    }

    /// Adds a row that has not been handed out.
    pub(crate) fn add(&mut self, key: u32, place: Place, kept: &[u8]) {
        let at = self.insert(key, FrameRow { place, kept: kept.into(), stored: false });
        let own = &self.keys[key as usize];
        assert!(at >= own.handed, "no row on time comes before one that was handed out");
        let of_time = |at: usize| own.rows.get(at).is_some_and(|other| other.place.0 == place.0);
        if !of_time(at + 1) && (at == 0 || !of_time(at - 1)) {
            self.waiting.entry(place.0).or_default().push(key);
        }
        self.mark_changed(key);
    }

    /// Puts a row where it belongs; says where.
    fn insert(&mut self, key: u32, row: FrameRow) -> usize {
        let own = &mut self.keys[key as usize];
        self.empty -= usize::from(own.rows.is_empty());
        self.rows += 1;
        self.bytes += row.kept.len();
        let at = match own.rows.back() {
            Some(last) if row.place < last.place => {
                own.rows.partition_point(|other| other.place < row.place)
            }
            _ => own.rows.len(),
        };
        own.rows.insert(at, row);
        at
    }

    /// Adds rows of one time from the store; all before `handed_until` have been handed out. `None`: rows of that time
    /// are there already.
    pub(super) fn restore(
        &mut self,
        key: u32,
        time: i64,
        rows: Vec<FrameRow>,
        handed_until: i64,
    ) -> Option<()> {
        if self.count(key, time) > 0 {
            return None;
        }
        for row in rows {
            self.insert(key, row);
        }
        if time < handed_until {
            let own = &mut self.keys[key as usize];
            own.handed = own.rows.partition_point(|row| row.place.0 < handed_until);
            self.handed.push(key);
        } else {
            self.waiting.entry(time).or_default().push(key);
        }
        Some(())
    }

    pub(super) fn mark_changed(&mut self, key: u32) {
        let own = &mut self.keys[key as usize];
        if !own.changed {
            own.changed = true;
            self.changed.push(key);
        }
    }

    /// The earliest time of a row that has not been handed out.
    pub(crate) fn first_waiting(&self) -> Option<i64> {
        self.waiting.first_key_value().map(|(time, _)| *time)
    }

    /// The latest time of such a row.
    pub(crate) fn last_waiting(&self) -> Option<i64> {
        self.waiting.last_key_value().map(|(time, _)| *time)
    }

    /// Times before `until` of rows that have not been handed out, each with its keys by hash and key.
    pub(crate) fn waiting(&self, until: i64) -> Vec<(i64, u32)> {
        let mut all = Vec::new();
        for (time, keys) in self.waiting.range(..until) {
            let order = self.index.emission_order(keys.iter().copied());
            all.extend(order.into_iter().map(|key| (*time, key)));
        }
        all
    }

    /// Everything before `until` has been handed out.
    pub(crate) fn hand_out(&mut self, until: i64) {
        while let Some(first) = self.waiting.first_entry().filter(|first| *first.key() < until) {
            let (time, keys) = first.remove_entry();
            for key in keys {
                let own = &mut self.keys[key as usize];
                own.handed = own.rows.partition_point(|row| row.place.0 <= time);
                self.handed.push(key);
            }
        }
    }

    /// The rows of a key that have that time.
    pub(super) fn of_time(&self, key: u32, time: i64) -> Range<usize> {
        let rows = &self.keys[key as usize].rows;
        let start = rows.partition_point(|row| row.place.0 < time);
        start..start + rows.range(start..).take_while(|row| row.place.0 == time).count()
    }

    /// How many they are.
    pub(crate) fn count(&self, key: u32, time: i64) -> usize {
        self.of_time(key, time).len()
    }

    /// How many rows their frames reach, themselves included.
    pub(crate) fn reached(&self, key: u32, time: i64) -> usize {
        let own = self.of_time(key, time);
        own.end - self.frame_start(key, own.start)
    }

    /// The first row of the frame of a row.
    pub(super) fn frame_start(&self, key: u32, row: usize) -> usize {
        let own = &self.keys[key as usize];
        match self.frame {
            Frame::Rows { preceding, ttl_ms } => own.life(row, preceding as usize, ttl_ms),
            Frame::Range { preceding_ms } => {
                let from = own.rows[row].place.0 - preceding_ms;
                own.rows.partition_point(|other| other.place.0 < from)
            }
        }
    }

    /// Rows of one time have one frame.
    pub(super) fn has_peers(&self) -> bool {
        matches!(self.frame, Frame::Range { .. })
    }

    /// Below it nothing is left in the store that is needed.
    pub(crate) fn live_from(&self, watermark: i64) -> i64 {
        match self.frame {
            // An entry ends one millisecond after its time.
            Frame::Range { preceding_ms } => watermark.saturating_sub(preceding_ms - 1),
            // These are deleted one by one.
            Frame::Rows { .. } => i64::MIN,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.index.memory_bytes()
            + size_of::<KeyRows>() * self.keys.capacity()
            + self.bytes
            + ROW_BYTES * self.rows
            + size_of::<(i64, u32)>() * self.going.len()
            + self.unstored.iter().map(Vec::capacity).sum::<usize>()
    }
}

impl KeyRows {
    pub(super) fn set_unchanged(&mut self) {
        self.changed = false;
    }

    /// The first of the rows before this one, at most so many, that lie no further from the next than the TTL each.
    fn life(&self, row: usize, most: usize, ttl_ms: i64) -> usize {
        let end = row.saturating_sub(most);
        let mut start = row;
        while start > end && self.rows[start].place.0 - self.rows[start - 1].place.0 <= ttl_ms {
            start -= 1;
        }
        start
    }
}

#[cfg(test)]
mod tests;
