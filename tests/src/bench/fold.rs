//! The oracle of the benchmarks: what a pipeline must give, folded row by row out of the input topic. It takes a row
//! in a fraction of a microsecond and a window of 600 panes as easily as one; a test holds it to the batch engine's
//! oracle.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use anyhow::Context as _;
use serde::Deserialize;

use super::pipelines::{DELAY, Work};
use crate::generator::Shape;
use crate::oracle::Window;

/// Two numbers: who a row is (auction and start of the window, or partition and n), or what it says (count and highest
/// price, or auction and doubled price).
pub(super) type Pair = [i64; 2];

/// What a right run gives.
#[derive(Debug, Default)]
pub(super) struct Expectation {
    /// Rows that must come.
    pub(super) due: HashMap<Pair, Pair>,
    /// Rows of windows that the watermark has not closed.
    pub(super) open: HashMap<Pair, Pair>,
    /// Input rows.
    pub(super) rows: u64,
    /// Late ones among them.
    pub(super) late: u64,
}

#[derive(Deserialize)]
struct Bid<'a> {
    auction: i64,
    price: i64,
    #[serde(alias = "dateTime")]
    event_time: i64,
    #[serde(rename = "ref", borrow)]
    reference: &'a str,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    bid: Bid<'a>,
}

#[derive(Clone, Copy, Debug)]
struct Tally {
    bids: i64,
    top: i64,
}

impl Tally {
    fn add(into: Entry<'_, Pair, Self>, more: Self) {
        into.and_modify(|tally| {
            tally.bids += more.bids;
            tally.top = tally.top.max(more.top);
        })
        .or_insert(more);
    }
}

#[derive(Default)]
struct LogFold {
    latest: Option<i64>,
    rows: u64,
    late: u64,
    /// By auction and start of the pane: rows that count in every window around them.
    panes: HashMap<Pair, Tally>,
    /// By auction and start of the window: rows that came too late for some of theirs.
    single: HashMap<Pair, Tally>,
    /// Rows that passed the filter.
    passed: Vec<(Pair, Pair)>,
    /// Auction, event time and price of rows that are to become sessions.
    apart: Vec<[i64; 3]>,
}

/// Takes the input of one pipeline.
pub(super) struct Fold {
    shape: Shape,
    work: Work,
    logs: Vec<LogFold>,
}

impl Fold {
    pub(super) fn new(shape: Shape, work: Work, partitions: u32) -> Self {
        Self { shape, work, logs: (0..partitions).map(|_| LogFold::default()).collect() }
    }

    /// Takes the next record of a log.
    pub(super) fn take(&mut self, partition: u32, value: &[u8]) -> anyhow::Result<()> {
        let bid = bid(self.shape, value)?;
        let log = &mut self.logs[partition as usize];
        log.rows += 1;
        match self.work {
            Work::Read => {}
            Work::Filter => log.pass(&bid)?,
            Work::Window(window) => log.tally(&bid, window),
            Work::Session(gap) => log.keep(&bid, gap),
            Work::Running => {
                let one = Tally { bids: 1, top: bid.price };
                Tally::add(log.panes.entry([bid.auction, 0]), one);
            }
        }
        log.latest = Some(log.latest.map_or(bid.event_time, |latest| latest.max(bid.event_time)));
        Ok(())
    }

    /// What must come of all that was taken. Every key lies in one log, whose watermark closes its windows.
    pub(super) fn finish(self) -> Expectation {
        let mut expectation = Expectation::default();
        for log in self.logs {
            expectation.rows += log.rows;
            expectation.late += log.late;
            expectation.due.extend(&log.passed.iter().copied().collect::<HashMap<_, _>>());
            let watermark = log.latest.map_or(i64::MIN, |latest| latest - DELAY);
            let mut take = |identity: Pair, tally: Tally, is_due: bool| {
                let rows = if is_due { &mut expectation.due } else { &mut expectation.open };
                rows.insert(identity, [tally.bids, tally.top]);
            };
            match self.work {
                Work::Read | Work::Filter => {}
                Work::Window(window) => {
                    for ([auction, start], tally) in log.into_windows(window) {
                        take([auction, start], tally, start + window.size() <= watermark);
                    }
                }
                Work::Session(gap) => {
                    for (auction, [start, last], tally) in log.into_sessions(gap) {
                        take([auction, start], tally, last + 2 * gap <= watermark);
                    }
                }
                Work::Running => {
                    log.panes.into_iter().for_each(|(identity, tally)| take(identity, tally, true));
                }
            }
        }
        expectation
    }
}

impl LogFold {
    fn pass(&mut self, bid: &Bid<'_>) -> anyhow::Result<()> {
        if bid.price % 10 == 0 {
            self.passed.push((place(bid.reference)?, [bid.auction, bid.price * 2]));
        }
        Ok(())
    }

    fn tally(&mut self, bid: &Bid<'_>, window: Window) {
        let one = Tally { bids: 1, top: bid.price };
        let (size, slide) = (window.size(), window.slide());
        let pane = bid.event_time.div_euclid(slide) * slide;
        let watermark = self.latest.map(|latest| latest - DELAY);
        // All windows of a row end after it.
        let Some(watermark) = watermark.filter(|watermark| *watermark > bid.event_time) else {
            return Tally::add(self.panes.entry([bid.auction, pane]), one);
        };
        let mut start = pane;
        let mut late = true;
        while start + size > bid.event_time && start + size > watermark {
            Tally::add(self.single.entry([bid.auction, start]), one);
            late = false;
            start -= slide;
        }
        self.late += u64::from(late);
    }

    /// Notes a row that is on time.
    fn keep(&mut self, bid: &Bid<'_>, gap: i64) {
        let is_late = self.latest.is_some_and(|latest| latest - DELAY >= bid.event_time + gap);
        self.late += u64::from(is_late);
        if !is_late {
            self.apart.push([bid.auction, bid.event_time, bid.price]);
        }
    }

