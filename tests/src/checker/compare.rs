//! Check 3: the output, as a multiset, equals the oracle.

use std::collections::HashMap;
use std::fmt::Write as _;

use anyhow::Context as _;
use serde_json::Value;

use super::verdict::Verdict;
use crate::oracle::{Cell, Expected};

/// Whether rows of windows that the watermark has not closed may be there: idle logs close theirs without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// They are faults.
    Refused,
    /// They may come, once, with the right values.
    Allowed,
}

/// Whether rows may come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// They are faults.
    ExactlyOnce,
    /// They are counted; each time with the right values.
    AtLeastOnce,
}

#[derive(Default)]
struct Fault {
    count: u64,
    first: Option<String>,
}

impl Fault {
    fn add(&mut self, witness: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.is_none() {
            self.first = Some(witness());
        }
    }
}

/// Takes output records one by one.
pub struct Comparator<'a> {
    expected: &'a Expected,
    open: Open,
    delivery: Delivery,
    seen: HashMap<&'a [Cell], u64>,
    doubled: Fault,
    wrong: Fault,
    foreign: Fault,
    early: Fault,
    unreadable: Fault,
}

impl<'a> Comparator<'a> {
    /// Nothing taken yet.
    pub fn new(expected: &'a Expected, open: Open, delivery: Delivery) -> Self {
        Self {
            expected,
            open,
            delivery,
            seen: HashMap::with_capacity(expected.rows.len()),
            doubled: Fault::default(),
            wrong: Fault::default(),
            foreign: Fault::default(),
            early: Fault::default(),
            unreadable: Fault::default(),
        }
    }

    /// Takes a committed output record; `place` names its log and offset.
    pub fn take(&mut self, value: Option<&[u8]>, place: &dyn Fn() -> String) {
        let cells = match self.cells(value) {
            Ok(cells) => cells,
            Err(error) => {
                return self.unreadable.add(|| format!("{} at {}", chain(&error), place()));
            }
        };
        let (identity, values) = cells.split_at(self.expected.identity);
        let Some((identity, row)) = self.expected.rows.get_key_value(identity) else {
            return self
                .foreign
                .add(|| format!("{} at {}", self.expected.named(identity), place()));
        };
        let again = self.seen.entry(identity).or_default();
        *again += 1;
        if *again > 1 {
            self.doubled.add(|| format!("{} at {}", self.expected.named(identity), place()));
        }
        if !row.due && self.open == Open::Refused {
            self.early.add(|| format!("{} at {}", self.expected.named(identity), place()));
        }
        if !row.values.iter().zip(values).all(|(expected, found)| expected.matches(found)) {
            self.wrong.add(|| {
                format!(
                    "{}: expected {}, found {} at {}",
                    self.expected.named(identity),
                    list(&row.values),
                    list(values),
                    place()
                )
            });
        }
    }

    /// Adds what was found to a verdict.
    pub fn finish(self, verdict: &mut Verdict) {
        let mut lost = Fault::default();
        for (identity, row) in &self.expected.rows {
            if row.due && !self.seen.contains_key(&**identity) {
                lost.add(|| {
                    let values = list(&row.values);
                    format!("{}: expected {values}", self.expected.named(identity))
                });
            }
        }
        verdict.expected += self.expected.due();
        verdict.lost += lost.count;
        verdict.doubled += self.doubled.count;
        let doubled = match self.delivery {
            Delivery::ExactlyOnce => self.doubled,
            Delivery::AtLeastOnce => Fault::default(),
        };
        for (fault, found) in [
            ("row lost", lost),
            ("row doubled", doubled),
            ("row with wrong values", self.wrong),
            ("row that the oracle does not know", self.foreign),
            ("row of a window that is still open", self.early),
            ("record that is no row", self.unreadable),
        ] {
            verdict.note(fault, found.count, found.first);
        }
    }

    fn cells(&self, value: Option<&[u8]>) -> anyhow::Result<Vec<Cell>> {
        let value = value.context("a record without a value")?;
        let json: HashMap<String, Value> = serde_json::from_slice(value)
            .with_context(|| String::from_utf8_lossy(value).into_owned())?;
        let columns = self.expected.columns.iter().zip(&self.expected.types);
        columns
            .map(|(name, like)| {
                let json = json.get(name).with_context(|| format!("column {name} is missing"))?;
                Cell::of_json(json, like).with_context(|| format!("column {name}"))
            })
            .collect()
    }
}

fn chain(error: &anyhow::Error) -> String {
    format!("{error:#}")
}

fn list(values: &[Cell]) -> String {
    let texts: Vec<String> = values.iter().map(Cell::to_string).collect();
    format!("({})", texts.join(", "))
}

