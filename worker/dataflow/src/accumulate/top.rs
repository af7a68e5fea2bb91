//! The first rows of each group in an order of their own. Ties are broken by event time, partition and place in the log
//! (R3), or by what is kept of the rows. So which rows those are does not depend on the order in which they come.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, AsArray};

use super::fold::Fold;
use super::rows::{PLACE_BYTES, place_bytes};
use super::stored_bytes::{self, StoredBytes};
use super::{AggregateError, Order, Rows};
use crate::ranked;

/// About what a row takes beside its bytes, bytes.
const ROW_BYTES: usize = size_of::<Row>() + 16;

/// A row that is kept: what orders it, its place, and what is kept of it.
struct Row {
    bytes: Box<[u8]>,
    kept_at: u32,
}

/// A row in parts.
#[derive(Clone, Copy)]
struct Offered<'a> {
    ordering: &'a [u8],
    place: &'a [u8],
    kept: &'a [u8],
}

impl Offered<'_> {
    fn compare(&self, row: &Row) -> Ordering {
        let (before, kept) = row.bytes.split_at(row.kept_at as usize);
        let (ordering, place) = before.split_at(before.len() - PLACE_BYTES);
        (self.ordering, self.place, self.kept).cmp(&(ordering, place, kept))
    }

    fn row(&self) -> Row {
        let kept_at = self.ordering.len() + self.place.len();
        Row {
            bytes: [self.ordering, self.place, self.kept].concat().into(),
            kept_at: u32::try_from(kept_at).expect("a row is far below 4 GiB"),
        }
    }
}

/// Rows of every group in order, at most `limit`.
pub(super) struct Ranks {
    limit: usize,
    groups: Vec<Vec<Row>>,
    rows: usize,
    bytes: usize,
}

impl Ranks {
    #[inline]
    fn offer(&mut self, group: usize, offered: Offered<'_>) {
        let rows = &mut self.groups[group];
        if rows.len() >= self.limit && rows.last().is_none_or(|last| offered.compare(last).is_ge())
        {
            return;
        }
        let at = rows.partition_point(|row| offered.compare(row).is_ge());
        let row = offered.row();
        self.bytes += row.bytes.len();
        self.rows += 1;
        if rows.len() >= self.limit
            && let Some(gone) = rows.pop()
        {
            self.bytes -= gone.bytes.len();
            self.rows -= 1;
        }
        rows.insert(at, row);
    }
}

impl StoredBytes for Ranks {
    fn stored(&self, group: u32) -> Vec<u8> {
        let mut out = Vec::new();
        for row in &self.groups[group as usize] {
            ranked::put_stored(&mut out, &row.bytes, row.kept_at);
        }
        out
    }

    fn take_stored(&mut self, group: u32, mut stored: &[u8]) -> Option<()> {
        while !stored.is_empty() {
            let (bytes, kept_at) = ranked::take_stored(&mut stored)?;
            let (before, kept) = bytes.split_at(kept_at);
            let (ordering, place) = before.split_at_checked(kept_at.checked_sub(PLACE_BYTES)?)?;
            self.offer(group as usize, Offered { ordering, place, kept });
        }
        Some(())
    }

    fn grow(&mut self, groups: usize) {
        if groups > self.groups.len() {
            self.groups.resize_with(groups, Vec::new);
        }
    }

    fn clear(&mut self) {
        self.groups.clear();
        self.rows = 0;
        self.bytes = 0;
    }

    fn held_bytes(&self) -> usize {
        self.bytes
    }

    fn memory_bytes(&self) -> usize {
        self.bytes + ROW_BYTES * self.rows + size_of::<Vec<Row>>() * self.groups.capacity()
    }
}

pub(super) struct Top {
    ranks: Ranks,
    by_place: bool,
}

impl Top {
    /// `limit`: most rows of a group.
    pub(super) fn new(limit: u32, by_place: bool) -> Self {
        let ranks = Ranks { limit: limit as usize, groups: Vec::new(), rows: 0, bytes: 0 };
        Self { ranks, by_place }
    }
}

