//! The judgement over one seed, by the checker that judges real runs: its folds over the modelled logs.

use std::time::SystemTime;

use anyhow::{Context as _, ensure};
use protocol::Log;
use tests::checker::compare::Comparator;
use tests::checker::generations::Generations;
use tests::checker::order::Order;
use tests::checker::{Delivery, Open, StoredJob, Verdict};
use tests::oracle::{Expected, Input, Query, Stamps};

use crate::added;
use crate::advances::{self, Advance};
use crate::logs;
use crate::process::{Site, stable_ends};
use crate::seen::Sight;
use crate::spans::Spans;
use crate::upgrade::Change;

/// All in one fetch.
const EVERYTHING: usize = usize::MAX;

/// Takes partition, offset and value of one record after another.
type Take<'a> = dyn FnMut(i32, i64, Option<&[u8]>) -> anyhow::Result<()> + 'a;

/// Every committed record of a topic.
fn visit(site: &Site, topic: &str, take: &mut Take<'_>) -> anyhow::Result<()> {
    for partition in stable_ends(&site.cluster, topic).into_keys() {
        let log = Log::new(topic, partition);
        let found = site.cluster.now(|broker, _| logs::read(broker, &log, 0, EVERYTHING));
        for record in found.context("the log is there")?.records {
            take(partition, record.offset, record.value.as_deref())?;
        }
    }
    Ok(())
}

/// What must come of the input below the limits; of all of it without.
fn expected(
    site: &Site,
    query: &Query,
    (source, spans): (&str, &Spans),
    limit: &dyn Fn(i32) -> i64,
    advances: &[Advance],
) -> anyhow::Result<Expected> {
    let partitions = stable_ends(&site.cluster, source).len();
    let filter = query.filter.clone().filter(|_| site.upgrade.is_none());
    let mut input = Input::new(Query { filter, ..query.clone() }, partitions);
    let mut advances = advances.iter().peekable();
    let mut advance = |input: &mut Input, before: (i32, i64)| -> anyhow::Result<()> {
        while let Some(next) = advances.next_if(|a| (a.partition, a.offset) <= before) {
            input.advance(next.partition as usize, next.to)?;
        }
        Ok(())
    };
    for ((partition, offset), value) in site.cluster.input() {
        if offset < limit(partition) {
            advance(&mut input, (partition, offset))?;
            if counts(site, spans, (partition, offset), &value)? {
                input.push(partition as usize, &value)?;
            } else {
                input.pass(partition as usize, &value)?;
            }
        }
    }
    advance(&mut input, (i32::MAX, i64::MAX))?;
    Expected::of(input)
}

/// Does the plan that took a row count it? Without an upgrade the query says that itself.
fn counts(site: &Site, spans: &Spans, place: (i32, i64), value: &[u8]) -> anyhow::Result<bool> {
    let Some(upgrade) = &site.upgrade else { return Ok(true) };
    let (partition, offset) = place;
    let span = spans.at(partition, offset);
    let span = span.with_context(|| format!("nobody has taken {offset} of {partition}"))?;
    let row: serde_json::Value = serde_json::from_slice(value)?;
    let price = row["price"].as_i64().context("a row without a price")?;
    Ok(upgrade.counts(span.version, price))
}

fn compare(
    site: &Site,
    query: &Query,
    sink: &str,
    expected: &Expected,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    let mut comparator = Comparator::new(expected, Open::Refused, Delivery::ExactlyOnce);
    let mut order = Order::default();
    let echo = query.window.is_none();
    visit(site, sink, &mut |partition, offset, value| {
        comparator.take(value, &|| format!("{sink}[{partition}]@{offset}"));
        if echo && let Some(value) = value {
            let json: serde_json::Value = serde_json::from_slice(value)?;
            let reference = json["ref"].as_str().context("a row without provenance")?;
            order.take(partition as u32, offset, reference)?;
        }
        Ok(())
    })?;
    comparator.finish(verdict);
    order.finish(verdict);
    Ok(())
}