impl Expected {
    /// An identity with its column names, for people.
    fn named(&self, identity: &[Cell]) -> String {
        let mut text = String::new();
        for (name, cell) in self.columns.iter().zip(identity) {
            let gap = if text.is_empty() { "" } else { " " };
            write!(text, "{gap}{name}={cell}").expect("a String takes all that is written");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::ExpectedRow;

    fn expected(rows: &[(i64, i64, i64, bool)]) -> Expected {
        Expected {
            columns: ["k", "window_end", "n"].map(str::to_owned).to_vec(),
            types: vec![Cell::Int(0), Cell::Time(0), Cell::Int(0)],
            identity: 2,
            rows: rows
                .iter()
                .map(|(key, end, n, due)| {
                    let identity: Box<[Cell]> = Box::new([Cell::Int(*key), Cell::Time(*end)]);
                    (identity, ExpectedRow { values: Box::new([Cell::Int(*n)]), due: *due })
                })
                .collect(),
            events: 10,
            late: 0,
        }
    }

    fn judge(output: &[&str], open: Open) -> Verdict {
        judge_delivery(output, open, Delivery::ExactlyOnce)
    }

    fn judge_delivery(output: &[&str], open: Open, delivery: Delivery) -> Verdict {
        let expected = expected(&[(1, 1_000, 5, true), (2, 1_000, 6, true), (1, 2_000, 7, false)]);
        let mut comparator = Comparator::new(&expected, open, delivery);
        for (offset, record) in output.iter().enumerate() {
            comparator.take(Some(record.as_bytes()), &|| format!("out[0]@{offset}"));
        }
        let mut verdict = Verdict::default();
        comparator.finish(&mut verdict);
        verdict
    }

    const FIRST: &str = r#"{"k":1,"window_end":"1970-01-01T00:00:01Z","n":5}"#;
    const SECOND: &str = r#"{"k":2,"window_end":"1970-01-01T00:00:01Z","n":6,"more":0}"#;
    const OPEN: &str = r#"{"k":1,"window_end":"1970-01-01T00:00:02Z","n":7}"#;

    #[test]
    fn equal_output_is_clean_in_any_order() {
        assert!(judge(&[SECOND, FIRST], Open::Refused).is_clean());
        assert!(judge(&[SECOND, FIRST, OPEN], Open::Allowed).is_clean());
    }

    /// Output, the only fault that must be found, its witness.
    #[test]
    fn every_doctored_output_is_caught_with_its_witness() {
        let wrong = FIRST.replace('5', "4");
        let foreign = FIRST.replace("\"k\":1", "\"k\":9");
        let cases: &[(&[&str], &str, &str)] = &[
            (&[FIRST], "row lost", "k=2 window_end=1970-01-01T00:00:01Z: expected (6)"),
            (
                &[FIRST, SECOND, FIRST],
                "row doubled",
                "k=1 window_end=1970-01-01T00:00:01Z at out[0]@2",
            ),
            (
                &[&wrong, SECOND],
                "row with wrong values",
                "k=1 window_end=1970-01-01T00:00:01Z: expected (5), found (4) at out[0]@0",
            ),
            (
                &[FIRST, SECOND, &foreign],
                "row that the oracle does not know",
                "k=9 window_end=1970-01-01T00:00:01Z at out[0]@2",
            ),
            (
                &[FIRST, SECOND, OPEN],
                "row of a window that is still open",
                "k=1 window_end=1970-01-01T00:00:02Z at out[0]@2",
            ),
            (
                &[FIRST, SECOND, r#"{"k":1}"#],
                "record that is no row",
                "column window_end is missing at out[0]@2",
            ),
        ];
        for (output, fault, witness) in cases {
            let verdict = judge(output, Open::Refused);
            let found: Vec<_> = verdict
                .findings
                .iter()
                .map(|f| (f.count, f.fault.as_str(), f.witness.as_str()))
                .collect();
            assert_eq!(found, [(1, *fault, *witness)]);
            assert!(!verdict.is_clean());
        }
    }

    #[test]
    fn at_least_once_rows_may_come_again_but_neither_wrong_nor_never() {
        let delivery =
            |output: &[&str]| judge_delivery(output, Open::Refused, Delivery::AtLeastOnce);
        let again = delivery(&[FIRST, SECOND, FIRST, FIRST]);
        assert!(again.is_clean(), "{again}");
        assert_eq!(again.doubled, 2);
        assert!(again.to_string().ends_with("0 lost, 2 doubled"), "{again}");
        assert_eq!(delivery(&[FIRST, FIRST]).lost, 1);
        let wrong = FIRST.replace('5', "4");
        assert!(!delivery(&[FIRST, SECOND, &wrong]).is_clean());
    }

    #[test]
    fn an_open_window_with_wrong_values_or_twice_is_a_fault_even_when_allowed() {
        let wrong = OPEN.replace("\"n\":7", "\"n\":8");
        assert!(!judge(&[FIRST, SECOND, &wrong], Open::Allowed).is_clean());
        assert_eq!(judge(&[FIRST, SECOND, OPEN, OPEN], Open::Allowed).doubled, 1);
    }
}
