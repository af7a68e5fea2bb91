//! Rows of a batch on their way into accumulators.

use crate::codec::{i64_bytes, i64_of};

/// Rows of a batch, in log order.
pub(crate) enum Rows<'a> {
    /// The first so many.
    All(usize),
    /// These, ascending.
    Picked(&'a [u32]),
}

impl Rows<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::All(rows) => *rows,
            Self::Picked(rows) => rows.len(),
        }
    }

    #[inline]
    pub(crate) fn for_each(&self, mut visit: impl FnMut(usize)) {
        match self {
            Self::All(rows) => (0..*rows).for_each(visit),
            Self::Picked(rows) => rows.iter().for_each(|row| visit(*row as usize)),
        }
    }

    /// Visits every row with its group; `groups` runs along with the rows.
    #[inline]
    pub(crate) fn for_each_group(&self, groups: &[u32], mut visit: impl FnMut(usize, usize)) {
        debug_assert_eq!(self.len(), groups.len(), "one group per row");
        match self {
            Self::All(_) => groups.iter().enumerate().for_each(|(row, g)| visit(row, *g as usize)),
            Self::Picked(rows) => {
                rows.iter().zip(groups).for_each(|(row, g)| visit(*row as usize, *g as usize));
            }
        }
    }
}

/// The place of rows in time and in their log: total, and the same however rows were batched. Slices are over the
/// rows of the batch; empty where no aggregate depends on order.
#[derive(Clone, Copy, Default)]
pub(crate) struct Order<'a> {
    pub(crate) times: &'a [i64],
    /// Of the log.
    pub(crate) partition: i32,
    /// Number of the row in its log.
    pub(crate) positions: &'a [i64],
}

impl Order<'_> {
    /// Event time, then the log, then the place in it (R3).
    #[inline]
    pub(crate) fn of(&self, row: usize) -> Place {
        (self.times[row], self.partition, self.positions[row])
    }

    /// It is known for so many rows.
    pub(crate) fn covers(&self, rows: usize) -> bool {
        self.times.len() >= rows && self.positions.len() >= rows
    }
}

/// Event time, partition, number in the log.
pub(crate) type Place = (i64, i32, i64);

/// Bytes of a stored place.
pub(crate) const PLACE_BYTES: usize = 24;

/// Order-preserving big-endian bytes of each part.
pub(crate) fn place_bytes((time, partition, position): Place) -> [u8; PLACE_BYTES] {
    let mut bytes = [0; PLACE_BYTES];
    let parts = [time, i64::from(partition), position];
    for (part, out) in parts.iter().zip(bytes.chunks_exact_mut(8)) {
        out.copy_from_slice(&i64_bytes(*part));
    }
    bytes
}

/// The reverse, with what follows; `None` if the bytes do not begin with one.
pub(crate) fn take_place(bytes: &[u8]) -> Option<(Place, &[u8])> {
    let (time, rest) = bytes.split_first_chunk::<8>()?;
    let (partition, rest) = rest.split_first_chunk::<8>()?;
    let (position, rest) = rest.split_first_chunk::<8>()?;
    let partition = i32::try_from(i64_of(*partition)).ok()?;
    Some(((i64_of(*time), partition, i64_of(*position)), rest))
}