/// Comes out as it is stored: [`unpack_rows`](ranked::unpack_rows) makes rows of it.
impl Fold for Top {
    type State = Ranks;

    fn state(&self) -> &Self::State {
        &self.ranks
    }

    fn state_mut(&mut self) -> &mut Self::State {
        &mut self.ranks
    }

    fn update(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        argument: Option<&ArrayRef>,
        order: Order<'_>,
    ) -> Result<(), AggregateError> {
        let packed = argument.and_then(|column| column.as_binary_opt::<i64>());
        let packed = packed.ok_or(AggregateError::Type)?;
        if self.by_place && !order.covers(packed.len()) {
            return Err(AggregateError::Unordered);
        }
        let mut whole = true;
        rows.for_each_group(groups, |row, group| {
            let Some((ordering, kept)) = ranked::parts(packed.value(row)) else {
                whole = false;
                return;
            };
            let place = if self.by_place { place_bytes(order.of(row)) } else { [0; PLACE_BYTES] };
            self.ranks.offer(group, Offered { ordering, place: &place, kept });
        });
        if whole { Ok(()) } else { Err(AggregateError::Type) }
    }

    fn merge(
        &mut self,
        rows: &Rows<'_>,
        groups: &[u32],
        states: &[ArrayRef],
    ) -> Result<(), AggregateError> {
        stored_bytes::merge(&mut self.ranks, rows, groups, states)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accumulate::Place;

    fn offered(limit: u32, rows: &[(&[u8], Place, &[u8])]) -> Top {
        let mut top = Top::new(limit, true);
        top.ranks.grow(1);
        for (ordering, place, kept) in rows {
            let place = place_bytes(*place);
            top.ranks.offer(0, Offered { ordering, place: &place, kept });
        }
        top
    }

    #[test]
    fn the_first_are_kept_whatever_the_order() {
        let rows: [(&[u8], Place, &[u8]); 6] = [
            (b"b", (5, 0, 1), b"x"),
            (b"a", (9, 1, 7), b"long"),
            (b"b", (5, 0, 0), b"y"),
            (b"b", (-5, 2, 9), b"z"),
            (b"c", (0, 0, 2), b""),
            (b"a", (9, 1, 7), b"long"),
        ];
        let whole = offered(4, &rows);
        for turn in 0..rows.len() {
            let mut turned = rows;
            turned.rotate_left(turn);
            assert_eq!(offered(4, &turned).ranks.stored(0), whole.ranks.stored(0));
            turned.reverse();
            assert_eq!(offered(4, &turned).ranks.stored(0), whole.ranks.stored(0));
        }
        let kept: Vec<&[u8]> =
            whole.ranks.groups[0].iter().map(|row| &row.bytes[row.kept_at as usize..]).collect();
        assert_eq!(kept, [&b"long"[..], b"long", b"z", b"y"]);
        assert_eq!(whole.ranks.held_bytes(), 4 * (1 + PLACE_BYTES) + 4 + 4 + 1 + 1);
    }

    #[test]
    fn what_is_stored_merges_and_what_is_cut_does_not() {
        let low: (&[u8], Place, &[u8]) = (b"a", (1, 0, 1), b"low");
        let high: (&[u8], Place, &[u8]) = (b"b", (1, 0, 2), b"high");
        let stored = offered(2, &[high]).ranks.stored(0);
        let mut merged = offered(2, &[low]);
        assert_eq!(merged.ranks.take_stored(0, &stored), Some(()));
        assert_eq!(merged.ranks.stored(0), offered(2, &[low, high]).ranks.stored(0));
        for end in 1..stored.len() {
            assert_eq!(offered(2, &[]).ranks.take_stored(0, &stored[..end]), None, "cut at {end}");
        }
        // No room for a place before what is kept.
        let mut short = Vec::new();
        ranked::put_stored(&mut short, &[0; 30], PLACE_BYTES as u32 - 1);
        assert_eq!(offered(2, &[]).ranks.take_stored(0, &short), None);
    }
}
