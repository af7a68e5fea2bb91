//! The whole judgement over a run of one query.

use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::compare::Comparator;
pub use super::compare::{Delivery, Open};
use super::generations::Generations;
use super::order::Order;
use super::verdict::Verdict;
use crate::harness::wait;
use crate::kafka::commits::{self, OffsetReader};
use crate::kafka::ends::{self, HeldBack};
use crate::kafka::logs::{self, Isolation};
use crate::kafka::topics;
use crate::oracle::{Expected, Input, Query, Stamps};

/// A transaction that is open for longer than this after the end is a fault (check 7).
const QUIET_MAX: Duration = Duration::from_secs(10);
/// Where workers were killed for good, the broker first has to end their transactions: the transaction timeout, and
/// the time until the broker looks.
const ORPHAN_MAX: Duration = Duration::from_secs(25);
const QUIET_POLL: Duration = Duration::from_millis(50);

/// How much of the input counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upto {
    /// All of it.
    End,
    /// What the group has committed (check 5): the output must be exactly that of this prefix.
    Committed {
        /// The group of the stage that reads the source.
        group: String,
    },
}

/// What is to be judged.
#[derive(Clone, Debug)]
pub struct Case {
    /// Kafka's address.
    pub bootstrap: String,
    /// The query that ran.
    pub query: Query,
    /// Its source topic.
    pub source: String,
    /// Its sink topic.
    pub sink: String,
    /// Over processing time: the sink topic of when each row was read.
    pub stamps: Option<String>,
    /// How much of the input counts.
    pub upto: Upto,
    /// Whether windows may be there that the watermark has not closed.
    pub open: Open,
    /// Whether rows may come again.
    pub delivery: Delivery,
    /// The groups of the job start with this; `None`: their history is not looked at.
    pub groups: Option<String>,
}

/// Judges from the logs as they are now.
pub fn judge(case: &Case) -> anyhow::Result<Verdict> {
    // What is committed is visible only when nothing before it is open any more.
    let held = quiet(case)?;
    let (expected, mut verdict) = expected(case)?;
    note_held(&held, &mut verdict);
    against(case, &expected, verdict)
}

/// Judges the output against what the oracle gave earlier, with the verdict so far.
pub fn judge_against(
    case: &Case,
    expected: &Expected,
    mut verdict: Verdict,
) -> anyhow::Result<Verdict> {
    note_held(&quiet(case)?, &mut verdict);
    against(case, expected, verdict)
}

fn against(case: &Case, expected: &Expected, mut verdict: Verdict) -> anyhow::Result<Verdict> {
    compare(case, expected, &mut verdict)?;
    if let Some(prefix) = &case.groups {
        let mut generations = Generations::default();
        commits::history(&case.bootstrap, prefix, &mut |commit| generations.take(&commit))?;
        verdict.note(
            "job without any commit",
            u64::from(generations.commits() == 0),
            Some(format!("groups {prefix}…")),
        );
        generations.finish(&mut verdict);
    }
    Ok(verdict)
}

/// The oracle's rows over the input that counts, and the beginning of a verdict.
pub fn expected(case: &Case) -> anyhow::Result<(Expected, Verdict)> {
    let noun = if case.query.window.is_some() { "windows" } else { "rows" };
    let verdict = Verdict { noun, ..Verdict::default() };
    let partitions = topics::partitions(&case.bootstrap, &case.source)?
        .with_context(|| format!("topic {} does not exist", case.source))?;
    if let Some(topic) = &case.stamps {
        return stamped(case, topic, partitions, verdict);
    }
    let limits = limits(case, partitions)?;
    let mut verdict = verdict;
    let mut input = Input::new(case.query.clone(), partitions as usize);
    let ends = logs::read(&case.bootstrap, &case.source, Isolation::Committed, &mut |record| {
        let counts = limits.as_ref().is_none_or(|l| record.offset < l[record.partition as usize]);
        if !counts {
            return Ok(());
        }
        let value = record.value.context("an input record without a value")?;
        input.push(record.partition as usize, value)
    })?;
    for (partition, limit) in limits.iter().flatten().enumerate() {
        let beyond = u64::from(*limit > ends[partition] && ends[partition] > 0);
        let witness = format!("{}[{partition}]: {limit} of {}", case.source, ends[partition]);
        verdict.note("committed offset beyond the input", beyond, Some(witness));
    }
    let expected = Expected::of(input)?;
    verdict.events = expected.events;
    verdict.late = expected.late;
    Ok((expected, verdict))
}