    /// Auction, first and last row, and what lies between them. Windows that touch are one.
    fn into_sessions(mut self, gap: i64) -> Vec<(i64, Pair, Tally)> {
        self.apart.sort_unstable();
        let mut sessions: Vec<(i64, Pair, Tally)> = Vec::new();
        for [auction, time, price] in self.apart {
            match sessions.last_mut() {
                Some((of, [_, last], tally)) if *of == auction && time <= *last + gap => {
                    *last = time;
                    tally.bids += 1;
                    tally.top = tally.top.max(price);
                }
                _ => sessions.push((auction, [time, time], Tally { bids: 1, top: price })),
            }
        }
        sessions
    }

    fn into_windows(self, window: Window) -> HashMap<Pair, Tally> {
        let mut windows = self.single;
        for ([auction, pane], tally) in self.panes {
            let mut start = pane;
            while start + window.size() > pane {
                Tally::add(windows.entry([auction, start]), tally);
                start -= window.slide();
            }
        }
        windows
    }
}

fn bid(shape: Shape, value: &[u8]) -> anyhow::Result<Bid<'_>> {
    let bid = match shape {
        Shape::Nexmark => serde_json::from_slice(value).map(|row: Envelope<'_>| row.bid),
        Shape::Bids | Shape::Clicks => serde_json::from_slice(value),
    };
    bid.with_context(|| String::from_utf8_lossy(value).into_owned())
}

/// The event time of an input row, ms.
pub(super) fn event_time(shape: Shape, value: &[u8]) -> anyhow::Result<i64> {
    Ok(bid(shape, value)?.event_time)
}

/// `partition:n`.
pub(super) fn place(reference: &str) -> anyhow::Result<Pair> {
    let (partition, n) = reference.split_once(':').context("a reference is partition:n")?;
    Ok([partition.parse()?, n.parse()?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::pipelines::{B2, Pipeline};
    use crate::generator::{Recipe, encode};
    use crate::oracle::{Cell, Expected, Input};

    /// Both oracles over the same rows, late ones among them.
    fn check(pipeline: Pipeline) {
        let mut recipe = Recipe::plain(pipeline.input.shape, 11, 2);
        (recipe.keys, recipe.late_per_million, recipe.late_by) = (7, 200_000, 9_000);
        let mut fold = Fold::new(recipe.shape, pipeline.work, recipe.partitions);
        let mut input = Input::new(pipeline.query(), recipe.partitions as usize);
        let mut value = Vec::new();
        for partition in 0..recipe.partitions {
            for n in 0..40_000 {
                value.clear();
                encode::value(recipe.shape, partition, n, &recipe.row(partition, n), &mut value);
                fold.take(partition, &value).expect("a row");
                input.push(partition as usize, &value).expect("a row");
            }
        }
        let late = input.late();
        let ours = fold.finish();
        let theirs = Expected::of(input).expect("a run");
        assert_eq!((ours.rows, ours.late), (80_000, late));
        assert_eq!(ours.due.len() as u64, theirs.due());
        assert_eq!(ours.due.len() + ours.open.len(), theirs.rows.len());
        for (identity, row) in &theirs.rows {
            let rows = if row.due { &ours.due } else { &ours.open };
            let found = rows.get(&identity_of(identity)).map(|values| values.map(Cell::Int));
            assert_eq!(found.as_ref().map(<[Cell; 2]>::as_slice), Some(&*row.values));
        }
    }

    fn identity_of(cells: &[Cell]) -> Pair {
        match cells {
            [Cell::Int(auction), Cell::Time(start), Cell::Time(_)] => [*auction, *start],
            [Cell::Text(reference)] => place(reference).expect("a reference"),
            other => unreachable!("{other:?}"),
        }
    }

    fn folded(work: Work, rows: &[(i64, i64, i64)]) -> Expectation {
        let mut fold = Fold::new(Shape::Bids, work, 1);
        for (auction, time, price) in rows {
            let value = format!(
                r#"{{"auction":{auction},"price":{price},"event_time":{time},"ref":"0:0"}}"#
            );
            fold.take(0, value.as_bytes()).expect("a row");
        }
        fold.finish()
    }

    #[test]
    fn rows_whose_windows_touch_are_a_session() {
        let rows = [
            (1, 0, 5),
            (2, 3_000, 1),
            (1, 20_000, 7),
            // Between the two, and no further from either than the gap.
            (1, 10_000, 6),
            // 24 s - 4 s is the end of its own window: too late.
            (2, 24_000, 2),
            (2, 10_000, 9),
            (1, 60_000, 1),
        ];
        let found = folded(Work::Session(10_000), &rows);
        assert_eq!(found.late, 1);
        let due = [([1, 0], [3, 7]), ([2, 3_000], [1, 1]), ([2, 24_000], [1, 2])];
        assert_eq!(found.due, HashMap::from(due));
        assert_eq!(found.open, HashMap::from([([1, 60_000], [1, 1])]));
    }

    #[test]
    fn a_running_aggregate_is_due_at_once() {
        let found = folded(Work::Running, &[(1, 0, 5), (2, 9, 1), (1, 1, 7)]);
        assert_eq!(found.due, HashMap::from([([1, 0], [2, 7]), ([2, 0], [1, 1])]));
        assert_eq!((found.late, found.open.len()), (0, 0));
    }

    #[test]
    fn it_agrees_with_the_batch_engine() {
        check(B2);
        check(Pipeline { work: Work::Filter, ..B2 });
        check(Pipeline { work: Work::Window(Window::Hop { size: 10_000, slide: 2_000 }), ..B2 });
    }
}