/// Is a transaction open on a topic?
pub(crate) fn is_held_back(site: &Site, topic: &str) -> bool {
    site.cluster.now(|broker, _| {
        let logs = broker.topics().get(topic).map_or(&[][..], |topic| topic.logs());
        logs.iter().any(|log| log.last_stable_offset() != log.high_watermark())
    })
}

/// Checks 1, 3 and 5 in the middle of it all: what is visible is exactly what the committed offsets say. Only where
/// stage 0 writes the sink.
pub(crate) fn prefix(site: &Site, query: &Query, source: &str, sink: &str) -> anyhow::Result<()> {
    if is_held_back(site, sink) {
        return Ok(()); // what is committed cannot be seen yet
    }
    let group = site.job.names.group(protocol::StageId(0));
    let offsets = site.cluster.offsets();
    let limit = |partition: i32| {
        let key = (group.clone(), source.to_owned(), partition);
        offsets.get(&key).map_or(0, |(offset, _)| *offset)
    };
    let spans = Spans::of(site, source)?;
    let expected = expected(site, query, (source, &spans), &limit, &[])?;
    let mut verdict = Verdict::default();
    compare(site, query, sink, &expected, &mut verdict)?;
    ensure!(verdict.findings.is_empty(), "a prefix: {verdict}");
    Ok(())
}

/// What the end of a seed is judged to be.
pub(crate) struct Whole {
    pub(crate) verdict: Verdict,
    /// Windows that no watermark has closed.
    pub(crate) open: u64,
}

/// What must come of all rows by the time at which each was read: every one of them counts, in a window that has ended.
fn stamped(site: &Site, query: &Query, source: &str, topic: &str) -> anyhow::Result<Expected> {
    let mut stamps = Stamps::default();
    visit(site, topic, &mut |_, _, value| stamps.take(value.context("a row without a value")?))?;
    let partitions = stable_ends(&site.cluster, source).len();
    let expected = Expected::of(stamps.into_input(query, partitions)?)?;
    let (all, late) = (site.cluster.input().len() as u64, expected.late);
    ensure!(expected.events == all, "{} of {all} rows were stamped", expected.events);
    ensure!(late == 0, "{late} rows are late by the time at which they were read");
    Ok(expected)
}

/// All checks, at the end.
pub(crate) fn whole(
    site: &Site,
    query: &Query,
    source: &str,
    (sink, stamps): (&str, &str),
) -> anyhow::Result<Whole> {
    let advances = advances::of(site, source, query.delay)?;
    site.cluster.seen.add(Sight::Advance, advances.len() as u64);
    let spans = Spans::of(site, source)?;
    spans.note(site);
    let expected = if query.clocked {
        stamped(site, query, source, stamps)?
    } else {
        expected(site, query, (source, &spans), &|_| i64::MAX, &advances)?
    };
    let open = expected.rows.len() as u64 - expected.due();
    let mut verdict =
        Verdict { events: expected.events, late: expected.late, ..Verdict::default() };
    compare(site, query, sink, &expected, &mut verdict)?;
    if site.upgrade.as_ref().is_some_and(|upgrade| upgrade.change == Change::Aggregate) {
        added::check(site, query, sink, &advances, &spans)?;
    }
    let mut generations = Generations::default();
    for commit in site.cluster.history() {
        generations.take(&commit);
    }
    let objects = StoredJob {
        store: &site.objects.inner,
        prefix: "",
        uid: &site.job.uid,
        retained: site.job.retained,
        // Nobody collects garbage here.
        orphans_max: usize::MAX,
    };
    let named = generations.named()?;
    let judged = objects.judge(&named, SystemTime::now(), &mut verdict);
    site.runtime.block_on(judged)?;
    generations.finish(&mut verdict);
    Ok(Whole { verdict, open })
}
