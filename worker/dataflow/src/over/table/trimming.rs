//! Rows that go: those that no frame reaches any more, and keys without rows.

use super::FrameTable;
use crate::changes::encode_time;
use crate::error::DataflowError;
use crate::frame::Frame;
use crate::group::KeyIndex;
use crate::limits::FOREVER_MS;

/// Keys without rows are kept until there are so many, and more than others.
const EMPTY_MAX: usize = 1024;

impl FrameTable {
    /// Forgets the rows that no frame of a row at the watermark or after it reaches.
    pub(crate) fn trim(&mut self, watermark: i64) -> Result<(), DataflowError> {
        let mut keys = std::mem::take(&mut self.handed);
        while let Some((_, key)) = self.going.first().filter(|(goes, _)| *goes < watermark) {
            let key = *key;
            self.set_going(key, None);
            keys.push(key);
        }
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            self.trim_key(key, watermark);
        }
        if self.empty == self.keys.len() {
            self.clear();
        } else if self.empty > EMPTY_MAX && self.empty > self.keys.len() / 2 {
            self.compact()?;
        }
        Ok(())
    }

    fn trim_key(&mut self, key: u32, watermark: i64) {
        let own = &self.keys[key as usize];
        let Some(last) = own.handed.checked_sub(1).map(|last| own.rows[last].place.0) else {
            return;
        };
        let (gone, goes) = match self.frame {
            Frame::Range { preceding_ms } => {
                let reached = watermark - preceding_ms;
                let gone = own.rows.partition_point(|row| row.place.0 < reached).min(own.handed);
                let first = own.rows.get(gone).filter(|_| gone < own.handed);
                (gone, first.map(|row| row.place.0 + preceding_ms))
            }
            Frame::Rows { ttl_ms, .. } if last + ttl_ms < watermark => (own.handed, None),
            Frame::Rows { preceding, ttl_ms } => {
                let gone = own.life(own.handed - 1, preceding as usize - 1, ttl_ms);
                (gone, (ttl_ms != FOREVER_MS).then_some(last + ttl_ms))
            }
        };
        self.set_going(key, goes);
        self.forget(key, gone);
    }

    fn set_going(&mut self, key: u32, goes: Option<i64>) {
        let own = &mut self.keys[key as usize];
        if own.goes == goes {
            return;
        }
        if let Some(before) = std::mem::replace(&mut own.goes, goes) {
            self.going.remove(&(before, key));
        }
        if let Some(goes) = goes {
            self.going.insert((goes, key));
        }
    }

    /// Forgets the first rows of a key.
    fn forget(&mut self, key: u32, count: usize) {
        if count == 0 {
            return;
        }
        let own = &mut self.keys[key as usize];
        own.handed -= count;
        let mut unstored: Option<i64> = None;
        for row in own.rows.drain(..count) {
            self.rows -= 1;
            self.bytes -= row.kept.len();
            if row.stored && unstored != Some(row.place.0) {
                unstored = Some(row.place.0);
                let mut entry = encode_time(row.place.0 + 1).to_vec();
                self.index.put_key(key, &mut entry);
                self.unstored.push(entry);
            }
        }
        // What is left of the time that was parted is stored anew.
        let parted = own.rows.iter_mut().take_while(|row| Some(row.place.0) == unstored);
        let mut anew = false;
        for row in parted {
            row.stored = false;
            anew = true;
        }
        self.empty += usize::from(own.rows.is_empty());
        if anew {
            self.mark_changed(key);
        }
    }

    fn clear(&mut self) {
        self.index.clear();
        self.keys.clear();
        self.empty = 0;
        self.going.clear();
        self.handed.clear();
        self.changed.clear();
    }

    /// Gives the keys that have rows new numbers.
    fn compact(&mut self) -> Result<(), DataflowError> {
        let left: Vec<u32> = (0..self.keys.len() as u32)
            .filter(|key| !self.keys[*key as usize].rows.is_empty())
            .collect();
        let mut index = KeyIndex::new(&self.kinds);
        let mut numbers = Vec::with_capacity(left.len());
        index.insert_all(&self.index, &left, &mut numbers)?;
        let mut renumbered = vec![u32::MAX; self.keys.len()];
        for (old, new) in left.iter().zip(&numbers) {
            renumbered[*old as usize] = *new;
        }
        let mut old = std::mem::take(&mut self.keys);
        self.keys = left.iter().map(|key| std::mem::take(&mut old[*key as usize])).collect();
        for keys in self.waiting.values_mut() {
            for key in keys {
                *key = renumbered[*key as usize];
            }
        }
        let going = std::mem::take(&mut self.going);
        self.going =
            going.into_iter().map(|(goes, key)| (goes, renumbered[key as usize])).collect();
        let changed = std::mem::take(&mut self.changed).into_iter();
        let changed = changed.map(|key| renumbered[key as usize]);
        self.changed = changed.filter(|key| *key != u32::MAX).collect();
        self.index = index;
        self.empty = 0;
        Ok(())
    }
}
