//! The aggregate that an upgrade adds to windows over the source. A window has it when the plan that fired it does, and
//! it holds what that plan has counted: rows from the checkpoint on that it took the state over from.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use protocol::Log;
use serde_json::Value;
use tests::oracle::lateness::LogClock;
use tests::oracle::{Cell, Query, Window};

use crate::advances::Advance;
use crate::logs;
use crate::process::{Site, stable_ends};
use crate::seen::Sight;
use crate::spans::{Span, Spans};
use crate::upgrade::{ADDED, AFTER};

/// A window of a key: key and start.
type Place = (i64, i64);

/// What closed a window.
#[derive(Clone, Copy, Debug)]
enum Closed {
    /// The record at this offset.
    ByRecord(i64),
    /// The forced advance that the commit of this number named.
    ByCommit(u64),
}

/// One source log, read in order.
struct Partition {
    window: Window,
    clock: LogClock,
    /// Offset and value of the rows of each window.
    rows: BTreeMap<Place, Vec<(i64, i64)>>,
    open: BTreeSet<i64>,
    closed: BTreeMap<i64, Closed>,
}

impl Partition {
    fn new(query: &Query) -> Option<Self> {
        Some(Self {
            window: query.window?,
            clock: LogClock::new(query.delay),
            rows: BTreeMap::new(),
            open: BTreeSet::new(),
            closed: BTreeMap::new(),
        })
    }

    fn take(&mut self, offset: i64, row: &Value) -> anyhow::Result<()> {
        let field = |name: &str| row[name].as_i64().with_context(|| format!("{name} of {row}"));
        let mut starts = Vec::new();
        self.clock.take(field("event_time")?, self.window, &mut starts);
        for start in starts {
            let rows = self.rows.entry((field("auction")?, start)).or_default();
            rows.push((offset, field("bidder")?));
            self.open.insert(start);
        }
        self.close(Closed::ByRecord(offset));
        Ok(())
    }

    fn advance(&mut self, advance: &Advance) -> anyhow::Result<()> {
        self.clock.advance(advance.to)?;
        self.close(Closed::ByCommit(advance.commit));
        Ok(())
    }

    fn close(&mut self, by: Closed) {
        let Some(watermark) = self.clock.watermark() else { return };
        let size = self.window.size();
        let still_open = self.open.split_off(&(watermark - size + 1));
        let closed = std::mem::replace(&mut self.open, still_open);
        self.closed.extend(closed.into_iter().map(|start| (start, by)));
    }
}

/// Reads the whole input, forced advances between the records.
fn partitions(
    site: &Site,
    query: &Query,
    advances: &[Advance],
) -> anyhow::Result<BTreeMap<i32, Partition>> {
    let mut found = BTreeMap::new();
    let mut advances = advances.iter().peekable();
    let mut carry_out = |found: &mut BTreeMap<i32, Partition>, before: (i32, i64)| {
        while let Some(next) = advances.next_if(|a| (a.partition, a.offset) <= before) {
            let partition = found.get_mut(&next.partition).context("an advance without a row")?;
            partition.advance(next)?;
        }
        anyhow::Ok(())
    };
    for ((partition, offset), value) in site.cluster.input() {
        carry_out(&mut found, (partition, offset))?;
        if let Entry::Vacant(free) = found.entry(partition) {
            free.insert(Partition::new(query).context("a query with windows")?);
        }
        let row: Value = serde_json::from_slice(&value)?;
        found.get_mut(&partition).expect("it was made").take(offset, &row)?;
    }
    carry_out(&mut found, (i32::MAX, i64::MAX))?;
    Ok(found)
}

/// The values that a window may have; none: it must not have the column.
fn allowed(rows: &[(i64, i64)], span: &Span) -> Option<BTreeSet<Option<i64>>> {
    let sum = |since: &i64| sum_since(rows, *since);
    (span.version == AFTER).then(|| span.since.iter().map(sum).collect())
}

/// The sum over the rows from an offset on; null without one.
fn sum_since(rows: &[(i64, i64)], since: i64) -> Option<i64> {
    let counted = rows.iter().filter(|(offset, _)| *offset >= since).map(|(_, value)| *value);
    counted.reduce(|sum, value| sum + value)
}

/// Holds every row of the sink to it. That each is there once, with the other values, has been judged.
pub(crate) fn check(
    site: &Site,
    query: &Query,
    sink: &str,
    advances: &[Advance],
    spans: &Spans,
) -> anyhow::Result<()> {
    let mut expected = BTreeMap::new();
    for (number, partition) in partitions(site, query, advances)? {
        for ((key, start), rows) in &partition.rows {
            let Some(closed) = partition.closed.get(start) else { continue };
            let span = match closed {
                Closed::ByRecord(offset) => spans.at(number, *offset),
                Closed::ByCommit(commit) => spans.numbered(number, *commit),
            };
            let span = span.with_context(|| format!("{closed:?} of {number} is not committed"))?;
            let whole = sum_since(rows, i64::MIN);
            let value = (allowed(rows, span), whole, span.clone());
            let known = expected.insert((*key, *start), value);
            ensure!(known.is_none(), "key {key} lies in two partitions");
        }
    }
    for partition in stable_ends(&site.cluster, sink).into_keys() {
        let log = Log::new(sink, partition);
        let found = site.cluster.now(|broker, _| logs::read(broker, &log, 0, usize::MAX));
        for record in found.context("the log is there")?.records {
            let row: Value = serde_json::from_slice(&record.value.unwrap_or_default())?;
            let start = Cell::of_json(&row["window_start"], &Cell::Time(0))?;
            let (Some(key), Cell::Time(start)) = (row["auction"].as_i64(), start) else {
                anyhow::bail!("{row} is of no window");
            };
            let found = row.get(ADDED).map(Value::as_i64);
            let (allowed, whole, span) =
                expected.get(&(key, start)).context("a window of its own")?;
            let fits = match (allowed, found) {
                (None, None) => true,
                (Some(allowed), Some(found)) => allowed.contains(&found),
                _ => false,
            };
            ensure!(fits, "{row} is none of {allowed:?}, fired by {span:?}");
            if let Some(value) = found {
                let part = value != *whole;
                let seen = if part { Sight::AddedInPart } else { Sight::Added };
                site.cluster.seen.note(seen);
            }
        }
    }
    Ok(())
}
