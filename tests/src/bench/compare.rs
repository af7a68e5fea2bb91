//! Whether an output is the expected one: every row that is due, with the right values, and nothing else.

use std::borrow::Cow;
use std::collections::HashMap;

use anyhow::Context as _;
use serde::Deserialize;

use super::fold::{Expectation, Pair, place};
use super::pipelines::{Pipeline, System, Work};
use crate::kafka::logs::{self, Isolation};

/// How rows that are alike in who they are count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// Each row comes once.
    Once,
    /// Rows may come again with the same values.
    AtLeastOnce,
    /// The last one counts; windows that are still open may show what is in them so far.
    LastUpdate,
}

impl Rule {
    pub(super) fn of(pipeline: &Pipeline, system: System) -> Self {
        if pipeline.gives_updates(system) {
            Self::LastUpdate
        } else if pipeline.delivery == "AtLeastOnce" && system == System::StreamJob {
            Self::AtLeastOnce
        } else {
            Self::Once
        }
    }
}

#[derive(Deserialize)]
struct WindowRow<'a> {
    auction: i64,
    #[serde(borrow)]
    window_start: Moment<'a>,
    bids: i64,
    top: i64,
}

#[derive(Deserialize)]
struct RunningRow {
    auction: i64,
    bids: i64,
    top: i64,
}

#[derive(Deserialize)]
struct FilterRow<'a> {
    #[serde(rename = "ref", borrow)]
    reference: Cow<'a, str>,
    auction: i64,
    double_price: i64,
}

/// Systems write times in milliseconds or as text, with or without the zone, which is always UTC.
#[derive(Deserialize)]
#[serde(untagged)]
enum Moment<'a> {
    Milliseconds(i64),
    Text(#[serde(borrow)] Cow<'a, str>),
}

impl Moment<'_> {
    fn milliseconds(&self) -> anyhow::Result<i64> {
        let text = match self {
            Self::Milliseconds(milliseconds) => return Ok(*milliseconds),
            Self::Text(text) => text.trim_end_matches('Z'),
        };
        let time: jiff::civil::DateTime =
            text.parse().with_context(|| format!("'{text}' is no time"))?;
        Ok(time.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp().as_millisecond())
    }
}

/// Takes an output row by row.
pub(super) struct Comparison<'a> {
    expectation: &'a Expectation,
    work: Work,
    rule: Rule,
    /// Last values, how often, and whether they changed.
    seen: HashMap<Pair, (Pair, u32, bool)>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(expectation: &'a Expectation, work: Work, rule: Rule) -> Self {
        Self { expectation, work, rule, seen: HashMap::with_capacity(expectation.due.len()) }
    }

    pub(super) fn take(&mut self, value: &[u8]) -> anyhow::Result<()> {
        let (identity, values) =
            row(self.work, value).with_context(|| String::from_utf8_lossy(value).into_owned())?;
        self.seen
            .entry(identity)
            .and_modify(|(last, times, changed)| {
                *changed |= *last != values;
                *last = values;
                *times += 1;
            })
            .or_insert((values, 1, false));
        Ok(())
    }

    /// The faults, a line each; none when the output is the expected one.
    pub(super) fn faults(self) -> Vec<String> {
        let mut faults = Faults::default();
        for (identity, due) in &self.expectation.due {
            match self.seen.get(identity) {
                None => faults.note("lost", identity, due),
                Some((found, ..)) if found != due => faults.note("wrong", identity, found),
                Some((_, 2.., _)) if self.rule == Rule::Once => {
                    faults.note("doubled", identity, due);
                }
                Some((_, _, true)) if self.rule == Rule::AtLeastOnce => {
                    faults.note("wrong at first", identity, due);
                }
                Some(_) => {}
            }
        }
        for (identity, (found, ..)) in &self.seen {
            if self.expectation.due.contains_key(identity) {
                continue;
            }
            let is_open = self.expectation.open.get(identity) == Some(found);
            if !is_open || self.rule != Rule::LastUpdate {
                faults.note("foreign", identity, found);
            }
        }
        faults.lines(self.expectation.due.len())
    }
}

