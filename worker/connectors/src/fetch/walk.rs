//! Through the batches of one partition's answer: what is aborted, a control record, or below the wanted offset is
//! passed over.

use std::ops::Range;

use super::batch::{Damage, HEADER_BYTES, Header, Record, Records, is_abort_marker};
use super::messages::Aborted;
use super::unpack::Unpacker;

/// The transactions of an answer that a committed reader must not see. The broker names each with its first offset,
/// and its marker ends it.
#[derive(Debug, Default)]
struct AbortedProducers {
    waiting: Vec<Aborted>,
    current: Vec<i64>,
}

impl AbortedProducers {
    fn new(mut aborted: Vec<Aborted>) -> Self {
        aborted.sort_unstable_by_key(|(producer, first)| (std::cmp::Reverse(*first), *producer));
        Self { waiting: aborted, current: Vec::new() }
    }

    /// Whether the batch belongs to one of them.
    fn hides(&mut self, header: &Header, marker_of: impl Fn() -> bool) -> bool {
        let last = header.base_offset + i64::from(header.last_delta);
        while let Some((producer, _)) = self.waiting.pop_if(|(_, first)| *first <= last) {
            if !self.current.contains(&producer) {
                self.current.push(producer);
            }
        }
        if self.current.is_empty() || !self.current.contains(&header.producer_id) {
            return false;
        }
        if header.is_control() && marker_of() {
            self.current.retain(|producer| *producer != header.producer_id);
        }
        header.is_transactional()
    }
}

/// A batch that is being walked.
#[derive(Debug)]
struct Open {
    records: Records,
    packed: bool,
    next_offset: i64,
}

/// A walk that can stop anywhere and go on.
#[derive(Debug)]
pub(crate) struct Walk {
    /// Where the batches lie that were not begun yet.
    rest: Range<usize>,
    aborted: AbortedProducers,
    open: Option<Open>,
}

/// How a walk stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walked {
    /// As many records as were wanted; there may be more.
    Enough,
    /// All of them.
    All,
}

impl Walk {
    /// A walk through the whole batches in `range` of an answer.
    pub(crate) fn new(range: Range<usize>, aborted: Vec<Aborted>) -> Self {
        Self { rest: range, aborted: AbortedProducers::new(aborted), open: None }
    }

    /// Visits records at and after `next`, at most `max`, and moves `next` behind what was visited or passed over.
    pub(crate) fn run(
        &mut self,
        frame: &[u8],
        unpacker: &mut Unpacker,
        next: &mut i64,
        max: usize,
        mut visit: impl FnMut(Record<'_>),
    ) -> Result<Walked, Damage> {
        let mut left = max;
        loop {
            let Some(open) = &mut self.open else {
                if !self.open_batch(frame, unpacker, next)? {
                    return Ok(Walked::All);
                }
                continue;
            };
            let bytes = if open.packed { unpacker.bytes() } else { frame };
            loop {
                if left == 0 {
                    return Ok(Walked::Enough);
                }
                let Some(record) = open.records.next(bytes)? else { break };
                if record.offset >= *next {
                    *next = record.offset + 1;
                    left -= 1;
                    visit(record);
                }
            }
            *next = open.next_offset.max(*next);
            self.open = None;
        }
    }

    /// Opens the next batch with something to see; false at the end.
    fn open_batch(
        &mut self,
        frame: &[u8],
        unpacker: &mut Unpacker,
        next: &mut i64,
    ) -> Result<bool, Damage> {
        loop {
            let bytes = frame.get(self.rest.clone()).unwrap_or_default();
            let Some(header) = Header::read(bytes)? else { return Ok(false) };
            let begin = self.rest.start;
            header.check(bytes)?;
            self.rest.start += header.size;
            let records = &bytes[HEADER_BYTES..header.size];
            let hidden = self.aborted.hides(&header, || is_abort_marker(&header, records));
            let empty = header.count == 0 || header.next_offset() <= *next;
            if hidden || empty || header.is_control() {
                *next = header.next_offset().max(*next);
                continue;
            }
            let packed = header.codec() != 0;
            let place = if packed {
                unpacker.unpack(&header, records)?;
                0..unpacker.bytes().len()
            } else {
                begin + HEADER_BYTES..begin + header.size
            };
            self.open = Some(Open {
                records: Records::new(&header, place.start, place.end),
                packed,
                next_offset: header.next_offset(),
            });
            return Ok(true);
        }
    }
}
