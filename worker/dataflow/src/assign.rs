//! Rows to panes, late or not decided per row (R2).
//!
//! A row whose earlier windows are gone counts in the open ones only, whether those that are gone have been emitted
//! yet or not. So rows of a pane are kept apart by the first window end that was open at the row's position: state
//! does not depend on where commits fall, and with an exchange not on how fast the other logs are read.

use std::collections::BTreeMap;

use crate::accumulate::Rows;
use crate::error::DataflowError;
use crate::limits::EVENT_TIME_ABS_MAX;
use crate::window::Panes;

/// Rows of one pane that belong to the same windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PaneId {
    /// End of the pane.
    pub(crate) end: i64,
    /// The rows count in windows that end here or later.
    pub(crate) from: i64,
}

/// A row whose windows are all gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LateRow {
    /// In the batch.
    pub(crate) row: u32,
    /// Start and end of its last window.
    pub(crate) window: (i64, i64),
    /// The watermark before it.
    pub(crate) watermark: i64,
}

struct Span {
    id: PaneId,
    start: i64,
    /// Watermarks before a row, less the lateness, for which this span is the right one: `[open_from, id.from)`.
    open_from: i64,
    rows: Vec<u32>,
}

/// Spreads the rows of a batch over panes; its memory is reused.
pub(crate) struct Assigner {
    panes: Panes,
    spans: Vec<Span>,
    used: usize,
    by_pane: BTreeMap<PaneId, usize>,
    rows: usize,
    /// Windows are gone when the watermark is so far beyond their end, ms.
    lateness: i64,
    late: Vec<LateRow>,
}

impl Assigner {
    pub(crate) fn new(panes: Panes, lateness: i64) -> Self {
        Self {
            panes,
            spans: Vec::new(),
            used: 0,
            by_pane: BTreeMap::new(),
            rows: 0,
            lateness,
            late: Vec::new(),
        }
    }

    /// Assigns rows by event time; `before` is the watermark before each. Returns how many are late.
    pub(crate) fn assign_rows(
        &mut self,
        times: &[i64],
        before: &[i64],
    ) -> Result<u64, DataflowError> {
        assert_eq!(times.len(), before.len(), "one watermark per row");
        self.start(times.len());
        let mut late = 0;
        let mut current = usize::MAX;
        for (row, (time, watermark)) in times.iter().zip(before).enumerate() {
            let gone = watermark.saturating_sub(self.lateness);
            let fits = self.spans[..self.used].get(current).is_some_and(|span| {
                (span.start..span.id.end).contains(time)
                    && (span.open_from..span.id.from).contains(&gone)
            });
            if !fits {
                check_time(*time)?;
                let end = self.panes.pane_end(*time);
                let Some(id) = self.open(end, self.panes.first_end(end), gone) else {
                    late += 1;
                    let (row, watermark) = (row as u32, *watermark);
                    self.late.push(LateRow { row, window: self.last_window(end), watermark });
                    continue;
                };
                current = self.span(id);
            }
            self.spans[current].rows.push(row as u32);
        }
        Ok(late)
    }

    /// Assigns partial rows, each of `counts` rows, against one watermark. Returns how many rows are late.
    pub(crate) fn assign_partials(
        &mut self,
        ends: &[i64],
        froms: &[i64],
        counts: &[i64],
        watermark: i64,
    ) -> Result<u64, DataflowError> {
        self.start(ends.len());
        let mut late = 0u64;
        for (row, (end, from)) in ends.iter().zip(froms).enumerate() {
            check_time(end.saturating_sub(1))?;
            let windows = self.panes.first_end(*end)..=self.panes.last_end(*end);
            let aligned = (*from - windows.start()) % self.panes.slide == 0;
            if self.panes.pane_end(*end - 1) != *end || !windows.contains(from) || !aligned {
                return Err(DataflowError::Input(format!(
                    "a partial row names pane {end} from window {from}, which this plan does not have"
                )));
            }
            let gone = watermark.saturating_sub(self.lateness);
            if let Some(id) = self.open(*end, *from, gone) {
                let span = self.span(id);
                self.spans[span].rows.push(row as u32);
            } else {
                late += counts[row].unsigned_abs();
                let window = self.last_window(*end);
                self.late.push(LateRow { row: row as u32, window, watermark });
            }
        }
        Ok(late)
    }

    fn last_window(&self, pane_end: i64) -> (i64, i64) {
        let end = self.panes.last_end(pane_end);
        (self.panes.start_of(end), end)
    }