#[derive(Default)]
struct Faults(Vec<(&'static str, u64, String)>);

impl Faults {
    fn note(&mut self, fault: &'static str, identity: &Pair, values: &Pair) {
        match self.0.iter_mut().find(|(known, ..)| *known == fault) {
            Some((_, count, _)) => *count += 1,
            None => self.0.push((fault, 1, format!("{identity:?} {values:?}"))),
        }
    }

    fn lines(self, due: usize) -> Vec<String> {
        let nothing = (due == 0).then(|| "nothing was due: the input has no results".to_owned());
        let found = self.0.into_iter();
        found.map(|(fault, n, first)| format!("{n} {fault}: {first}")).chain(nothing).collect()
    }
}

/// Who an output row is and what it says.
pub(super) fn row(work: Work, value: &[u8]) -> anyhow::Result<(Pair, Pair)> {
    match work {
        Work::Read | Work::Filter => {
            let row: FilterRow<'_> = serde_json::from_slice(value)?;
            Ok((place(&row.reference)?, [row.auction, row.double_price]))
        }
        Work::Running => {
            let row: RunningRow = serde_json::from_slice(value)?;
            Ok(([row.auction, 0], [row.bids, row.top]))
        }
        Work::Window(_) | Work::Session(_) => {
            let row: WindowRow<'_> = serde_json::from_slice(value)?;
            Ok(([row.auction, row.window_start.milliseconds()?], [row.bids, row.top]))
        }
    }
}

/// Reads an output topic as its users do and compares it.
pub(super) fn read(
    bootstrap: &str,
    sink: &str,
    mut comparison: Comparison<'_>,
) -> anyhow::Result<Vec<String>> {
    let mut unreadable = None;
    logs::read(bootstrap, sink, Isolation::Committed, &mut |record| {
        if let Err(error) = comparison.take(record.value.unwrap_or_default()) {
            unreadable.get_or_insert_with(|| format!("no row: {error:#}"));
        }
        Ok(())
    })?;
    let mut faults = comparison.faults();
    faults.extend(unreadable);
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::pipelines::B2;

    const FIRST: &str = r#"{"auction":1,"window_start":10000,"window_end":20000,"bids":5,"top":9}"#;
    const SECOND: &str =
        r#"{"auction":2,"window_start":"1970-01-01T00:00:10Z","bids":6,"top":7,"more":null}"#;
    const OPEN: &str = r#"{"auction":1,"window_start":"1970-01-01T00:00:20","bids":1,"top":1}"#;

    fn faults(output: &[&str], rule: Rule) -> Vec<String> {
        let expectation = Expectation {
            due: HashMap::from([([1, 10_000], [5, 9]), ([2, 10_000], [6, 7])]),
            open: HashMap::from([([1, 20_000], [1, 1])]),
            rows: 12,
            late: 0,
        };
        let mut comparison = Comparison::new(&expectation, B2.work, rule);
        for value in output {
            comparison.take(value.as_bytes()).expect("a row");
        }
        comparison.faults()
    }

    #[test]
    fn equal_output_has_no_faults_in_any_order() {
        assert_eq!(faults(&[SECOND, FIRST], Rule::Once), [""; 0]);
        assert_eq!(faults(&[FIRST, SECOND, FIRST], Rule::AtLeastOnce), [""; 0]);
        let early = FIRST.replace("\"bids\":5", "\"bids\":2");
        assert_eq!(faults(&[&early, SECOND, FIRST, OPEN], Rule::LastUpdate), [""; 0]);
    }

    #[test]
    fn every_doctored_output_is_noticed() {
        let wrong = FIRST.replace("\"top\":9", "\"top\":8");
        let foreign = FIRST.replace("\"auction\":1", "\"auction\":3");
        let cases: &[(&[&str], Rule, &str)] = &[
            (&[FIRST], Rule::Once, "1 lost: [2, 10000] [6, 7]"),
            (&[FIRST, SECOND, FIRST], Rule::Once, "1 doubled: [1, 10000] [5, 9]"),
            (&[&wrong, SECOND], Rule::Once, "1 wrong: [1, 10000] [5, 8]"),
            (&[FIRST, SECOND, &foreign], Rule::Once, "1 foreign: [3, 10000] [5, 9]"),
            (&[FIRST, SECOND, OPEN], Rule::Once, "1 foreign: [1, 20000] [1, 1]"),
            (&[&wrong, FIRST, SECOND], Rule::AtLeastOnce, "1 wrong at first: [1, 10000] [5, 9]"),
            (&[FIRST, SECOND, &wrong], Rule::LastUpdate, "1 wrong: [1, 10000] [5, 8]"),
        ];
        for (output, rule, fault) in cases {
            assert_eq!(faults(output, *rule), [*fault]);
        }
    }

    #[test]
    fn an_expectation_of_nothing_proves_nothing() {
        let expectation = Expectation::default();
        let faults = Comparison::new(&expectation, B2.work, Rule::Once).faults();
        assert_eq!(faults, ["nothing was due: the input has no results"]);
    }
}
