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
            let Work::Window(window) = self.work else { continue };
            let watermark = log.latest.map(|latest| latest - DELAY);
            for ([auction, start], tally) in log.into_windows(window) {
                let is_due = watermark.is_some_and(|watermark| start + window.size() <= watermark);
                let rows = if is_due { &mut expectation.due } else { &mut expectation.open };
                rows.insert([auction, start], [tally.bids, tally.top]);
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

    #[test]
    fn it_agrees_with_the_batch_engine() {
        check(B2);
        check(Pipeline { work: Work::Filter, ..B2 });
        check(Pipeline { work: Work::Window(Window::Hop { size: 10_000, slide: 2_000 }), ..B2 });
    }
}