    /// The late rows, in log order.
    pub(crate) fn late(&self) -> &[LateRow] {
        &self.late
    }

    /// The rows of each pane, panes in order, rows in log order.
    pub(crate) fn spans(&self) -> impl Iterator<Item = (PaneId, Rows<'_>)> {
        self.by_pane.iter().map(|(id, span)| {
            let rows = &self.spans[*span].rows;
            let whole = rows.len() == self.rows;
            (*id, if whole { Rows::All(self.rows) } else { Rows::Picked(rows) })
        })
    }

    /// The rows that are not late, each with its pane.
    pub(crate) fn on_time(&self) -> impl Iterator<Item = (u32, PaneId)> {
        let spans = self.by_pane.iter().map(|(id, span)| (*id, &self.spans[*span].rows));
        spans.flat_map(|(id, rows)| rows.iter().map(move |row| (*row, id)))
    }

    fn start(&mut self, rows: usize) {
        self.used = 0;
        self.by_pane.clear();
        self.late.clear();
        self.rows = rows;
    }

    /// Where rows of a pane belong that count in windows from `from` on, while windows that end at `gone` or before
    /// are gone; `None` if all are.
    fn open(&self, end: i64, from: i64, gone: i64) -> Option<PaneId> {
        if gone < from {
            Some(PaneId { end, from })
        } else if gone < self.panes.last_end(end) {
            Some(PaneId { end, from: self.panes.end_after(gone) })
        } else {
            None
        }
    }

    fn span(&mut self, id: PaneId) -> usize {
        if let Some(span) = self.by_pane.get(&id) {
            return *span;
        }
        let at = self.used;
        self.used += 1;
        let whole = id.from == self.panes.first_end(id.end);
        let span = Span {
            id,
            start: id.end - self.panes.pane,
            open_from: if whole { i64::MIN } else { id.from - self.panes.slide },
            rows: self.spans.get_mut(at).map(|s| std::mem::take(&mut s.rows)).unwrap_or_default(),
        };
        match self.spans.get_mut(at) {
            Some(old) => *old = span,
            None => self.spans.push(span),
        }
        self.spans[at].rows.clear();
        self.by_pane.insert(id, at);
        at
    }
}

pub(crate) fn check_time(time: i64) -> Result<(), DataflowError> {
    if time.unsigned_abs() > EVENT_TIME_ABS_MAX.unsigned_abs() {
        return Err(DataflowError::Input(format!("event time {time} ms is out of range")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watermark::UNDEFINED;
    use crate::window::WindowKind;

    fn assigned(
        kind: WindowKind,
        times: &[i64],
        before: &[i64],
    ) -> (Vec<(i64, i64, Vec<u32>)>, u64) {
        let mut assigner = Assigner::new(kind.panes(), 0);
        let late = assigner.assign_rows(times, before).expect("times are in range");
        let spans = assigner.spans().map(|(id, rows)| {
            let rows = match rows {
                Rows::All(n) => (0..n as u32).collect(),
                Rows::Picked(rows) => rows.to_vec(),
            };
            (id.end, id.from, rows)
        });
        (spans.collect(), late)
    }

    #[test]
    fn a_row_is_late_when_all_its_windows_are_gone() {
        let tumble = WindowKind::Tumble { size_ms: 10, offset_ms: 0 };
        let (spans, late) = assigned(tumble, &[5, 9, 10, 3], &[UNDEFINED, 9, 10, 10]);
        assert_eq!((spans, late), (vec![(10, 10, vec![0, 1]), (20, 20, vec![2])], 1));
    }

    #[test]
    fn rows_count_in_open_windows_only() {
        let hop = WindowKind::Hop { size_ms: 10, slide_ms: 5, offset_ms: 0 };
        let (spans, late) = assigned(hop, &[7, 7, 7, 7], &[9, 10, 14, 15]);
        assert_eq!((spans, late), (vec![(10, 10, vec![0]), (10, 15, vec![1, 2])], 1));
    }

    #[test]
    fn impossible_times_are_refused() {
        let mut assigner =
            Assigner::new(WindowKind::Tumble { size_ms: 10, offset_ms: 0 }.panes(), 0);
        assert!(assigner.assign_rows(&[i64::MAX], &[0]).is_err());
        assert!(assigner.assign_partials(&[15], &[15], &[1], 0).is_err());
        assert!(assigner.assign_partials(&[20], &[30], &[1], 0).is_err());
        assert_eq!(assigner.assign_partials(&[20, 20], &[20, 20], &[3, 4], 20), Ok(7));
    }
}