/// The same over processing time: all of the input that the job says it has read.
fn stamped(
    case: &Case,
    topic: &str,
    partitions: u32,
    mut verdict: Verdict,
) -> anyhow::Result<(Expected, Verdict)> {
    let mut stamps = Stamps::default();
    logs::read(&case.bootstrap, topic, Isolation::Committed, &mut |record| {
        stamps.take(record.value.context("a stamped row without a value")?)
    })?;
    let expected = Expected::of(stamps.into_input(&case.query, partitions as usize)?)?;
    verdict.events = expected.events;
    let witness = Some("by the time at which it was read".to_owned());
    verdict.note("row that is late", expected.late, witness);
    Ok((expected, verdict))
}

fn limits(case: &Case, partitions: u32) -> anyhow::Result<Option<Vec<i64>>> {
    let Upto::Committed { group } = &case.upto else { return Ok(None) };
    let offsets = OffsetReader::open(&case.bootstrap, group)?;
    // A transaction of offsets alone holds no output back, and is waited for here.
    let committed = wait::until("the committed offsets", ORPHAN_MAX, || {
        Ok(offsets.read(&case.source, partitions).ok())
    })?;
    Ok(Some(committed.into_iter().map(|c| c.map_or(0, |c| c.offset)).collect()))
}

fn compare(case: &Case, expected: &Expected, verdict: &mut Verdict) -> anyhow::Result<()> {
    let mut comparator = Comparator::new(expected, case.open, case.delivery);
    let mut order = Order::default();
    // Rows that come again go back in their log.
    let echo = case.query.keys == ["ref"] && case.delivery == Delivery::ExactlyOnce;
    logs::read(&case.bootstrap, &case.sink, Isolation::Committed, &mut |record| {
        let place = || format!("{}[{}]@{}", case.sink, record.partition, record.offset);
        comparator.take(record.value, &place);
        if echo && let Some(reference) = record.value.and_then(reference) {
            order.take(record.partition, record.offset, &reference)?;
        }
        Ok(())
    })?;
    comparator.finish(verdict);
    order.finish(verdict);
    Ok(())
}

fn reference(value: &[u8]) -> Option<String> {
    let json: serde_json::Value = serde_json::from_slice(value).ok()?;
    json.get("ref")?.as_str().map(str::to_owned)
}

/// Check 7: no transaction stays open. What is still held back when the time is up.
fn quiet(case: &Case) -> anyhow::Result<Vec<HeldBack>> {
    let bound = match case.upto {
        Upto::End => QUIET_MAX,
        Upto::Committed { .. } => ORPHAN_MAX,
    };
    let start = Instant::now();
    loop {
        let mut held = ends::held_back(&case.bootstrap, &case.sink)?;
        if let Some(stamps) = &case.stamps {
            held.extend(ends::held_back(&case.bootstrap, stamps)?);
        }
        if held.is_empty() || start.elapsed() > bound {
            return Ok(held);
        }
        wait::pause(QUIET_POLL);
    }
}

fn note_held(held: &[HeldBack], verdict: &mut Verdict) {
    let witness =
        held.first().map(|first| format!("{}: {} of {}", first.log, first.last_stable, first.end));
    verdict.note("output log held back by a transaction", held.len() as u64, witness);
}
