//! Rows as entries of the store: those of a key and a time in one, under the millisecond's end and the key, so that
//! they expire by time.

use std::collections::BTreeMap;

use super::table::{FrameRow, FrameTable};
use crate::accumulate::{place_bytes, take_place};
use crate::changes::encode_time;
use crate::ranked::{put_stored, take_stored};

impl FrameTable {
    /// Keys of the store with what is stored under them, none where they are to be deleted; forgets what changed.
    pub(crate) fn take_changed(&mut self) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
        let unstored = std::mem::take(&mut self.unstored);
        let mut all: BTreeMap<Vec<u8>, Option<Vec<u8>>> =
            unstored.into_iter().map(|key| (key, None)).collect();
        for key in std::mem::take(&mut self.changed) {
            let own = &mut self.keys[key as usize];
            own.set_unchanged();
            let rows = own.rows.make_contiguous();
            for rows in rows.chunk_by_mut(|a, b| a.place.0 == b.place.0) {
                if rows.iter().all(|row| row.stored) {
                    continue;
                }
                let mut entry = encode_time(rows[0].place.0 + 1).to_vec();
                self.index.put_key(key, &mut entry);
                let mut value = Vec::new();
                for row in rows {
                    row.stored = true;
                    put_row(&mut value, row);
                }
                // What is deleted and there again is there.
                all.insert(entry, Some(value));
            }
        }
        all
    }

    pub(crate) fn mark_all_changed(&mut self) {
        for key in 0..self.keys.len() as u32 {
            self.keys[key as usize].rows.iter_mut().for_each(|row| row.stored = false);
            self.mark_changed(key);
        }
    }

    /// Takes the rows of one entry; `None` if they do not decode, are not of that time, or are there already.
    pub(crate) fn restore_entry(
        &mut self,
        key: &[u8],
        time: i64,
        mut stored: &[u8],
        handed_until: i64,
    ) -> Option<()> {
        let key = self.index.find_or_insert_stored(key)?;
        self.grow();
        let mut rows = Vec::new();
        while !stored.is_empty() {
            let (place, kept) = take_row(&mut stored)?;
            if place.0 != time {
                return None;
            }
            rows.push(FrameRow { place, kept: kept.into(), stored: true });
        }
        self.restore(key, time, rows, handed_until)
    }
}

fn put_row(out: &mut Vec<u8>, row: &FrameRow) {
    let place = place_bytes(row.place);
    put_stored(out, &[&place[..], &row.kept].concat(), place.len() as u32);
}

/// A row as the state of the aggregate that carries rows over an exchange has it: nothing but its place orders it.
pub(crate) fn take_row<'a>(stored: &mut &'a [u8]) -> Option<(crate::accumulate::Place, &'a [u8])> {
    let (bytes, kept_at) = take_stored(stored)?;
    let (place, kept) = take_place(bytes)?;
    (bytes.len() - kept.len() == kept_at).then_some((place, kept))
}
